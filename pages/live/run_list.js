// The list of runs, kept current from /api/runs; a click on a row chooses the run or lets it go.
const POLL_MS = 1000;
const instances = new WeakMap();

const duration = (seconds) => {
  if (seconds == null) return "";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
};

const element = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });

class RunList {
  constructor(parent) {
    this.root = parent.querySelector(".run-list") ?? parent.appendChild(element("div", "run-list"));
    this.rows = new Map();
    this.chosen = [];
  }

  show(data, setStateValue) {
    this.colours = data.colours;
    this.setStateValue = setStateValue;
    if (JSON.stringify(data.chosen) !== this.given) {
      this.given = JSON.stringify(data.chosen); // the page chose: a link, or a new run
      this.chosen = data.chosen;
    }
    if (this.runs) this.draw();
    this.poll();
  }

  async poll() {
    clearTimeout(this.timer);
    const turn = (this.turn = {});
    if (!document.hidden) {
      const runs = await fetch("/api/runs").then((answer) => answer.json()).then((body) => body.runs).catch(() => null);
      if (turn !== this.turn || this.closed) return;
      this.root.classList.toggle("stale", runs === null);
      if (runs) {
        this.runs = runs;
        this.draw();
      }
    }
    this.timer = setTimeout(() => this.poll(), POLL_MS);
  }

  toggle(id) {
    this.chosen = this.chosen.includes(id) ? this.chosen.filter((other) => other !== id) : [...this.chosen, id];
    this.draw();
    this.setStateValue("chosen", this.chosen);
  }

  draw() {
    const known = new Set(this.runs.map((run) => run.id));
    for (const [id, row] of this.rows) if (!known.has(id)) { row.root.remove(); this.rows.delete(id); }
    this.chosen = this.chosen.filter((id) => known.has(id));
    this.runs.forEach((run, position) => {
      if (!this.rows.has(run.id)) this.rows.set(run.id, this.makeRow(run.id));
      const row = this.rows.get(run.id);
      if (this.root.children[position] !== row.root) this.root.insertBefore(row.root, this.root.children[position] ?? null);
      this.fill(row, run);
    });
  }

  makeRow(id) {
    const root = element("button", "run-row");
    root.type = "button";
    root.addEventListener("click", () => this.toggle(id));
    const parts = { root };
    for (const name of ["dot", "title", "status", "bar", "facts", "best"]) root.append((parts[name] = element("span", `run-${name}`)));
    parts.bar.setAttribute("role", "progressbar");
    parts.bar.append((parts.fill = element("span", "run-fill")));
    return parts;
  }

  fill(row, run) {
    const place = this.chosen.indexOf(run.id);
    row.root.setAttribute("aria-pressed", String(place >= 0));
    row.root.style.setProperty("--run-colour", place >= 0 ? this.colours[place % this.colours.length] : "transparent");
    const text = (part, value) => { if (part.textContent !== value) part.textContent = value; };
    text(row.title, `#${run.id}  ${run.name || run.variant_label}`);
    row.title.title = `${run.variant_label}, recipe ${run.config.recipe}, ${run.config.image_size} px, seed ${run.config.seed}`;
    text(row.status, run.status);
    row.status.dataset.status = run.status;
    row.fill.style.width = `${(run.progress * 100).toFixed(1)}%`;
    row.bar.setAttribute("aria-label", `Progress of run ${run.id}`);
    row.bar.setAttribute("aria-valuenow", Math.round(run.progress * 100));
    const speed = run.images_per_second ? `${run.images_per_second.toFixed(1)} images/s` : "";
    const left = run.eta_seconds != null && run.is_active ? `${duration(run.eta_seconds)} left` : "";
    const spent = run.elapsed ? duration(run.elapsed) : "";
    const doing = run.phase === "preparing" && run.is_active ? run.message : "";
    text(row.facts, doing || [`epoch ${run.epochs_done}/${run.config.epochs}`, left || spent, speed].filter(Boolean).join(" · "));
    text(row.best, run.best_iou == null ? "–" : run.best_iou.toFixed(3));
    row.best.title = "Best validation IoU, at network resolution";
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }
}

export default function ({ data, parentElement, setStateValue }) {
  if (!instances.has(parentElement)) instances.set(parentElement, new RunList(parentElement));
  instances.get(parentElement).show(data, setStateValue);
  return () => {
    instances.get(parentElement)?.close();
    instances.delete(parentElement);
  };
}

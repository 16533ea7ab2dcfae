// The list of runs, kept current from /api/runs; a click on a row chooses the run or lets it go, and queued ones can be moved.
const POLL_MS = 1000;
const FILTER_FROM = 6; // so many runs are worth a field to filter them by
const instances = new WeakMap();

const duration = (seconds) => {
  if (seconds == null) return "";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
};

// Those that train first, then the queue in its order, then the others, the newest first.
function inOrder(runs) {
  const group = (run) => (run.status === "running" || run.status === "stopping" ? 0 : run.position ? 1 : 2);
  return runs.toSorted((a, b) => group(a) - group(b) || (group(a) === 1 ? a.position - b.position : b.id - a.id));
}

class RunList {
  constructor(parent) {
    this.root = parent.querySelector(".run-list") ?? parent.appendChild(element("div", "run-list"));
    this.root.replaceChildren();
    this.filter = this.root.appendChild(Object.assign(element("input", "run-filter"), { type: "search", placeholder: "Filter by name, tag, model or status" }));
    this.filter.setAttribute("aria-label", "Filter the runs");
    this.filter.addEventListener("input", () => this.draw());
    this.list = this.root.appendChild(element("div", "run-rows"));
    this.list.setAttribute("role", "group");
    this.list.setAttribute("aria-label", "Runs");
    this.none = this.root.appendChild(element("p", "run-none", "No run matches."));
    this.rows = new Map();
    this.runs = [];
    this.chosen = [];
  }

  show(data, setStateValue) {
    this.colours = data.colours;
    this.setStateValue = setStateValue;
    if (JSON.stringify(data.chosen) !== this.given) {
      this.given = JSON.stringify(data.chosen); // the page chose: a link, or a new run
      this.chosen = data.chosen;
    }
    if (this.runs.length) this.draw();
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
        this.runs = inOrder(runs);
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

  async move(id, by, button) {
    await fetch(`/api/runs/${id}/move?by=${by}`, { method: "POST" }).catch(() => null); // it may have started meanwhile
    await this.poll();
    button.focus();
  }

  draw() {
    const known = new Set(this.runs.map((run) => run.id));
    for (const [id, row] of this.rows) if (!known.has(id)) { row.item.remove(); this.rows.delete(id); }
    if (this.chosen.some((id) => !known.has(id))) { // deleted in another window: the page draws what is left
      this.chosen = this.chosen.filter((id) => known.has(id));
      this.setStateValue("chosen", this.chosen);
    }
    this.filter.hidden = this.runs.length < FILTER_FROM;
    const wanted = this.filter.hidden ? [] : this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let matching = 0;
    this.runs.forEach((run, position) => {
      if (!this.rows.has(run.id)) this.rows.set(run.id, this.makeRow(run.id));
      const row = this.rows.get(run.id);
      if (this.list.children[position] !== row.item) this.list.insertBefore(row.item, this.list.children[position] ?? null);
      const text = [run.label, run.variant_label, run.status, run.config.recipe, ...run.tags].join(" ").toLowerCase();
      row.item.hidden = !wanted.every((word) => text.includes(word));
      matching += !row.item.hidden;
      this.fill(row, run);
    });
    this.none.hidden = matching > 0;
  }

  makeRow(id) {
    const item = element("div", "run-item"), root = item.appendChild(element("button", "run-row"));
    root.type = "button";
    root.addEventListener("click", () => this.toggle(id));
    const parts = { item, root };
    for (const name of ["dot", "title", "status", "bar", "facts", "best"]) root.append((parts[name] = element("span", `run-${name}`)));
    parts.bar.setAttribute("role", "progressbar");
    parts.bar.append((parts.fill = element("span", "run-fill")));
    parts.name = parts.title.appendChild(element("span", "run-name"));
    parts.tags = parts.title.appendChild(element("span", "run-tags"));
    parts.moves = item.appendChild(element("span", "run-moves"));
    for (const [by, sign, words] of [[-1, "↑", "forward"], [1, "↓", "back"]]) {
      const button = parts.moves.appendChild(element("button", "", sign));
      button.type = "button";
      button.title = `Move ${words} in the queue`;
      button.setAttribute("aria-label", `Move run ${id} ${words} in the queue`);
      button.addEventListener("click", () => this.move(id, by, button));
    }
    return parts;
  }

  fill(row, run) {
    const place = this.chosen.indexOf(run.id);
    row.root.setAttribute("aria-pressed", String(place >= 0));
    row.root.style.setProperty("--run-colour", place >= 0 ? this.colours[place % this.colours.length] : "transparent");
    const text = (part, value) => { if (part.textContent !== value) part.textContent = value; };
    text(row.name, `#${run.id}  ${run.name || run.variant_label}`);
    if (row.tags.dataset.tags !== JSON.stringify(run.tags)) {
      row.tags.dataset.tags = JSON.stringify(run.tags);
      row.tags.replaceChildren(...run.tags.map((tag) => element("span", "run-tag", tag)));
    }
    row.title.title = `${run.variant_label}, recipe ${run.config.recipe}, ${run.config.image_size} px, seed ${run.config.seed}`;
    text(row.status, run.status);
    row.status.dataset.status = run.status;
    row.fill.style.width = `${(run.progress * 100).toFixed(1)}%`;
    row.bar.setAttribute("aria-label", `Progress of run ${run.id}`);
    row.bar.setAttribute("aria-valuenow", Math.round(run.progress * 100));
    row.moves.hidden = run.status !== "queued";
    const [forward, back] = row.moves.children;
    forward.disabled = run.position === 1;
    back.disabled = run.position === this.runs.filter((other) => other.position).length;
    text(row.facts, this.facts(run));
    text(row.best, run.best_iou == null ? "–" : run.best_iou.toFixed(3));
    row.best.title = "Best validation IoU, at network resolution";
  }

  facts(run) {
    if (run.position) return run.position === 1 ? "next in line" : `number ${run.position} in line`;
    if (run.phase === "preparing" && run.is_active) return run.message;
    const left = run.eta_seconds != null && run.is_active ? `${duration(run.eta_seconds)} left` : "";
    const speed = run.images_per_second ? `${run.images_per_second.toFixed(1)} images/s` : "";
    const epochs = `epoch ${run.epochs_done}/${run.config.epochs}${run.is_active && run.stop_after_epoch ? ", stops after this one" : ""}`;
    return [epochs, left || (run.elapsed ? duration(run.elapsed) : ""), speed].filter(Boolean).join(" · ");
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

// What goes badly in some runs, and what to do: asked for after every epoch, and from time to time while a run trains.
const ADVISE_AGAIN_MS = 30_000;

class RunAdvice {
  constructor(parent) {
    this.root = parent.querySelector(".run-advice") ?? parent.appendChild(element("ul", "run-advice"));
    this.root.setAttribute("aria-live", "polite");
    this.root.setAttribute("aria-label", "Advice on the chosen runs");
    this.asked = new Map();
    this.given = new Map();
  }

  show(data) {
    this.runs = data.runs;
    this.draw();
    feed.watch(this);
    this.news();
  }

  news() {
    for (const { id } of this.runs) {
      const run = feed.runs.get(id);
      if (!run) continue;
      const state = `${run.status} ${run.epochs_done} ${run.is_active ? Math.floor(Date.now() / ADVISE_AGAIN_MS) : ""}`;
      if (this.asked.get(id) === state) continue;
      this.asked.set(id, state);
      ask(`/api/runs/${id}/advice`).then(({ advice }) => this.take(id, advice), () => this.asked.delete(id));
    }
  }

  take(id, advice) {
    this.given.set(id, advice);
    this.draw();
  }

  draw() {
    const lines = this.runs.flatMap((run) => (this.given.get(run.id) ?? []).map(({ text }) => ({ ...run, text })));
    const drawn = JSON.stringify(lines);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.root.hidden = !lines.length;
    this.root.replaceChildren(...lines.map(({ label, colour, text }) => {
      const line = element("li", "run-advice-line"), name = line.appendChild(element("strong", "", label));
      name.style.setProperty("--run-colour", colour);
      line.append(` ${text}`);
      return line;
    }));
  }

  close() {
    feed.leave(this);
  }
}

export default component(RunAdvice);

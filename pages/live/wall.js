// The wall view: what trains, in figures that are read from across a room, one run after the other. No controls.
const EACH_MS = 12_000;
const CURVE = { width: 1000, height: 300 };

// A time that does not change every second.
const roughly = (seconds) => {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return "< 1 min";
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}`;
};

class Wall {
  constructor(parent) {
    this.root = parent.querySelector(".wall") ?? parent.appendChild(element("section", "wall"));
    this.root.setAttribute("aria-label", "What trains now");
    this.silence = silence();
    this.name = element("h2", "wall-name");
    this.says = element("p", "wall-says");
    this.bar = element("div", "wall-bar");
    this.fill = this.bar.appendChild(element("span", "wall-fill"));
    this.figures = element("dl", "wall-figures");
    this.values = new Map();
    this.curve = element("div", "wall-curve");
    this.others = element("p", "wall-others");
    this.root.replaceChildren(this.silence, this.name, this.says, this.bar, this.figures, this.curve, this.others);
  }

  show(data) {
    this.colours = data.colours;
    feed.watch(this);
    this.timer ??= setInterval(() => this.next(), EACH_MS);
    this.draw();
  }

  // The runs that are shown in turn: those that train, else the queue's first, else the last that ended.
  get turn() {
    const runs = [...feed.runs.values()].filter((run) => !run.archived), training = runs.filter((run) => isAtWork(run));
    if (training.length) return training.toSorted((a, b) => a.id - b.id);
    const waiting = feed.runs.get(feed.queue[0]);
    if (waiting) return [waiting];
    return runs.toSorted((a, b) => (b.finished ?? 0) - (a.finished ?? 0) || b.id - a.id).slice(0, 1);
  }

  next() {
    const { turn } = this, place = turn.findIndex((run) => run.id === this.id);
    this.look(turn[(place + 1) % turn.length]);
  }

  look(run) {
    this.id = run?.id;
    this.curves = run ? [run.id] : [];
    if (run) feed.watch(this); // its points
    this.draw();
  }

  news() {
    this.silence.hidden = !feed.silent;
    const { turn } = this;
    if (!turn.some((run) => run.id === this.id)) this.look(turn[0]);
    else this.draw();
  }

  draw() {
    const run = feed.runs.get(this.id);
    for (const part of [this.bar, this.figures, this.curve]) part.hidden = !run;
    if (!run) {
      setText(this.name, "Nothing has trained yet");
      return;
    }
    this.root.style.setProperty("--run-colour", this.colours[(run.id - 1) % this.colours.length]);
    setText(this.name, run.label);
    setText(this.says, [run.variant_label, run.dataset, isAtWork(run) ? run.phase : run.status].join(" · "));
    this.fill.style.width = `${(run.progress * 100).toFixed(1)}%`;
    const share = (value) => (value == null ? "–" : value.toFixed(3));
    this.figure("Best IoU", share(run.best_iou));
    this.figure("Last Dice", share(run.last_dice));
    this.figure("Epoch", `${run.epochs_done}/${run.config.epochs}`);
    this.figure("Time left", run.is_active && run.eta_seconds != null ? roughly(run.eta_seconds) : "–");
    this.drawCurve(feed.points.get(run.id)?.values.get("val iou"));
    const { turn } = this, waits = feed.queue.length;
    const several = turn.length > 1 ? `${turn.findIndex((one) => one.id === run.id) + 1} of ${turn.length} in training` : "";
    setText(this.others, [several, waits ? `${waits} in the queue` : ""].filter(Boolean).join(" · "));
  }

  figure(name, value) {
    if (!this.values.has(name)) {
      const cell = this.figures.appendChild(document.createElement("div"));
      cell.append(element("dt", "", name));
      this.values.set(name, cell.appendChild(element("dd", "")));
    }
    setText(this.values.get(name), value);
  }

  // Validation IoU by epoch, from 0 to 1.
  drawCurve(series) {
    const points = [...series ?? []].map(([epoch, value]) => [epoch, value]).sort((a, b) => a[0] - b[0]);
    const drawn = JSON.stringify(points);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const { width, height } = CURVE, last = Math.max(2, points.at(-1)?.[0] ?? 2);
    const at = ([epoch, value]) => `${(((epoch - 1) / (last - 1)) * width).toFixed(1)},${((1 - value) * height).toFixed(1)}`;
    const lines = [0, 0.5, 1].map((level) => `<line x1="0" x2="${width}" y1="${level * height}" y2="${level * height}"/>`).join(
      "",
    );
    const path = `<polyline points="${points.map(at).join(" ")}"/>`;
    this.curve.innerHTML = `<svg viewBox="0 -6 ${width} ${height + 12}" preserveAspectRatio="none" role="img" ` +
      `aria-label="Validation IoU by epoch, from 0 to 1">${lines}${path}</svg>`;
  }

  close() {
    clearInterval(this.timer);
    feed.leave(this);
  }
}

export default component(Wall);

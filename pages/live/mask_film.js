// The masks of the fixed validation photographs after every epoch, with a slider; two or three runs side by side at the same epoch.
const POLL_MS = 1500;
const instances = new WeakMap();
const STYLES = { outline: "Outline", errors: "Errors", probability: "Probability" };

class MaskFilm {
  constructor(parent) {
    this.root = parent.querySelector(".mask-film") ?? parent.appendChild(element("div", "mask-film"));
    this.root.replaceChildren();
    this.known = new Map(); // run id -> {ids, photos, epochs}
    this.epoch = null; // null: follow the latest
    this.style = "outline";
    this.makeControls();
    this.grid = this.root.appendChild(element("div", "mask-grid"));
    this.note = this.root.appendChild(element("p", "mask-note"));
  }

  makeControls() {
    const bar = this.root.appendChild(element("div", "mask-bar"));
    this.play = bar.appendChild(element("button", "film-play", "Play"));
    this.play.type = "button";
    this.play.addEventListener("click", () => this.togglePlay());
    [this.slider, this.says] = maskSlider(bar, { min: 1, max: 1, value: 1 }, "Epoch of the masks", (epoch) => { this.pause(); this.goTo(epoch); });
    this.markStyle = styleButtons(bar, STYLES, (style) => { this.style = style; this.draw(); });
  }

  show(data) {
    if (JSON.stringify(data.runs) !== this.given) {
      this.given = JSON.stringify(data.runs);
      this.runs = data.runs;
      for (const id of [...this.known.keys()]) if (!this.runs.some((run) => run.id === id)) this.known.delete(id);
      this.cells = null;
    }
    this.poll();
  }

  async poll() {
    clearTimeout(this.timer);
    const turn = (this.turn = {});
    if (!document.hidden) {
      const news = await Promise.all(this.runs.map((run) => fetch(`/api/runs/${run.id}/masks`).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null)));
      if (turn !== this.turn || this.closed) return;
      let changed = !this.cells;
      this.runs.forEach((run, place) => {
        if (news[place] && JSON.stringify(news[place]) !== JSON.stringify(this.known.get(run.id))) {
          this.known.set(run.id, news[place]);
          changed = true;
        }
      });
      if (changed) this.update();
    }
    this.timer = setTimeout(() => this.poll(), POLL_MS);
  }

  get last() { return Math.max(0, ...[...this.known.values()].flatMap((known) => known.epochs)); }
  get shown() { return this.epoch ?? this.last; }
  get seen() { return this.runs.filter((run) => this.known.get(run.id)?.epochs.length); }
  get shared() { return new Set(this.seen.map((run) => JSON.stringify(this.known.get(run.id).ids))).size === 1 && this.known.get(this.seen[0].id).ids.length > 0; }

  update() {
    this.root.hidden = !this.last;
    if (!this.last) return;
    this.slider.max = Math.max(1, this.last);
    this.layOut();
    this.goTo(this.epoch);
  }

  // Columns: the photograph with its truth, then each run's mask; where runs have other photographs, each has its own before it.
  layOut() {
    const runs = this.seen, together = runs.length === 1 || this.shared;
    const columns = together ? [{ run: runs[0] }, ...runs.map((run) => ({ run, mask: true }))] : runs.flatMap((run) => [{ run }, { run, mask: true }]);
    const rows = Math.max(0, ...runs.map((run) => this.known.get(run.id).photos));
    const plan = JSON.stringify([columns.map((column) => [column.run.id, column.run.label, column.mask]), rows]);
    if (plan === this.plan && this.cells) return;
    this.plan = plan;
    this.note.textContent = !together ? "These runs validate on different photographs, so each is shown with its own." : "";
    this.grid.style.setProperty("--columns", columns.length);
    this.grid.replaceChildren();
    this.cells = [];
    for (let number = 1; number <= rows; number++) {
      const group = this.grid.appendChild(element("div", "mask-group"));
      for (const column of columns) this.cells.push({ ...column, number, ...maskFigure(group, column.mask ? column.run.colour : null) });
    }
  }

  goTo(epoch) {
    this.epoch = epoch === null || epoch >= this.last ? null : epoch; // at the end it follows what comes
    this.slider.value = this.shown;
    this.says.textContent = `Epoch ${this.shown} of ${this.last}`;
    this.draw();
  }

  togglePlay() {
    if (this.playing) return this.pause();
    this.play.textContent = "Pause";
    let next = this.epoch === null ? 1 : this.shown;
    const step = () => {
      this.goTo(next);
      next += 1;
      if (next > this.last) this.pause();
    };
    this.playing = setInterval(step, 350);
    step();
  }

  pause() {
    clearInterval(this.playing);
    this.playing = null;
    this.play.textContent = "Play";
  }

  // A run that is not as far shows its latest epoch.
  epochOf(run) { return Math.max(0, ...(this.known.get(run.id)?.epochs ?? []).filter((epoch) => epoch <= this.shown)); }

  draw() {
    this.markStyle(this.style);
    const turn = (this.drawing = {});
    for (const cell of this.cells ?? []) this.drawCell(cell, turn).catch(() => {}); // deleted meanwhile; the next poll knows
  }

  async drawCell({ run, mask, number, canvas, figure, caption }, turn) {
    const known = this.known.get(run.id);
    const there = known && number <= known.photos;
    figure.style.visibility = there ? "" : "hidden";
    if (!there) return;
    const base = `/api/runs/${run.id}/masks`, epoch = this.epochOf(run);
    const file = `${base}/epoch-${String(epoch).padStart(4, "0")}-${number}.png`;
    const [photo, truth, prediction] = await Promise.all([pixels(`${base}/photo-${number}.jpg`), pixels(`${base}/truth-${number}.png`), mask ? pixels(file) : null]);
    if (turn !== this.drawing || this.closed) return;
    paint(canvas, { photo, truth, mask: prediction, level: Math.ceil(run.threshold * 255), style: mask ? this.style : "outline", colour: run.colour });
    const id = known.ids[number - 1] ?? `photograph ${number}`;
    canvas.setAttribute("aria-label", mask ? `Mask of ${run.label} on ${id} after epoch ${epoch}` : `${id} with its true mask`);
    caption.textContent = mask ? (epoch === this.shown ? run.label : `${run.label}, epoch ${epoch}`) : id;
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    clearInterval(this.playing);
  }
}

export default function ({ data, parentElement }) {
  if (!instances.has(parentElement)) instances.set(parentElement, new MaskFilm(parentElement));
  instances.get(parentElement).show(data);
  return () => {
    instances.get(parentElement)?.close();
    instances.delete(parentElement);
  };
}

// The masks of the fixed validation photographs after every epoch, with a slider. Two or three runs stand side by side at one
// epoch.
const STYLES = { outline: "Outline", errors: "Errors", probability: "Probability" };

class MaskTimeline {
  constructor(parent) {
    this.root = parent.querySelector(".mask-timeline") ?? parent.appendChild(element("div", "mask-timeline"));
    this.root.replaceChildren();
    this.known = new Map(); // run id -> {ids, photos, epochs}
    this.asked = new Map(); // run id -> the id of its last point when its pictures were fetched
    this.epoch = null; // null: follow the latest
    this.style = "outline";
    this.makeControls();
    this.explain = maskLegend(this.root);
    this.grid = this.root.appendChild(element("div", "mask-grid"));
    this.note = this.root.appendChild(element("p", "mask-note"));
  }

  makeControls() {
    const bar = this.root.appendChild(element("div", "mask-bar"));
    this.play = bar.appendChild(element("button", "timeline-play", "Play"));
    this.play.type = "button";
    this.play.addEventListener("click", () => this.togglePlay());
    [this.slider, this.says] = maskSlider(bar, { min: 1, max: 1, value: 1 }, "Epoch of the masks", (epoch) => {
      this.pause();
      this.goTo(epoch);
    });
    this.markStyle = styleButtons(bar, STYLES, (style) => {
      this.style = style;
      this.draw();
    });
  }

  show(data) {
    if (JSON.stringify(data.runs) !== this.given) {
      this.given = JSON.stringify(data.runs);
      this.runs = data.runs;
      for (const id of [...this.known.keys()]) if (!this.runs.some((run) => run.id === id)) this.known.delete(id);
      this.asked.clear();
      this.cells = null;
    }
    feed.watch(this);
  }

  // The pictures of an epoch are written before its points.
  news() {
    for (const { id } of this.runs) if (feed.runs.has(id) && this.asked.get(id) !== feed.runs.get(id).last_point) this.look(id);
  }

  async look(id) {
    this.asked.set(id, feed.runs.get(id).last_point);
    const found = await ask(`/api/runs/${id}/masks`).catch(() => null);
    if (!found) this.asked.delete(id); // the next tick tries again
    if (!found || this.closed || !this.runs.some((run) => run.id === id)) return;
    if (this.cells && JSON.stringify(found) === JSON.stringify(this.known.get(id))) return;
    this.known.set(id, found);
    this.update();
  }

  get last() {
    return Math.max(0, ...[...this.known.values()].flatMap((known) => known.epochs));
  }
  get shown() {
    return this.epoch ?? this.last;
  }
  get seen() {
    return this.runs.filter((run) => this.known.get(run.id)?.epochs.length);
  }
  get shared() {
    return new Set(this.seen.map((run) => JSON.stringify(this.known.get(run.id).ids))).size === 1 &&
      this.known.get(this.seen[0].id).ids.length > 0;
  }

  update() {
    this.root.hidden = !this.last;
    if (!this.last) return;
    this.slider.max = Math.max(1, this.last);
    this.layOut();
    this.goTo(this.epoch);
  }

  // Columns: the photograph with its truth, then each run's mask. Runs with different photographs have one column of them each.
  layOut() {
    const runs = this.seen, together = runs.length === 1 || this.shared;
    const columns = together
      ? [{ run: runs[0] }, ...runs.map((run) => ({ run, mask: true }))]
      : runs.flatMap((run) => [{ run }, { run, mask: true }]);
    const rows = Math.max(0, ...runs.map((run) => this.known.get(run.id).photos));
    const plan = JSON.stringify([columns.map((column) => [column.run.id, column.run.label, column.mask]), rows]);
    if (plan === this.plan && this.cells) return;
    this.plan = plan;
    this.note.textContent = !together ? "These runs validate on different photographs; each is shown with its own." : "";
    this.grid.style.setProperty("--columns", columns.length);
    this.grid.replaceChildren();
    this.cells = [];
    for (let number = 1; number <= rows; number++) {
      const group = this.grid.appendChild(element("div", "mask-group"));
      for (const column of columns) {
        this.cells.push({ ...column, number, ...maskFigure(group, column.mask ? column.run.colour : null) });
      }
    }
  }

  goTo(epoch) {
    this.epoch = epoch === null || epoch >= this.last ? null : epoch; // at the end it follows new epochs
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
  epochOf(run) {
    return Math.max(0, ...(this.known.get(run.id)?.epochs ?? []).filter((epoch) => epoch <= this.shown));
  }

  draw() {
    this.markStyle(this.style);
    this.explain(this.style);
    const turn = (this.drawing = {});
    for (const cell of this.cells ?? []) this.drawCell(cell, turn).catch(() => {}); // deleted meanwhile, as the next answer says
  }

  async drawCell({ run, mask, number, canvas, figure, caption }, turn) {
    const known = this.known.get(run.id);
    const there = known && number <= known.photos;
    figure.style.visibility = there ? "" : "hidden";
    if (!there) return;
    const base = `/api/runs/${run.id}/masks`, epoch = this.epochOf(run);
    // The browser keeps pictures; `of` tells them from those of a run of the same number in another home folder.
    const picture = (name) => pixels(`${base}/${name}?of=${run.created}`);
    const prediction = mask ? picture(`epoch-${String(epoch).padStart(4, "0")}-${number}.png`) : null;
    const [photo, truth, probability] = await Promise.all([
      picture(`photo-${number}.jpg`),
      picture(`truth-${number}.png`),
      prediction,
    ]);
    if (turn !== this.drawing || this.closed) return;
    paint(canvas, {
      photo,
      truth,
      mask: probability,
      level: Math.ceil(run.threshold * 255),
      style: mask ? this.style : "outline",
      colour: run.colour,
    });
    const id = known.ids[number - 1] ?? `photograph ${number}`;
    canvas.setAttribute("aria-label", mask ? `Mask of ${run.label} on ${id} after epoch ${epoch}` : `${id} with its true mask`);
    caption.textContent = mask ? (epoch === this.shown ? run.label : `${run.label}, epoch ${epoch}`) : id;
  }

  close() {
    this.closed = true;
    feed.leave(this);
    clearInterval(this.playing);
  }
}

export default component(MaskTimeline);

// The training loss of every batch: a thin line within the band of its extremes, shown when a box above the charts is ticked.
// Joined in front of charts.js.
const MOST_POINTS = 2000;
const BATCHES_MS = 2000; // between two requests for a run that trains
const ZOOM_REST_MS = 200;

class BatchLines {
  constructor(redraw) {
    this.redraw = redraw;
    this.lines = new Map(); // run id -> {curve, state, range, at}: the answer, the state and range of its request, and the time it came
    this.fetching = new Set();
    this.range = null; // in epochs, while the charts are zoomed
  }

  show(bar, ids) {
    this.ids = ids;
    for (const id of this.lines.keys()) if (!ids.includes(id)) this.lines.delete(id);
    bar.hidden = !ids.length;
    if (bar.hidden || this.box) return this.refresh();
    this.note = bar.appendChild(element("span", "chart-note"));
    this.note.setAttribute("role", "status");
    const label = bar.appendChild(element("label", "chart-option"));
    this.box = label.appendChild(Object.assign(document.createElement("input"), { type: "checkbox" }));
    label.append("Training loss of every batch");
    this.box.addEventListener("change", () => {
      if (!this.box.checked) this.lines.clear();
      this.explain();
      this.refresh();
      this.redraw();
    });
  }

  // Asks again for runs that have trained on, and for all when the zoom has changed.
  refresh() {
    if (!this.box?.checked) return;
    for (const id of this.ids) {
      const run = feed.runs.get(id), line = this.lines.get(id);
      if (!run || this.fetching.has(id)) continue;
      const state = `${run.epoch} ${run.batch} ${run.phase} ${run.status}`;
      const moved = line && line.range !== this.range;
      if (!line || moved || (line.state !== state && performance.now() - line.at > BATCHES_MS)) this.look(id, state, this.range);
    }
  }

  async look(id, state, range) {
    this.fetching.add(id);
    const part = range ? `&from=${Math.max(0, range[0]).toFixed(4)}&to=${Math.max(0, range[1]).toFixed(4)}` : "";
    const curve = await ask(`/api/runs/${id}/batches?points=${MOST_POINTS}${part}`).catch(() => null);
    this.fetching.delete(id);
    if (!curve || this.closed || !this.box.checked || !this.ids.includes(id)) return;
    this.lines.set(id, { curve, state, range, at: performance.now() });
    this.explain();
    this.redraw();
  }

  explain() {
    const curves = [...this.lines.values()].map(({ curve }) => curve),
      window = Math.max(0, ...curves.map((curve) => curve.window));
    const none = curves.every((curve) => !curve.steps);
    const line = window > 1
      ? `Thin line: mean over ${window.toLocaleString("en")} batches. Band: lowest to highest.`
      : "Thin line: every batch.";
    setText(this.note, !curves.length ? "" : none ? "No batch losses were recorded for these runs." : line);
  }

  zoom(range) {
    if (JSON.stringify(range) === JSON.stringify(this.range)) return;
    this.range = range;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.refresh(), ZOOM_REST_MS);
  }

  traces(run, axes) {
    const curve = this.box?.checked && this.lines.get(run.id)?.curve;
    if (!curve) return [];
    const common = { ...axes, type: "scatter", mode: "lines", showlegend: false, hoverinfo: "skip" };
    const { x, loss, low, high } = curve;
    const band = { x: [...x, ...x.toReversed()], y: [...high, ...low.toReversed()] };
    return [
      {
        ...common,
        ...band,
        uid: `${run.id} batches band`,
        fill: "toself",
        fillcolor: `${run.colour}26`,
        line: { width: 0 },
        name: "extremes",
      },
      {
        ...common,
        x,
        y: loss,
        uid: `${run.id} batches`,
        line: { color: run.colour, width: 1 },
        opacity: 0.8,
        name: "every batch",
      },
    ];
  }

  close() {
    this.closed = true;
    clearTimeout(this.resting);
  }
}

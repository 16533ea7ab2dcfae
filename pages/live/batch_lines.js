// The training loss of every batch: a thin line within the band of its extremes, where the view asks for it. Joined in front of
// charts.js.
const MOST_POINTS = 2000;
const BATCHES_MS = 2000; // between two requests for a run that trains
const ZOOM_REST_MS = 200;

class BatchLines {
  constructor(view, redraw) {
    [this.view, this.redraw] = [view, redraw];
    this.lines = new Map(); // run id -> {curve, state, range, at}: the answer, the state and range of its request, and the time it came
    this.fetching = new Set();
    this.range = null; // in epochs, while the charts are zoomed
  }

  show(bar, ids) {
    this.ids = ids;
    for (const id of this.lines.keys()) if (!ids.includes(id)) this.lines.delete(id);
    this.note ??= bar.appendChild(Object.assign(element("p", "chart-note"), { role: "status" }));
    this.refresh();
  }

  get isOn() {
    return this.view.seen.batches && this.ids.length > 0;
  }

  // After a change of the view.
  change() {
    if (!this.isOn) this.lines.clear();
    this.explain();
    this.refresh();
  }

  // Asks again for runs that have trained on, and for all when the zoom has changed.
  refresh() {
    if (!this.isOn) return;
    for (const id of this.ids) {
      const run = feed.runs.get(id), line = this.lines.get(id);
      if (!run || this.fetching.has(id)) continue;
      const state = `${run.epoch} ${run.batch} ${run.phase} ${run.status}`;
      const moved = line && (line.range !== this.range || line.smoothing !== this.view.seen.smoothing);
      if (!line || moved || (line.state !== state && performance.now() - line.at > BATCHES_MS)) this.look(id, state, this.range);
    }
  }

  async look(id, state, range) {
    this.fetching.add(id);
    const { smoothing } = this.view.seen,
      steps = this.lines.get(id)?.curve.steps ?? 0,
      over = Math.round(2 / (1 - smoothing)) - 1;
    const window = smoothing && over > steps / MOST_POINTS ? `&window=${over}` : ""; // else it is smoothed more than that already
    const part = range ? `&from=${Math.max(0, range[0]).toFixed(4)}&to=${Math.max(0, range[1]).toFixed(4)}` : "";
    const curve = await ask(`/api/runs/${id}/batches?points=${MOST_POINTS}${part}${window}`).catch(() => null);
    this.fetching.delete(id);
    if (!curve || this.closed || !this.isOn || !this.ids.includes(id)) return;
    this.lines.set(id, { curve, state, range, smoothing, at: performance.now() });
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

  // `place` turns epochs into places on the axis.
  traces(run, axes, place) {
    const curve = this.isOn && this.lines.get(run.id)?.curve;
    if (!curve || !place) return [];
    const common = { ...axes, type: "scatter", mode: "lines", showlegend: false, hoverinfo: "skip" };
    const { loss, low, high } = curve, x = curve.x.map(place);
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

// Four charts in one Plotly figure. Points come from the shared feed, or with the data for a run that is over. Plotly.react with
// a fixed uirevision keeps the zoom and the legend.
const TOGETHER_MS = 25;

class LiveCharts {
  constructor(parent) {
    this.bar = parent.querySelector(".chart-bar") ?? parent.appendChild(element("div", "chart-bar"));
    this.root = parent.querySelector(".live-charts") ?? parent.appendChild(element("div", "live-charts"));
    this.root.setAttribute("role", "group");
    this.waiting = parent.querySelector(".chart-waiting") ?? parent.insertBefore(element("p", "chart-waiting"), this.root);
    this.waiting.setAttribute("role", "status");
    this.own = new Map(); // run id -> its values, for runs that are over
    this.batches = new BatchLines(() => this.draw());
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.root);
  }

  show(data) {
    this.runs = data.runs;
    this.charts = data.charts; // [metric, title] each
    this.marks = data.marks; // levels to compare with: {metric, value, label, above} each
    for (const run of this.runs) if (run.points && !this.own.has(run.id)) this.own.set(run.id, keepPoints(new Map(), run.points));
    this.curves = this.runs.filter((run) => !run.points).flatMap((run) => run.members ?? [run.id]);
    this.root.setAttribute(
      "aria-label",
      `Charts of ${data.charts.map(([, title]) => title).join(", ")} by epoch of ${data.runs.map((run) => run.label).join(", ")}`,
    );
    this.batches.show(this.bar, data.batches ? this.runs.filter((run) => !run.points && !run.members).map((run) => run.id) : []);
    loadPlotly(data.plotly).then((plotly) => {
      if (this.closed) return;
      this.plotly = plotly;
      this.draw();
      if (this.curves.length) feed.watch(this);
    }, (error) => (this.root.textContent = error.message));
    if (this.curves.length) feed.watch(this); // the points arrive while the library loads
  }

  news(_changed, pointed) {
    this.batches.refresh();
    this.sayWaiting();
    if (!this.plotly) return;
    if (this.drawn !== this.signature() || this.curves.some((id) => pointed.has(id))) this.drawSoon();
  }

  // The answers for several runs arrive one after the other; they are drawn together.
  drawSoon() {
    this.soon ??= setTimeout(() => {
      this.soon = null;
      this.draw();
    }, TOGETHER_MS);
  }

  values(id) {
    return this.own.get(id) ?? feed.points.get(id)?.values ?? new Map();
  }

  // The values of a run. For a group: mean, lowest and highest over the runs that have reached the epoch.
  series(run, split, name) {
    const found = (run.members ?? [run.id]).map((id) => this.values(id).get(`${split} ${name}`) ?? new Map());
    const epochs = [...new Set(found.flatMap((values) => [...values.keys()]))].sort((a, b) => a - b);
    const each = epochs.map((epoch) => found.filter((values) => values.has(epoch)).map((values) => values.get(epoch)));
    return {
      x: epochs,
      y: each.map((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
      low: each.map((values) => Math.min(...values)),
      high: each.map((values) => Math.max(...values)),
      count: each.map((values) => values.length),
    };
  }

  // A group is judged by the epochs that all of its runs have reached; beyond them the mean is of the faster runs alone.
  bestEpoch(run) {
    const { x, y, count } = this.series(run, "val", "iou"), all = run.members?.length ?? 1;
    const whole = y.map((value, place) => (count[place] === all ? value : -Infinity)), best = Math.max(...whole);
    return best > -Infinity ? x[whole.indexOf(best)] : null;
  }

  band(run, name, axes) {
    const { x, low, high } = this.series(run, "val", name);
    return {
      ...axes,
      x: [...x, ...x.toReversed()],
      y: [...high, ...low.toReversed()],
      type: "scatter",
      mode: "lines",
      uid: `${run.id} band ${name}`,
      name: "lowest to highest",
      showlegend: false,
      hoverinfo: "skip",
      fill: "toself",
      fillcolor: `${run.colour}2b`,
      line: { width: 0 },
    };
  }

  traces() {
    return this.runs.flatMap((run) => {
      const best = this.bestEpoch(run);
      return this.charts.flatMap(([name], chart) => {
        const n = chart ? chart + 1 : "";
        const axes = { xaxis: `x${n}`, yaxis: `y${n}`, legendgroup: `run ${run.id}` };
        const behind = run.members ? [this.band(run, name, axes)] : name === "loss" ? this.batches.traces(run, axes) : [];
        const train = { ...this.curve(run, "train", name), ...axes, showlegend: false };
        const val = { ...this.curve(run, "val", name), ...axes, showlegend: chart === 0 };
        return [...behind, train, val, { ...this.star(run, name, best), ...axes }];
      });
    });
  }

  curve(run, split, name) {
    const { x, y, count } = this.series(run, split, name), isVal = split === "val";
    const what = `${isVal ? "validation" : "train"}${run.members ? ", mean of %{customdata}" : ""}`;
    return {
      x,
      y,
      customdata: count,
      type: "scatter",
      mode: "lines+markers",
      uid: `${run.id} ${split} ${name}`,
      name: escaped(isVal ? shortened(run.label) : `${run.label} (train)`),
      line: { color: run.colour, dash: isVal ? "solid" : "dash", width: isVal ? 2.2 : 1.6 },
      marker: { size: 4, color: run.colour },
      opacity: isVal ? 1 : 0.75,
      hovertemplate: `${what} %{y:.4f}<extra>${escaped(run.label)}</extra>`,
    };
  }

  // The epoch that is kept, on the validation curve.
  star(run, name, best) {
    const { x, y } = this.series(run, "val", name), at = x.indexOf(best);
    return {
      x: at < 0 ? [] : [best],
      y: at < 0 ? [] : [y[at]],
      type: "scatter",
      mode: "markers",
      uid: `${run.id} best ${name}`,
      showlegend: false,
      name: escaped(`${run.label}, kept epoch`),
      marker: { symbol: "star", size: 13, color: run.colour, line: { color: this.ink().background, width: 1 } },
      hoverinfo: "skip",
    };
  }

  ink() {
    return inkOf(this.root);
  }

  // Epochs that the axis spans: those that are planned, or done by a run that has ended.
  get span() {
    const active = this.curves.map((id) => feed.runs.get(id)).filter((run) => run?.is_active);
    const planned = active.map((run) => run.config.epochs);
    return Math.max(1, ...planned, ...this.runs.flatMap((run) => this.series(run, "val", "loss").x));
  }

  layout() {
    const { runs, charts, marks, root, span } = this;
    const empty = runs.every((run) => (run.members ?? [run.id]).every((id) => this.values(id).size === 0));
    return chartLayout({ runs, charts, marks, width: root.clientWidth, ink: this.ink(), span, empty });
  }

  signature() {
    return JSON.stringify([
      this.runs.map(({ points: _points, ...run }) => run),
      this.root.clientWidth,
      this.ink(),
      this.curves.length ? this.span : 0,
    ]);
  }

  // Says what those wait for that have no curve yet.
  sayWaiting() {
    const without = this.curves.filter((id) => !this.values(id).size).map((id) => feed.runs.get(id)).filter(Boolean);
    const waiting = without.map((run) => [run.label, waitsFor(run)]).filter(([, why]) => why);
    setText(this.waiting, waiting.map(([label, why]) => `${label}: ${why}`).join("\n"));
  }

  draw() {
    if (!this.plotly || !this.root.clientWidth || this.closed) return;
    this.drawn = this.signature();
    this.sayWaiting();
    const config = {
      displaylogo: false,
      responsive: false,
      showSendToCloud: false,
      modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
      toImageButtonOptions: { format: "svg", filename: "lesionlab-curves" },
    };
    this.plotly.react(this.root, this.traces(), this.layout(), config).then(() => this.joinHover());
  }

  joinHover() {
    if (this.joined) return;
    this.joined = true;
    this.root.on("plotly_relayout", () => {
      const { range, autorange } = this.root._fullLayout.xaxis;
      this.batches.zoom(autorange || range[1] >= this.span ? null : range);
    });
    this.root.on("plotly_hover", (event) => {
      const epoch = event.points?.[0]?.x;
      if (epoch === undefined || this.joinedAt === epoch) return; // Fx.hover fires this event again
      this.joinedAt = epoch;
      this.plotly.Fx.hover(this.root, { xval: epoch }, ["xy", "x2y2", "x3y3", "x4y4"]);
    });
    this.root.on("plotly_unhover", () => (this.joinedAt = null));
  }

  close() {
    this.closed = true;
    clearTimeout(this.soon);
    feed.leave(this);
    this.batches.close();
    this.resized.disconnect();
    this.plotly?.purge(this.root);
  }
}

export default component(LiveCharts);

// Charts of several metrics in one Plotly figure. Points come from the shared feed, or with the data for a run that is over. Plotly.react with
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
    this.view = new ChartView(() => {
      this.batches.change();
      this.draw();
    });
    this.batches = new BatchLines(this.view, () => this.draw());
    this.table = parent.querySelector(".chart-values") ?? parent.appendChild(element("div", "chart-values"));
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.root);
  }

  show(data, tell) {
    this.runs = data.runs;
    this.charts = data.charts; // [metric, title] each
    this.marks = data.marks; // levels to compare with: {metric, value, label, above} each
    for (const run of this.runs) if (run.points && !this.own.has(run.id)) this.own.set(run.id, keepPoints(new Map(), run.points));
    this.curves = this.runs.filter((run) => !run.points).flatMap((run) => run.members ?? [run.id]);
    this.root.setAttribute(
      "aria-label",
      `Charts of ${data.charts.map(([, title]) => title).join(", ")} by epoch of ${data.runs.map((run) => run.label).join(", ")}`,
    );
    const single = data.view === null ? [] : this.runs.filter((run) => !run.points && !run.members).map((run) => run.id);
    this.bar.hidden = data.view === null;
    this.hasTable = data.view !== null;
    this.view.show(this.bar, data.view, tell, single.length > 0);
    this.batches.show(this.bar, single);
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

  // What turns epochs of a run or a group into places on the axis, on average over its runs; null where nobody recorded it.
  placing(run) {
    const ways = (run.members ?? [run.id]).map((id) => this.view.placing(this.values(id))).filter(Boolean);
    if (!ways.length) return null;
    return (epoch) => {
      const reached = ways.filter(({ last }) => epoch <= last), counted = reached.length ? reached : ways;
      const places = counted.map(({ place }) => place(epoch)).filter((place) => place !== null);
      return places.length ? places.reduce((sum, place) => sum + place, 0) / places.length : null;
    };
  }

  // The charts that are seen, [metric, title] each: those that were asked for, and those of how the epochs went, where that was
  // recorded.
  get seen() {
    const recorded = ([name]) =>
      this.runs.some((run) => (run.members ?? [run.id]).some((id) => this.values(id).get(`process ${name}`)?.size));
    return [...this.charts, ...(this.view.seen.process ? PROCESS_CHARTS.filter(recorded) : [])];
  }

  // A group is judged by the epochs that all of its runs have reached; beyond them the mean is of the faster runs alone.
  bestEpoch(run) {
    const { x, y, count } = this.series(run, "val", "iou"), all = run.members?.length ?? 1;
    const whole = y.map((value, place) => (count[place] === all ? value : -Infinity)), best = Math.max(...whole);
    return best > -Infinity ? x[whole.indexOf(best)] : null;
  }

  band(run, name, axes, place) {
    const { x: epochs, low, high } = this.series(run, "val", name), x = epochs.map(place);
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
      const best = this.bestEpoch(run), place = this.placing(run);
      return place ? this.seen.flatMap(([name], chart) => this.tracesOf(run, name, chart, place, best)) : [];
    });
  }

  tracesOf(run, name, chart, place, best) {
    const n = chart ? chart + 1 : "";
    const axes = { xaxis: `x${n}`, yaxis: `y${n}`, legendgroup: `run ${run.id}` };
    if (chart >= this.charts.length) return this.curvesOf(run, "process", name, place).map((curve) => ({ ...curve, ...axes }));
    const behind = run.members
      ? [this.band(run, name, axes, place)]
      : name === "loss"
      ? this.batches.traces(run, axes, place)
      : [];
    const train = this.curvesOf(run, "train", name, place), [val, ...raw] = this.curvesOf(run, "val", name, place);
    const curves = [...raw, ...train, { ...val, showlegend: chart === 0 }, this.star(run, name, best, place)];
    return [...behind, ...curves.map((curve) => ({ ...curve, ...axes }))];
  }

  // The curve of a metric; where it is smoothed, that comes first and what was recorded behind it, fainter.
  curvesOf(run, split, name, place) {
    const { x, y, count } = this.series(run, split, name), isTrain = split === "train";
    const what = `${{ train: "train", val: "validation", process: "" }[split]}${run.members ? ", mean of %{customdata}" : ""}`;
    const curve = {
      x: x.map(place),
      y,
      customdata: count,
      type: "scatter",
      mode: "lines+markers",
      uid: `${run.id} ${split} ${name}`,
      name: escaped(isTrain ? `${run.label} (train)` : shortened(run.label)),
      showlegend: false,
      line: { color: run.colour, dash: isTrain ? "dash" : "solid", width: isTrain ? 1.6 : 2.2 },
      marker: { size: 4, color: run.colour },
      opacity: isTrain ? 0.75 : 1,
      hovertemplate: `${what} %{y:.4~g}<extra>${escaped(run.label)}</extra>`,
    };
    if (split !== "process") curve.hovertemplate = curve.hovertemplate.replace(".4~g", ".4f");
    if (!this.view.seen.smoothing || y.length < 2) return [curve];
    const faint = { mode: "lines", opacity: 0.3, hoverinfo: "skip", hovertemplate: undefined, line: { ...curve.line, width: 1 } };
    return [{ ...curve, y: this.view.smoothed(y), mode: "lines" }, { ...curve, ...faint, uid: `${curve.uid} as recorded` }];
  }

  // The epoch that is kept, on the validation curve.
  star(run, name, best, place) {
    const { x, y } = this.series(run, "val", name), at = x.indexOf(best), { smoothing } = this.view.seen;
    return {
      x: at < 0 ? [] : [place(best)],
      y: at < 0 ? [] : [(smoothing ? this.view.smoothed(y) : y)[at]],
      type: "scatter",
      mode: "markers",
      uid: `${run.id} best ${name}`,
      showlegend: false,
      name: escaped(`${run.label}, kept epoch`),
      marker: { symbol: "star", size: 13, color: run.colour, line: { color: this.ink().background, width: 1 } },
      hoverinfo: "skip",
    };
  }

  // The values of a chart by which its range is chosen.
  range(name, chart) {
    const splits = chart < this.charts.length ? ["train", "val"] : ["process"];
    return this.view.range(this.runs.flatMap((run) => splits.flatMap((split) => this.series(run, split, name).y)));
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
    const { runs, marks, root, span, seen: charts } = this;
    const empty = runs.every((run) => (run.members ?? [run.id]).every((id) => this.values(id).size === 0));
    const ranges = charts.map(([name], chart) => this.range(name, chart)), { x, log } = this.view.seen;
    return chartLayout({ runs, charts, marks, width: root.clientWidth, ink: this.ink(), span, empty, ranges, x, log });
  }

  signature() {
    return JSON.stringify([
      this.runs.map(({ points: _points, ...run }) => run),
      this.root.clientWidth,
      this.ink(),
      this.curves.length ? this.span : 0,
      this.view.seen,
    ]);
  }

  // Says what those wait for that have no curve yet.
  sayWaiting() {
    const without = this.curves.filter((id) => !this.values(id).size).map((id) => feed.runs.get(id)).filter(Boolean);
    const waiting = without.map((run) => [run.label, waitsFor(run)]).filter(([, why]) => why);
    const unplaced = this.runs.filter((run) =>
      (run.members ?? [run.id]).some((id) => this.values(id).size) && !this.placing(run)
    );
    const missing = unplaced.map(({ label }) => [label, "was trained before times were recorded; choose the epoch as axis."]);
    setText(this.waiting, [...waiting, ...missing].map(([label, why]) => `${label}: ${why}`).join("\n"));
  }

  draw() {
    if (!this.plotly || !this.root.clientWidth || this.closed) return;
    this.drawn = this.signature();
    this.sayWaiting();
    const layout = this.layout();
    this.root.style.minHeight = `${layout.height}px`;
    this.plotly.react(this.root, this.traces(), layout, this.settings()).then(() => this.joinHover());
    if (this.hasTable) showValues(this.table, this.runs, this.charts, (run, split, name) => this.series(run, split, name));
  }

  // Made once: with another object Plotly would begin anew, without the zoom.
  settings() {
    return (this.config ??= {
      displaylogo: false,
      responsive: false,
      showSendToCloud: false,
      modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
      modeBarButtonsToAdd: [pngButton(this.plotly, "lesionlab-curves"), this.csvButton()],
      toImageButtonOptions: { format: "svg", filename: "lesionlab-curves" },
    });
  }

  csvButton() {
    const members = (run) => run.members ?? [run.id];
    return {
      name: "csv",
      title: "Download as CSV",
      icon: this.plotly.Icons.disk,
      click: () => {
        const each = this.runs.flatMap((run) =>
          members(run).map((id) => ({ label: run.members ? `${run.label}, run ${id}` : run.label, values: this.values(id) }))
        );
        const file = URL.createObjectURL(new Blob([curvesCsv(each)], { type: "text/csv" }));
        Object.assign(document.createElement("a"), { href: file, download: "lesionlab-curves.csv" }).click();
        setTimeout(() => URL.revokeObjectURL(file), 60_000);
      },
    };
  }

  joinHover() {
    if (this.joined) return;
    this.joined = true;
    this.root.on("plotly_relayout", () => {
      const { range, autorange } = this.root._fullLayout.xaxis;
      this.batches.zoom(autorange || this.view.seen.x !== "epoch" || (range[0] <= 0 && range[1] >= this.span) ? null : range);
    });
    this.root.on("plotly_hover", (event) => {
      const epoch = event.points?.[0]?.x;
      if (epoch === undefined || this.joinedAt === epoch) return; // Fx.hover fires this event again
      this.joinedAt = epoch;
      this.plotly.Fx.hover(
        this.root,
        { xval: this.root._fullLayout.xaxis.d2c(epoch) }, // a date is a text
        this.seen.map((_, chart) => (chart ? `x${chart + 1}y${chart + 1}` : "xy")),
      );
    });
    this.root.on("plotly_unhover", () => (this.joinedAt = null));
  }

  close() {
    this.closed = true;
    clearTimeout(this.soon);
    feed.leave(this);
    this.batches.close();
    this.view.close();
    this.resized.disconnect();
    this.plotly?.purge(this.root);
  }
}

export default component(LiveCharts);

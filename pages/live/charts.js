// Four charts in one Plotly figure, fed by the points of the shared feed, or for a run that is over, by its own. Plotly.react with a
// fixed uirevision keeps zoom and legend.
const TOGETHER_MS = 25;

function loadPlotly(url) {
  window.lesionlabPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("The chart library could not be loaded; reload the page."));
    document.head.append(script);
  });
  return window.lesionlabPlotly;
}

class LiveCharts {
  constructor(parent) {
    this.bar = parent.querySelector(".chart-bar") ?? parent.appendChild(element("div", "chart-bar"));
    this.root = parent.querySelector(".live-charts") ?? parent.appendChild(element("div", "live-charts"));
    this.root.setAttribute("role", "group");
    this.own = new Map(); // run id -> its values, of runs that are over
    this.batches = new BatchLines(() => this.draw());
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.root);
  }

  show(data) {
    this.runs = data.runs;
    this.charts = data.charts; // [metric, title] each
    this.marks = data.marks; // levels to compare with: {metric, value, label, colour, above}
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
    if (this.curves.length) feed.watch(this); // the points come while the library is read
  }

  news(changed, pointed) {
    this.batches.refresh();
    if (!this.plotly) return;
    if (this.drawn !== this.signature() || this.curves.some((id) => pointed.has(id))) this.drawSoon();
  }

  // Several runs answer one after the other; they are drawn together.
  drawSoon() {
    this.soon ??= setTimeout(() => {
      this.soon = null;
      this.draw();
    }, TOGETHER_MS);
  }

  values(id) {
    return this.own.get(id) ?? feed.points.get(id)?.values ?? new Map();
  }

  // Of a run its values; of a group the mean over those of its runs that have come so far, and the lowest and highest.
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

  // Of a group among the epochs that all of its runs have: where some are ahead, the mean is of these alone.
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
        const axes = { xaxis: `x${chart ? chart + 1 : ""}`, yaxis: `y${chart ? chart + 1 : ""}`, legendgroup: `run ${run.id}` };
        const line = (split, dash) => {
          const { x, y, count } = this.series(run, split, name),
            what = `${split === "val" ? "validation" : "train"}${run.members ? ", mean of %{customdata}" : ""}`;
          return {
            ...axes,
            x,
            y,
            customdata: count,
            type: "scatter",
            mode: "lines+markers",
            uid: `${run.id} ${split} ${name}`,
            name: escape(split === "val" ? shortened(run.label) : `${run.label} (train)`),
            showlegend: chart === 0 && split === "val",
            line: { color: run.colour, dash, width: split === "val" ? 2.2 : 1.6 },
            marker: { size: 4, color: run.colour },
            opacity: split === "val" ? 1 : 0.75,
            hovertemplate: `${what} %{y:.4f}<extra>${escape(run.label)}</extra>`,
          };
        };
        const values = this.series(run, "val", name);
        const at = values.x.indexOf(best);
        const star = {
          ...axes,
          x: at < 0 ? [] : [best],
          y: at < 0 ? [] : [values.y[at]],
          type: "scatter",
          mode: "markers",
          uid: `${run.id} best ${name}`,
          showlegend: false,
          name: escape(`${run.label}, best epoch`),
          marker: { symbol: "star", size: 13, color: run.colour, line: { color: this.ink().background, width: 1 } },
          hoverinfo: "skip",
        };
        const behind = run.members ? [this.band(run, name, axes)] : name === "loss" ? this.batches.traces(run, axes) : [];
        return [...behind, line("train", "dash"), line("val", "solid"), star];
      });
    });
  }

  ink() {
    const style = getComputedStyle(this.root);
    return {
      text: style.getPropertyValue("--st-text-color").trim() || style.color,
      background: style.getPropertyValue("--st-background-color").trim() || "#ffffff",
      grid: style.getPropertyValue("--st-border-color").trim() || "#d9dee5",
    };
  }

  layout() {
    const ink = this.ink();
    const narrow = this.root.clientWidth < 640;
    const layout = {
      height: narrow ? 940 : 640,
      margin: { l: 48, r: 12, t: 24 + 30 * (narrow ? this.runs.length : this.legendRows()), b: 40 },
      uirevision: "kept",
      hovermode: "x",
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 12, color: ink.text },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: ink.grid, activecolor: ink.text },
      legend: { orientation: "h", x: 0, y: 1, yref: "container", yanchor: "top", font: { size: 13 }, groupclick: "togglegroup" },
      hoverlabel: { namelength: 24 },
      annotations: [],
      shapes: [],
      dragmode: narrow ? false : "zoom",
    };
    const empty = this.runs.every((run) => (run.members ?? [run.id]).every((id) => this.values(id).size === 0));
    if (empty) {
      layout.annotations.push({
        text: "The first epoch has not ended yet",
        x: 0.5,
        y: 0.5,
        xref: "paper",
        yref: "paper",
        showarrow: false,
        bgcolor: ink.background,
        borderpad: 6,
      });
    }
    this.charts.forEach(([name, title], chart) => {
      const n = chart ? chart + 1 : "";
      const [column, row, rows] = narrow ? [0, chart, 4] : [chart % 2, Math.floor(chart / 2), 2];
      const x = narrow ? [0, 1] : [column * 0.53, column * 0.53 + 0.47];
      const height = (1 - (rows - 1) * 0.09) / rows;
      const top = 1 - row * (height + 0.09);
      const axis = { gridcolor: ink.grid, linecolor: ink.grid, zeroline: false, automargin: false };
      layout[`xaxis${n}`] = {
        ...axis,
        domain: x,
        anchor: `y${n}`,
        matches: chart ? "x" : undefined,
        dtick: this.tick(),
        tickformat: "d",
        rangemode: "tozero",
        ...(empty ? { range: [0, 10] } : {}),
        showticklabels: row === rows - 1,
        title: row === rows - 1 ? { text: "epoch", standoff: 6 } : undefined,
      };
      layout[`yaxis${n}`] = {
        ...axis,
        domain: [top - height, top],
        anchor: `x${n}`,
        hoverformat: ".4f",
        nticks: 6,
        ...(empty ? { range: [0, 1] } : {}),
      };
      layout.annotations.push({
        text: `<b>${title}</b>`,
        x: x[0],
        xref: "paper",
        xanchor: "left",
        y: top,
        yref: "paper",
        yanchor: "bottom",
        showarrow: false,
        font: { size: 13 },
      });
      for (const mark of this.marks.filter((one) => one.metric === name)) {
        layout.shapes.push({
          type: "line",
          xref: `x${n} domain`,
          x0: 0,
          x1: 1,
          yref: `y${n}`,
          y0: mark.value,
          y1: mark.value,
          line: { color: mark.colour, dash: "dot", width: 1.5 },
        });
        layout.annotations.push({
          text: `${escape(mark.label)} ${mark.value.toFixed(3)}`,
          xref: `x${n} domain`,
          x: 1,
          xanchor: "right",
          yref: `y${n}`,
          y: mark.value,
          yanchor: mark.above ? "bottom" : "top",
          showarrow: false,
          font: { size: 11 },
        });
      }
    });
    return layout;
  }

  // How many rows the legend needs; Plotly reserves no room for it above the charts.
  legendRows() {
    let rows = 1, used = 0;
    for (const run of this.runs) {
      const width = 60 + 7.5 * shortened(run.label).length;
      if (used && used + width > this.root.clientWidth - 60) {
        rows += 1;
        used = 0;
      }
      used += width;
    }
    return rows;
  }

  tick() {
    const last = Math.max(1, ...this.runs.flatMap((run) => this.series(run, "val", "loss").x));
    return [1, 2, 5, 10, 20, 50, 100, 200].find((step) => last / step <= 12) ?? 500;
  }

  signature() {
    return JSON.stringify([this.runs.map(({ points, ...run }) => run), this.root.clientWidth, this.ink()]);
  }

  draw() {
    if (!this.plotly || !this.root.clientWidth || this.closed) return;
    this.drawn = this.signature();
    const config = {
      displaylogo: false,
      responsive: false,
      showSendToCloud: false,
      modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
      toImageButtonOptions: { format: "svg", filename: "lesionlab-curves" },
    };
    this.plotly.react(this.root, this.traces(), { ...this.layout(), width: this.root.clientWidth }, config).then(() =>
      this.joinHover()
    );
  }

  joinHover() {
    if (this.joined) return;
    this.joined = true;
    this.root.on("plotly_relayout", () => {
      const { range, autorange } = this.root._fullLayout.xaxis;
      this.batches.zoom(autorange ? null : range);
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

function shortened(label) {
  return label.length > 32 ? `${label.slice(0, 31)}…` : label;
}

function escape(text) {
  return text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
}

export default component(LiveCharts);

// The layout of the charts in their Plotly figure: axes, titles, levels to compare with. Joined in front of charts.js.
const NARROW_PX = 640; // a narrower figure has its charts below each other
const GAP = 0.09; // between two rows, as a share of their height together
const BUTTONS_PX = 28; // Plotly's own, which would cover the legend

// The layout for `runs` and `charts` ([metric, title] each), with `marks` as in charts.js. The axes span as many epochs as `span`
// says; `empty` says that there is none yet. `ranges` has that of each chart, or null for all of its values; `x` and `log` are of
// the view.
function chartLayout({ runs, charts, marks, width, ink, span, empty, ranges, x, log }) {
  const narrow = width < NARROW_PX,
    rows = narrow ? charts.length : Math.ceil(charts.length / 2),
    height = (narrow ? 235 : 320) * rows;
  const layout = {
    width,
    height,
    margin: { l: 48, r: 12, t: 24 + BUTTONS_PX + 30 * (narrow ? runs.length : legendRows(runs, width)), b: 40 },
    uirevision: `kept ${x} ${log} ${charts.length}`,
    hovermode: "x",
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: ink.text },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: ink.grid, activecolor: ink.text },
    legend: {
      orientation: "h",
      x: 0,
      y: 1 - BUTTONS_PX / height,
      yref: "container",
      yanchor: "top",
      font: { size: 13 },
      groupclick: "togglegroup",
    },
    hoverlabel: { namelength: 24 },
    annotations: [],
    shapes: [],
    dragmode: narrow ? false : "zoom",
  };
  charts.forEach(([name, title], chart) => {
    const n = chart ? chart + 1 : "";
    const place = placeOf(chart, narrow, rows);
    const levels = marks.filter((one) => one.metric === name), isLabelled = !empty || levels.length > 0;
    Object.assign(layout, axesOf(n, place, { ink, empty, span, isLabelled, range: ranges[chart], x, log }));
    layout.annotations.push(titleOf(title, place));
    for (const mark of levels) {
      layout.shapes.push(markLine(mark, n, ink));
      layout.annotations.push(markLabel(mark, n));
    }
  });
  return layout;
}

// The part of the figure, in shares of it, that a chart takes.
function placeOf(chart, narrow, rows) {
  const [column, row] = narrow ? [0, chart] : [chart % 2, Math.floor(chart / 2)], gap = 2 * GAP / rows;
  const height = (1 - (rows - 1) * gap) / rows;
  const top = 1 - row * (height + gap);
  const x = narrow ? [0, 1] : [column * 0.53, column * 0.53 + 0.47];
  return { x, y: [top - height, top], isLowest: row === rows - 1 };
}

// Ranges are stated in full, and what Plotly keeps ends with the first point: else it keeps a range that nobody has chosen.
function axesOf(n, { x, y, isLowest }, { ink, empty, span, isLabelled, range, x: by, log }) {
  const uirevision = empty ? "empty" : `kept ${by} ${log} ${range === null}`;
  const axis = { gridcolor: ink.grid, linecolor: ink.grid, zeroline: false, automargin: false, uirevision };
  const chosen = range ? { range, autorange: false } : { autorange: true };
  const levels = empty ? { range: [0, 1], autorange: false } : { ...chosen, type: log ? "log" : "linear" };
  const epochs = { dtick: tickFor(span), tickformat: "d", range: [0, span * 1.03], autorange: false };
  const places = empty || by === "epoch"
    ? epochs
    : by === "clock"
    ? { autorange: true, type: "date" }
    : { autorange: true, type: "linear", rangemode: "tozero" };
  return {
    [`xaxis${n}`]: {
      ...axis,
      domain: x,
      anchor: `y${n}`,
      matches: n ? "x" : undefined,
      ...places,
      showticklabels: isLowest,
      title: isLowest ? { text: X_TITLES[by], standoff: 6 } : undefined,
    },
    [`yaxis${n}`]: { ...axis, ...levels, domain: y, anchor: `x${n}`, hoverformat: ".4f", nticks: 6, showticklabels: isLabelled },
  };
}

const titleOf = (title, { x, y }) => ({
  text: `<b>${title}</b>`,
  x: x[0],
  xref: "paper",
  xanchor: "left",
  y: y[1],
  yref: "paper",
  yanchor: "bottom",
  showarrow: false,
  font: { size: 13 },
});

const markLine = ({ value }, n, ink) => ({
  type: "line",
  xref: `x${n} domain`,
  x0: 0,
  x1: 1,
  yref: `y${n}`,
  y0: value,
  y1: value,
  line: { color: ink.text, dash: "dot", width: 1.5 },
});

const markLabel = ({ value, label, above }, n) => ({
  text: `${escaped(label)} ${value.toFixed(3)}`,
  xref: `x${n} domain`,
  x: 1,
  xanchor: "right",
  yref: `y${n}`,
  y: value,
  yanchor: above ? "bottom" : "top",
  showarrow: false,
  font: { size: 11 },
});

// Rows that the legend needs; Plotly reserves no room for it above the charts.
function legendRows(runs, width) {
  let rows = 1, used = 0;
  for (const run of runs) {
    const needed = 60 + 7.5 * shortened(run.label).length;
    if (used && used + needed > width - 60) {
      rows += 1;
      used = 0;
    }
    used += needed;
  }
  return rows;
}

function tickFor(span) {
  return [1, 2, 5, 10, 20, 50, 100, 200].find((step) => span / step <= 12) ?? 500;
}

function shortened(label) {
  return label.length > 32 ? `${label.slice(0, 31)}…` : label;
}

function escaped(text) {
  return text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
}

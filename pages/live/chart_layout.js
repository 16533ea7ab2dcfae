// The layout of the charts in their Plotly figure: axes, titles, levels to compare with. Joined in front of charts.js.
const NARROW_PX = 640; // a narrower figure has its charts below each other
const GAP = 0.09; // between two rows, as a share of the height

// The layout for `runs` and `charts` ([metric, title] each), with `marks` as in charts.js. `last` is the last epoch there is;
// `empty` says that there is none yet.
function chartLayout({ runs, charts, marks, width, ink, last, empty }) {
  const narrow = width < NARROW_PX;
  const layout = {
    width,
    height: narrow ? 940 : 640,
    margin: { l: 48, r: 12, t: 24 + 30 * (narrow ? runs.length : legendRows(runs, width)), b: 40 },
    uirevision: "kept",
    hovermode: "x",
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: ink.text },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: ink.grid, activecolor: ink.text },
    legend: { orientation: "h", x: 0, y: 1, yref: "container", yanchor: "top", font: { size: 13 }, groupclick: "togglegroup" },
    hoverlabel: { namelength: 24 },
    annotations: empty ? [emptyNote(ink)] : [],
    shapes: [],
    dragmode: narrow ? false : "zoom",
  };
  charts.forEach(([name, title], chart) => {
    const n = chart ? chart + 1 : "";
    const place = placeOf(chart, narrow);
    Object.assign(layout, axesOf(n, place, { ink, empty, tick: tickFor(last) }));
    layout.annotations.push(titleOf(title, place));
    for (const mark of marks.filter((one) => one.metric === name)) {
      layout.shapes.push(markLine(mark, n, ink));
      layout.annotations.push(markLabel(mark, n));
    }
  });
  return layout;
}

// The part of the figure, in shares of it, that a chart takes.
function placeOf(chart, narrow) {
  const [column, row, rows] = narrow ? [0, chart, 4] : [chart % 2, Math.floor(chart / 2), 2];
  const height = (1 - (rows - 1) * GAP) / rows;
  const top = 1 - row * (height + GAP);
  const x = narrow ? [0, 1] : [column * 0.53, column * 0.53 + 0.47];
  return { x, y: [top - height, top], isLowest: row === rows - 1 };
}

function axesOf(n, { x, y, isLowest }, { ink, empty, tick }) {
  const axis = { gridcolor: ink.grid, linecolor: ink.grid, zeroline: false, automargin: false };
  return {
    [`xaxis${n}`]: {
      ...axis,
      domain: x,
      anchor: `y${n}`,
      matches: n ? "x" : undefined,
      dtick: tick,
      tickformat: "d",
      rangemode: "tozero",
      ...(empty ? { range: [0, 10] } : {}),
      showticklabels: isLowest,
      title: isLowest ? { text: "epoch", standoff: 6 } : undefined,
    },
    [`yaxis${n}`]: { ...axis, domain: y, anchor: `x${n}`, hoverformat: ".4f", nticks: 6, ...(empty ? { range: [0, 1] } : {}) },
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

const emptyNote = (ink) => ({
  text: "The first epoch has not ended yet",
  x: 0.5,
  y: 0.5,
  xref: "paper",
  yref: "paper",
  showarrow: false,
  bgcolor: ink.background,
  borderpad: 6,
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

function tickFor(last) {
  return [1, 2, 5, 10, 20, 50, 100, 200].find((step) => last / step <= 12) ?? 500;
}

function shortened(label) {
  return label.length > 32 ? `${label.slice(0, 31)}…` : label;
}

function escaped(text) {
  return text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
}

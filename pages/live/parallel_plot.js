// Parallel coordinates: an axis for each setting and one for the score, and a line for each trial. Plotly has such a chart, but
// draws it by WebGL, for which it makes functions of texts: the policy of our pages forbids that.
const PLOT = { height: 330, top: 34, bottom: 26, side: 76, apart: 104 };
const SVG = "http://www.w3.org/2000/svg";
const shape = (tag, attributes, text = "") => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
};

// Round numbers from the lowest to the highest value, about five of them.
function scoreTicks(low, high) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough);
  const from = Math.floor(low / step + 1e-9), to = Math.ceil(high / step - 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: to - from + 1 }, (_, place) => {
    const value = (from + place) * step;
    return { value, text: value.toFixed(digits) };
  });
}

// The axis of scores, from one round number to another, and how good a score is among the `ranked` ones, 0 to 1.
function scoreScale(values, ranked) {
  const low = Math.min(...values), high = Math.max(...values);
  const spread = Math.max(high - low, 0.002); // room where all score the same
  const worst = Math.min(...ranked), best = Math.max(...ranked);
  const ticks = scoreTicks(low, low + spread);
  const first = ticks[0].value, span = ticks.at(-1).value - first;
  return {
    place: (value) => (value - first) / span,
    ticks: ticks.map(({ value, text }) => ({ at: (value - first) / span, text })),
    share: (value) => Math.min(1, Math.max(0, (value - worst) / Math.max(best - worst, 1e-9))),
  };
}

class ParallelPlot {
  // `pick(number, isChosen)` is told over which trial the pointer is (null: none), and which one is clicked.
  constructor(parent, pick) {
    this.frame = parent.appendChild(element("div", "sweep-plot"));
    Object.assign(this.frame, { tabIndex: 0 });
    this.frame.setAttribute("role", "region");
    this.frame.setAttribute("aria-label", "Parallel coordinates: settings and validation IoU of every trial");
    this.pick = pick;
    this.lines = new Map();
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.frame);
  }

  show(axes, trials, best) {
    [this.axes, this.trials, this.best] = [axes, trials, best];
    this.draw();
  }

  draw() {
    const width = this.frame.clientWidth;
    if (!width || !this.axes) return;
    const drawn = JSON.stringify([width, this.axes, this.trials, this.best]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const scored = this.trials.filter(({ score }) => score != null);
    const scores = scored.map(({ score }) => score), ranked = scored.filter(({ state }) => state === "complete");
    const scale = scored.length ? scoreScale(scores, ranked.length ? ranked.map(({ score }) => score) : scores) : null;
    const axes = [...this.axes, { title: "Validation IoU", ticks: scale?.ticks ?? [] }];
    const full = Math.max(width, 2 * PLOT.side + (axes.length - 1) * PLOT.apart);
    this.x = (place) => PLOT.side + (place * (full - 2 * PLOT.side)) / (axes.length - 1);
    this.y = (share) => PLOT.height - PLOT.bottom - share * (PLOT.height - PLOT.top - PLOT.bottom);
    const svg = shape("svg", { width: full, height: PLOT.height, role: "img" });
    svg.setAttribute("aria-label", `${scored.length} trials with a score; the table has the best`);
    this.lines.clear();
    const byScore = [...this.trials].sort((a, b) => (a.score ?? -1) - (b.score ?? -1)); // the best on top
    svg.append(...byScore.flatMap((trial) => this.line(trial, scale)));
    svg.append(...axes.flatMap((axis, place) => this.axis(axis, place)));
    svg.addEventListener("pointerleave", () => this.pick(null, false));
    this.frame.replaceChildren(svg);
  }

  axis({ title, ticks }, place) {
    const x = this.x(place);
    const bar = shape("line", { x1: x, x2: x, y1: this.y(0), y2: this.y(1), class: "sweep-axis" });
    const name = shape("text", { x, y: 16, "text-anchor": "middle", class: "sweep-axis-title" }, title);
    return [
      bar,
      name,
      ...ticks.flatMap(({ at, text }) => [
        shape("line", { x1: x - 4, x2: x, y1: this.y(at), y2: this.y(at), class: "sweep-axis" }),
        shape("text", { x: x - 7, y: this.y(at) + 4, "text-anchor": "end", class: "sweep-tick" }, text),
      ]),
    ];
  }

  line({ number, places, score, state }, scale) {
    const points = places.map((share, place) => [this.x(place), this.y(share)]);
    if (score != null) points.push([this.x(places.length), this.y(scale.place(score))]);
    const path = `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;
    const line = shape("path", { d: path, class: `sweep-line ${state}${number === this.best ? " best" : ""}` });
    line.style.setProperty("--share", `${score == null ? 0 : Math.round(scale.share(score) * 100)}%`);
    line.dataset.trial = number;
    const target = shape("path", { d: path, class: "sweep-target" }); // wide, so that it is easily hit
    target.addEventListener("pointerenter", () => this.pick(number, false));
    target.addEventListener("click", () => this.pick(number, true));
    this.lines.set(number, line);
    return [line, target];
  }

  mark(number) {
    for (const [each, line] of this.lines) line.classList.toggle("marked", each === number);
    this.frame.classList.toggle("has-mark", this.lines.has(number));
  }

  close() {
    this.resized.disconnect();
  }
}

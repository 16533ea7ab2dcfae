// How the curves are seen: smoothed, by what, on which scale, and which charts. Joined in front of charts.js.
const X_TITLES = { epoch: "epoch", step: "step", minutes: "minutes of training", clock: "time" };
const X_OPTIONS = { epoch: "Epoch", step: "Step", minutes: "Minutes", clock: "Time of day" };
const SEEN_AT_FIRST = { smoothing: 0, x: "epoch", log: false, whole: false, process: false, batches: false };
const REST_MS = 400; // until the page is told; a slider moves through many values
const LEAST_FOR_RANGE = 8; // values from which a few may be left out of the range

// How an epoch went, beside what it learnt: metrics of the split `process`.
const PROCESS_CHARTS = [
  ["learning_rate", "Learning rate"],
  ["gradient_norm", "Gradient norm"],
  ["images_per_second", "Photographs per second"],
  ["data_wait", "Waiting for photographs, share of the time"],
  ["cores", "Processor cores in use"],
  ["memory", "Memory in use, GB"],
  ["gpu_memory", "GPU memory in use, GB"],
];

class ChartView {
  constructor(changed) {
    this.changed = changed;
    this.seen = { ...SEEN_AT_FIRST };
    this.shared = new Shared();
  }

  // `given` is what the page's address says, as JSON; null where nothing can be chosen.
  show(bar, given, tell, hasBatches) {
    [this.bar, this.tell] = [bar, tell];
    if (given === null) return;
    if (!this.controls) this.build();
    this.batches.parentElement.hidden = !hasBatches;
    if (this.shared.isNews(given)) {
      this.seen = { ...SEEN_AT_FIRST, ...JSON.parse(given) };
      this.fill();
    }
  }

  build() {
    this.controls = this.bar.appendChild(element("div", "chart-controls"));
    const smoothing = this.controls.appendChild(element("label", "chart-option", "Smoothing "));
    this.slider = smoothing.appendChild(
      Object.assign(document.createElement("input"), { type: "range", min: 0, max: 0.95, step: 0.05 }),
    );
    this.amount = smoothing.appendChild(element("output", "chart-amount"));
    this.slider.addEventListener("input", () => this.set({ smoothing: Number(this.slider.value) }));
    const by = this.controls.appendChild(element("label", "chart-option", "By "));
    this.x = by.appendChild(Object.assign(document.createElement("select"), { ariaLabel: "Horizontal axis" }));
    for (const [value, text] of Object.entries(X_OPTIONS)) this.x.append(new Option(text, value));
    this.x.addEventListener("change", () => this.set({ x: this.x.value }));
    this.log = this.box("Logarithmic", "log");
    this.whole = this.box("Whole range", "whole");
    this.process = this.box("Rate, gradients, speed", "process");
    this.batches = this.box("Training loss of every batch", "batches");
    this.whole.parentElement.title =
      "The first epochs may be far off; unless this is ticked they are cut off where they hide the rest.";
    this.fill();
  }

  box(text, name) {
    const label = this.controls.appendChild(element("label", "chart-option"));
    const box = label.appendChild(Object.assign(document.createElement("input"), { type: "checkbox" }));
    label.append(text);
    box.addEventListener("change", () => this.set({ [name]: box.checked }));
    return box;
  }

  fill() {
    const { smoothing, x, log, whole, process, batches } = this.seen;
    Object.assign(this.slider, { value: smoothing });
    setText(this.amount, smoothing ? smoothing.toFixed(2) : "off");
    this.x.value = x;
    [this.log.checked, this.whole.checked, this.process.checked, this.batches.checked] = [log, whole, process, batches];
  }

  set(values) {
    Object.assign(this.seen, values);
    this.fill();
    this.changed();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      const chosen = Object.entries(this.seen).filter(([name, value]) => value !== SEEN_AT_FIRST[name]);
      const text = JSON.stringify(Object.fromEntries(chosen));
      this.shared.told(text);
      this.tell("view", text);
    }, REST_MS);
  }

  // Exponential moving average without bias towards the beginning, over every value and before anything is thinned out.
  smoothed(values) {
    const keep = this.seen.smoothing;
    let [sum, weight] = [0, 0];
    return values.map((value) => {
      [sum, weight] = [keep * sum + (1 - keep) * value, keep * weight + 1 - keep];
      return sum / weight;
    });
  }

  // What turns epochs of a run, also parts of them, into places on the axis, and the last epoch; null where nobody recorded it.
  placing(values) {
    const epochs = values.get("val loss"), last = Math.max(0, ...(epochs?.keys() ?? []));
    if (this.seen.x === "epoch") return { last, place: (epoch) => epoch };
    const steps = values.get("process steps"), times = values.get("process time"), seconds = values.get("process seconds");
    if (this.seen.x === "step") {
      if (!steps?.size) return null;
      const [epoch, count] = [...steps].at(-1);
      return { last, place: (at) => at * count / epoch };
    }
    if (!times?.size || !seconds?.size || (this.seen.x === "minutes" && !seconds.has(1))) return null;
    const ends = this.seen.x === "clock" ? times : runningSum(seconds);
    // Within an epoch, and after the last one, time goes as in that epoch; a pause between two is in neither.
    const place = (at) => {
      const epoch = Math.max(1, Math.min(Math.ceil(at), last));
      return ends.has(epoch) ? this.onAxis(ends.get(epoch) - (epoch - at) * seconds.get(epoch)) : null;
    };
    return { last, place };
  }

  onAxis(seconds) {
    if (this.seen.x === "minutes") return seconds / 60;
    const here = new Date(seconds * 1000);
    return seconds * 1000 - here.getTimezoneOffset() * 60_000; // Plotly shows dates as they are in Greenwich
  }

  // The range of an axis: of all values, or without those few that are so far off that the rest would look flat.
  range(values) {
    const sorted = values.filter(Number.isFinite).sort((a, b) => a - b), [low, high] = [sorted[0], sorted.at(-1)];
    if (this.seen.whole || this.seen.log || sorted.length < LEAST_FOR_RANGE) return null;
    const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
    const reach = at(0.9) - at(0.1), [bottom, top] = [Math.max(low, at(0.1) - reach), Math.min(high, at(0.9) + reach)];
    if (bottom === low && top === high) return null;
    const room = 0.05 * (top - bottom) || 0.01;
    return [bottom - room, top + room];
  }

  close() {
    clearTimeout(this.resting);
  }
}

// The sum of the values up to each key.
function runningSum(values) {
  let sum = 0;
  return new Map([...values].sort(([one], [other]) => one - other).map(([key, value]) => [key, sum += value]));
}

// A file of all values of some runs: [{label, values}] each.
function curvesCsv(runs) {
  const cell = (text) => `"${/^[=+\-@\t]/.test(text) ? "'" : ""}${text.replaceAll('"', '""')}"`;
  const lines = runs.flatMap(({ label, values }) =>
    [...values].flatMap(([key, points]) => {
      const [split, name] = key.split(" ");
      return [...points].map(([epoch, value]) => [cell(label), epoch, split, name, value].join());
    })
  );
  return ["run,epoch,split,metric,value", ...lines].join("\n");
}

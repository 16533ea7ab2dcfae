// The trials of a sweep: parallel coordinates, and a table of the best. Scores of trials that train follow the feed; the page is
// told when a run of the sweep begins or ends.
const STATES = {
  active: "training or waiting",
  complete: "complete",
  pruned: "pruned",
  stopped: "stopped",
  failed: "failed",
  deleted: "deleted",
};

class SweepView {
  constructor(parent) {
    this.root = parent.querySelector(".sweep-view") ?? parent.appendChild(element("div", "sweep-view"));
    this.root.replaceChildren();
    this.silence = this.root.appendChild(silence());
    this.plot = new ParallelPlot(this.root, (number, isChosen) => (isChosen ? this.openTrial(number) : this.mark(number)));
    this.says = this.root.appendChild(element("p", "sweep-says"));
    this.frame = this.root.appendChild(element("div", "wide-table"));
    Object.assign(this.frame, { tabIndex: 0 });
    this.frame.setAttribute("role", "region");
    this.frame.setAttribute("aria-label", "The best trials");
    this.outdated = new Outdated();
  }

  show(data, setStateValue, setTriggerValue) {
    this.data = data; // {axes, trials, rows, best, titles, seen}
    this.outdated.drawnWith(data.seen, setStateValue);
    this.open = (key) => setTriggerValue("open", key);
    this.drawTable();
    this.draw();
    feed.watch(this);
  }

  news(changed) {
    this.silence.hidden = !feed.silent;
    const { runs } = this.data.seen;
    if (runs.some(([id]) => changed.has(id))) this.draw();
    if (!feed.stamp || feed.silent) return;
    const now = runs.map(([id]) => [id, feed.runs.get(id)?.is_active ?? null]);
    const { sweep } = this.data.seen;
    this.outdated.compare({ runs: now, newest: Math.max(0, ...feed.runs.keys()), sweep });
  }

  // The score of a trial: that of a trial that still trains is the mean of the best of its runs so far.
  score({ state, score, runs }) {
    if (state !== "active") return score;
    const known = runs.map((id) => feed.runs.get(id)?.best_iou).filter((iou) => iou != null);
    return known.length ? known.reduce((sum, iou) => sum + iou, 0) / known.length : score;
  }

  draw() {
    const trials = this.data.trials.map((trial) => ({ ...trial, score: this.score(trial) }));
    this.plot.show(this.data.axes, trials, this.data.best);
    for (const trial of trials) {
      const cell = this.cells.get(trial.number);
      if (cell) {
        setText(
          cell,
          trial.score == null ? "–" : trial.state === "complete" ? trial.score.toFixed(4) : `(${trial.score.toFixed(4)})`,
        );
      }
    }
    this.byNumber = new Map(trials.map((trial) => [trial.number, trial]));
    this.mark(this.marked ?? null);
  }

  drawTable() {
    const { titles, rows, trials, best } = this.data;
    const byNumber = new Map(trials.map((trial) => [trial.number, trial]));
    const table = element("table", "figures-table"), head = table.createTHead().insertRow(), body = table.createTBody();
    const hasIntervals = rows.some((number) => byNumber.get(number).interval);
    const names = ["", ...titles, "IoU (val)", ...(hasIntervals ? ["95 % interval"] : []), "State"];
    head.append(...names.map((title) => Object.assign(element("th", "", title), { scope: "col" })));
    this.cells = new Map();
    for (const number of rows) {
      const trial = byNumber.get(number), row = body.insertRow();
      const first = row.appendChild(Object.assign(element("th", ""), { scope: "row" }));
      const button = Object.assign(element("button", "sweep-open", `Trial ${number}`), {
        type: "button",
        title: "Show it in Monitor",
      });
      button.addEventListener("click", () => this.openTrial(number));
      first.append(trial.key ? button : `Trial ${number}`);
      for (const value of trial.values) row.insertCell().textContent = value;
      const score = row.insertCell();
      this.cells.set(number, score.appendChild(element(number === best ? "b" : "span", "")));
      if (hasIntervals) row.insertCell().textContent = trial.interval;
      row.insertCell().textContent = STATES[trial.state];
      row.addEventListener("pointerenter", () => this.mark(number));
      row.addEventListener("pointerleave", () => this.mark(null));
      button.addEventListener("focus", () => this.mark(number));
    }
    this.frame.hidden = !rows.length;
    this.frame.replaceChildren(table);
  }

  mark(number) {
    this.marked = number;
    this.plot.mark(number);
    const trial = this.byNumber.get(number), { titles } = this.data;
    if (!trial) {
      setText(this.says, "A line is a trial, the stronger the better; dashed: still training; faint: pruned or stopped.");
      return;
    }
    const settings = titles.map((title, place) => `${title.toLowerCase()} ${trial.values[place]}`).join(", ");
    const score = trial.score == null ? "no score yet" : `IoU ${trial.score.toFixed(4)}`;
    setText(this.says, `Trial ${number}: ${settings}; ${score}, ${STATES[trial.state]}.`);
  }

  openTrial(number) {
    const { key } = this.byNumber.get(number) ?? {};
    if (key) this.open(key);
  }

  close() {
    this.plot.close();
    feed.leave(this);
  }
}

export default component(SweepView);

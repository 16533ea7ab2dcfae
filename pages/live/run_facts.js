// Status and figures of one run. The page is told when its buttons for the run no longer fit.
const TEXTS = {
  later: ["Stop after this epoch"],
  keep: ["Keep going"],
  stop: ["Stop"],
  remove: ["Remove from queue"],
  resume: ["Resume"],
};
const sentence = (phrase) => phrase && `${phrase[0].toUpperCase()}${phrase.slice(1)}.`;

class RunFacts {
  constructor(parent) {
    this.root = parent.querySelector(".run-facts-now") ?? parent.appendChild(element("div", "run-facts-now"));
    this.root.replaceChildren();
    this.refused = element("p", "run-refused");
    this.refused.setAttribute("role", "alert");
    this.buttons = new RunButtons(this.root, (text) => setText(this.refused, text));
    this.root.append(this.refused);
    this.says = this.root.appendChild(element("p", "run-says"));
    this.list = this.root.appendChild(element("dl", "figures"));
    this.values = new Map();
    this.outdated = new Outdated();
  }

  show(data, setStateValue) {
    this.id = data.id;
    this.meanings = data.meanings;
    this.others = data.others;
    this.curves = [data.id];
    this.outdated.drawnWith(data.seen, setStateValue);
    this.draw(feed.runs.get(this.id) ?? data.run);
    feed.watch(this);
  }

  news(changed, pointed) {
    const run = feed.runs.get(this.id);
    if (!run) return;
    const waits = run.status === "queued" && changed.size; // for others, which have changed
    if (changed.has(this.id) || pointed.has(this.id) || waits) this.draw(run);
    const others = this.others.map((id) => feed.runs.get(id)).filter(Boolean); // a deleted one is the list's to report
    if (others.length === this.others.length) {
      this.outdated.compare([run, ...others].map((one) => (one.is_active ? "active" : one.status)));
    }
  }

  draw(run) {
    this.buttons.show(offersOf(run, TEXTS));
    const stops = run.status === "running" && run.stop_after_epoch;
    const dice = feed.points.get(run.id)?.values.get("val dice")?.get(run.epochs_done);
    const figures = {
      Status: stops ? "stopping after this epoch" : isAtWork(run) ? `${run.status}, ${run.phase}` : run.status,
      Epoch: `${run.epochs_done} of ${run.config.epochs}`,
      "Best IoU": run.best_iou == null ? "–" : `${run.best_iou.toFixed(3)} (epoch ${run.best_epoch})`,
      "Last Dice": dice === undefined ? "–" : dice.toFixed(3),
      Elapsed: duration(run.elapsed),
      "Time left": run.eta_seconds != null && run.is_active ? duration(run.eta_seconds) : "–",
      "Images per second": run.images_per_second ? run.images_per_second.toFixed(1) : "–",
    };
    for (const [name, value] of Object.entries(figures)) {
      if (!this.values.has(name)) {
        const cell = this.list.appendChild(document.createElement("div"));
        const title = cell.appendChild(element("dt", "", this.meanings[name] ? "" : name));
        if (this.meanings[name]) title.append(Object.assign(element("abbr", "", name), { title: this.meanings[name] }));
        this.values.set(name, cell.appendChild(element("dd", "")));
      }
      setText(this.values.get(name), value);
    }
    setText(this.says, run.is_active ? run.message || sentence(waitsFor(run)) : ""); // the page itself says how a run ended
  }

  close() {
    feed.leave(this);
  }
}

export default component(RunFacts);

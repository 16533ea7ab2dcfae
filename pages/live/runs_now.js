// The runs that train or wait, each a button that opens it in Monitor.
class RunsNow {
  constructor(parent) {
    this.root = parent.querySelector(".runs-now") ?? parent.appendChild(element("div", "runs-now"));
    this.silence = silence();
    this.none = element("p", "runs-none", "No run trains or waits.");
    this.none.hidden = true;
    this.root.replaceChildren(this.silence, this.none);
    this.rows = new Map();
  }

  show(_data, _setStateValue, setTriggerValue) {
    this.open = (id) => setTriggerValue("open", String(id));
    feed.watch(this);
  }

  news() {
    this.silence.hidden = !feed.silent;
    this.root.classList.toggle("stale", feed.silent);
    if (feed.silent) return;
    const active = [...feed.runs.values()].filter((run) => run.is_active);
    const place = (run) => (run.status === "queued" ? feed.queue.indexOf(run.id) : -1);
    active.sort((a, b) => place(a) - place(b) || b.id - a.id);
    for (const [id, row] of this.rows) {
      if (active.some((run) => run.id === id)) continue;
      row.button.remove();
      this.rows.delete(id);
    }
    active.forEach((run, at) => {
      const row = this.row(run.id);
      if (this.root.children[at + 2] !== row.button) this.root.insertBefore(row.button, this.root.children[at + 2] ?? null);
      setText(row.name, run.label);
      setText(row.says, runSays(run));
      row.fill.style.width = `${(run.progress * 100).toFixed(1)}%`;
    });
    this.none.hidden = active.length > 0;
  }

  row(id) {
    if (!this.rows.has(id)) {
      const button = Object.assign(element("button", "runs-one"), { type: "button", title: "Show it in Monitor" });
      button.addEventListener("click", () => this.open(id));
      const [name, says] = ["runs-name", "runs-says"].map((kind) => button.appendChild(element("span", kind)));
      const fill = button.appendChild(element("span", "runs-bar")).appendChild(element("span", "runs-fill"));
      this.rows.set(id, { button, name, says, fill });
    }
    return this.rows.get(id);
  }

  close() {
    feed.leave(this);
  }
}

function runSays(run) {
  if (run.status === "queued") return "waits in the queue";
  const iou = run.best_iou == null ? "" : `, best IoU ${run.best_iou.toFixed(3)}`;
  const left = run.eta_seconds == null ? "" : `, ${duration(run.eta_seconds)} left`;
  return `epoch ${run.epochs_done} of ${run.config.epochs}${iou}${left}`;
}

export default component(RunsNow);

// The end of a run's log, fetched again when the run has a new line.
class RunLog {
  constructor(parent) {
    this.root = parent.querySelector(".run-log") ?? parent.appendChild(element("pre", "run-log"));
    this.root.tabIndex = 0;
    this.root.setAttribute("aria-label", "End of the log");
  }

  show(data) {
    if (this.id !== data.id) this.root.textContent = "";
    [this.id, this.lines, this.last] = [data.id, data.lines, null];
    this.look();
    feed.watch(this);
  }

  news() {
    const run = feed.runs.get(this.id);
    if (run && this.last !== null && run.last_line > this.last) this.look();
  }

  async look() {
    const id = this.id, before = this.last ?? 0;
    this.last = Infinity; // until the answer arrives
    const found = await ask(`/api/runs/${id}/log?lines=${this.lines}`).catch(() => null);
    if (this.closed || id !== this.id) return;
    this.last = found?.lines.at(-1)?.id ?? before;
    if (!found) return; // the next tick tries again
    const at = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
    setText(this.root, found.lines.map(({ time, text }) => `${at(time)}  ${text}`).join("\n") || "Nothing yet.");
  }

  close() {
    this.closed = true;
    feed.leave(this);
  }
}

export default component(RunLog);

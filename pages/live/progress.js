// Progress bars of runs or jobs. The page is told when a run or a job ends, and after each epoch of a run.
const AMOUNTS = { fetch: (job) => `${megabytes(job.done)} of ${megabytes(job.total)} MB` }; // counted in bytes
const megabytes = (bytes) => Math.round(bytes / 1e6).toLocaleString("en");
const count = (job) =>
  (AMOUNTS[job.kind] ?? ((job) => `${job.done.toLocaleString("en")} of ${job.total.toLocaleString("en")}`))(job);

class Progress {
  constructor(parent) {
    this.root = parent.querySelector(".progress-bars") ?? parent.appendChild(element("div", "progress-bars"));
    this.outdated = new Outdated();
  }

  show(data, setStateValue) {
    this.outdated.drawnWith(data.seen, setStateValue);
    this.runs = data.runs ?? [];
    this.jobs = data.jobs ?? [];
    this.root.replaceChildren();
    this.bars = [...this.runs, ...this.jobs].map(({ label, ...one }) => this.makeBar(one, label));
    if (this.runs.length) feed.watch(this);
    if (this.jobs.length) clock.add(this);
  }

  makeBar({ id, cancel }, label) {
    const root = this.root.appendChild(element("div", "progress-one"));
    const says = root.appendChild(element("span", "progress-says", label));
    const bar = root.appendChild(element("span", "run-bar")), fill = bar.appendChild(element("span", "run-fill"));
    bar.setAttribute("role", "progressbar");
    bar.setAttribute("aria-label", label);
    if (cancel) {
      const button = root.appendChild(element("button", "progress-cancel", "Cancel"));
      button.type = "button";
      button.addEventListener("click", () => {
        button.disabled = true;
        fetch(address(`/api/jobs/${id}/cancel`), { method: "POST" }).catch(() => null).then(() => {
          button.disabled = false;
        });
      });
    }
    return { id, label, says, bar, fill };
  }

  set({ says, bar, fill }, share, text) {
    fill.style.width = `${(share * 100).toFixed(1)}%`;
    bar.setAttribute("aria-valuenow", Math.round(share * 100));
    setText(says, text);
  }

  news() {
    const runs = this.runs.map((run) => feed.runs.get(run.id));
    runs.forEach((run, place) => {
      if (!run) return;
      const left = run.eta_seconds != null && run.is_active ? `, ${duration(run.eta_seconds)} left` : "";
      this.set(
        this.bars[place],
        run.progress,
        `${run.label}: ${run.status}, epoch ${run.epochs_done} of ${run.config.epochs}${left}`,
      );
    });
    if (feed.stamp) this.outdated.compare(runs.map((run) => (run ? [run.status, run.epochs_done] : null)));
  }

  // The tick of the clock, for jobs.
  async tick() {
    const jobs = await Promise.all(this.jobs.map(({ id }) => ask(`/api/jobs/${id}`).catch(() => null)));
    if (this.closed || jobs.includes(null)) return;
    jobs.forEach((job, place) => {
      const what = { queued: "waiting", stopping: "stopping" }[job.status] ?? (job.message || "starting");
      const bar = this.bars[this.runs.length + place];
      this.set(bar, job.progress, `${bar.label}: ${what}${job.total && job.status === "running" ? `, ${count(job)}` : ""}`);
    });
    this.outdated.compare(jobs.map((job) => job.is_active));
  }

  close() {
    this.closed = true;
    feed.leave(this);
    clock.remove(this);
  }
}

export default component(Progress);

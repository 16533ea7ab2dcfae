// One clock and one feed of the runs for all live parts of a page. Joined in front of them.
const TICK_MS = 1000;
const SETTLED_MS = 250;
const CLICK_MS = 1000; // after a click: a page that is redrawn forgets a button that it has not answered yet
const PATIENCE_MS = 20_000; // until an answer is given up; the next tick asks again

const ask = async (url) => {
  const answer = await fetch(address(url), { signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
};

// Calls `tick` of its parts, waits for all of them, and repeats that a second later. It stops in a hidden page and goes on
// as soon as the page is visible.
class Clock {
  constructor() {
    this.parts = new Set();
    document.addEventListener("visibilitychange", () => this.tick());
  }

  add(part) {
    this.parts.add(part);
    this.tick();
  }

  remove(part) {
    this.parts.delete(part);
  }

  async tick() {
    clearTimeout(this.timer);
    const turn = (this.turn = {});
    if (document.hidden || !this.parts.size) return;
    await Promise.allSettled([...this.parts].map((part) => part.tick()));
    if (turn === this.turn) this.timer = setTimeout(() => this.tick(), TICK_MS);
  }
}

// The runs as /api/runs last gave them, and the points of those that a watcher lists in its `curves`. Only what is new is asked
// for. A watcher's `news(changed, pointed)` gets the numbers of the runs that have changed and of those that have new points.
class RunFeed {
  constructor() {
    this.watchers = new Set();
    this.forget();
  }

  forget() {
    [this.runs, this.points, this.fetching, this.assumed] = [new Map(), new Map(), new Set(), new Map()];
    [this.queue, this.stamp, this.silent] = [[], 0, false];
  }

  watch(watcher) {
    this.watchers.add(watcher);
    this.fetchPoints();
    clock.add(this);
  }

  leave(watcher) {
    this.watchers.delete(watcher);
    const wanted = this.wanted();
    for (const id of this.points.keys()) if (!wanted.has(id)) this.points.delete(id);
    if (!this.watchers.size) clock.remove(this);
  }

  wanted() {
    return new Set([...this.watchers].flatMap((watcher) => watcher.curves ?? []));
  }

  tick() {
    return (this.asking ??= this.askRuns().finally(() => (this.asking = null)));
  }

  async askRuns() {
    const news = await ask(`/api/runs?after=${this.stamp}`).catch(() => null);
    this.silent = news === null;
    const changed = new Set();
    if (news) {
      if (news.since !== this.stamp) { // another database
        for (const id of this.runs.keys()) changed.add(id);
        this.forget();
      }
      [this.stamp, this.queue] = [news.stamp, news.line];
      for (const id of news.deleted) if (this.runs.delete(id)) changed.add(id);
      for (const run of news.runs) {
        const assumed = this.assumed.get(run.id);
        if (assumed) assumed.run = run;
        this.runs.set(run.id, { ...run, ...assumed?.values });
        changed.add(run.id);
      }
      this.fetchPoints();
    }
    this.tell(changed, new Set());
  }

  // Asks the app to do something with a run, and shows at once what will become of it: the `values` that it assumes hold until an
  // answer that was asked for afterwards. Returns why it was refused, or "".
  async act(id, action, values) {
    const assumed = this.assumed.get(id) ?? { run: this.runs.get(id), pending: 0 };
    this.assumed.set(id, Object.assign(assumed, { values, pending: assumed.pending + 1 }));
    this.runs.set(id, { ...assumed.run, ...values });
    this.tell(new Set([id]), new Set());
    const answer = await fetch(address(`/api/runs/${id}/${action}`), { method: "POST", signal: AbortSignal.timeout(PATIENCE_MS) })
      .catch(() => null);
    const refused = answer?.ok ? "" : (await answer?.json().catch(() => null))?.detail ?? "The app does not answer; try again.";
    await this.asking; // what was on its way before knows nothing of it
    await this.tick();
    assumed.pending -= 1;
    if (assumed.pending || this.assumed.get(id) !== assumed) return refused;
    this.assumed.delete(id);
    if (this.runs.has(id)) this.runs.set(id, assumed.run);
    this.tell(new Set([id]), new Set());
    return refused;
  }

  fetchPoints() {
    for (const id of this.wanted()) {
      const run = this.runs.get(id), known = this.points.get(id);
      if (this.fetching.has(id) || (known && !(run?.last_point > known.last)) || (this.stamp && !run)) continue;
      this.fetching.add(id);
      ask(`/api/runs/${id}/metrics?after=${known?.last ?? 0}`)
        .then(({ points, last }) => this.keep(id, points, last), () => {}) // deleted meanwhile; else the next tick tries again
        .finally(() => this.fetching.delete(id));
    }
  }

  keep(id, points, last) {
    const { values } = this.points.get(id) ?? { values: new Map() };
    if (points.length) keepPoints(values, points);
    this.points.set(id, { last, values });
    this.tell(new Set(), new Set([id]));
  }

  tell(changed, pointed) {
    for (const watcher of [...this.watchers]) watcher.news(changed, pointed);
  }
}

// Puts points, as the API gives them, into a map from "split name" to a map from epoch to value. The values of the first epoch
// among them and of later ones are dropped before: a resumed run writes epochs again.
function keepPoints(values, points) {
  const first = Math.min(...points.map((point) => point.epoch));
  for (const series of values.values()) for (const epoch of series.keys()) if (epoch >= first) series.delete(epoch);
  for (const { split, name, epoch, value } of points) {
    const key = `${split} ${name}`;
    if (!values.has(key)) values.set(key, new Map());
    values.get(key).set(epoch, value);
  }
  return values;
}

// Every component is a module of its own; they meet on the window.
const clock = (window.lesionlabClock ??= new Clock());
const feed = (window.lesionlabFeed ??= new RunFeed());

// A line for a part that watches the feed: an app that does not answer must not look like one without runs.
const silence = () =>
  Object.assign(element("p", "feed-silent", "The app does not answer; trying again …"), { role: "status", hidden: true });

// A page is not redrawn while a dialog is open: the dialog would close.
const dialogIsOpen = () => document.querySelector("[role=dialog]") !== null;

// Tells the page, once, that what it was drawn with has changed. It waits a moment: a new page may be on its way already, and a
// second one would close a dialog that the visitor has opened meanwhile.
class Outdated {
  drawnWith(seen, setStateValue) {
    [this.seen, this.other, this.told, this.setStateValue] = [JSON.stringify(seen), null, null, setStateValue];
  }

  compare(now) {
    const text = JSON.stringify(now);
    if (text !== this.other) [this.other, this.since] = [text, performance.now()];
    if (text === this.seen || text === this.told || dialogIsOpen()) return;
    if (performance.now() < Math.max(this.since + SETTLED_MS, visitor.clickedAt + CLICK_MS)) return;
    this.told = text;
    this.setStateValue("seen", text);
  }
}

// The list of runs, kept current by the shared feed. A click on a row chooses it or lets it go, and queued runs can be moved. A
// group has a row of its own, which chooses it as one and opens to its runs. The key of a row is the address of its run or group.
const FILTER_FROM = 6; // with fewer runs there is no filter
// Addresses, as in seg_core/runs/address.py.
const runKey = (id) => String(id);
const groupKey = (id) => `g${id}`;

// Sorts runs: those that train, then the queue in its order, then the others, the newest first.
function inOrder(runs, queue) {
  const group = (run) => (run.status === "running" || run.status === "stopping" ? 0 : run.status === "queued" ? 1 : 2);
  const place = new Map(queue.map((id, place) => [id, place]));
  return runs.toSorted((a, b) => group(a) - group(b) || (group(a) === 1 ? place.get(a.id) - place.get(b.id) : b.id - a.id));
}

// The runs of each group by its number, the first launched first. The last run left of a group is shown as a single run.
function groupsOf(runs) {
  const groups = new Map();
  for (const run of [...runs].sort((a, b) => a.id - b.id)) {
    if (run.group != null) groups.set(run.group, [...(groups.get(run.group) ?? []), run]);
  }
  return new Map([...groups].filter(([, members]) => members.length > 1));
}

class RunList {
  constructor(parent) {
    this.root = parent.querySelector(".run-list") ?? parent.appendChild(element("div", "run-list"));
    this.silence = silence();
    this.root.replaceChildren(this.silence);
    this.tools = this.root.appendChild(element("div", "run-tools"));
    this.filter = this.tools.appendChild(
      Object.assign(element("input", "run-filter"), { type: "search", placeholder: "Filter by name, tag, model or status" }),
    );
    this.filter.setAttribute("aria-label", "Filter the runs");
    this.filter.addEventListener("input", () => this.sift());
    this.columns = new RunColumns(() => this.draw(feed.runs.keys()));
    this.tools.append(this.columns.menu);
    this.all = this.tools.appendChild(Object.assign(element("button", "run-all", "Choose all"), { type: "button" }));
    this.all.addEventListener("click", () => this.chooseAll());
    this.chips = this.root.appendChild(element("div", "run-chips"));
    this.chips.setAttribute("role", "group");
    this.chips.setAttribute("aria-label", "Chosen");
    this.list = this.root.appendChild(element("div", "run-rows"));
    this.list.setAttribute("role", "group");
    this.list.setAttribute("aria-label", "Runs");
    this.list.append(this.columns.head);
    this.refused = this.root.appendChild(element("p", "run-refused"));
    this.refused.setAttribute("role", "alert");
    this.none = this.root.appendChild(element("p", "run-none", "No run matches."));
    this.rows = new Map();
    this.groups = new Map();
    this.open = new Set(); // groups that show their runs
    this.order = [];
    this.chosen = [];
    this.shared = new Shared();
  }

  show(data, setStateValue) {
    this.colours = data.colours;
    this.setStateValue = setStateValue;
    if (this.shared.isNews(JSON.stringify(data.chosen))) {
      this.openTo = data.chosen.filter((key) => !this.chosen.includes(key)); // chosen elsewhere: its group is opened
      this.chosen = data.chosen;
    }
    if (feed.runs.size) this.draw(feed.runs.keys());
    feed.watch(this);
  }

  news(changed) {
    this.root.classList.toggle("stale", feed.silent);
    this.silence.hidden = !feed.silent;
    if (!changed.size) return;
    this.draw(changed);
    const left = this.chosen.filter((key) => this.known(key)); // others were deleted in another window
    if (left.length < this.chosen.length && !dialogIsOpen()) this.choose(left);
  }

  known(key) {
    return feed.runs.has(Number(key)) || (key.startsWith("g") && this.groups.has(Number(key.slice(1))));
  }

  choose(chosen) {
    this.chosen = chosen;
    this.shared.told(JSON.stringify(chosen));
    this.setStateValue("chosen", chosen); // the page redraws
  }

  toggle(key) {
    this.choose(this.chosen.includes(key) ? this.chosen.filter((other) => other !== key) : [...this.chosen, key]);
    this.draw(feed.runs.keys());
  }

  // Chooses every run that is shown, of an opened group its runs; or none, if all are chosen.
  chooseAll() {
    const shown = this.order.filter((key) => !this.rows.get(key).item.hidden);
    this.choose(shown.every((key) => this.chosen.includes(key)) ? [] : shown);
    this.draw(feed.runs.keys());
  }

  async move(id, by, button) {
    await fetch(address(`/api/runs/${id}/move?by=${by}`), { method: "POST" }).catch(() => null); // it may have started meanwhile
    await clock.tick();
    button.focus();
  }

  unfold(id) {
    if (!this.open.delete(id)) this.open.add(id);
    this.draw([]);
  }

  // Updates the rows of these runs, and of the queue, where a run that leaves moves the others.
  draw(changed) {
    const { runs, queue } = feed;
    this.list.style.setProperty("--run-columns", this.columns.widths);
    const before = [...this.groups.keys()].join();
    this.groups = groupsOf(runs.values());
    if (before !== [...this.groups.keys()].join()) changed = runs.keys(); // the last run left of a group is shown as a single run
    for (const [key, row] of this.rows) {
      if (!this.known(key)) {
        row.item.remove();
        this.rows.delete(key);
      }
    }
    const opened = this.openTo?.find((key) => this.known(key));
    for (const key of this.openTo ?? []) {
      if (this.groups.has(runs.get(Number(key))?.group)) this.open.add(runs.get(Number(key)).group);
    }
    this.openTo = null;
    for (const id of new Set([...changed, ...queue])) {
      if (runs.has(id)) this.drawRun(runs.get(id));
    }
    for (const [id, members] of this.groups) this.drawGroup(id, members);
    this.arrange(this.keysInOrder(inOrder([...runs.values()], queue)));
    this.sift();
    this.drawChips();
    if (opened) this.scrollTo(opened);
  }

  // Where the list scrolls, what is chosen is named above it too, since its row may be out of sight.
  drawChips() {
    const keys = this.list.scrollHeight > this.list.clientHeight ? this.chosen.filter((key) => this.rows.has(key)) : [];
    const shown = JSON.stringify(keys.map((key) => [key, this.rows.get(key).name.textContent, this.rows.get(key).colour]));
    if (shown === this.shownChips) return;
    this.shownChips = shown;
    this.chips.hidden = !keys.length;
    this.chips.replaceChildren(...keys.map((key) => {
      const { name, colour } = this.rows.get(key), chip = element("button", "run-chip", name.textContent);
      Object.assign(chip, { type: "button", title: "Show its row" });
      chip.style.setProperty("--run-colour", colour);
      chip.addEventListener("click", () => this.scrollTo(key));
      return chip;
    }));
  }

  scrollTo(key) {
    const { top } = this.rows.get(key).item.getBoundingClientRect();
    this.list.scrollTop += top - this.list.getBoundingClientRect().top - this.list.clientHeight / 3;
  }

  drawRun(run) {
    const row = this.row(runKey(run.id));
    row.showColumns(this.columns, [run]);
    row.showRun(run, {
      inGroup: this.groups.has(run.group),
      position: feed.queue.indexOf(run.id) + 1,
      queued: feed.queue.length,
      move: (by, button) => this.move(run.id, by, button),
    });
  }

  drawGroup(id, members) {
    const row = this.row(groupKey(id));
    row.showColumns(this.columns, members);
    const unit = row.showGroup(id, members, { isOpen: this.open.has(id), unfold: () => this.unfold(id) });
    row.words = [...members.map((run) => this.rows.get(runKey(run.id)).words), "group", unit].join(" ");
  }

  // The row of a key, in its colour.
  row(key) {
    if (!this.rows.has(key)) this.rows.set(key, new RunRow(() => this.toggle(key), (text) => setText(this.refused, text)));
    const row = this.rows.get(key);
    row.mark(this.chosen.includes(key), this.colours.chosen[key] ?? this.colourOf(key));
    return row;
  }

  // As seg_core/common/colours.py gives it to what is shown alone.
  colourOf(key) {
    const [, group, id] = key.match(/^(g?)(\d+)$/), palette = group ? this.colours.group : this.colours.run;
    return palette[(Number(id) - 1) % palette.length];
  }

  // A group stands where the first of its runs would, or where the mean of its runs sorts it, with its runs below it.
  keysInOrder(runs) {
    const { by, down } = this.columns.chosen, units = [], placed = new Set();
    for (const run of runs) {
      const members = this.groups.get(run.group);
      if (placed.has(members)) continue;
      if (members) placed.add(members);
      const keys = members ? [groupKey(run.group), ...members.map((one) => runKey(one.id))] : [runKey(run.id)];
      units.push({ keys, value: by ? valueOf(by, members ?? [run]) : null });
    }
    return (by ? sortedBy(units, down) : units).flatMap(({ keys }) => keys);
  }

  arrange(order) {
    if (order.join() === this.order.join()) return;
    this.order = order;
    let next = this.columns.head.nextSibling;
    for (const key of order) {
      const { item } = this.rows.get(key);
      if (item === next) next = next.nextSibling;
      else this.list.insertBefore(item, next);
    }
  }

  sift() {
    this.filter.hidden = feed.runs.size < FILTER_FROM;
    const wanted = this.filter.hidden ? [] : this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let matching = 0, archived = 0;
    for (const [key, row] of this.rows) {
      const put = row.archived && !this.columns.chosen.archived && !this.chosen.includes(key);
      archived += put;
      const matches = !put && wanted.every((word) => row.words.includes(word));
      const folded = this.groups.has(row.group) && !this.open.has(row.group);
      if (row.item.hidden === (matches && !folded)) row.item.hidden = !matches || folded;
      matching += matches;
    }
    this.none.hidden = matching > 0;
    setText(
      this.none,
      archived && !wanted.length ? "All runs are archived; “Columns” has a box that shows them." : "No run matches.",
    );
    this.columns.head.hidden = !matching;
    this.columns.menu.hidden = this.all.hidden = feed.runs.size < 2;
  }

  close() {
    feed.leave(this);
  }
}

export default component(RunList);

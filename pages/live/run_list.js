// The list of runs, kept current by the shared feed; a click on a row chooses the run or lets it go, and queued ones can be moved. A
// group has a row of its own, which chooses it as one and opens to its runs. A row's key is a run's number, or that of a group with a g.
const FILTER_FROM = 6; // so many runs are worth a field to filter them by

// Those that train first, then the queue in its order, then the others, the newest first.
function inOrder(runs, line) {
  const group = (run) => (run.status === "running" || run.status === "stopping" ? 0 : run.status === "queued" ? 1 : 2);
  const place = new Map(line.map((id, place) => [id, place]));
  return runs.toSorted((a, b) => group(a) - group(b) || (group(a) === 1 ? place.get(a.id) - place.get(b.id) : b.id - a.id));
}

// Group -> its runs, the first launched first; a run whose others were all deleted is by itself.
function groupsOf(runs) {
  const groups = new Map();
  for (const run of [...runs].sort((a, b) => a.id - b.id)) {
    if (run.group != null) groups.set(run.group, [...(groups.get(run.group) ?? []), run]);
  }
  return new Map([...groups].filter(([, members]) => members.length > 1));
}

const GROUP_STATUS = ["running", "stopping", "queued", "failed", "lost", "stopped", "finished"]; // the first that any of its runs has

class RunList {
  constructor(parent) {
    this.root = parent.querySelector(".run-list") ?? parent.appendChild(element("div", "run-list"));
    this.root.replaceChildren();
    this.filter = this.root.appendChild(
      Object.assign(element("input", "run-filter"), { type: "search", placeholder: "Filter by name, tag, model or status" }),
    );
    this.filter.setAttribute("aria-label", "Filter the runs");
    this.filter.addEventListener("input", () => this.sift());
    this.list = this.root.appendChild(element("div", "run-rows"));
    this.list.setAttribute("role", "group");
    this.list.setAttribute("aria-label", "Runs");
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
      this.openTo = data.chosen.filter((key) => !this.chosen.includes(key)); // chosen elsewhere: to be seen within its group
      this.chosen = data.chosen;
    }
    if (feed.runs.size) this.draw(feed.runs.keys());
    feed.watch(this);
  }

  news(changed) {
    this.root.classList.toggle("stale", feed.silent);
    if (!changed.size) return;
    this.draw(changed);
    if (!dialogIsOpen() && this.chosen.some((key) => !this.known(key))) this.choose(this.chosen.filter((key) => this.known(key))); // deleted in another window
  }

  known(key) {
    return feed.runs.has(Number(key)) || (key.startsWith("g") && this.groups.has(Number(key.slice(1))));
  }

  choose(chosen) {
    this.chosen = chosen;
    this.shared.told(JSON.stringify(chosen));
    this.setStateValue("chosen", chosen); // the page draws what is chosen now
  }

  toggle(key) {
    this.choose(this.chosen.includes(key) ? this.chosen.filter((other) => other !== key) : [...this.chosen, key]);
    this.draw(feed.runs.keys());
  }

  async move(id, by, button) {
    await fetch(`/api/runs/${id}/move?by=${by}`, { method: "POST" }).catch(() => null); // it may have started meanwhile
    await clock.tick();
    button.focus();
  }

  unfold(id) {
    if (!this.open.delete(id)) this.open.add(id);
    this.draw([]);
  }

  // Brings the rows of these runs up to date, and those of the queue, where one that leaves moves the others.
  draw(changed) {
    const { runs, line } = feed;
    const before = [...this.groups.keys()].join();
    this.groups = groupsOf(runs.values());
    if (before !== [...this.groups.keys()].join()) changed = runs.keys(); // what is left of a group is a run like others
    for (const [key, row] of this.rows) {
      if (!this.known(key)) {
        row.item.remove();
        this.rows.delete(key);
      }
    }
    for (const key of this.openTo ?? []) {
      if (this.groups.has(runs.get(Number(key))?.group)) this.open.add(runs.get(Number(key)).group);
    }
    this.openTo = null;
    for (const id of new Set([...changed, ...line])) {
      if (runs.has(id)) this.fill(this.row(String(id)), runs.get(id), line.indexOf(id) + 1);
    }
    for (const [id, members] of this.groups) this.fillGroup(this.row(`g${id}`), id, members);
    this.arrange(this.keysInOrder(inOrder([...runs.values()], line)));
    this.sift();
  }

  row(key) {
    if (!this.rows.has(key)) this.rows.set(key, this.makeRow(key));
    return this.rows.get(key);
  }

  // A group stands where the first of its runs would, and these below it.
  keysInOrder(runs) {
    const keys = [], placed = new Set();
    for (const run of runs) {
      if (!this.groups.has(run.group)) keys.push(String(run.id));
      else if (!placed.has(run.group)) {
        placed.add(run.group);
        keys.push(`g${run.group}`, ...this.groups.get(run.group).map((one) => String(one.id)));
      }
    }
    return keys;
  }

  arrange(order) {
    if (order.join() === this.order.join()) return;
    this.order = order;
    let next = this.list.firstChild;
    for (const key of order) {
      const { item } = this.rows.get(key);
      if (item === next) next = next.nextSibling;
      else this.list.insertBefore(item, next);
    }
  }

  sift() {
    this.filter.hidden = feed.runs.size < FILTER_FROM;
    const wanted = this.filter.hidden ? [] : this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let matching = 0;
    for (const row of this.rows.values()) {
      const matches = wanted.every((word) => row.words.includes(word)),
        folded = this.groups.has(row.group) && !this.open.has(row.group);
      if (row.item.hidden === (matches && !folded)) row.item.hidden = !matches || folded;
      matching += matches;
    }
    this.none.hidden = matching > 0;
  }

  makeRow(key) {
    const item = element("div", "run-item"), root = item.appendChild(element("button", "run-row"));
    root.type = "button";
    root.addEventListener("click", () => this.toggle(key));
    const parts = { item, root };
    for (const name of ["dot", "title", "status", "bar", "facts", "best"]) {
      root.append(parts[name] = element("span", `run-${name}`));
    }
    parts.bar.setAttribute("role", "progressbar");
    parts.bar.append(parts.fill = element("span", "run-fill"));
    parts.name = parts.title.appendChild(element("span", "run-name"));
    parts.tags = parts.title.appendChild(element("span", "run-tags"));
    return parts;
  }

  makeOpener(item, id) {
    const opener = element("button", "run-opener");
    opener.type = "button";
    opener.setAttribute("aria-label", `Runs of group ${id}`);
    opener.addEventListener("click", () => this.unfold(id));
    item.prepend(opener);
    return opener;
  }

  // Only a queued run has these: two buttons for each of hundreds of others would be for nothing.
  makeMoves(item, id) {
    const moves = item.appendChild(element("span", "run-moves"));
    for (const [by, sign, words] of [[-1, "↑", "forward"], [1, "↓", "back"]]) {
      const button = moves.appendChild(element("button", "", sign));
      button.type = "button";
      button.title = `Move ${words} in the queue`;
      button.setAttribute("aria-label", `Move run ${id} ${words} in the queue`);
      button.addEventListener("click", () => this.move(id, by, button));
    }
    return moves;
  }

  press(row, key) {
    const place = this.chosen.indexOf(key);
    row.root.setAttribute("aria-pressed", String(place >= 0));
    row.root.style.setProperty("--run-colour", place >= 0 ? this.colours[place % this.colours.length] : "transparent");
  }

  tag(row, tags) {
    if (row.tags.dataset.tags === JSON.stringify(tags)) return;
    row.tags.dataset.tags = JSON.stringify(tags);
    row.tags.replaceChildren(...tags.map((tag) => element("span", "run-tag", tag)));
  }

  progress(row, status, share, name) {
    setText(row.status, status);
    row.status.dataset.status = status;
    row.fill.style.width = `${(share * 100).toFixed(1)}%`;
    row.bar.setAttribute("aria-label", `Progress of ${name}`);
    row.bar.setAttribute("aria-valuenow", Math.round(share * 100));
  }

  fillGroup(row, id, members) {
    const [first] = members, unit = members.some((run) => run.config.fold !== first.config.fold) ? "folds" : "seeds";
    this.press(row, `g${id}`);
    row.opener ??= this.makeOpener(row.item, id);
    setText(row.opener, this.open.has(id) ? "▾" : "▸");
    row.opener.setAttribute("aria-expanded", String(this.open.has(id)));
    row.words = members.map((run) => this.rows.get(String(run.id)).words).join(" ") + ` group ${unit}`;
    setText(row.name, `Group ${id}  ${first.name || first.variant_label}`);
    const of = unit === "folds" && members.length < first.config.folds ? ` of ${first.config.folds}` : "";
    this.tag(row, [`${members.length}${of} ${unit}`, ...first.tags]);
    row.title.title =
      `${first.variant_label}, recipe ${first.config.recipe}, ${first.config.image_size} px, ${members.length} ${unit}`;
    const status = GROUP_STATUS.find((one) => members.some((run) => run.status === one));
    this.progress(row, status, members.reduce((sum, run) => sum + run.progress, 0) / members.length, `group ${id}`);
    setText(row.facts, `${members.filter((run) => run.status === "finished").length} of ${members.length} finished`);
    const known = members.map((run) => run.best_iou).filter((iou) => iou != null);
    const mean = known.reduce((sum, iou) => sum + iou, 0) / known.length;
    setText(row.best, known.length ? mean.toFixed(3) : "–");
    row.best.title = `Mean best validation IoU of ${known.length} runs, at network resolution${
      known.length > 1 ? `; ${Math.min(...known).toFixed(3)} to ${Math.max(...known).toFixed(3)}` : ""
    }`;
  }

  fill(row, run, position) {
    this.press(row, String(run.id));
    row.group = run.group;
    row.item.classList.toggle("run-member", this.groups.has(run.group));
    row.words = [run.label, run.variant_label, run.status, run.config.recipe, ...run.tags].join(" ").toLowerCase();
    setText(row.name, `#${run.id}  ${run.name || run.variant_label}`);
    const { seed, fold, folds } = run.config, which = `seed ${seed}${folds > 1 ? `, fold ${fold} of ${folds}` : ""}`;
    this.tag(row, [...(this.groups.has(run.group) ? [which] : []), ...run.tags]);
    row.title.title = `${run.variant_label}, recipe ${run.config.recipe}, ${run.config.image_size} px, ${which}`;
    this.progress(row, run.status, run.progress, `run ${run.id}`);
    if (position) {
      row.moves ??= this.makeMoves(row.item, run.id);
      const [forward, back] = row.moves.children;
      forward.disabled = position === 1;
      back.disabled = position === feed.line.length;
    }
    if (row.moves) row.moves.hidden = !position;
    setText(row.facts, this.facts(run, position));
    setText(row.best, run.best_iou == null ? "–" : run.best_iou.toFixed(3));
    row.best.title = "Best validation IoU, at network resolution";
  }

  facts(run, position) {
    if (position) return position === 1 ? "next in line" : `number ${position} in line`;
    if (run.phase === "preparing" && run.is_active) return run.message;
    const left = run.eta_seconds != null && run.is_active ? `${duration(run.eta_seconds)} left` : "";
    const speed = run.images_per_second ? `${run.images_per_second.toFixed(1)} images/s` : "";
    const epochs = `epoch ${run.epochs_done}/${run.config.epochs}${
      run.is_active && run.stop_after_epoch ? ", stops after this one" : ""
    }`;
    return [epochs, left || (run.elapsed ? duration(run.elapsed) : ""), speed].filter(Boolean).join(" · ");
  }

  close() {
    feed.leave(this);
  }
}

export default component(RunList);

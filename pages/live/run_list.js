// The list of runs, kept current by the shared feed; a click on a row chooses the run or lets it go, and queued ones can be moved.
const FILTER_FROM = 6; // so many runs are worth a field to filter them by

// Those that train first, then the queue in its order, then the others, the newest first.
function inOrder(runs, line) {
  const group = (run) => (run.status === "running" || run.status === "stopping" ? 0 : run.status === "queued" ? 1 : 2);
  const place = new Map(line.map((id, place) => [id, place]));
  return runs.toSorted((a, b) => group(a) - group(b) || (group(a) === 1 ? place.get(a.id) - place.get(b.id) : b.id - a.id));
}

class RunList {
  constructor(parent) {
    this.root = parent.querySelector(".run-list") ?? parent.appendChild(element("div", "run-list"));
    this.root.replaceChildren();
    this.filter = this.root.appendChild(Object.assign(element("input", "run-filter"), { type: "search", placeholder: "Filter by name, tag, model or status" }));
    this.filter.setAttribute("aria-label", "Filter the runs");
    this.filter.addEventListener("input", () => this.sift());
    this.list = this.root.appendChild(element("div", "run-rows"));
    this.list.setAttribute("role", "group");
    this.list.setAttribute("aria-label", "Runs");
    this.none = this.root.appendChild(element("p", "run-none", "No run matches."));
    this.rows = new Map();
    this.order = [];
    this.chosen = [];
  }

  show(data, setStateValue) {
    this.colours = data.colours;
    this.setStateValue = setStateValue;
    if (JSON.stringify(data.chosen) !== this.given) {
      this.given = JSON.stringify(data.chosen); // the page chose: a link, or a new run
      this.chosen = data.chosen;
    }
    if (feed.runs.size) this.draw(feed.runs.keys());
    feed.watch(this);
  }

  news(changed) {
    this.root.classList.toggle("stale", feed.silent);
    if (changed.size) this.draw(changed);
  }

  toggle(id) {
    this.chosen = this.chosen.includes(id) ? this.chosen.filter((other) => other !== id) : [...this.chosen, id];
    this.draw(feed.runs.keys());
    this.setStateValue("chosen", this.chosen);
  }

  async move(id, by, button) {
    await fetch(`/api/runs/${id}/move?by=${by}`, { method: "POST" }).catch(() => null); // it may have started meanwhile
    await clock.tick();
    button.focus();
  }

  // Brings the rows of these runs up to date, and those of the queue, where one that leaves moves the others.
  draw(changed) {
    const { runs, line } = feed;
    for (const [id, row] of this.rows) if (!runs.has(id)) { row.item.remove(); this.rows.delete(id); }
    if (this.chosen.some((id) => !runs.has(id))) { // deleted in another window: the page draws what is left
      this.chosen = this.chosen.filter((id) => runs.has(id));
      this.setStateValue("chosen", this.chosen);
    }
    for (const id of new Set([...changed, ...line])) if (runs.has(id)) {
      if (!this.rows.has(id)) this.rows.set(id, this.makeRow(id));
      this.fill(this.rows.get(id), runs.get(id), line.indexOf(id) + 1);
    }
    this.arrange(inOrder([...runs.values()], line).map((run) => run.id));
    this.sift();
  }

  arrange(order) {
    if (order.join() === this.order.join()) return;
    this.order = order;
    let next = this.list.firstChild;
    for (const id of order) {
      const { item } = this.rows.get(id);
      if (item === next) next = next.nextSibling;
      else this.list.insertBefore(item, next);
    }
  }

  sift() {
    this.filter.hidden = this.rows.size < FILTER_FROM;
    const wanted = this.filter.hidden ? [] : this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let matching = 0;
    for (const row of this.rows.values()) {
      const matches = wanted.every((word) => row.words.includes(word));
      if (row.item.hidden === matches) row.item.hidden = !matches;
      matching += matches;
    }
    this.none.hidden = matching > 0;
  }

  makeRow(id) {
    const item = element("div", "run-item"), root = item.appendChild(element("button", "run-row"));
    root.type = "button";
    root.addEventListener("click", () => this.toggle(id));
    const parts = { item, root };
    for (const name of ["dot", "title", "status", "bar", "facts", "best"]) root.append((parts[name] = element("span", `run-${name}`)));
    parts.bar.setAttribute("role", "progressbar");
    parts.bar.append((parts.fill = element("span", "run-fill")));
    parts.name = parts.title.appendChild(element("span", "run-name"));
    parts.tags = parts.title.appendChild(element("span", "run-tags"));
    return parts;
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

  fill(row, run, position) {
    const place = this.chosen.indexOf(run.id);
    row.root.setAttribute("aria-pressed", String(place >= 0));
    row.root.style.setProperty("--run-colour", place >= 0 ? this.colours[place % this.colours.length] : "transparent");
    row.words = [run.label, run.variant_label, run.status, run.config.recipe, ...run.tags].join(" ").toLowerCase();
    setText(row.name, `#${run.id}  ${run.name || run.variant_label}`);
    if (row.tags.dataset.tags !== JSON.stringify(run.tags)) {
      row.tags.dataset.tags = JSON.stringify(run.tags);
      row.tags.replaceChildren(...run.tags.map((tag) => element("span", "run-tag", tag)));
    }
    row.title.title = `${run.variant_label}, recipe ${run.config.recipe}, ${run.config.image_size} px, seed ${run.config.seed}`;
    setText(row.status, run.status);
    row.status.dataset.status = run.status;
    row.fill.style.width = `${(run.progress * 100).toFixed(1)}%`;
    row.bar.setAttribute("aria-label", `Progress of run ${run.id}`);
    row.bar.setAttribute("aria-valuenow", Math.round(run.progress * 100));
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
    const epochs = `epoch ${run.epochs_done}/${run.config.epochs}${run.is_active && run.stop_after_epoch ? ", stops after this one" : ""}`;
    return [epochs, left || (run.elapsed ? duration(run.elapsed) : ""), speed].filter(Boolean).join(" · ");
  }

  close() { feed.leave(this); }
}

export default component(RunList);

// One row of the list of runs: a run, or a group of runs. Joined in front of run_list.js.
// The status of a group is the first of these that any of its runs has.
const GROUP_STATUS = ["running", "stopping", "queued", "failed", "lost", "stopped", "finished"];

class RunRow {
  // `toggle` chooses the row or lets it go; `report` says why an action was refused.
  constructor(toggle, report) {
    this.report = report;
    this.item = element("div", "run-item");
    this.root = this.item.appendChild(element("button", "run-row"));
    this.root.type = "button";
    this.root.addEventListener("click", toggle);
    for (const name of ["dot", "title", "status", "bar", "facts", "best"]) {
      this[name] = this.root.appendChild(element("span", `run-${name}`));
    }
    this.bar.setAttribute("role", "progressbar");
    this.fill = this.bar.appendChild(element("span", "run-fill"));
    this.name = this.title.appendChild(element("span", "run-name"));
    this.tags = this.title.appendChild(element("span", "run-tags"));
    this.extra = this.root.appendChild(element("span", "run-extra"));
    this.words = ""; // what a filter looks at
  }

  // Marks the row as chosen or not, in its colour.
  mark(chosen, colour) {
    this.root.setAttribute("aria-pressed", String(chosen));
    this.root.style.setProperty("--run-colour", colour);
    this.colour = colour;
  }

  // `position` is the place in the queue of `queued` runs, from 1; 0 for a run that is not queued. `move(by, button)` moves it.
  showRun(run, { inGroup, position, queued, move }) {
    const { seed, fold, folds } = run.config, which = `seed ${seed}${folds > 1 ? `, fold ${fold} of ${folds}` : ""}`;
    this.group = run.group;
    this.item.classList.toggle("run-member", inGroup);
    this.archived = run.archived;
    this.item.classList.toggle("run-archived", run.archived);
    const { label, variant_label, status, dataset, host, config } = run;
    this.words = [label, variant_label, status, dataset, host, config.recipe, ...run.tags].join(" ").toLowerCase();
    setText(this.name, `#${run.id}  ${run.name || run.variant_label}`);
    this.tag([...(inGroup ? [which] : []), ...run.tags]);
    this.title.title = `${run.variant_label}, recipe ${run.config.recipe}, ${run.config.image_size} px, ${which}`;
    const stops = run.status === "running" && run.stop_after_epoch;
    this.progress(stops ? "stopping" : run.status, run.progress, `run ${run.id}`);
    if (position && !window.lesionlabViewer) {
      this.moves ??= this.makeMoves(run.id, move);
      const [forward, back] = this.moves.children;
      forward.disabled = position === 1;
      back.disabled = position === queued;
    }
    if (this.moves) this.moves.hidden = !position;
    this.offer(offersOf(run, {
      later: ["Stop after epoch", `Stop run ${run.id} after its epoch`],
      keep: ["Keep going", `Keep run ${run.id} going`],
      stop: ["Stop", `Stop run ${run.id}`],
      remove: ["Remove", `Remove run ${run.id} from the queue`],
      resume: ["Resume", `Resume run ${run.id}`],
    }));
    setText(this.facts, factsOf(run, position));
    setText(this.best, run.best_iou == null ? "–" : run.best_iou.toFixed(3));
    this.best.title = "Best validation IoU, at network resolution";
  }

  // `members` are the runs of the group; `unfold` shows or hides their rows.
  showGroup(id, members, { isOpen, unfold }) {
    const [first] = members, { config } = first;
    this.archived = members.every((run) => run.archived);
    this.item.classList.toggle("run-archived", this.archived);
    const unit = members.some((run) => run.config.fold !== config.fold) ? "folds" : "seeds";
    this.opener ??= this.makeOpener(id, unfold);
    setText(this.opener, isOpen ? "▾" : "▸");
    this.opener.setAttribute("aria-expanded", String(isOpen));
    setText(this.name, `Group ${id}  ${first.name || first.variant_label}`);
    const of = unit === "folds" && members.length < config.folds ? ` of ${config.folds}` : "";
    this.tag([`${members.length}${of} ${unit}`, ...first.tags]);
    this.title.title = `${first.variant_label}, recipe ${config.recipe}, ${config.image_size} px, ${members.length} ${unit}`;
    const status = GROUP_STATUS.find((one) => members.some((run) => run.status === one));
    this.progress(status, members.reduce((sum, run) => sum + run.progress, 0) / members.length, `group ${id}`);
    this.offer(offersOfGroup(id, members));
    setText(this.facts, `${members.filter((run) => run.status === "finished").length} of ${members.length} finished`);
    const known = members.map((run) => run.best_iou).filter((iou) => iou != null);
    const mean = known.reduce((sum, iou) => sum + iou, 0) / known.length;
    setText(this.best, known.length ? mean.toFixed(3) : "–");
    const range = known.length > 1 ? `; ${Math.min(...known).toFixed(3)} to ${Math.max(...known).toFixed(3)}` : "";
    this.best.title = `Mean best validation IoU of ${known.length} runs, at network resolution${range}`;
    return unit;
  }

  // Shows the columns that the visitor chose, of a run or of the runs of a group.
  showColumns(columns, runs) {
    for (const name of DRAWN_BY_ROW) this[name].hidden = !columns.chosen.columns.includes(name);
    if (this.extraNames !== columns.extra.join()) {
      this.extraNames = columns.extra.join();
      this.extra.replaceChildren(...columns.extra.map((name) => {
        const cell = element("span", "run-cell");
        cell.dataset.title = COLUMNS[name].title;
        return cell;
      }));
    }
    columns.extra.forEach((name, place) => {
      const text = textOf(name, runs), cell = this.extra.children[place];
      setText(cell, text);
      if (cell.title !== text) cell.title = text;
    });
  }

  // The place of the buttons, to the right of the row.
  get side() {
    return this.place ??= this.item.appendChild(element("span", "run-side"));
  }

  // Buttons are made for rows that have an action alone.
  offer(offers) {
    if (!this.buttons && !offers.length) return;
    this.buttons ??= new RunButtons(this.side, this.report);
    this.buttons.show(offers);
  }

  makeOpener(id, unfold) {
    const opener = element("button", "run-opener");
    opener.type = "button";
    opener.setAttribute("aria-label", `Runs of group ${id}`);
    opener.addEventListener("click", unfold);
    this.item.prepend(opener);
    return opener;
  }

  // Made for queued runs alone: hundreds of others need no buttons.
  makeMoves(id, move) {
    const moves = element("span", "run-moves");
    this.side.prepend(moves);
    for (const [by, sign, words] of [[-1, "↑", "forward"], [1, "↓", "back"]]) {
      const button = moves.appendChild(element("button", "", sign));
      button.type = "button";
      button.title = `Move ${words} in the queue`;
      button.setAttribute("aria-label", `Move run ${id} ${words} in the queue`);
      button.addEventListener("click", () => move(by, button));
    }
    return moves;
  }

  tag(tags) {
    if (this.tags.dataset.tags === JSON.stringify(tags)) return;
    this.tags.dataset.tags = JSON.stringify(tags);
    this.tags.replaceChildren(...tags.map((tag) => element("span", "run-tag", tag)));
  }

  progress(status, share, name) {
    setText(this.status, status);
    this.status.dataset.status = status;
    this.fill.style.width = `${(share * 100).toFixed(1)}%`;
    this.bar.setAttribute("aria-label", `Progress of ${name}`);
    this.bar.setAttribute("aria-valuenow", Math.round(share * 100));
  }
}

function factsOf(run, position) {
  if (position) return position === 1 ? "next in the queue" : `number ${position} in the queue`;
  const stops = run.is_active && run.stop_after_epoch ? ", stopping after this one" : "";
  if (run.phase === "preparing" && run.is_active) return `${run.message}${stops && ", stops after its first epoch"}`;
  const left = run.eta_seconds != null && run.is_active ? `${duration(run.eta_seconds)} left` : "";
  const speed = run.images_per_second ? `${run.images_per_second.toFixed(1)} images/s` : "";
  const epochs = `epoch ${run.epochs_done}/${run.config.epochs}${stops}`;
  return [epochs, left || (run.elapsed ? duration(run.elapsed) : ""), speed].filter(Boolean).join(" · ");
}

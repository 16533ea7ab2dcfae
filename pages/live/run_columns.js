// The columns of the list of runs, and its order: what the visitor chose, kept in this browser. Joined in front of run_list.js.
const score = (value) => value?.toFixed(3) ?? "";
const day = (seconds) =>
  new Date(seconds * 1000).toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

// By name: the title, the value to sort by, its text, and the width as in `grid-template-columns`. A group has the mean of the
// numbers of its runs, and the text of the first. The first four are drawn by the row itself.
const COLUMNS = {
  status: { title: "Status", of: (run) => run.status, width: "5.5rem" },
  bar: { title: "Progress", of: (run) => run.progress, width: "9rem" },
  facts: { title: "Epochs and time", of: (run) => run.epochs_done, width: "minmax(14.5rem, 18rem)" },
  best: { title: "Best IoU", of: (run) => run.best_iou, width: "4.6rem" },
  best_dice: { title: "Best Dice", of: (run) => run.best_dice, text: score, width: "4.8rem" },
  last_iou: { title: "Last IoU", of: (run) => run.last_iou, text: score, width: "4.6rem" },
  last_dice: { title: "Last Dice", of: (run) => run.last_dice, text: score, width: "4.8rem" },
  best_epoch: { title: "Best epoch", of: (run) => run.best_epoch, text: (epoch) => epoch?.toFixed(0) ?? "", width: "5.6rem" },
  elapsed: { title: "Duration", of: (run) => run.elapsed, text: duration, width: "6rem" },
  left: { title: "Time left", of: (run) => (run.is_active ? run.eta_seconds : null), text: duration, width: "6rem" },
  variant: { title: "Variant", of: (run) => run.variant_label, width: "9rem" },
  recipe: { title: "Recipe", of: (run) => run.config.recipe, width: "4.5rem" },
  dataset: { title: "Dataset", of: (run) => run.dataset, width: "8rem" },
  size: { title: "Pixels", of: (run) => run.config.image_size, text: (size) => size?.toFixed(0) ?? "", width: "4rem" },
  seed: { title: "Seed", of: (run) => run.config.seed, text: (seed) => seed?.toFixed(0) ?? "", width: "4rem" },
  host: { title: "Machine", of: (run) => run.host ?? "", width: "7rem" },
  created: { title: "Added", of: (run) => run.created, text: day, width: "8rem" },
};
const DRAWN_BY_ROW = ["status", "bar", "facts", "best"];
const CHOICE = "lesionlab-run-columns";

// The value of a column for a run, or for the runs of a group: their mean, or what the first of them has.
function valueOf(column, runs) {
  const values = runs.map(COLUMNS[column].of).filter((value) => value != null && value !== "");
  if (!values.length) return null;
  return typeof values[0] === "number" ? values.reduce((sum, value) => sum + value, 0) / values.length : values[0];
}

const textOf = (column, runs) => {
  const value = valueOf(column, runs), { text } = COLUMNS[column];
  return value === null ? "" : text ? text(value) : value;
};

// Sorts entries by their `value`; what has none comes last in either direction. Equal ones keep their order.
function sortedBy(entries, down) {
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b);
  return entries.toSorted(({ value: a }, { value: b }) =>
    a === null || b === null ? (a === null) - (b === null) : down ? compare(b, a) : compare(a, b)
  );
}

// The bar above the list: which columns it has, by which it is sorted, and whether archived runs are in it. `changed` redraws it.
class RunColumns {
  constructor(changed) {
    this.changed = changed;
    this.chosen = { columns: DRAWN_BY_ROW, by: "", down: true, archived: false, ...this.kept() };
    this.menu = element("details", "run-menu");
    this.menu.append(element("summary", "", "Columns"));
    this.menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.menu.open) return;
      this.menu.open = false;
      this.menu.firstChild.focus();
    });
    document.addEventListener("pointerdown", (event) => {
      if (!this.menu.contains(event.target)) this.menu.open = false;
    });
    this.head = element("div", "run-head");
    this.fillMenu();
    this.draw();
  }

  kept() {
    try {
      const kept = JSON.parse(localStorage.getItem(CHOICE)) ?? {};
      if (kept.columns) kept.columns = kept.columns.filter((name) => name in COLUMNS);
      if (kept.by && !(kept.by in COLUMNS)) kept.by = "";
      return kept;
    } catch {
      return {};
    }
  }

  set(values) {
    Object.assign(this.chosen, values);
    localStorage.setItem(CHOICE, JSON.stringify(this.chosen));
    this.draw();
    this.changed();
  }

  get extra() {
    return this.chosen.columns.filter((name) => !DRAWN_BY_ROW.includes(name));
  }

  fillMenu() {
    const box = this.menu.appendChild(element("div", "run-menu-box"));
    const order = box.appendChild(element("label", "", "Sort by "));
    this.order = order.appendChild(element("select", ""));
    this.order.append(new Option("The queue, then the newest", ""));
    for (const [name, { title }] of Object.entries(COLUMNS)) this.order.append(new Option(title, name));
    this.order.addEventListener("change", () => this.sort(this.order.value, true));
    this.direction = this.tick(box, "Descending", () => this.set({ down: this.direction.checked }));
    this.archived = this.tick(box, "Show archived runs", () => this.set({ archived: this.archived.checked }));
    const columns = box.appendChild(element("fieldset", ""));
    columns.append(element("legend", "", "Columns"));
    this.ticks = Object.entries(COLUMNS).map(([name, { title }]) => {
      const tick = this.tick(columns, title, () => this.show(name, tick.checked));
      return [name, tick];
    });
  }

  tick(parent, title, changed) {
    const label = parent.appendChild(element("label", ""));
    const tick = label.appendChild(Object.assign(element("input", ""), { type: "checkbox" }));
    label.append(title);
    tick.addEventListener("change", changed);
    return tick;
  }

  show(name, shown) {
    this.set({ columns: Object.keys(COLUMNS).filter((one) => (one === name ? shown : this.chosen.columns.includes(one))) });
  }

  sort(by, down) {
    this.set({ by, down });
  }

  draw() {
    const { columns, by, down, archived } = this.chosen;
    for (const [name, tick] of this.ticks) tick.checked = columns.includes(name);
    this.order.value = by;
    [this.direction.checked, this.direction.disabled, this.archived.checked] = [down, !by, archived];
    this.head.replaceChildren(
      element("span", ""),
      element("span", "", "Run"),
      ...columns.map((name) => {
        const { title } = COLUMNS[name], sorts = name === by, button = element("button", `run-sort run-sort-${name}`, title);
        button.type = "button";
        button.title = `Sort by ${title}`;
        if (sorts) button.dataset.sorted = down ? "down" : "up";
        button.setAttribute("aria-label", `Sort by ${title}${sorts ? (down ? ", now descending" : ", now ascending") : ""}`);
        // Down, then up, then as it was.
        button.addEventListener("click", () => (sorts && !down ? this.sort("", true) : this.sort(name, !sorts)));
        return button;
      }),
    );
    this.widths = columns.map((name) => COLUMNS[name].width).join(" ");
  }
}

// The masks of a collection's photographs, one after the other, to correct and to save. Every save is a version; leaving a
// photograph saves what was changed.
const TOOLS = {
  brush: ["Brush", "b"],
  eraser: ["Eraser", "e"],
  polygon: ["Polygon", "p"],
  cut: ["Cut out", "c"],
  move: ["Move", "v"],
};
const EDITS = {
  fillHoles: ["Fill holes", "f"],
  keepLargest: ["Largest only", "l"],
  grow: ["Grow", "."],
  shrink: ["Shrink", ","],
};
const STATES = { saved: "saved", proposed: "proposed by a model", empty: "no mask yet", excluded: "left out" };
const IDLE_MS = 30_000; // a pause longer than this is not time spent on a mask

class MaskEditor {
  constructor(parent) {
    this.root = parent.querySelector(".mask-editor") ?? parent.appendChild(element("div", "mask-editor"));
    this.root.replaceChildren();
    this.spent = { ms: 0, last: null };
    this.top = this.root.appendChild(element("div", "mask-bar"));
    this.back = this.button(this.top, "Previous", "Page Up", () => this.step(-1));
    this.next = this.button(this.top, "Next", "Page Down", () => this.step(1));
    this.says = this.top.appendChild(element("span", "mask-says editor-name"));
    this.author = this.field(this.top, "Your name");
    this.saver = this.button(this.top, "Save", "s", () => this.save());
    this.nexter = this.button(this.top, "Save and next", "Enter", () => this.step(1, true));
    this.nexter.classList.add("editor-main");
    this.bar();
    this.canvas = new MaskCanvas(this.root, { changed: () => this.changed(), resized: (radius) => this.sized(radius) });
    this.canvas.frame.setAttribute(
      "aria-label",
      "The photograph with its mask. Arrow keys move the brush, Space puts it down and lifts it",
    );
    this.note = this.root.appendChild(element("p", "mask-note"));
    this.note.setAttribute("role", "status");
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.root.addEventListener("pointermove", () => this.spend());
    this.leaving = (event) => this.isChanged && event.preventDefault();
    window.addEventListener("beforeunload", this.leaving);
    this.choose("brush");
  }

  bar() {
    const bar = this.root.appendChild(element("div", "mask-bar editor-tools"));
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", "Tools");
    const group = (name) => {
      const part = bar.appendChild(element("div", "mask-styles"));
      part.setAttribute("role", "group");
      part.setAttribute("aria-label", name);
      return part;
    };
    const tools = group("Draw"), edits = group("Change the mask"), steps = group("Steps"), zoom = group("Zoom");
    this.tools = Object.entries(TOOLS).map((
      [tool, [text, key]],
    ) => [tool, this.button(tools, text, key, () => this.choose(tool))]);
    for (const [edit, [text, key]] of Object.entries(EDITS)) {
      this.button(edits, text, key, () => this.canvas.edit((mask) => mask[edit]()));
    }
    this.undo = this.button(steps, "Undo", "Control+Z", () => this.canvas.edit((mask) => mask.undo()));
    this.redo = this.button(steps, "Redo", "Control+Y", () => this.canvas.edit((mask) => mask.redo()));
    this.button(zoom, "−", "-", () => this.canvas.zoom(1 / 1.5), "Zoom out");
    this.button(zoom, "+", "+", () => this.canvas.zoom(1.5), "Zoom in");
    this.button(zoom, "Whole", "0", () => this.canvas.fit(), "Show the whole photograph");
    this.hider = this.button(zoom, "Hide mask", "h", () => this.hide());
    const begin = this.root.appendChild(element("div", "mask-bar"));
    const from = begin.appendChild(element("div", "mask-styles"));
    from.setAttribute("role", "group");
    from.setAttribute("aria-label", "Begin again with");
    from.append(element("span", "mask-says", "Begin again:"));
    this.starts = ["empty", "saved", "model"].map((start) => [
      start,
      this.button(from, { empty: "Empty", saved: "As saved", model: "The model's mask" }[start], "", () => this.begin(start)),
    ]);
    [this.slider, this.sizeSays] = maskSlider(begin, { min: 0, max: 1, step: "any" }, "Size of the brush", (share) => {
      if (!this.canvas.mask) return;
      this.canvas.radius = Math.max(1, Math.round(this.canvas.mostRadius ** share));
      this.sized(this.canvas.radius);
    });
    [this.level, this.levelSays] = maskSlider(begin, { min: 0.01, max: 0.99, step: 0.01 }, "Threshold of the model", (level) => {
      this.snap(level);
    });
    setText(this.sizeSays, "Size");
    this.level.addEventListener("change", () => this.snapped());
  }

  button(bar, text, key, act, name = text) {
    const button = bar.appendChild(element("button", "", text));
    button.type = "button";
    button.setAttribute("aria-label", name);
    if (key) {
      button.title = `${name} (${key})`;
      button.setAttribute("aria-keyshortcuts", key.replace("Page ", "Page"));
    }
    button.addEventListener("click", () => button.getAttribute("aria-disabled") !== "true" && act());
    return button;
  }

  // A text that this browser remembers.
  field(bar, name) {
    const label = bar.appendChild(element("label", "editor-field", name)), key = "lesionlab-author";
    const input = label.appendChild(Object.assign(document.createElement("input"), { type: "text", maxLength: 60 }));
    input.value = localStorage.getItem(key) ?? "";
    input.addEventListener("change", () => {
      localStorage.setItem(key, input.value);
      this.tell("author", input.value);
    });
    return input;
  }

  // `data` holds the collection's name, its items in the order to go through them, the model that proposes, and what viewers are
  // told, who may not save.
  show(data, setStateValue) {
    this.data = data;
    this.tell = setStateValue;
    this.base = `/api/collections/${encodeURIComponent(data.name)}`;
    const ids = data.items.map(({ id }) => id);
    const at = ids.indexOf(data.opened !== this.opened ? data.opened ?? this.id : this.id);
    this.opened = data.opened;
    if (ids[Math.max(0, at)] !== this.id) this.open(Math.max(0, at));
    else {
      this.at = Math.max(0, at); // others may have been added before it
      const isOlder = this.isReady && this.item.versions > this.facts.version; // someone saved it, or went back to a version
      if (isOlder && !this.isChanged) this.open(this.at);
    }
    this.label();
  }

  get item() {
    return this.data.items[this.at];
  }

  async open(at) {
    const turn = (this.turn = {}),
      { items, model } = this.data,
      { id } = items[at],
      item = `${this.base}/${encodeURIComponent(id)}`;
    if (!this.isReady || this.data.viewer) this.tellUser(""); // that the one before could not be shown, or saved
    Object.assign(this, { at, id, isChanged: false, isReady: false, spent: { ms: 0, last: null } });
    this.canvas.empty(); // what is drawn meanwhile would belong to the photograph before
    this.setLevel(model?.threshold ?? 0.5);
    this.label();
    try {
      const predicting = model && pixels(`${item}/probability.png?model=${encodeURIComponent(model.key)}`);
      predicting?.catch(() => {}); // where the photograph cannot be read either, that is what is told
      const [facts, photo] = await Promise.all([
        answerOf(item).then((answer) => answer.json()),
        answerOf(`${item}/photo.jpg`).then((answer) => answer.blob()).then(createImageBitmap),
      ]);
      const probability = await predicting;
      const kept = facts.version ? `?version=${facts.version}` : "";
      const saved = facts.version || facts.proposal ? await maskPixels(`${item}/mask.png${kept}`) : null;
      if (turn !== this.turn || this.closed) return photo.close();
      Object.assign(this, { facts, saved, probability: probability && greyOf(probability), isReady: true });
      const start = saved ? "saved" : model ? "model" : "empty";
      await this.canvas.open(photo, new DrawnMask(facts.width, facts.height, this.startOf(start)));
      this.beganAs = this.nameOf(start);
    } catch (error) {
      if (turn !== this.turn) return;
      this.tellUser(`${id} cannot be shown: ${error.message}`);
      this.tell("at", id); // below, it can be left out
      return;
    }
    this.sized(this.canvas.radius);
    this.label();
    Object.assign(this.canvas.frame.dataset, { collection: this.data.name, opened: id });
    this.tell("author", this.author.value);
    this.tell("at", id);
  }

  startOf(start, level = this.data.model?.threshold) {
    const { width, height } = this.facts;
    if (start === "saved") return this.saved.slice();
    return start === "model" ? maskAtLevel(this.probability, width, height, level * 255) : new Uint8Array(width * height);
  }

  nameOf(start, level = this.data.model?.threshold) {
    if (start === "saved") return this.facts.version ? `version ${this.facts.version}` : `model ${this.facts.proposal}`;
    return start === "model" ? `model ${this.data.model.key} at ${level.toFixed(2)}` : "empty";
  }

  begin(start) {
    this.canvas.edit((mask) => mask.replace(this.startOf(start)));
    this.beganAs = this.nameOf(start);
    if (start === "model") this.setLevel(this.data.model.threshold);
  }

  // Shows the mask of a threshold while the slider moves; when it is let go, that is an edit.
  snap(level) {
    if (!this.canvas.mask) return;
    const { width, height } = this.canvas.mask, shrink = Math.min(1, 1000 / Math.max(width, height));
    const size = [width, height].map((side) => Math.max(1, Math.round(side * shrink)));
    this.canvas.showPreview({ width: size[0], height: size[1], data: maskAtLevel(this.probability, ...size, level * 255) });
    setText(this.levelSays, `Threshold ${level.toFixed(2)}`);
  }

  snapped() {
    if (!this.canvas.mask) return;
    const level = Number(this.level.value);
    this.canvas.edit((mask) => mask.replace(this.startOf("model", level)));
    this.canvas.draw();
    this.beganAs = this.nameOf("model", level);
  }

  setLevel(level) {
    this.level.value = level;
    setText(this.levelSays, `Threshold ${level.toFixed(2)}`);
  }

  sized(radius) {
    if (this.canvas.mask) this.slider.value = Math.log(radius) / Math.log(this.canvas.mostRadius);
    setText(this.sizeSays, `Size ${2 * radius} px`);
    this.canvas.drawMarks();
  }

  choose(tool) {
    this.canvas.choose(tool);
    for (const [each, button] of this.tools) button.setAttribute("aria-pressed", String(each === tool));
  }

  hide() {
    this.canvas.show(!this.canvas.isShown);
    this.hider.setAttribute("aria-pressed", String(!this.canvas.isShown));
  }

  changed() {
    if (this.data.viewer) this.tellUser(this.data.viewer);
    else this.isChanged = true;
    this.spend();
    this.label();
  }

  spend() {
    const now = performance.now();
    if (this.spent.last !== null) this.spent.ms += Math.min(IDLE_MS, now - this.spent.last);
    this.spent.last = now;
  }

  // Writes what belongs to the photograph that is open.
  label() {
    const { items } = this.data, { id, state } = this.item;
    const done = items.filter((each) => each.state === "saved").length;
    setText(
      this.says,
      `${id} · ${this.at + 1} of ${items.length} · ${done} with a saved mask · ${STATES[state]}${
        this.isChanged ? ", changed" : ""
      }`,
    );
    this.says.dataset.version = this.isReady ? this.facts.version : "";
    const off = (button, isOff) => button.setAttribute("aria-disabled", String(Boolean(isOff)));
    off(this.back, this.at === 0);
    off(this.next, this.at === items.length - 1);
    const mayNot = !this.isReady || this.data.viewer;
    off(this.saver, mayNot);
    off(this.nexter, mayNot);
    const saves = this.isReady && !this.isChanged && state !== "saved" ? "Accept" : "Save";
    setText(this.saver, saves);
    this.saver.setAttribute("aria-label", saves);
    const mask = this.canvas.mask;
    off(this.undo, !mask?.done.length);
    off(this.redo, !mask?.undone.length);
    for (const [start, button] of this.starts) button.hidden = { saved: !this.saved, model: !this.data.model }[start] ?? false;
    this.level.parentElement.hidden = !this.data.model;
  }

  // Goes to another photograph; what was changed is saved before.
  async step(by, isDone = false) {
    const to = this.at + by;
    if ((isDone || this.isChanged) && !await this.save(isDone)) return;
    if (this.data.items[to]) this.open(to);
    else if (isDone) this.tellUser("This was the last photograph.");
  }

  // Saves the mask as a version; one that is as it was saved last is not saved again, unless it is accepted.
  async save(isDone = false) {
    if (!this.isReady || this.data.viewer) return !this.isChanged;
    if (!this.isChanged && this.item.state === "saved") {
      if (!isDone) this.tellUser("Nothing has changed since it was saved.");
      return true;
    }
    this.canvas.lift();
    this.spend();
    const { mask } = this.canvas, { item, facts } = this, done = mask.done.length;
    const query = new URLSearchParams({
      base: facts.version,
      began_as: this.beganAs,
      seconds: (this.spent.ms / 1000).toFixed(1),
      author: this.author.value,
    });
    const address = `${this.base}/${encodeURIComponent(item.id)}?${query}`;
    let version;
    try {
      version =
        await (await answerOf(address, { method: "POST", body: await pngOf(mask), headers: { "Content-Type": "image/png" } }))
          .json();
    } catch (error) {
      this.tellUser(`${item.id} is not saved: ${error.message}`);
      return false;
    }
    item.state = "saved";
    if (facts === this.facts) {
      facts.version = version.number;
      Object.assign(this, { saved: mask.data.slice(), spent: { ms: 0, last: null }, beganAs: `version ${version.number}` });
      this.isChanged = mask.done.length !== done; // drawn on while it was sent
      this.label();
    }
    const others = version.meanwhile.map((author) => author || "someone").join(", ");
    const meanwhile = version.conflict ? ` Meanwhile ${others} saved another; both are kept, see the versions below.` : "";
    this.tellUser(`${item.id}: saved as version ${version.number}.${meanwhile}`);
    this.tell("saved", `${item.id} ${version.number}`);
    return true;
  }

  tellUser(text) {
    this.note.textContent = text;
  }

  press(event) {
    const { key, shiftKey } = event, canvas = this.canvas, inCanvas = canvas.mask && event.target === canvas.frame;
    if (event.altKey || event.target.matches("input")) return;
    const withControl = { z: () => (shiftKey ? this.redo : this.undo).click(), y: () => this.redo.click(), s: () => this.save() };
    const onCanvas = {
      ArrowLeft: () => canvas.step(-1, 0, shiftKey),
      ArrowRight: () => canvas.step(1, 0, shiftKey),
      ArrowUp: () => canvas.step(0, -1, shiftKey),
      ArrowDown: () => canvas.step(0, 1, shiftKey),
      " ": () => canvas.space(),
      Enter: () => canvas.corners.length ? canvas.close() : this.step(1, true),
    };
    const anywhere = {
      Escape: () => canvas.choose(canvas.tool),
      Backspace: () => canvas.dropCorner(),
      "[": () => canvas.size(1 / 1.15),
      "]": () => canvas.size(1.15),
      "+": () => canvas.zoom(1.5),
      "-": () => canvas.zoom(1 / 1.5),
      0: () => canvas.fit(),
      h: () => this.hide(),
      s: () => this.save(),
      PageUp: () => this.step(-1),
      PageDown: () => this.step(1),
      ...Object.fromEntries(Object.entries(TOOLS).map(([tool, [, letter]]) => [letter, () => this.choose(tool)])),
      ...Object.fromEntries(
        Object.entries(EDITS).map(([edit, [, letter]]) => [letter, () => canvas.edit((mask) => mask[edit]())]),
      ),
    };
    const act = event.ctrlKey || event.metaKey
      ? withControl[key.toLowerCase()]
      : (inCanvas && onCanvas[key]) || anywhere[key.length === 1 ? key.toLowerCase() : key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has keys of its own
    this.spend();
    act();
  }

  close() {
    this.closed = true;
    window.removeEventListener("beforeunload", this.leaving);
    if (this.isChanged) this.save().finally(() => this.canvas.destroy());
    else this.canvas.destroy();
  }
}

// Asks the app; where it refuses, its own sentence is the error.
async function answerOf(path, options) {
  const answer = await fetch(address(path), options);
  if (answer.ok) return answer;
  const { detail } = await answer.json().catch(() => ({}));
  throw new Error(detail ?? `the app answered ${answer.status}.`);
}

// One byte for each pixel of a grey picture.
function greyOf({ width, height, data }) {
  return { width, height, data: Uint8Array.from({ length: width * height }, (_, at) => data[4 * at]) };
}

async function maskPixels(url) {
  return maskOf(await fetchPixels(url), 128);
}

// The mask as a PNG of black and white.
function pngOf({ width, height, data }) {
  const canvas = new OffscreenCanvas(width, height), image = new ImageData(width, height);
  const ink = new Uint32Array(image.data.buffer);
  for (let at = 0; at < data.length; at++) ink[at] = data[at] ? 0xffffffff : 0xff000000;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

export default component(MaskEditor);

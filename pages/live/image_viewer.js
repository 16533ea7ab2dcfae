// One large photograph: all outlines in one picture, then errors and probabilities of each model. All pictures zoom and move
// together. A photograph that is clicked elsewhere lifts the view above the page.
const MOST_ZOOM = 12;
const STYLE_NAMES = { errors: "Errors", heat: "Probability" };

class ImageViewer {
  constructor(parent) {
    this.spot = parent.querySelector(".viewer-place") ?? parent.appendChild(element("div", "viewer-place"));
    this.root = element("div", "image-viewer");
    this.spot.replaceChildren(this.root);
    this.dialog = parent.querySelector(".viewer-dialog") ?? parent.appendChild(element("dialog", "viewer-dialog"));
    this.dialog.setAttribute("aria-label", "Photograph, large");
    this.listening = new AbortController();
    const { signal } = this.listening;
    window.addEventListener(OPENED, (event) => this.lift(event.detail), { signal });
    this.dialog.addEventListener("close", () => this.land(), { signal });
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close(), { signal });
    this.root.tabIndex = 0;
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "One photograph, large: the arrow keys step through them, plus and minus zoom");
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.view = { zoom: 1, x: 0, y: 0 };
    const bar = this.root.appendChild(element("div", "mask-bar"));
    this.back = this.button(bar, "Previous", () => this.step(-1));
    this.next = this.button(bar, "Next", () => this.step(1));
    this.says = bar.appendChild(element("span", "mask-says viewer-name"));
    this.says.setAttribute("aria-live", "polite");
    const zoom = bar.appendChild(element("div", "mask-styles"));
    this.button(zoom, "−", () => this.zoom(1 / 1.5), "Zoom out");
    this.button(zoom, "+", () => this.zoom(1.5), "Zoom in");
    this.whole = this.button(zoom, "Whole", () => this.zoom(0), "Show the whole photograph");
    this.button(bar, "Save as PNG", () => this.save());
    this.button(bar, "Enlarge", () => this.lift(this.shown)).classList.add("viewer-enlarge");
    this.button(bar, "Close", () => this.dialog.close()).classList.add("viewer-close");
    this.explain = maskLegend(this.root);
    this.grid = this.root.appendChild(element("div", "viewer-grid"));
  }

  button(bar, text, act, name = text) {
    const button = bar.appendChild(element("button", "", text));
    button.type = "button";
    button.setAttribute("aria-label", name);
    button.addEventListener("click", act);
    return button;
  }

  show(data) {
    this.data = data;
    this.explain("errors", "heat", ...(data.photos.experts.includes(true) ? ["agreement"] : []));
    this.at = Math.max(0, data.photos.ids.indexOf(this.chosen)); // what the visitor chose may have moved in the order
    this.layOut();
    this.draw();
  }

  // Shows a photograph above the page, with the focus, so that the arrow keys step on from it.
  lift(id) {
    this.at = Math.max(0, this.data.photos.ids.indexOf(id));
    this.chosen = id;
    this.draw();
    if (!this.dialog.open) {
      this.spot.style.minHeight = `${this.spot.offsetHeight}px`; // the page below keeps its place
      this.dialog.append(this.root);
      this.dialog.showModal();
    }
    this.root.focus();
  }

  land() {
    this.spot.append(this.root);
    this.spot.style.minHeight = "";
  }

  layOut() {
    const plan = JSON.stringify(this.data.models);
    if (plan === this.plan) return;
    this.plan = plan;
    this.grid.replaceChildren();
    this.grid.style.setProperty("--models", this.data.models.length);
    const { models } = this.data, places = [...models.keys()];
    const kinds = [["outline", null], ...places.map((place) => ["errors", place]), ...places.map((place) => ["heat", place])];
    this.panels = kinds.map(([style, place]) => {
      const panel = { style, place, ...maskFigure(this.grid, models[place]?.colour) };
      panel.frame = element("div", "viewer-frame");
      panel.figure.prepend(panel.frame);
      panel.frame.append(panel.canvas);
      panel.figure.classList.toggle("viewer-first", place === null);
      this.listen(panel.frame);
      return panel;
    });
  }

  listen(frame) {
    frame.addEventListener("wheel", (event) => {
      const factor = event.deltaY < 0 ? 1.2 : 1 / 1.2, atEnd = factor > 1 ? this.view.zoom === MOST_ZOOM : this.view.zoom === 1;
      if (atEnd || !this.root.contains(document.activeElement)) return; // then the wheel scrolls the page
      event.preventDefault();
      const box = frame.getBoundingClientRect();
      this.zoom(factor, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    }, { passive: false });
    frame.addEventListener("pointerdown", (event) => {
      this.root.focus({ preventScroll: true });
      if (this.view.zoom === 1) return;
      frame.setPointerCapture(event.pointerId);
      this.dragged = { x: event.clientX, y: event.clientY, from: { ...this.view } };
    });
    frame.addEventListener("pointermove", (event) => {
      if (!this.dragged) return;
      const box = frame.getBoundingClientRect(), { from } = this.dragged;
      this.place({
        ...from,
        x: from.x + (event.clientX - this.dragged.x) / box.width,
        y: from.y + (event.clientY - this.dragged.y) / box.height,
      });
    });
    for (const end of ["pointerup", "pointercancel"]) {
      frame.addEventListener(end, () => {
        this.dragged = null;
      });
    }
    frame.addEventListener("dblclick", () => this.zoom(0));
  }

  // Zooms by a factor around a point, given in shares of the frame; 0 shows the whole photograph.
  zoom(factor, atX = 0.5, atY = 0.5) {
    const { zoom, x, y } = this.view, next = factor ? Math.min(MOST_ZOOM, Math.max(1, zoom * factor)) : 1;
    this.place({ zoom: next, x: atX - (atX - x) * (next / zoom), y: atY - (atY - y) * (next / zoom) });
  }

  place({ zoom, x, y }) {
    const within = (shift) => Math.min(0, Math.max(1 - zoom, shift));
    this.view = { zoom, x: within(x), y: within(y) };
    const moved = `translate(${100 * this.view.x}%, ${100 * this.view.y}%) scale(${zoom})`;
    for (const { canvas, frame } of this.panels) {
      canvas.style.transform = moved;
      frame.classList.toggle("zoomed", zoom > 1);
    }
    this.whole.setAttribute("aria-disabled", String(zoom === 1));
  }

  press(event) {
    const act = {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      ArrowUp: () => this.step(-1),
      ArrowDown: () => this.step(1),
      Home: () => this.step(-Infinity),
      End: () => this.step(Infinity),
      "+": () => this.zoom(1.5),
      "-": () => this.zoom(1 / 1.5),
      0: () => this.zoom(0),
    }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  step(by) {
    const last = this.data.photos.ids.length - 1, at = Math.min(last, Math.max(0, this.at + by));
    if (at === this.at) return;
    this.at = at;
    this.chosen = this.data.photos.ids[at];
    this.draw();
  }

  draw() {
    const { photos, models } = this.data, id = photos.ids[this.at];
    this.shown = id;
    setText(this.says, `${id} · ${this.at + 1} of ${photos.ids.length}`);
    this.back.setAttribute("aria-disabled", String(this.at === 0)); // `disabled` would drop the focus
    this.next.setAttribute("aria-disabled", String(this.at === photos.ids.length - 1));
    const turn = (this.drawing = {});
    this.drawAll(turn).catch((error) => {
      this.says.textContent = `${id} cannot be shown; evaluate again.`;
      console.warn(error);
    });
    for (const { style, place, caption } of this.panels) {
      caption.replaceChildren(
        ...(place === null ? this.legend() : [
          element("span", "compare-name", `${STYLE_NAMES[style]} · ${models[place].label}`),
          element("span", "compare-score", scoreOf(photos.scores[this.at][place], photos.both_empty[this.at][place])),
        ]),
      );
    }
  }

  legend() {
    return [{ label: "Truth", colour: "#ffffff" }, ...this.data.models].map(({ label, colour }) => maskKey(label, colour));
  }

  async drawAll(turn) {
    const { photos, models, threshold } = this.data, bases = this.bases(this.at), id = photos.ids[this.at];
    const first = bases.find(Boolean);
    const [photo, truth, experts, ...masks] = await Promise.all([
      pixels(`${first}/photo.jpg`),
      pixels(`${first}/truth.png`),
      photos.experts[this.at] ? pixels(`${first}/experts.png`) : undefined,
      ...bases.map((base) => base ? pixels(`${base}/probability.png`) : undefined),
    ]);
    if (turn !== this.drawing || this.closed) return;
    const drawn = models.map(({ colour, threshold: own }, place) => ({
      mask: masks[place],
      colour,
      level: Math.max(1, Math.ceil((threshold ?? own) * 255)),
    }));
    for (const { style, place, canvas, frame } of this.panels) {
      frame.style.aspectRatio = `${photo.width} / ${photo.height}`;
      if (place === null) paint(canvas, { photo, truth, experts, outlines: drawn.filter(({ mask }) => mask) });
      else paint(canvas, { photo, truth, style, ...drawn[place] });
      canvas.setAttribute(
        "aria-label",
        place === null ? `${id} with every outline` : `${id}: ${STYLE_NAMES[style].toLowerCase()} of ${models[place].label}`,
      );
      canvas.dataset.drawn = `${id} ${style}`;
    }
    this.place(this.view);
    for (const near of [this.at + 1, this.at - 1]) this.fetchAhead(near);
  }

  // The addresses of a photograph's pictures, one for each model; null where it has none.
  bases(at) {
    const { keys, places } = this.data.photos;
    return (places[at] ?? []).map((place) => place && `/api/evaluations/${keys[place[0]]}/${place[1]}`);
  }

  fetchAhead(at) {
    const bases = this.bases(at), first = bases.find(Boolean);
    if (!first || at === this.at) return;
    for (
      const address of [
        `${first}/photo.jpg`,
        `${first}/truth.png`,
        ...bases.filter(Boolean).map((base) => `${base}/probability.png`),
      ]
    ) pixels(address).catch(() => {});
  }

  // Saves all pictures as one, unzoomed: the outlines, and beside them each model's errors above its probabilities.
  save() {
    if (!this.panels[0].canvas.dataset.drawn?.startsWith(`${this.shown} `)) return; // the next photograph is still loading
    const { width, height } = this.panels[0].canvas, gap = 10, head = 26, { models } = this.data;
    const size = { width: (models.length + 1) * (width + gap) + gap, height: 2 * (height + head + gap) + gap };
    const sheet = Object.assign(document.createElement("canvas"), size), context = sheet.getContext("2d");
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, sheet.width, sheet.height);
    context.fillStyle = "#1b2430";
    context.font = "15px system-ui, sans-serif";
    for (const { style, place, canvas, caption } of this.panels) {
      const left = gap + (place === null ? 0 : place + 1) * (width + gap),
        top = gap + (style === "heat" ? height + head + gap : 0);
      context.fillText([...caption.children].map((part) => part.textContent).filter(Boolean).join(" · "), left, top + 17, width);
      context.drawImage(canvas, left, top + head);
    }
    const link = Object.assign(document.createElement("a"), {
      href: sheet.toDataURL("image/png"),
      download: `${this.shown}.png`,
    });
    link.click();
  }

  close() {
    this.closed = true;
    this.listening.abort();
    this.dialog.close();
  }
}

export default component(ImageViewer);

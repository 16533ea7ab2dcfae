// Photographs with the masks of several models. The threshold slider redraws at once; the page is told when the slider rests.
const REST_MS = 200;
const STYLES = { outline: "Outline", fill: "Fill", errors: "Errors", probability: "Probability" };

class CompareView {
  constructor(parent) {
    this.root = parent.querySelector(".compare-view") ?? parent.appendChild(element("div", "compare-view"));
    this.root.replaceChildren();
    this.style = "outline";
    this.shared = new Shared();
    this.makeControls();
    this.explain = maskLegend(this.root);
    this.grid = this.root.appendChild(element("div", "mask-grid"));
  }

  makeControls() {
    const bar = this.root.appendChild(element("div", "mask-bar"));
    [this.slider, this.says] = maskSlider(
      bar,
      { min: 0.01, max: 0.99, step: 0.01 },
      "Threshold of all models",
      (threshold) => this.choose(threshold),
    );
    this.own = bar.appendChild(element("button", "", "Each model's own"));
    this.own.type = "button";
    this.own.title = "The threshold that is stored with each model";
    this.own.addEventListener("click", () => this.choose(null));
    this.markStyle = styleButtons(bar, STYLES, (style) => {
      this.style = style;
      this.draw();
    });
  }

  show(data, setStateValue) {
    this.models = data.models;
    this.photos = data.photos;
    this.setStateValue = setStateValue;
    if (this.shared.isNews(data.threshold) && !this.resting) this.threshold = data.threshold;
    this.layOut();
    this.draw();
  }

  choose(threshold) {
    this.threshold = threshold;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.resting = null;
      this.shared.told(this.threshold);
      this.setStateValue("threshold", this.threshold);
    }, REST_MS);
  }

  layOut() {
    const plan = JSON.stringify([this.photos.map((photo) => [photo.id, photo.masks]), this.models.map((model) => model.label)]);
    if (plan !== this.plan) {
      this.plan = plan;
      this.grid.style.setProperty("--columns", this.models.length + 1);
      this.grid.replaceChildren();
      this.cells = this.photos.flatMap((photo, row) => {
        const group = this.grid.appendChild(element("div", "mask-group"));
        group.addEventListener("click", () => openPhotograph(photo.id)); // the name below is a button, for the keyboard
        return [null, ...this.models].map((model, place) => ({ row, place: place - 1, ...maskFigure(group, model?.colour) }));
      });
    }
    for (const { row, place, caption } of this.cells) {
      const photo = this.photos[row];
      const name = place < 0
        ? Object.assign(element("button", "compare-name", photo.id), { type: "button", title: "Show it large" })
        : element("span", "compare-name", this.models[place].label);
      caption.replaceChildren(name);
      caption.append(
        element(
          "span",
          "compare-score",
          place < 0 ? "truth" : scoreOf(photo.scores[place], photo.both_empty[place]),
        ),
      );
    }
  }

  draw() {
    const own = this.threshold === null;
    this.slider.value = this.threshold ?? this.models[0]?.threshold ?? 0.5;
    this.says.textContent = own ? "Threshold: each model's own" : `Threshold ${this.threshold.toFixed(2)}`;
    this.own.setAttribute("aria-pressed", String(own));
    this.markStyle(this.style);
    this.explain(this.style, ...(this.photos.some(({ experts }) => experts) ? ["agreement"] : []));
    const turn = (this.drawing = {});
    for (const cell of this.cells) {
      this.drawCell(cell, turn).catch((error) => {
        cell.caption.textContent = "This picture cannot be shown; evaluate again.";
        console.warn(error);
      });
    }
  }

  async drawCell({ row, place, canvas }, turn) {
    const photo = this.photos[row], model = this.models[place], url = place < 0 ? null : photo.masks[place];
    const shares = place < 0 ? photo.experts : null;
    const [picture, truth, mask, experts] = await Promise.all([
      pixels(photo.photo),
      pixels(photo.truth),
      url ? pixels(url) : null,
      shares ? pixels(shares) : null,
    ]);
    if (turn !== this.drawing || this.closed) return;
    const level = Math.max(1, Math.ceil((this.threshold ?? model?.threshold ?? 0.5) * 255));
    paint(canvas, {
      photo: picture,
      truth,
      mask: mask ?? undefined,
      level,
      style: mask ? this.style : "outline",
      colour: model?.colour,
      experts: experts ?? undefined,
    });
    canvas.setAttribute("aria-label", model ? `${photo.id} with the mask of ${model.label}` : `${photo.id} with its true mask`);
    canvas.dataset.drawn = `${this.style} ${level}${experts ? " experts" : ""}`;
  }

  close() {
    this.closed = true;
    clearTimeout(this.resting);
  }
}

export default component(CompareView);

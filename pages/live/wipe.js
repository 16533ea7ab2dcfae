// One photograph with two masks: the first to the left of a line, the second to its right. The line is a slider over the whole
// picture, so that mouse, touch and arrow keys move it.
const BEGIN = 50;

class Wipe {
  constructor(parent) {
    this.root = parent.querySelector(".wipe") ?? parent.appendChild(element("div", "wipe"));
    this.root.replaceChildren();
    this.frame = this.root.appendChild(element("div", "wipe-frame"));
    this.canvases = [0, 1].map(() => this.frame.appendChild(document.createElement("canvas")));
    this.slider = this.frame.appendChild(
      Object.assign(document.createElement("input"), { type: "range", min: 0, max: 100, step: 1, value: BEGIN }),
    );
    this.line = this.frame.appendChild(element("span", "wipe-line"));
    this.names = this.root.appendChild(element("p", "wipe-names"));
    this.slider.addEventListener("input", () => this.place());
  }

  show(data) {
    this.labels = data.masks.map(({ model }) => model.label);
    this.slider.setAttribute("aria-label", `Line between the masks of ${this.labels.join(" and ")}`);
    this.names.replaceChildren(...data.masks.map(({ model }) => {
      const name = element("span", "", model.label);
      name.style.setProperty("--run-colour", model.colour);
      return name;
    }));
    this.place();
    this.draw(data).catch((error) => {
      this.names.textContent = "This picture cannot be shown; reload the page.";
      console.warn(error);
    });
  }

  async draw({ photo, masks }) {
    const picture = await pixels(photo);
    for (const [at, { model, mask }] of masks.entries()) {
      const level = Math.max(1, Math.ceil(model.threshold * 255));
      paint(this.canvases[at], { photo: picture, mask: await pixels(mask), level, style: "fill", colour: model.colour });
      this.canvases[at].dataset.drawn = model.label;
    }
  }

  place() {
    const { value } = this.slider;
    this.frame.style.setProperty("--wiped", `${value}%`);
    this.slider.setAttribute("aria-valuetext", `${this.labels[0]}: ${value} percent; ${this.labels[1]}: ${100 - value} percent`);
  }

  close() {}
}

export default component(Wipe);

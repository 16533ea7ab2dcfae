// A photograph with a mask over it to draw on, by mouse, touch, pen or keys. The photograph, the mask and the cursor are layers of
// their own, so that a stroke redraws the part of the mask that it changed, and nothing else.
//
// `view` maps pixels of the mask to pixels of the screen: screen = mask * scale + shift.
const INSIDE = 0x4cffe500, LINE_INK = 0xffffe500, EDGE_INK = 0xb41c1510; // 0xAABBGGRR: turquoise, and the dark beside the line
const CLOSEST = 40; // screen pixels of one pixel of the mask
const BRUSHES = ["brush", "eraser"], CORNERED = ["polygon", "cut"];
const SVG = "http://www.w3.org/2000/svg";

class MaskCanvas {
  // `changed` is called after every edit, `resized` when the brush has another size.
  constructor(parent, { changed, resized }) {
    Object.assign(this, {
      changed,
      resized,
      tool: "brush",
      radius: 10,
      view: { scale: 1, x: 0, y: 0 },
      corners: [],
      isShown: true,
    });
    this.frame = parent.appendChild(element("div", "mask-canvas"));
    this.frame.tabIndex = 0;
    this.frame.setAttribute("role", "application");
    this.layers = ["photo", "drawn"].map((layer) => this.frame.appendChild(element("canvas", `mask-layer mask-${layer}`)));
    this.marks = this.frame.appendChild(document.createElementNS(SVG, "svg"));
    this.marks.setAttribute("class", "mask-layer");
    this.path = this.marks.appendChild(document.createElementNS(SVG, "path"));
    this.ring = this.marks.appendChild(document.createElementNS(SVG, "circle"));
    this.fingers = new Map(); // pointers that are down -> where they are
    this.listen();
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.frame);
  }

  // Takes a photograph (an ImageBitmap of any size) and a mask.
  async open(photo, mask) {
    for (const old of this.photos ?? []) old.close();
    Object.assign(this, { mask, preview: null, corners: [], at: null, photos: [photo] });
    this.frame.style.aspectRatio = `${mask.width} / ${mask.height}`;
    this.radius = Math.min(this.mostRadius, Math.max(1, Math.round(mask.width / 60)));
    this.resize();
    this.fit();
    while (Math.min(this.photos.at(-1).width, this.photos.at(-1).height) > 1200) { // smaller copies are drawn faster from afar
      const last = this.photos.at(-1), resizeWidth = last.width >> 1;
      const half = await createImageBitmap(last, { resizeWidth, resizeHeight: last.height >> 1, resizeQuality: "medium" });
      if (this.mask !== mask) return half.close();
      this.photos.push(half);
    }
  }

  // Shows nothing, and takes no edits, until another photograph is opened.
  empty() {
    Object.assign(this, { mask: null, stroke: null, isDown: false, moving: null, pinched: null, corners: [], at: null });
    for (const layer of this.layers) layer.getContext("2d").clearRect(0, 0, layer.width, layer.height);
  }

  get mostRadius() {
    return Math.max(this.mask.width, this.mask.height) / 4;
  }

  resize() {
    const { clientWidth, clientHeight } = this.frame;
    if (!clientWidth || !this.mask) return;
    const dense = Math.min(2, window.devicePixelRatio || 1), width = Math.round(clientWidth * dense);
    const height = Math.round(clientHeight * dense);
    if (width === this.width && height === this.height) return;
    const wasWhole = !this.width || this.isWhole, middle = wasWhole || this.toMask(this.width / 2, this.height / 2);
    Object.assign(this, { dense, width, height });
    for (const layer of this.layers) Object.assign(layer, { width, height });
    this.marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (wasWhole) this.fit();
    else this.move({ ...this.view, x: width / 2 - middle.x * this.view.scale, y: height / 2 - middle.y * this.view.scale });
  }

  get whole() {
    return Math.min(this.width / this.mask.width, this.height / this.mask.height);
  }

  get isWhole() {
    return this.view.scale <= this.whole * 1.001;
  }

  fit() {
    if (!this.mask) return;
    this.move({ scale: this.whole, x: 0, y: 0 });
  }

  // Zooms by a factor around a point of the screen.
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    if (!this.mask) return;
    const scale = Math.min(CLOSEST, Math.max(this.whole, this.view.scale * factor)), ratio = scale / this.view.scale;
    this.move({ scale, x: x - (x - this.view.x) * ratio, y: y - (y - this.view.y) * ratio });
  }

  move({ scale, x, y }) {
    const within = (shift, room, size) => size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, shift));
    this.view = { scale, x: within(x, this.width, this.mask.width * scale), y: within(y, this.height, this.mask.height * scale) };
    this.drawPhoto();
    this.draw();
    this.drawMarks();
  }

  toMask(x, y) {
    return { x: (x - this.view.x) / this.view.scale, y: (y - this.view.y) / this.view.scale };
  }

  drawPhoto() {
    const context = this.layers[0].getContext("2d"), { scale, x, y } = this.view;
    const width = this.mask.width * scale, height = this.mask.height * scale;
    context.clearRect(0, 0, this.width, this.height);
    const photo = this.photos.findLast((each) => each.width >= width) ?? this.photos[0];
    context.imageSmoothingEnabled = scale < 8; // from there on pixels are squares
    context.drawImage(photo, x, y, width, height);
  }

  // Draws the mask where a box of it has changed, or all of it.
  draw(box = null) {
    const { scale, x, y } = this.view, { width, height } = this, reach = 3;
    const left = box ? Math.max(0, Math.floor(box.left * scale + x) - reach) : 0;
    const top = box ? Math.max(0, Math.floor(box.top * scale + y) - reach) : 0;
    const right = box ? Math.min(width, Math.ceil(box.right * scale + x) + reach) : width;
    const bottom = box ? Math.min(height, Math.ceil(box.bottom * scale + y) + reach) : height;
    if (right <= left || bottom <= top) return;
    const context = this.layers[1].getContext("2d");
    if (this.isShown) context.putImageData(this.picture(left, top, right - left, bottom - top), left, top);
    else context.clearRect(left, top, right - left, bottom - top);
  }

  // The mask as a picture of a part of the screen: filled, with a line two pixels wide whatever the zoom.
  picture(left, top, width, height) {
    const step = width + 4, inside = this.sample(left - 2, top - 2, step, height + 4);
    const image = new ImageData(width, height), ink = new Uint32Array(image.data.buffer);
    for (let row = 0; row < height; row++) {
      for (let column = 0, at = (row + 2) * step + 2; column < width; column++, at++) {
        if (inside[at]) {
          const isEdge = !(inside[at - 1] && inside[at + 1] && inside[at - step] && inside[at + step] &&
            inside[at - 2] && inside[at + 2] && inside[at - 2 * step] && inside[at + 2 * step]);
          ink[row * width + column] = isEdge ? LINE_INK : INSIDE;
        } else if (inside[at - 1] || inside[at + 1] || inside[at - step] || inside[at + step]) {
          ink[row * width + column] = EDGE_INK;
        }
      }
    }
    return image;
  }

  // The value of the mask below each pixel of a part of the screen.
  sample(left, top, width, height) {
    const source = this.preview ?? this.mask, scale = (this.view.scale * this.mask.width) / source.width;
    const tall = (this.view.scale * this.mask.height) / source.height;
    const values = new Uint8Array(width * height);
    const columns = Int32Array.from({ length: width }, (_, at) => Math.floor((left + at + 0.5 - this.view.x) / scale));
    for (let row = 0; row < height; row++) {
      const line = Math.floor((top + row + 0.5 - this.view.y) / tall);
      if (line < 0 || line >= source.height) continue;
      for (let at = 0; at < width; at++) {
        const column = columns[at];
        if (column >= 0 && column < source.width) values[row * width + at] = source.data[line * source.width + column];
      }
    }
    return values;
  }

  // Draws the ring of the brush and the corners of a polygon that is not closed.
  drawMarks() {
    const { scale, x, y } = this.view, at = this.at, brushes = BRUSHES.includes(this.tool);
    this.ring.setAttribute("class", `mask-ring${this.isDown ? " down" : ""}`);
    this.ring.setAttribute("visibility", at ? "visible" : "hidden");
    if (at) {
      this.ring.setAttribute("cx", at.x * scale + x);
      this.ring.setAttribute("cy", at.y * scale + y);
      this.ring.setAttribute("r", brushes ? Math.max(2, this.radius * scale) : 4);
    }
    const points = [...this.corners, ...(this.corners.length && at ? [at] : [])];
    this.path.setAttribute(
      "d",
      points.map((each, nr) => `${nr ? "L" : "M"}${each.x * scale + x} ${each.y * scale + y}`).join(""),
    );
  }

  listen() {
    const { frame } = this, on = (kind, act) => frame.addEventListener(kind, act);
    on("pointerdown", (event) => this.mask && this.press(event));
    on("pointermove", (event) => this.mask && this.drag(event));
    on("pointerup", (event) => this.release(event));
    on("pointercancel", (event) => this.release(event));
    on("pointerleave", () => {
      if (this.fingers.size) return;
      this.at = null;
      this.drawMarks();
    });
    on("contextmenu", (event) => event.preventDefault());
    on("dblclick", () => this.corners.length && this.close());
    frame.addEventListener("wheel", (event) => {
      if (!this.mask || !frame.contains(document.activeElement)) return; // then the wheel scrolls the page
      event.preventDefault();
      if (!event.deltaY) return; // sideways, or the end of a turn
      const isUp = event.deltaY < 0, place = this.place(event);
      if (event.ctrlKey || event.metaKey || !BRUSHES.includes(this.tool)) {
        this.zoom(isUp ? 1.2 : 1 / 1.2, place.x, place.y);
      } else this.size(isUp ? 1.15 : 1 / 1.15);
    }, { passive: false });
  }

  // Where a pointer is, in pixels of the screen's layers.
  place(event) {
    const box = this.frame.getBoundingClientRect();
    return { x: (event.clientX - box.left) * this.dense, y: (event.clientY - box.top) * this.dense };
  }

  press(event) {
    this.frame.focus({ preventScroll: true });
    this.frame.setPointerCapture(event.pointerId);
    const place = this.place(event), point = this.toMask(place.x, place.y);
    this.fingers.set(event.pointerId, place);
    this.hasPen ||= event.pointerType === "pen";
    if (this.fingers.size > 1) return this.pinch();
    this.at = point;
    const isMoving = this.tool === "move" || event.button === 1 || (this.hasPen && event.pointerType === "touch");
    if (isMoving) this.moving = { place, view: { ...this.view } };
    else if (CORNERED.includes(this.tool)) this.corner(point);
    else this.startStroke(point, (this.tool === "brush") === (event.button !== 2) ? 1 : 0);
  }

  drag(event) {
    const place = this.place(event);
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, place);
    this.at = this.toMask(place.x, place.y);
    if (this.pinched) this.spread();
    else if (this.moving) {
      const { view, place: from } = this.moving;
      this.move({ ...view, x: view.x + place.x - from.x, y: view.y + place.y - from.y });
    } else if (this.stroke) {
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const each of passed.length ? passed : [event]) {
        const { x, y } = this.place(each);
        this.strokeTo(this.toMask(x, y));
      }
    }
    this.drawMarks();
  }

  release(event) {
    this.fingers.delete(event.pointerId);
    if (!this.fingers.size) this.pinched = null;
    this.moving = null;
    this.endStroke();
    if (event.pointerType === "touch") this.at = null;
    if (this.mask) this.drawMarks();
  }

  // Two fingers zoom and move; what the first has drawn meanwhile is taken back.
  pinch() {
    if (this.stroke) this.draw(this.mask.cancel());
    Object.assign(this, { stroke: null, moving: null, pinched: { ...this.twoFingers(), view: { ...this.view } } });
  }

  spread() {
    if (this.fingers.size < 2) return;
    const now = this.twoFingers(), { view, middle, distance } = this.pinched;
    const scale = Math.min(CLOSEST, Math.max(this.whole, (view.scale * now.distance) / distance)), ratio = scale / view.scale;
    this.move({ scale, x: now.middle.x - (middle.x - view.x) * ratio, y: now.middle.y - (middle.y - view.y) * ratio });
  }

  twoFingers() {
    const [a, b] = [...this.fingers.values()];
    return { middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, distance: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
  }

  startStroke(point, value) {
    this.mask.begin();
    this.stroke = { value, at: point };
    this.strokeTo(point);
  }

  strokeTo(point) {
    const began = performance.now();
    this.draw(this.mask.paint(this.stroke.at, point, this.radius, this.stroke.value));
    this.stroke.at = point;
    this.frame.dataset.ms = (performance.now() - began).toFixed(1);
  }

  endStroke() {
    if (!this.stroke) return;
    this.stroke = null;
    this.mask.end();
    this.changed();
  }

  // Adds a corner to the polygon; one on the first corner closes it.
  corner(point) {
    const [first] = this.corners, near = 10 * this.dense / this.view.scale;
    if (this.corners.length > 2 && Math.hypot(point.x - first.x, point.y - first.y) < near) this.close();
    else this.corners.push(point);
    this.drawMarks();
  }

  close() {
    const corners = this.corners, value = this.tool === "cut" ? 0 : 1;
    this.corners = [];
    this.drawMarks();
    this.edit((mask) => mask.polygon(corners, value));
  }

  dropCorner() {
    this.corners.pop();
    this.drawMarks();
  }

  choose(tool) {
    this.lift();
    Object.assign(this, { tool, corners: [] });
    this.frame.dataset.tool = tool;
    if (this.mask) this.drawMarks();
  }

  // Changes the size of the brush by a factor, at least by a pixel.
  size(factor) {
    if (!this.mask) return;
    const next = Math.round(this.radius * factor) || 1;
    this.radius = Math.min(this.mostRadius, Math.max(1, next === this.radius ? next + Math.sign(factor - 1) : next));
    this.resized(this.radius);
    this.drawMarks();
  }

  // Changes the mask by a function that returns the box it changed.
  edit(act) {
    if (!this.mask) return;
    this.preview = null;
    const box = act(this.mask);
    if (!box) return;
    this.draw(box);
    this.changed();
  }

  // Shows another mask of any size, until the next edit.
  showPreview(mask) {
    this.preview = mask;
    this.draw();
  }

  show(isShown) {
    this.isShown = isShown;
    if (this.mask) this.draw();
  }

  // The keys: arrows move the cursor, with the brush down they draw; Space puts it down and lifts it.
  step(dx, dy, isFine) {
    const by = isFine ? 1 : Math.max(1, Math.round(this.radius / 2)), { width, height } = this.mask;
    const from = this.at ?? this.toMask(this.width / 2, this.height / 2);
    const to = { x: Math.min(width, Math.max(0, from.x + dx * by)), y: Math.min(height, Math.max(0, from.y + dy * by)) };
    this.at = to;
    if (this.isDown) this.strokeTo(to);
    const { scale, x, y } = this.view, column = to.x * scale + x, row = to.y * scale + y;
    const off = (place, room) => place < 0 ? -place : place > room ? room - place : 0;
    if (off(column, this.width) || off(row, this.height)) {
      this.move({ scale, x: x + off(column, this.width), y: y + off(row, this.height) });
    }
    this.drawMarks();
  }

  space() {
    this.at ??= this.toMask(this.width / 2, this.height / 2);
    if (CORNERED.includes(this.tool)) return this.corner(this.at);
    if (this.isDown) return this.lift();
    if (this.tool === "move") return;
    this.isDown = true;
    this.startStroke(this.at, this.tool === "brush" ? 1 : 0);
    this.drawMarks();
  }

  lift() {
    if (!this.isDown) return;
    this.isDown = false;
    this.endStroke();
    this.drawMarks();
  }

  destroy() {
    this.sizes.disconnect();
    for (const photo of this.photos ?? []) photo.close();
    this.mask = null;
  }
}

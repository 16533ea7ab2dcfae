// A mask of 0 and 1 that is drawn on, with the steps to undo. It knows nothing of screens: coordinates are pixels of the mask, and
// pixel x covers x to x + 1. Every edit returns the box that it changed, {left, top, right, bottom}, or null for none.
const TILE = 64; // a step keeps what was below it in squares of this side
const MOST_KEPT = 256 << 20; // bytes of all steps together; the oldest are forgotten

class DrawnMask {
  constructor(width, height, data = new Uint8Array(width * height), mostKept = MOST_KEPT) {
    Object.assign(this, { width, height, data, mostKept, done: [], undone: [], step: null, kept: 0 });
    this.columns = Math.ceil(width / TILE);
  }

  // What is painted between begin and end is one step.
  begin() {
    this.step = new Map(); // tile -> what it was before
  }

  end() {
    const { step } = this;
    this.step = null;
    if (!step?.size) return;
    this.undone = [];
    this.done.push(step);
    this.kept += bytesOf(step);
    while (this.kept > this.mostKept && this.done.length > 1) this.kept -= bytesOf(this.done.shift());
  }

  // Takes back what was painted since begin.
  cancel() {
    const box = this.swap(this.step ?? new Map());
    this.step = null;
    return box;
  }

  undo() {
    return this.move(this.done, this.undone, -1);
  }

  redo() {
    return this.move(this.undone, this.done, 1);
  }

  move(from, to, sign) {
    const step = from.pop();
    if (!step) return null;
    to.push(step);
    this.kept += sign * bytesOf(step);
    return this.swap(step);
  }

  // Paints a line of some radius from one point to another; a radius below 1 still covers the pixels below the line.
  paint(from, to, radius, value) {
    const reach = Math.max(radius, 0.5),
      box = this.clip(
        Math.floor(Math.min(from.x, to.x) - reach),
        Math.floor(Math.min(from.y, to.y) - reach),
        Math.ceil(Math.max(from.x, to.x) + reach),
        Math.ceil(Math.max(from.y, to.y) + reach),
      );
    if (!box) return null;
    this.keep(box);
    const { data, width } = this, dx = to.x - from.x, dy = to.y - from.y, length = dx * dx + dy * dy || 1;
    for (let y = box.top; y < box.bottom; y++) {
      const py = y + 0.5 - from.y;
      for (let x = box.left; x < box.right; x++) {
        const px = x + 0.5 - from.x, along = Math.min(1, Math.max(0, (px * dx + py * dy) / length));
        const sideX = px - along * dx, sideY = py - along * dy;
        const inside = radius < 1
          ? Math.abs(sideX) <= 0.5 && Math.abs(sideY) <= 0.5
          : sideX * sideX + sideY * sideY <= radius * radius;
        if (inside) data[y * width + x] = value;
      }
    }
    return box;
  }

  // Fills a polygon: the pixels whose centres lie within it, by the even-odd rule.
  polygon(points, value) {
    const box = this.clip(
      Math.floor(Math.min(...points.map(({ x }) => x))),
      Math.floor(Math.min(...points.map(({ y }) => y))),
      Math.ceil(Math.max(...points.map(({ x }) => x))),
      Math.ceil(Math.max(...points.map(({ y }) => y))),
    );
    if (!box || points.length < 3) return null;
    this.begin();
    this.keep(box);
    for (let y = box.top; y < box.bottom; y++) {
      const crossings = [], level = y + 0.5;
      points.forEach((a, at) => {
        const b = points[(at + 1) % points.length];
        if ((a.y <= level) !== (b.y <= level)) crossings.push(a.x + ((level - a.y) / (b.y - a.y)) * (b.x - a.x));
      });
      crossings.sort((a, b) => a - b);
      for (let at = 0; at + 1 < crossings.length; at += 2) {
        const first = Math.max(0, Math.ceil(crossings[at] - 0.5));
        const last = Math.min(this.width, Math.ceil(crossings[at + 1] - 0.5));
        if (first < last) this.data.fill(value, y * this.width + first, y * this.width + last);
      }
    }
    this.end();
    return box;
  }

  // Fills what is not connected to the frame's edge by pixels outside of the mask, side by side.
  fillHoles() {
    const { width, height, data } = this,
      outside = new Uint8Array(data.length),
      flood = new Flood(width, height, data, outside, 0);
    for (let x = 0; x < width; x++) flood.from(x), flood.from((height - 1) * width + x);
    for (let y = 0; y < height; y++) flood.from(y * width), flood.from(y * width + width - 1);
    return this.replace(outside.map((isOutside) => 1 - isOutside));
  }

  // Keeps the largest region alone; pixels that touch at a corner belong together.
  keepLargest() {
    const { width, height, data } = this, seen = new Uint8Array(data.length), flood = new Flood(width, height, data, seen, 1);
    let largest = 0, seed = -1;
    for (let at = data.indexOf(1); at >= 0; at = data.indexOf(1, at + 1)) {
      const size = seen[at] ? 0 : flood.from(at);
      if (size > largest) [largest, seed] = [size, at];
    }
    if (seed < 0) return null;
    const kept = new Uint8Array(data.length);
    new Flood(width, height, data, kept, 1).from(seed);
    return this.replace(kept);
  }

  // Adds the pixels beside the mask, or takes off those at its outline. The frame's edge is no outline.
  grow() {
    return this.replace(this.spread(1));
  }

  shrink() {
    return this.replace(this.spread(0));
  }

  // The data after every pixel of a value has passed it on to its four neighbours.
  spread(value) {
    const { width, height, data } = this, next = data.slice();
    for (let at = data.indexOf(value); at >= 0; at = data.indexOf(value, at + 1)) {
      const x = at % width;
      if (x > 0) next[at - 1] = value;
      if (x < width - 1) next[at + 1] = value;
      if (at >= width) next[at - width] = value;
      if (at < (height - 1) * width) next[at + width] = value;
    }
    return next;
  }

  // Takes other data, as one step.
  replace(next) {
    this.begin();
    let changed = null;
    for (let tile = 0; tile < this.columns * Math.ceil(this.height / TILE); tile++) {
      const box = this.boxOf(tile);
      if (this.isSame(next, box)) continue;
      this.keep(box);
      this.copy(next, box);
      changed = around(changed, box);
    }
    this.end();
    return changed;
  }

  isSame(next, { left, top, right, bottom }) {
    for (let y = top; y < bottom; y++) {
      for (let at = y * this.width + left; at < y * this.width + right; at++) if (next[at] !== this.data[at]) return false;
    }
    return true;
  }

  copy(next, { left, top, right, bottom }) {
    for (let y = top; y < bottom; y++) {
      const row = y * this.width;
      this.data.set(next.subarray(row + left, row + right), row + left);
    }
  }

  area() {
    let area = 0;
    for (let at = 0; at < this.data.length; at++) area += this.data[at];
    return area;
  }

  clip(left, top, right, bottom) {
    const box = {
      left: Math.max(0, left),
      top: Math.max(0, top),
      right: Math.min(this.width, right),
      bottom: Math.min(this.height, bottom),
    };
    return box.left < box.right && box.top < box.bottom ? box : null;
  }

  boxOf(tile) {
    const left = (tile % this.columns) * TILE, top = Math.floor(tile / this.columns) * TILE;
    return this.clip(left, top, left + TILE, top + TILE);
  }

  // Keeps what is in the tiles of a box, unless this step has kept them already.
  keep({ left, top, right, bottom }) {
    for (let row = Math.floor(top / TILE); row * TILE < bottom; row++) {
      for (let column = Math.floor(left / TILE); column * TILE < right; column++) {
        const tile = row * this.columns + column;
        if (!this.step.has(tile)) this.step.set(tile, this.read(this.boxOf(tile)));
      }
    }
  }

  // The pixels of a box: one number where all are the same.
  read({ left, top, right, bottom }) {
    const pixels = new Uint8Array((right - left) * (bottom - top));
    for (let y = top; y < bottom; y++) {
      pixels.set(this.data.subarray(y * this.width + left, y * this.width + right), (y - top) * (right - left));
    }
    return pixels.includes(1 - pixels[0]) ? pixels : pixels[0];
  }

  // Exchanges the pixels of a step's tiles for those that it keeps.
  swap(step) {
    let changed = null;
    for (const [tile, before] of step) {
      const box = this.boxOf(tile), { left, top, right, bottom } = box;
      step.set(tile, this.read(box));
      for (let y = top; y < bottom; y++) {
        const row = y * this.width, from = (y - top) * (right - left);
        if (typeof before === "number") this.data.fill(before, row + left, row + right);
        else this.data.set(before.subarray(from, from + right - left), row + left);
      }
      changed = around(changed, box);
    }
    return changed;
  }
}

function bytesOf(step) {
  let bytes = 0;
  for (const pixels of step.values()) bytes += pixels.length ?? 8;
  return bytes;
}

const around = (a, b) =>
  a && {
      left: Math.min(a.left, b.left),
      top: Math.min(a.top, b.top),
      right: Math.max(a.right, b.right),
      bottom: Math.max(a.bottom, b.bottom),
    } || b;

// Marks the pixels of a value that are connected to a seed: side by side, for those of the mask at corners too.
class Flood {
  constructor(width, height, data, marked, value) {
    Object.assign(this, { width, height, data, marked, value, corner: value ? 1 : 0 });
  }

  // Returns how many were marked. Goes by runs of a row, so that few places wait.
  from(seed) {
    const { width, height, data, marked, value, corner } = this, waiting = [seed];
    let count = 0;
    while (waiting.length) {
      const at = waiting.pop();
      if (marked[at] || data[at] !== value) continue;
      const row = Math.floor(at / width) * width;
      let left = at, right = at + 1;
      while (left > row && data[left - 1] === value && !marked[left - 1]) left--;
      while (right < row + width && data[right] === value && !marked[right]) right++;
      marked.fill(1, left, right);
      count += right - left;
      const first = Math.max(row, left - corner), last = Math.min(row + width, right + corner);
      for (const shift of [-width, width]) {
        if (row + shift < 0 || row + shift >= width * height) continue;
        let isWaiting = false;
        for (let beside = first + shift; beside < last + shift; beside++) {
          const isNew = data[beside] === value && !marked[beside];
          if (isNew && !isWaiting) waiting.push(beside);
          isWaiting = isNew;
        }
      }
    }
    return count;
  }
}

// The mask of a threshold, at another size: probabilities (0 to 255) are scaled bilinearly.
function maskAtLevel({ width: columns, height: rows, data }, width, height, level) {
  const mask = new Uint8Array(width * height), across = new Float32Array(columns);
  const places = Array.from({ length: width }, (_, x) => Math.min(columns - 1, Math.max(0, ((x + 0.5) * columns) / width - 0.5)));
  for (let y = 0; y < height; y++) {
    const place = Math.min(rows - 1, Math.max(0, ((y + 0.5) * rows) / height - 0.5)), upper = Math.floor(place);
    const share = place - upper, lower = Math.min(rows - 1, upper + 1);
    for (let x = 0; x < columns; x++) across[x] = data[upper * columns + x] * (1 - share) + data[lower * columns + x] * share;
    for (let x = 0; x < width; x++) {
      const left = Math.floor(places[x]), part = places[x] - left, right = Math.min(columns - 1, left + 1);
      if (across[left] * (1 - part) + across[right] * part >= level) mask[y * width + x] = 1;
    }
  }
  return mask;
}

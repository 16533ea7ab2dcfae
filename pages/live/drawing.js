// Masks over photographs on a canvas. Joined in front of the components that show them.

// Buttons for the styles in which masks are drawn. `choose` gets the style that is clicked. Returns a function that marks one as
// pressed.
function styleButtons(bar, styles, choose) {
  const group = bar.appendChild(element("div", "mask-styles"));
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "How masks are drawn");
  const buttons = Object.entries(styles).map(([style, text]) => {
    const button = group.appendChild(element("button", "", text));
    button.type = "button";
    button.addEventListener("click", () => choose(style));
    return [style, button];
  });
  return (chosen) => buttons.forEach(([style, button]) => button.setAttribute("aria-pressed", String(style === chosen)));
}

// A slider with a text before it; `moved` gets its value while it moves. Returns both.
function maskSlider(bar, settings, name, moved) {
  const label = bar.appendChild(element("label", "mask-slider"));
  const says = label.appendChild(element("span", "mask-says"));
  const slider = label.appendChild(Object.assign(document.createElement("input"), { type: "range", ...settings }));
  slider.setAttribute("aria-label", name);
  slider.addEventListener("input", () => moved(Number(slider.value)));
  return [slider, says];
}

// A canvas with a caption; `colour` is that of the model whose mask it shows.
function maskFigure(group, colour) {
  const figure = group.appendChild(document.createElement("figure"));
  const canvas = figure.appendChild(document.createElement("canvas"));
  canvas.setAttribute("role", "img");
  if (colour) figure.style.setProperty("--run-colour", colour);
  return { figure, canvas, caption: figure.appendChild(document.createElement("figcaption")) };
}

const PIXELS = new Map(); // url -> promise of {width, height, data}; when full, the oldest entry goes
const MOST_PIXELS = 150; // of up to a megabyte each
const FALSE_POSITIVE = [153, 0, 255], FALSE_NEGATIVE = [255, 230, 0]; // as in seg_core/common/colours.py

// The colours of the values 0 to 255: five stops of the plasma colour map, dark blue over violet and orange to yellow.
const STOPS = [[13, 8, 135], [126, 3, 168], [204, 71, 120], [248, 149, 64], [240, 249, 33]];
const HEAT = Array.from({ length: 256 }, (_, value) => {
  const place = (value / 255) * (STOPS.length - 1), below = Math.min(STOPS.length - 2, Math.floor(place));
  return STOPS[below].map((from, channel) => from + (STOPS[below + 1][channel] - from) * (place - below));
});

async function fetchPixels(url) {
  const answer = await fetch(address(url));
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  const bitmap = await createImageBitmap(await answer.blob());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { width, height, data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return { width, height, data };
}

function pixels(url) {
  if (!PIXELS.has(url)) {
    const promise = fetchPixels(url);
    promise.catch(() => PIXELS.delete(url)); // the next call tries again
    PIXELS.set(url, promise);
    if (PIXELS.size > MOST_PIXELS) PIXELS.delete(PIXELS.keys().next().value);
  }
  return PIXELS.get(url);
}

const colourOf = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

// A mask of 0 and 1 from a grey picture: 1 where the value, 0 to 255, is at least `level`.
function maskOf({ width, height, data }, level) {
  const mask = new Uint8Array(width * height);
  for (let at = 0; at < mask.length; at++) mask[at] = data[4 * at] >= level ? 1 : 0;
  return mask;
}

// A mask without the pixels within `steps` of its edge. `beyond` says whether it goes on beyond the border of the picture.
function shrunk(mask, width, height, steps, beyond = 0) {
  let inner = mask;
  for (let step = 0; step < steps; step++) {
    const last = inner, next = new Uint8Array(last.length);
    for (let y = 0, at = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at++) {
        if (!last[at]) continue;
        const left = x ? last[at - 1] : beyond, right = x < width - 1 ? last[at + 1] : beyond;
        const above = y ? last[at - width] : beyond, below = y < height - 1 ? last[at + width] : beyond;
        next[at] = left & right & above & below;
      }
    }
    inner = next;
  }
  return inner;
}

// The outline of a mask, `steps` wide within it, as 1, and the halo on both of its sides, half as wide, as 2.
function outlineOf(mask, width, height, steps) {
  const beside = Math.max(1, steps >> 1);
  const inner = shrunk(mask, width, height, steps), innermost = shrunk(inner, width, height, beside);
  const far = shrunk(mask.map((inside) => 1 - inside), width, height, beside, 1);
  return mask.map((inside, at) => inside ? (inner[at] ? 2 * (1 - innermost[at]) : 1) : 2 * (1 - far[at]));
}

// A true mask and its outline, computed once: thresholds change, the truth does not.
const OUTLINES = new WeakMap();
function truthOf(truth, steps) {
  if (!OUTLINES.has(truth)) {
    const mask = maskOf(truth, 128);
    OUTLINES.set(truth, { mask, outline: outlineOf(mask, truth.width, truth.height, steps) });
  }
  return OUTLINES.get(truth);
}

function blend(data, at, [red, green, blue], share) {
  data[4 * at] += (red - data[4 * at]) * share;
  data[4 * at + 1] += (green - data[4 * at + 1]) * share;
  data[4 * at + 2] += (blue - data[4 * at + 2]) * share;
}

// Draws a photograph with masks. `mask` and `truth` are pictures of the photograph's size, or absent. Styles:
// - "outline" and "fill": the mask at `level`, in `colour`
// - "errors": false positives and false negatives, in two colours
// - "probability": the picture `mask` itself
// - "heat": the values of `mask` as colours over the photograph
// The outlines of `outlines`, further masks with their levels and colours, are drawn too. Truth is white with a dark halo, all
// others have a light one, so that they show on every skin and on a projector.
function paint(canvas, { photo, mask, level = 128, truth, style = "outline", colour = "#0072B2", outlines = [] }) {
  const shown = style === "probability" && mask ? mask : photo;
  const { width, height } = shown;
  const image = new ImageData(new Uint8ClampedArray(shown.data), width, height);
  const thick = Math.max(1, Math.round(Math.max(width, height) / 205));
  const draw = (outline, ink, halo) =>
    outline.forEach((part, at) => part && blend(image.data, at, part === 1 ? ink : halo, part === 1 ? 1 : 0.85));
  const drawEdge = (drawn, ink) => draw(outlineOf(drawn, width, height, thick), ink, [255, 255, 255]);
  const real = truth && truthOf(truth, thick);
  if (mask && style !== "probability") {
    const predicted = maskOf(mask, level), ink = colourOf(colour);
    if (style === "heat") {
      for (let at = 0; at < predicted.length; at++) blend(image.data, at, HEAT[mask.data[4 * at]], 0.65);
    } else if (style === "errors" && real) {
      predicted.forEach((inside, at) =>
        inside !== real.mask[at] && blend(image.data, at, inside ? FALSE_POSITIVE : FALSE_NEGATIVE, 0.65)
      );
    } else {
      if (style === "fill") predicted.forEach((inside, at) => inside && blend(image.data, at, ink, 0.45));
      drawEdge(predicted, ink);
    }
  }
  for (const other of outlines) drawEdge(maskOf(other.mask, other.level), colourOf(other.colour));
  if (real) draw(real.outline, [255, 255, 255], [16, 21, 28]);
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

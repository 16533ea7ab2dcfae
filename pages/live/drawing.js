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

// What the colours of each style mean.
const AGREED = [0, 158, 115], DISPUTED = [255, 176, 0]; // marked by all experts, and by some
const WHITE = [255, 255, 255], DARK = [16, 21, 28], BLACK = [0, 0, 0];
const TRUTH = ["Truth", WHITE];
const KEYS = {
  outline: [TRUTH],
  fill: [TRUTH],
  errors: [["Marked, not lesion", FALSE_POSITIVE], ["Lesion, not marked", FALSE_NEGATIVE], TRUTH],
  probability: [["Probability 0", BLACK], ["Probability 1", WHITE]],
  heat: [["Probability 0", STOPS[0]], ["Probability 1", STOPS.at(-1)]],
  agreement: [["All experts", AGREED], ["Some experts", DISPUTED]],
};

// A text with a sample of the colour, given as CSS, in front of it.
function maskKey(text, colour) {
  const key = element("span", "mask-key", text);
  key.style.setProperty("--run-colour", colour);
  return key;
}

// A line below `parent`'s controls that says what colours mean. Returns a function that writes it for some styles.
function maskLegend(parent) {
  const line = parent.appendChild(element("p", "mask-legend"));
  return (...styles) => {
    const keys = new Map(styles.flatMap((style) => KEYS[style]));
    line.replaceChildren(...[...keys].map(([text, colour]) => maskKey(text, `rgb(${colour})`)));
  };
}

const colourOf = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

// A mask of 0 and 1 from a grey picture: 1 where the value, 0 to 255, is at least `level`.
function maskOf({ width, height, data }, level) {
  const mask = new Uint8Array(width * height);
  for (let at = 0; at < mask.length; at++) mask[at] = data[4 * at] >= level ? 1 : 0;
  return mask;
}

// The pixels of a mask's outline and of the halo on both of its sides, as in seg_core/prediction/overlay.py: the outline lies
// within the mask. Discs are laid on the edge alone, which is much less work than going over the whole picture for every step.
const HALO = 1, LINE = 2;
const haloOf = ([red, green, blue]) => (0.2126 * red + 0.7152 * green + 0.0722 * blue < 140 ? WHITE : DARK);
const lineOf = (width, height) => Math.max(2, Math.round(Math.max(width, height) / 170));
function outlineOf(mask, width, height, line = lineOf(width, height), halo = Math.max(1, line >> 1)) {
  const reach = line + halo - 1;
  const band = new Uint8Array(mask.length), disc = [];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) disc.push([dx, dy, Math.hypot(dx, dy)]);
  }
  const isOut = (x, y) => x < 0 || y < 0 || x >= width || y >= height || !mask[y * width + x];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!mask[y * width + x] || !(isOut(x - 1, y) || isOut(x + 1, y) || isOut(x, y - 1) || isOut(x, y + 1))) continue;
      for (const [dx, dy, distance] of disc) {
        const column = x + dx, row = y + dy, at = row * width + column;
        if (column < 0 || row < 0 || column >= width || row >= height || band[at] === LINE) continue;
        if (mask[at] && distance < line) band[at] = LINE;
        else if (distance <= (mask[at] ? reach : halo)) band[at] = HALO;
      }
    }
  }
  return band;
}

// A true mask and its outlines, computed once: thresholds change, the truth does not.
const TRUTHS = new WeakMap();
function truthOf(truth) {
  if (!TRUTHS.has(truth)) {
    const mask = maskOf(truth, 128);
    const look = { ink: WHITE, halo: DARK }, { width, height } = truth;
    TRUTHS.set(truth, {
      mask,
      outline: { ...look, band: outlineOf(mask, width, height) },
      thin: { ...look, band: outlineOf(mask, width, height, 1, 0) }, // beside errors or experts' bands, which a wide line would hide
    });
  }
  return TRUTHS.get(truth);
}

function blend(data, at, [red, green, blue], share) {
  data[4 * at] += (red - data[4 * at]) * share;
  data[4 * at + 1] += (green - data[4 * at + 1]) * share;
  data[4 * at + 2] += (blue - data[4 * at + 2]) * share;
}

// Tints what all experts mark, and what some of them do, the more the stronger.
function tintAgreement(data, { data: shares }) {
  for (let at = 0; at < data.length / 4; at++) {
    const share = shares[4 * at] / 255;
    if (share === 1) blend(data, at, AGREED, 0.3);
    else if (share) blend(data, at, DISPUTED, 0.25 + 0.4 * share);
  }
}

// Draws a photograph with masks. `mask` and `truth` are pictures of the photograph's size, or absent. Styles:
// - "outline" and "fill": the mask at `level`, in `colour`
// - "errors": false positives and false negatives, in two colours
// - "probability": the picture `mask` itself
// - "heat": the values of `mask` as colours over the photograph
// Where `experts` is a picture of the share of experts who mark a pixel, what all mark and what some do are tinted.
// The outlines of `outlines`, further masks with their levels and colours, are drawn too.
function paint(canvas, { photo, mask, level = 128, truth, style = "outline", colour = "#0072B2", outlines = [], experts }) {
  const shown = style === "probability" && mask ? mask : photo;
  const { width, height } = shown;
  const image = new ImageData(new Uint8ClampedArray(shown.data), width, height);
  const real = truth && truthOf(truth), lines = [];
  const outline = (drawn, hex) => {
    const ink = colourOf(hex);
    lines.push({ band: outlineOf(drawn, width, height), ink, halo: haloOf(ink) });
  };
  if (experts) tintAgreement(image.data, experts);
  if (mask && style !== "probability") {
    const predicted = maskOf(mask, level);
    if (style === "heat") {
      for (let at = 0; at < predicted.length; at++) blend(image.data, at, HEAT[mask.data[4 * at]], 0.65);
    } else if (style === "errors" && real) {
      predicted.forEach((inside, at) =>
        inside !== real.mask[at] && blend(image.data, at, inside ? FALSE_POSITIVE : FALSE_NEGATIVE, 0.65)
      );
    } else {
      if (style === "fill") predicted.forEach((inside, at) => inside && blend(image.data, at, colourOf(colour), 0.45));
      outline(predicted, colour);
    }
  }
  for (const other of outlines) outline(maskOf(other.mask, other.level), other.colour);
  if (real) lines.push(style === "errors" || experts ? real.thin : real.outline);
  for (const { band, halo } of lines) band.forEach((part, at) => part === HALO && blend(image.data, at, halo, 0.8));
  for (const { band, ink } of lines) band.forEach((part, at) => part === LINE && blend(image.data, at, ink, 1));
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

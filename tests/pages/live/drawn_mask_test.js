// The edits of a mask, on masks small enough to work out by hand. `test_drawn_mask.py` runs this file.
import { deepStrictEqual as same } from "node:assert";

const code = await Deno.readTextFile(new URL("../../../pages/live/drawn_mask.js", import.meta.url));
const { DrawnMask, maskAtLevel } = new Function(`${code}; return { DrawnMask, maskAtLevel };`)();

const read = (...rows) =>
  new DrawnMask(rows[0].length, rows.length, Uint8Array.from(rows.join(""), (each) => each === "#" ? 1 : 0));
const rows = ({ width, height, data }) =>
  Array.from({ length: height }, (_, y) => [...data.subarray(y * width, (y + 1) * width)].map((each) => ".#"[each]).join(""));

function painted(mask, ...strokes) {
  mask.begin();
  for (const [from, to, radius, value = 1] of strokes) {
    mask.paint({ x: from[0], y: from[1] }, { x: to[0], y: to[1] }, radius, value);
  }
  mask.end();
  return mask;
}

Deno.test("a dab of radius 2 covers the centres within 2 pixels", () => {
  const mask = painted(new DrawnMask(6, 6), [[3, 3], [3, 3], 2]);
  same(rows(mask), ["......", "..##..", ".####.", ".####.", "..##..", "......"]);
});

Deno.test("a line has round ends, and is cut at the frame", () => {
  const mask = painted(new DrawnMask(6, 3), [[-1, 1.5], [3.5, 1.5], 1]);
  same(rows(mask), ["####..", "#####.", "####.."]);
});

Deno.test("the thinnest brush covers the pixel below it", () => {
  const mask = painted(new DrawnMask(4, 3), [[1.2, 1.7], [1.2, 1.7], 0.5], [[3.5, 0.5], [3.5, 0.5], 0.5]);
  same(rows(mask), ["...#", ".#..", "...."]);
});

Deno.test("the eraser takes away", () => {
  same(rows(painted(read("####", "####"), [[2, 0.5], [2, 0.5], 0.5, 0])), ["#..#", "####"]);
});

Deno.test("a stroke outside of the frame changes nothing and is no step", () => {
  const mask = new DrawnMask(4, 4);
  mask.begin();
  same(mask.paint({ x: -9, y: -9 }, { x: -8, y: -9 }, 2, 1), null);
  mask.end();
  same(mask.undo(), null);
});

Deno.test("a polygon holds the centres within it", () => {
  const mask = new DrawnMask(6, 5), corners = [[1, 1], [5, 1], [5, 4]].map(([x, y]) => ({ x, y }));
  same(mask.polygon(corners, 1), { left: 1, top: 1, right: 5, bottom: 4 });
  same(rows(mask), ["......", "..###.", "...##.", "....#.", "......"]); // on y = 1 + 3/4 (x - 1): at 1.67, 3 and 4.33
  mask.polygon([{ x: 0, y: 0 }, { x: 9, y: 0 }, { x: 9, y: 9 }, { x: 0, y: 9 }], 0);
  same(mask.area(), 0);
});

Deno.test("crossing sides leave the part between them out", () => {
  const mask = new DrawnMask(6, 4);
  mask.polygon([[0, 0], [6, 0], [6, 4], [2, 4], [2, 2], [4, 2], [4, 4], [0, 4]].map(([x, y]) => ({ x, y })), 1);
  same(rows(mask), ["######", "######", "##..##", "##..##"]);
});

Deno.test("holes are filled, bays and the holes' own neighbours at corners are not", () => {
  const mask = read("#####.", "#...#.", "#.#.#.", "#####.", "#.....", "######");
  mask.fillHoles();
  same(rows(mask), ["#####.", "#####.", "#####.", "#####.", "#.....", "######"]);
  const open = read(".##", "#.#", "##.");
  open.fillHoles();
  same(rows(open), [".##", "###", "##."]); // outside passes no corner
});

Deno.test("the largest region stays, with what touches it at a corner", () => {
  const mask = read("##....", "##....", "..#..#", ".....#", ".....#");
  mask.keepLargest();
  same(rows(mask), ["##....", "##....", "..#...", "......", "......"]);
  same(new DrawnMask(3, 3).keepLargest(), null);
});

Deno.test("growing and shrinking move the outline by a pixel, but not the frame's edge", () => {
  const mask = read("#....", "#....", "...#.", ".....");
  mask.grow();
  same(rows(mask), ["##...", "##.#.", "#.###", "...#."]);
  const whole = read("###", "###", "##.");
  whole.shrink();
  same(rows(whole), ["###", "##.", "#.."]);
});

Deno.test("steps are undone and done again, a new one forgets what was undone", () => {
  const mask = new DrawnMask(200, 150), first = [[100, 70], [150, 70], 20], second = [[20, 20], [20, 20], 5];
  painted(mask, first);
  const one = mask.data.slice();
  painted(mask, second, [[60, 60], [70, 70], 9]);
  const two = mask.data.slice();
  mask.undo();
  same(mask.data, one);
  mask.redo();
  same(mask.data, two);
  mask.undo();
  mask.undo();
  same(mask.area(), 0);
  same(mask.undo(), null);
  mask.redo();
  mask.grow();
  same(mask.redo(), null);
  mask.undo();
  same(mask.data, one);
});

Deno.test("a stroke can be taken back while it is painted", () => {
  const mask = read("#..", "...", "...");
  mask.begin();
  mask.paint({ x: 1, y: 1 }, { x: 2, y: 2 }, 3, 1);
  mask.cancel();
  same(rows(mask), ["#..", "...", "..."]);
  same(mask.undo(), null);
});

Deno.test("steps beyond the memory for them are forgotten, the oldest first", () => {
  const mask = new DrawnMask(64, 64, new Uint8Array(64 * 64), 3 * 64 * 64), noise = mask.data.map((_, at) => at % 2);
  for (let step = 0; step < 12; step++) mask.replace(step % 2 ? mask.data.map(() => 0) : noise);
  let undone = 0;
  while (mask.undo()) undone++;
  same(undone, 4); // two that keep noise, and two that keep one number for all pixels; a third of noise is just too much
});

Deno.test("probabilities are scaled as the mask of a model is", () => {
  const probability = { width: 2, height: 1, data: Uint8Array.of(0, 200) };
  same([...maskAtLevel(probability, 4, 1, 100)], [0, 0, 1, 1]); // at 0.25, 0.75, 1.25 and 1.75: 0, 50, 150, 200
  same([...maskAtLevel(probability, 4, 1, 50)], [0, 1, 1, 1]);
});

Deno.test("a stroke on 12 megapixels takes a few milliseconds", () => {
  const mask = new DrawnMask(4000, 3000), times = [];
  mask.begin();
  for (let at = 0; at < 40; at++) {
    const began = performance.now();
    mask.paint({ x: 300 + 60 * at, y: 900 }, { x: 360 + 60 * at, y: 930 }, 150, 1);
    times.push(performance.now() - began);
  }
  mask.end();
  times.sort((a, b) => a - b);
  same(times[20] < 25, true, `${times[20]} ms`); // of the 50 in which a stroke has to be on the screen
});

/* What is believed: the levels as bands on each other, their sum as a line, the surprise as a strip below. */

import { band, clamp, h, heat, id, line, linear, set, signed, tenth } from "./base.js";
import { paths, phaseTicks, wording } from "./tracks.js";
import { namesOf, slotsOf } from "./frequency_mixer_words.js";

export const FLAG = 16; // of the playhead
const TOP = 32;
const FLOOR = 244;
const STRIP = 252;
const TICKS = 276;
export const STAGE = 284;
const TALLEST = 1.15; // of the overlap: ±
const LETTER = 6.6; // px, about
const believed = linear([-TALLEST, TALLEST], [FLOOR, TOP]);
const MARKS = [[1, "A"], [0.5, ".5"], [0, "0"], [-0.5, ".5"], [-1, "B"]];

export function stage() {
  const svg = h("svg", { height: STAGE });
  const back = paths(svg, ["phase", "grid"]);
  const shutter = h("clipPath", { id: id() });
  const window = h("rect", { y: TOP - 6, height: FLOOR - TOP + 12 });
  shutter.append(window);
  const inside = h("g", { "clip-path": `url(#${shutter.id})` });
  const bands = Array.from({ length: 5 }, () => h("path.nl-band"));
  const words = wording();
  svg.append(shutter, inside);
  inside.append(...bands);
  const front = paths(inside, ["before", "rest", "halo", "sum", "yours"]);
  const outside = paths(svg, ["arrow"]);
  const dots = Array.from({ length: 3 }, () => h("circle.nl-dot", { r: 4.5 }));
  svg.append(...dots, words.node);
  const strip = h("canvas.nl-surprise", { "aria-hidden": "true" });
  return { svg, back, window, bands, front, outside, dots, words, strip };
}

export function drawStage(view, data, state) {
  const { axis, ghost } = view;
  const { back, window, front, outside, dots, words } = view.parts.stage;
  const { places, left, right, xs } = axis;
  back.draw("phase", `M${tenth(places[1])} ${TOP - 6}H${tenth(places[2])}V${FLOOR + 6}H${tenth(places[1])}z`);
  back.draw("grid", MARKS.map(([mark]) => `M${left} ${tenth(believed(mark))}H${right}`).join(""));
  set(window, { x: left, width: right - left });
  const texts = [...axisWords(axis, state.steps)];
  texts.push(...drawBands(view, data, state));
  const alive = xs.subarray(0, data.end);
  const sum = line(alive, heights(data.total, data.end));
  const comparable = ghost && ghost.length === data.length && String(ghost.steps) === String(data.steps);
  front.draw("before", comparable ? line(xs, heights(ghost.total, ghost.end)) : "");
  front.draw("halo", sum);
  front.draw("sum", sum);
  front.draw("yours", view.yours ? line(xs, heights(view.yours.total, data.length)) : "");
  if (data.end < data.length) texts.push(...drawEnd(axis, data, front, outside, dots));
  else texts.push(...drawMarks(axis, data, front, outside, dots));
  const at = left + 8;
  if (view.yours) texts.push([at, FLOOR - 4, `┄ ${view.yours.words}`, "start", "nl-tick nl-mine"]);
  if (comparable) texts.push([at, FLOOR - (view.yours ? 19 : 4), "┄ before", "start", "nl-tick"]);
  words.write(texts);
  drawStrip(view, data);
}

const heights = (values, end) => Float64Array.from(values.subarray(0, end), believed);

/* Towards A above zero, towards B below, the slowest level next to zero. Gives the names of the bands. */
function drawBands(view, data, state) {
  const { xs } = view.axis;
  const { bands } = view.parts.stage;
  const up = new Float64Array(data.end);
  const down = new Float64Array(data.end);
  const names = namesOf(view, state);
  const slots = slotsOf(state);
  const words = [];
  bands.forEach((path) => path.setAttribute("hidden", ""));
  for (const i of [...data.on].reverse()) {
    const share = data.shares[i];
    const lows = new Float64Array(data.end);
    const highs = new Float64Array(data.end);
    for (let t = 0; t < data.end; t++) {
      const pile = share[t] < 0 ? down : up;
      lows[t] = believed(pile[t]);
      highs[t] = believed((pile[t] += share[t]));
    }
    const d = band(xs.subarray(0, data.end), lows, highs);
    set(bands[i], { d, style: `--level:var(--nl-${slots[i]})` });
    bands[i].removeAttribute("hidden");
    const place = roomiest(view.axis, data, lows, highs, LETTER * names[i].length + 8);
    if (place.thick > 15) words.push([place.x, place.y + 4, names[i], "middle", "nl-name"]);
  }
  return words;
}

/* Where a band has most room for words that are `wide` px, and the line of the sum does not run through them. */
function roomiest({ xs, left, right }, { total, end }, lows, highs, wide) {
  let best = { thick: 0 };
  let from = 0;
  let to = 0;
  for (let x = left + wide / 2; x < right - wide / 2; x += 12) {
    while (from < end && xs[from] < x - wide / 2) from++;
    while (to < end && xs[to] < x + wide / 2) to++;
    if (to === end) break;
    let [top, bottom, crossed] = [-Infinity, Infinity, false];
    for (let t = from; t <= to; t++) {
      top = Math.max(top, Math.min(lows[t], highs[t]), TOP);
      bottom = Math.min(bottom, Math.max(lows[t], highs[t]), FLOOR);
    }
    const middle = (top + bottom) / 2;
    for (let t = from; t <= to; t++) crossed ||= Math.abs(believed(total[t]) - middle) < 11;
    if (bottom - top > best.thick && !crossed) best = { thick: bottom - top, x, y: middle };
  }
  return best;
}

function axisWords(axis, steps) {
  const { left, places } = axis;
  const look = (mark) => (Math.abs(mark) === 1 ? "nl-end" : "nl-tick");
  const words = MARKS.map(([mark, text]) => [left - 8, believed(mark) + 4, text, "end", look(mark)]);
  [["learn A", "A"], ["learn B", "B"], ["silence", "silence"]].forEach(([long, short], i) => {
    const wide = places[i + 1] - places[i];
    const texts = [`${long}, ${steps[i]} steps`, `${short}, ${steps[i]}`, short];
    const text = texts.find((one) => LETTER * one.length < wide);
    if (text) words.push([(places[i] + places[i + 1]) / 2, TOP - 20, text, "middle", "nl-tick"]);
  });
  for (const [x, mark] of phaseTicks(axis)) words.push([x, TICKS, String(mark), "middle", "nl-tick"]);
  const note = "← surprise, each step";
  if (places[3] - places[2] > LETTER * note.length) words.push([places[2] + 8, STRIP + 8, note, "start", "nl-tick"]);
  return words;
}

/* The three ends of the phases, and what comes back between the last two. What is off the paper has an arrow. */
function drawMarks({ places, right }, { afterA, afterB, final }, front, outside, dots) {
  const rise = final - afterB;
  const below = [false, rise >= 0, false];
  const ends = [afterA, afterB, final].map((value, i) => {
    const at = believed(value);
    const seen = clamp(at, TOP - 2, FLOOR + 2);
    const off = Math.abs(at - seen) > 4;
    const under = seen < TOP + 14 || (below[i] && seen < FLOOR - 16);
    const text = off ? `${at < seen ? "↑" : "↓"} ${signed(value)}` : signed(value);
    dots[i].toggleAttribute("hidden", off);
    set(dots[i], { cx: tenth(places[i + 1]), cy: tenth(seen) });
    const [side, anchor] = i === 1 ? [9, "start"] : [-9, "end"];
    const word = [places[i + 1] + side, seen + (under ? 18 : -9), text, anchor, "nl-at"];
    return { x: places[i + 1], at, off, word };
  });
  const words = ends.map(({ word }) => word);
  const [, from, to] = ends;
  const span = to.at - from.at;
  const shown = Math.abs(span) > 14 && !from.off && !to.off;
  const x = right - 22;
  const barb = Math.sign(span) * 5;
  front.draw("rest", shown ? `M${tenth(from.x)} ${tenth(from.at)}H${right}` : "");
  const tip = tenth(to.at - Math.sign(span) * 7);
  outside.draw("arrow", shown ? `M${x} ${tenth(from.at)}V${tip}m-4 ${-barb}l4 ${barb}l4 ${-barb}` : "");
  const text = `${signed(rise)} by itself`;
  const fits = x - from.x > LETTER * text.length + 62;
  if (shown && fits) words.push([x - 8, from.at + (rise < 0 ? -8 : 15), text, "end", "nl-note"]);
  return words;
}

function drawEnd({ xs }, { end, total }, front, outside, dots) {
  for (const dot of dots) dot.setAttribute("hidden", "");
  front.draw("rest", "");
  outside.draw("arrow", "");
  const [side, anchor] = xs[end] > 300 ? [-10, "end"] : [10, "start"];
  return [[xs[end] + side, TOP + 16, `diverges at step ${end}`, anchor, "nl-at"]];
}

/* One column a pixel: what it did not expect, dark where all was wrong. */
function drawStrip(view, data) {
  const { axis } = view;
  const { strip } = view.parts.stage;
  const wide = Math.round(axis.right - axis.left);
  strip.style.cssText = `left:${axis.left}px;top:${STRIP}px;width:${wide}px`;
  const row = new Float64Array(wide);
  for (let i = 0; i < wide; i++) {
    const value = data.surprise[Math.max(1, axis.step(axis.left + i + 0.5))];
    row[i] = Number.isFinite(value) ? value : 0;
  }
  heat(strip, row, wide, 2, view.ink.ink, view.ink.ink);
}

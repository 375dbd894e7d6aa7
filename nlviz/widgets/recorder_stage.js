/* Where it was, as a strip of the whole flight; below it, who was right, over the batches that are seen. */

import { band, clamp, h, line, linear, set, tenth, ticks } from "./base.js";
import { paths, scrub, wording } from "./tracks.js";
import { batchOf } from "./recorder_words.js";

export const LEFT = 44; // of every drawing: what stands before the axis
const RIGHT = 10;
const STRIP = 24; // where it was
export const FLAG = 15; // of the playhead
const WEDGE = 28; // from the whole flight to what is seen of it
const NAMES = 40; // of the stays
export const TOP = 50;
export const FLOOR = 246;
const TICKS = 264;
export const STAGE = 272;
const LETTER = 6.4; // px, about
const HATCH = 5;
const right = linear([0, 1], [FLOOR, TOP]);

/* Batches on the axis: `at` is the middle of a batch, `edge` where it begins, `step` the batch under a pixel. */
function axisOf(from, count, width) {
  const unit = (width - LEFT - RIGHT) / count;
  const edge = (t) => LEFT + (clamp(t, from, from + count) - from) * unit;
  const at = (t) => LEFT + (t - from + 0.5) * unit;
  const step = (x) => clamp(Math.floor((x - LEFT) / unit) + from, from, from + count - 1);
  const xs = Float64Array.from({ length: count }, (_, i) => at(from + i));
  return { from, to: from + count, count, unit, edge, at, step, xs, left: LEFT, right: width - RIGHT };
}

/* The batches that are seen: as before, as long as the playhead is among them; else with it in the middle. */
export function axes({ facts, state, axis }, width) {
  const { steps } = facts;
  const count = state.span && state.span < steps ? state.span : steps;
  const there = axis?.count === count && state.step >= axis.from && state.step < axis.to;
  const from = there ? axis.from : clamp(Math.round(state.step - count / 2), 0, steps - count);
  return { axis: axisOf(from, count, width), whole: axisOf(0, steps, width) };
}

export function stage() {
  const strip = h("svg", { height: STRIP, "aria-hidden": "true" });
  const where = paths(strip, ["home", "away", "hatch0", "hatch1", "hatch2", "hatch3", "seen", "needle"]);
  const numbers = wording();
  strip.append(numbers.node);
  const svg = h("svg", { height: STAGE, "aria-hidden": "true" });
  const marks = paths(svg, ["wedge", "phase", "grid", "gain", "second", "halo", "first"]);
  const words = wording();
  const dots = ["second", "first"].map((which) => h(`circle.nl-dot.nl-dot-${which}`, { r: 4 }));
  svg.append(words.node, ...dots);
  return { strip, where, numbers, svg, marks, words, dots };
}

/* The strip moves the playhead over the whole flight. */
export const overview = (view, { strip }, range) => scrub(strip, range, (x) => view.whole.step(x));

/* Slanted, upright or lying lines: each excursion is another map. */
function hatched(from, to, top, floor, kind) {
  let d = "";
  const high = floor - top;
  if (kind === 3) {
    for (let y = top + HATCH; y < floor; y += HATCH) d += `M${tenth(from)} ${y}H${tenth(to)}`;
    return d;
  }
  const lean = [high, -high, 0][kind];
  for (let x = from - Math.max(lean, 0); x < to - Math.min(lean, 0); x += HATCH) {
    // the part of this line that lies between the ends
    const share = (edge) => (lean ? (edge - x) / lean : x >= from && x <= to ? (edge === from ? 0 : 1) : NaN);
    const [low, far] = [share(from), share(to)].sort((one, other) => one - other);
    const [one, other] = [Math.max(0, low), Math.min(1, far)];
    const point = (part) => `${tenth(x + part * lean)} ${tenth(floor - part * high)}`;
    if (one < other) d += `M${point(one)}L${point(other)}`;
  }
  return d;
}

export function drawWhere(view, data) {
  const { where, numbers } = view.parts.stage;
  const { whole, axis } = view;
  const looks = { home: "", away: "", hatch0: "", hatch1: "", hatch2: "", hatch3: "" };
  const words = [[LEFT - 8, 16, "where", "end"]];
  for (const { task, from, to } of data.stays) {
    const [x, end] = [whole.edge(from), whole.edge(to)];
    const box = `M${tenth(x)} 3H${tenth(end)}V${STRIP - 3}H${tenth(x)}z`;
    looks[task ? "away" : "home"] += box;
    if (task) looks[`hatch${(task - 1) % 4}`] += hatched(x, end, 3, STRIP - 3, (task - 1) % 4);
    const text = task ? String(task) : "home";
    const fits = LETTER * text.length < end - x + (task ? 5 : -6);
    if (fits) words.push([(x + end) / 2, 16, text, "middle", task ? "nl-which" : "nl-tick"]);
  }
  for (const [name, d] of Object.entries(looks)) where.draw(name, d);
  const part = axis.count < whole.count;
  const [x, end] = [tenth(whole.edge(axis.from)), tenth(whole.edge(axis.to))];
  where.draw("seen", part ? `M${x} 1H${end}V${STRIP - 1}H${x}z` : "");
  const wedge = `M${x} 0L${LEFT} ${WEDGE}V${TOP}M${end} 0L${axis.right} ${WEDGE}V${TOP}`;
  view.parts.stage.marks.draw("wedge", part ? wedge : "");
  numbers.write(words);
}

/* Excursions as shades behind every drawing. */
export function shades({ axis, data }, top, floor) {
  const seen = data.stays.filter(({ task, from, to }) => task && to > axis.from && from < axis.to);
  const shade = ([x, end]) => `M${tenth(x)} ${top}H${tenth(end)}V${floor}H${tenth(x)}z`;
  return seen.map(({ from, to }) => shade([axis.edge(from), axis.edge(to)])).join("");
}

/* Which line is whose, as long as there is room for it. */
function legend({ axis }, { a, b, alone }, { window: width }) {
  const who = alone ? a.name : `bold ${a.name}, thin ${b.name}`;
  const of = width === 1 ? "right in each batch" : `right in the last ${width} batches`;
  const text = [`${who}: ${of}`, who].find((one) => LETTER * one.length < axis.right - LEFT - 16);
  return text ? [[LEFT + 8, FLOOR - 8, text, "start", "nl-note"]] : [];
}

export function drawStage(view, data, state) {
  const { marks, words } = view.parts.stage;
  const { axis } = view;
  const seen = (means) => Float64Array.from(means.subarray(axis.from, axis.to), right);
  const [a, b] = [seen(data.a.means), seen(data.b.means)];
  marks.draw("phase", shades(view, TOP - 6, FLOOR));
  marks.draw("grid", [0, 0.5, 1].map((mark) => `M${LEFT} ${tenth(right(mark))}H${tenth(axis.right)}`).join(""));
  marks.draw("gain", data.alone ? "" : band(axis.xs, b, a.map((y, i) => Math.min(y, b[i]))));
  marks.draw("second", data.alone ? "" : line(axis.xs, b));
  const first = line(axis.xs, a);
  marks.draw("halo", first);
  marks.draw("first", first);
  words.write([
    ...[[0, "0 %"], [0.5, "50 %"], [1, "100 %"]].map(([mark, text]) => [LEFT - 8, right(mark) + 4, text, "end"]),
    ...legend(view, data, state),
    ...stayNames(view, data),
    ...batchTicks(view),
  ]);
}

function stayNames({ axis }, { stays }) {
  const names = [];
  for (const { task, from, to } of stays) {
    const [x, end] = [axis.edge(from), axis.edge(to)];
    const texts = task ? [`excursion ${task}`, String(task)] : ["home"];
    const text = texts.find((one) => LETTER * one.length + 8 < end - x);
    if (text && axis.count < 500) names.push([(x + end) / 2, NAMES, text, "middle", "nl-tick"]);
  }
  return names;
}

/* Batches are counted from the first one of the stream. */
function batchTicks(view) {
  const { axis } = view;
  const first = batchOf(view, axis.from);
  const marks = ticks(first, first + axis.count - 1, Math.max(2, (axis.right - LEFT) / 90));
  const places = marks.filter(Number.isInteger).map((mark) => [axis.at(mark - first + axis.from), String(mark)]);
  const free = places.filter(([x]) => x > LEFT + 12 && x < axis.right - 12);
  return [[LEFT - 8, TICKS, "batch", "end"], ...free.map(([x, text]) => [x, TICKS, text, "middle"])];
}

/* The playhead's own marks. */
export function drawHere({ parts, axis, whole }, data, { step }) {
  const { where, dots } = parts.stage;
  where.draw("needle", `M${tenth(whole.at(step))} 0V${STRIP}`);
  [data.b, data.a].forEach((one, i) => {
    set(dots[i], { cx: tenth(axis.at(step)), cy: tenth(right(one.means[step])) });
    dots[i].toggleAttribute("hidden", !i && data.alone);
  });
}

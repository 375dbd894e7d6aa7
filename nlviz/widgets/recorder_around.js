/* Every return home laid over each other, or every departure: what the seeds, each with its own schedule, have in
   common. Means and intervals come from recorder_around.py. */

import { band, h, line, linear, say, signed, tenth } from "./base.js";
import { segmented } from "./controls.js";
import { paths, wording } from "./tracks.js";
import { LEFT } from "./recorder_stage.js";
import { hidden, slotOf } from "./recorder_levels.js";
import { insideOf, nth, percent } from "./recorder_words.js";

const UP = 30;
const DOWN = 150;
const BELOW = 168; // words of the batches
const ROW = 42; // px, of the gate and of each level
const BAR = 27;
const MOST = 5; // levels
const shareOf = linear([0, 1], [DOWN, UP]);

export function aligned(view) {
  const svg = h("svg", { "aria-hidden": "true" });
  const names = ["phase", "grid", "bandB", "bandA", "second", "halo", "first", "usually", "fires"];
  const marks = paths(svg, names);
  const bars = Array.from({ length: MOST }, () => h("path.nl-bar"));
  const words = wording();
  const needle = h("path.nl-needle");
  svg.append(...bars, words.node, needle);
  const drawing = h("div.nl-track", { role: "img" }, svg);
  const title = h("b");
  const about = h("p.nl-soft");
  const which = segmented(view, {
    key: "around",
    label: "laid over each other",
    options: [["home", "returns home"], ["away", "departures"]].filter(([kind]) => kind in view.facts.counts),
  });
  const readings = [h("p"), h("div.nl-count"), h("p"), h("p"), h("p")];
  const left = h("div.nl-knobs", {}, h("div", {}, title, about), which);
  const node = h("section.nl-strip", {}, left, drawing, h("div.nl-counts", {}, readings));
  return { node, svg, marks, bars, words, needle, drawing, title, about, readings };
}

/* The arrays of this kind of crossing, of A, of B and of the one looked into; null where there is none. */
function meansOf({ arrays, facts }, data, state) {
  const kind = state.around;
  const all = arrays[`${kind} right`];
  if (!all) return null;
  const [before, after] = facts.around;
  const size = before + after;
  const cut = (one, row) => one.subarray(row * size, (row + 1) * size);
  const rows = ({ i }) => ({ mean: cut(all, 2 * i), half: cut(all, 2 * i + 1) });
  const pair = 2 * (data.a.i * facts.learners.length + data.b.i);
  const ahead = arrays[`${kind} ahead`];
  const inside = insideOf(data, state);
  const moved = arrays[`${inside.i} ${kind} moved`];
  return {
    size,
    before,
    a: rows(data.a),
    b: rows(data.b),
    ahead: { mean: cut(ahead, pair), half: cut(ahead, pair + 1) },
    fired: arrays[`${inside.i} ${kind} fired`],
    moved: inside.levels.map((_, k) => cut(moved, k)),
    inside,
  };
}

export function drawAround(view, data, state) {
  const { svg, marks, bars, words, drawing, title, about, node } = view.parts.around;
  const means = meansOf(view, data, state);
  node.toggleAttribute("hidden", !means);
  view.means = means;
  if (!means) return;
  const { size, before, a, b, fired, moved, inside } = means;
  const home = state.around === "home";
  const right = view.axis.right;
  const unit = (right - LEFT) / size;
  const at = (i) => LEFT + (i + 0.5) * unit;
  const xs = Float64Array.from({ length: size }, (_, i) => at(i));
  const border = LEFT + before * unit;
  const rows = hidden(view, state) ? [] : [...(fired ? [fired] : []), ...moved];
  const bottom = BELOW + 8 + ROW * rows.length;
  svg.setAttribute("height", bottom + 4);
  view.column = { at, bottom };
  const [from, to] = home ? [LEFT, border] : [border, right];
  marks.draw("phase", `M${tenth(from)} ${UP - 8}H${tenth(to)}V${bottom}H${tenth(from)}z`);
  const floors = rows.map((_, k) => BELOW + 8 + ROW * (k + 1));
  const lying = [...[0, 0.5, 1].map(shareOf), ...floors];
  marks.draw("grid", lying.map((y) => `M${LEFT} ${tenth(y)}H${tenth(right)}`).join(""));
  const ribbon = ({ mean, half }) => {
    const there = Array.from(half.keys()).filter((i) => Number.isFinite(half[i]));
    const edge = (side) => there.map((i) => shareOf(mean[i] + side * half[i]));
    return there.length ? band(there.map(at), edge(-1), edge(1)) : "";
  };
  const curve = ({ mean }) => line(xs, mean.map(shareOf));
  marks.draw("bandA", ribbon(a));
  marks.draw("bandB", data.alone ? "" : ribbon(b));
  marks.draw("first", curve(a));
  marks.draw("halo", curve(a));
  marks.draw("second", data.alone ? "" : curve(b));

  const shares = [[0, "0 %"], [0.5, "50 %"], [1, "100 %"]];
  const ticks = shares.map(([mark, text]) => [LEFT - 8, shareOf(mark) + 4, text, "end"]);
  const counts = [-before, 1, 2, 5, 10, 15].filter((count) => count <= size - before);
  const numbers = counts.map((count) => {
    const text = count < 0 ? `${-count} before` : count === 1 ? "1st" : count === 2 && unit < 22 ? "" : nth(count);
    return [at(before + (count < 0 ? count : count - 1)), BELOW, text, "middle"];
  });
  const sides = home ? ["away", "home again"] : ["home", "away"];
  const names = [[border - 8, UP - 14, sides[0], "end"], [border + 8, UP - 14, `${sides[1]} →`, "start"]];
  const who = data.alone ? data.a.name : `bold ${data.a.name}, thin ${data.b.name}`;
  names.push([right - 8, DOWN - 8, who, "end", "nl-note"]);
  words.write([...ticks, ...numbers, ...names, ...drawRows(view, { means, rows, floors, at, unit, fired, inside })]);

  say(title, home ? "Every return home, laid over each other" : "Every departure, laid over each other");
  const [crossings, seeds] = view.facts.counts[state.around];
  const many = seeds > 1 ? `${seeds} seeds, each with a schedule of its own` : "one seed";
  const shades = seeds > 1 ? "Shades: 95 % interval over seeds." : "";
  say(about, `${crossings} in ${many}, second half of the flight. ${shades} ${home ? backWords(view, data) : ""}`);
  drawing.setAttribute("aria-label", `${title.textContent}: ${compared(means, data, before + 1)}`);
}

/* From which batch on they are again about as right, within 10 points, as before they left. */
function backWords({ facts }, { a, b, alone }) {
  const of = ({ i }) => (facts.learners[i].back ? `from the ${nth(facts.learners[i].back)} batch` : "not that soon");
  return `As right as before it left, within 10 points: A ${of(a)}${alone ? "" : `, B ${of(b)}`}.`;
}

/* The gate, and how far each level moved: in multiples of what it moves in a batch. */
function drawRows(view, { rows, floors, at, unit, fired, inside, means }) {
  const { marks, bars } = view.parts.around;
  const wide = Math.max(2, 0.72 * unit);
  const top = Math.max(2, ...means.moved.flatMap((one) => [...one]).filter(Number.isFinite));
  const words = [];
  let [gate, usually] = ["", ""];
  for (const bar of bars) bar.setAttribute("d", "");
  rows.forEach((row, k) => {
    const level = k - (fired ? 1 : 0);
    const scale = level < 0 ? BAR : BAR / top;
    const high = (value) => tenth(floors[k] - scale * value);
    const bar = (value, i) => `M${tenth(at(i) - wide / 2)} ${floors[k]}h${tenth(wide)}V${high(value)}h${tenth(-wide)}z`;
    const d = Array.from(row, (value, i) => (Number.isFinite(value) ? bar(value, i) : "")).join("");
    const first = row[means.before]; // batch on the other side
    const text = level < 0 ? percent(first) : `${first.toFixed(1)}×`;
    const known = Number.isFinite(first);
    const name = level < 0 ? `the gate of ${inside.name} fires` : `${inside.levels[level].label} moves`;
    words.push([view.axis.right, floors[k] - BAR + 4, name, "end", "nl-note"]);
    if (known) words.push([at(means.before), high(first) - 4, text, "middle", "nl-note"]);
    if (level < 0) gate = d;
    else {
      bars[level].setAttribute("d", d);
      bars[level].style.setProperty("--level", slotOf(inside.levels, level));
      usually += `M${LEFT} ${tenth(floors[k] - scale)}H${tenth(view.axis.right)}`;
    }
  });
  marks.draw("fires", gate);
  marks.draw("usually", usually);
  return words;
}

function compared(means, data, i) {
  const { a, b, ahead, before } = means;
  const which = `${nth(i - before + 1)} batch`;
  if (data.alone) return `in the ${which} ${data.a.name} has ${percent(a.mean[i])} right`;
  const half = Number.isFinite(ahead.half[i]) ? `, ± ${Math.round(100 * ahead.half[i])}` : "";
  const points = signed(100 * ahead.mean[i], 0);
  const both = `${data.a.name} has ${percent(a.mean[i])} right and ${data.b.name} ${percent(b.mean[i])}`;
  return `in the ${which} ${both}: ${points} points${half}`;
}

/* The batch that is read out: the one at the playhead, where it is near a crossing of this kind; else the second. */
function readAt({ data, state, means: { before, size } }) {
  const home = state.around === "home";
  const at = data.stayAt(state.step);
  const kind = ({ task }) => !task === home;
  const here = data.stays[at];
  const next = data.stays[at + 1];
  const after = at && kind(here) ? before + state.step - here.from : NaN;
  const ahead = next && kind(next) ? before + state.step - next.from : NaN;
  return [after, ahead].find((i) => i >= 0 && i < size) ?? null;
}

export function drawAroundHere(view, data, state) {
  const { means, parts, column } = view;
  if (!means) return;
  const { needle, readings } = parts.around;
  const near = readAt(view);
  const i = near ?? means.before + 1;
  const { a, b, ahead, before } = means;
  needle.setAttribute("d", near === null ? "" : `M${tenth(column.at(i))} ${UP - 8}V${column.bottom}`);
  const home = state.around === "home" ? "home" : "away";
  say(readings[0], i < before ? `${before - i} before` : `${nth(i - before + 1)} batch ${home}`);
  const known = Number.isFinite(ahead.mean[i]);
  say(readings[1], known ? (data.alone ? percent(a.mean[i]) : `${signed(100 * ahead.mean[i], 0)}`) : "–");
  const half = Number.isFinite(ahead.half[i]) ? ` ± ${Math.round(100 * ahead.half[i])}` : "";
  say(readings[2], data.alone ? "right" : `points A over B${half}`);
  say(readings[3], known ? `A ${percent(a.mean[i])} right` : "");
  say(readings[4], known && !data.alone ? `B ${percent(b.mean[i])} right` : "");
}

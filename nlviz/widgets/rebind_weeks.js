/* The left picture: one measure at the end of every week, a line for each memory; of a single week, by number of names. */

import { band, h, line, linear, set, tenth, ticks } from "./base.js";
import { RULES } from "./rebind_model.js";
import { measure, spoken, told } from "./rebind_words.js";

export const HIGH = 264;
export const LEFT = 40;
const [TOP, FLOOR, RIGHT] = [16, 232, 96];
const APART = 16; // px between the words at the ends of the lines
const FEATURES = 32; // of a key

const circle = (x, y) => `M${tenth(x - 4)} ${tenth(y)}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z`;
const square = (x, y) => `M${tenth(x - 3.5)} ${tenth(y - 3.5)}h7v7h-7z`;
const MARKS = [circle, square];

/* What stands at which place: {at, rows: [rule] = {mean, half}, marked, labels}. */
function byWeek(view, data, state) {
  const shown = told(state) ? state.weeks : 1;
  const last = Math.max(8, state.weeks);
  const at = Array.from({ length: shown }, (_, week) => week + 1);
  const rows = measure(data, state).map(({ mean, half }) => ({ mean: mean.slice(0, shown), half: half.slice(0, shown) }));
  return { at, rows, span: [1, last], labels: Array.from({ length: last }, (_, week) => week + 1), unit: "week", marked: () => true };
}

function byNames(view, data, state) {
  const at = view.facts.names.filter((names) => names === state.names || view.curve.has(names));
  const found = (names) => measure(names === state.names ? data : view.curve.get(names), state);
  const row = (rule, which) => at.map((names) => found(names)[rule][which][0]);
  const rows = RULES.map((_, rule) => ({ mean: row(rule, "mean"), half: row(rule, "half") }));
  const labels = view.facts.names.filter((names) => names % 16 === 0 || names === 8);
  return { at, rows, span: [8, view.facts.names.at(-1)], labels, unit: "names", marked: (names) => names === state.names };
}

export function weekly(view) {
  const svg = h("svg.nl-weekly", { height: HIGH });
  const parts = {};
  for (const name of ["hair", "axis", "guessing", "ghost", "band0", "band4", "line0", "line4", "yours", "dots0", "dots4"])
    svg.append((parts[name] = h(`path.nl-${name}`)));
  const words = h("g");
  svg.append(words);
  let worded = "";
  let wide = 0;
  let width = 0;

  const draw = (data, state, yours) => {
    if (width !== view.width) wide = svg.parentNode.clientWidth;
    width = view.width;
    const { at, rows, span, labels, unit, marked } = (state.weeks === 1 ? byNames : byWeek)(view, data, state);
    const end = wide - RIGHT;
    const x = linear(span, [LEFT + 10, end]);
    const share = state.metric === "right";
    const top = share ? 1 : ceiling(rows.flatMap(({ mean }) => mean));
    const y = linear([0, top], [FLOOR, TOP]);
    const height = (value) => y(Math.min(value, 1.04 * top));
    const xs = at.map(x);
    rows.forEach(({ mean, half }, rule) => {
      const slot = 4 * rule;
      const sure = at.length > 1 && half.every(Number.isFinite);
      const edge = (sign) => mean.map((one, i) => Math.min(FLOOR, Math.max(TOP - 8, y(one + sign * half[i]))));
      set(parts[`line${slot}`], { d: line(xs, mean.map(height)) });
      set(parts[`dots${slot}`], { d: mean.map((one, i) => (marked(at[i]) ? MARKS[rule](xs[i], height(one)) : "")).join("") });
      set(parts[`band${slot}`], { d: sure ? band(xs, edge(-1), edge(1)) : "" });
    });
    const mine = yours && told(state) ? yours[state.metric] : null;
    set(parts.yours, { d: mine ? series(mine.slice(0, span[1]), yours, x, height) : "" });
    set(parts.ghost, { d: before(view, state, x, height, span) });
    const marks = share ? [0, 0.5, 1] : ticks(0, top, 4);
    set(parts.hair, { d: marks.map((mark) => `M${LEFT} ${tenth(y(mark))}H${end + 10}`).join("") });
    set(parts.axis, { d: `M${LEFT} ${FLOOR}H${end + 10}` });
    set(parts.guessing, { d: reference(state, at, x, y, end) });

    const content = [
      ...marks.map((mark) => [LEFT - 6, y(mark) + 4, share ? `${100 * mark} %` : String(mark), "end", "nl-tick"]),
      [LEFT - 6, FLOOR + 18, unit, "end", "nl-tick"],
      ...labels.filter((_, i) => i % 2 === 0 || x(labels[1]) - x(labels[0]) >= 18).map((place) => [x(place), FLOOR + 18, String(place), "middle", "nl-tick"]),
      ...(told(state) ? notes(state, x, y, end) : [[(x(1) + end) / 2 + 20, (TOP + FLOOR) / 2, "And after that? Place your bet first.", "middle", "nl-hush"]]),
      ...ends(rows, mine, state, state.weeks === 1 ? end : xs.at(-1), height),
    ];
    const key = JSON.stringify(content);
    const word = ([left, down, text, anchor, name]) => h("text", { x: tenth(left), y: tenth(down), "text-anchor": anchor, class: name }, text);
    if (key !== worded) words.replaceChildren(...content.map(word));
    worded = key;
  };
  return { svg, draw };
}

/* A nice number over all errors; 1, the error of a memory that says nothing, is always on the picture. */
function ceiling(values) {
  const most = Math.max(1.2, ...values.filter((value) => value < 1e6));
  const power = 10 ** Math.floor(Math.log10(most));
  return power * [1.2, 1.5, 2, 3, 4, 5, 6, 8, 10, 12].find((nice) => nice * power >= most);
}

/* Values week by week; of a single week, a stroke at its number of names. */
function series(values, { weeks, names }, x, height) {
  if (weeks === 1) return `M${tenth(x(names) - 9)} ${tenth(height(values[0]))}h18`;
  return line(values.map((_, week) => x(week + 1)), values.map(height));
}

function before({ ghost }, state, x, height, [, last]) {
  if (!ghost || !told(state) || (state.weeks === 1) !== (ghost.state.weeks === 1)) return "";
  return measure(ghost, state).map(({ mean }) => series(mean.slice(0, last), ghost.state, x, height)).join("");
}

/* No better than a guess: picking one of a name's own weeks; or saying nothing, whose squared error is 1. */
function reference({ metric, weeks }, at, x, y, end) {
  if (metric === "error") return `M${LEFT} ${tenth(y(1))}H${tenth(end + 10)}`;
  if (weeks === 1) return `M${tenth(x(FEATURES))} ${TOP}V${FLOOR}`;
  const fine = at.length > 1 ? Array.from({ length: 4 * (at.length - 1) + 1 }, (_, i) => 1 + i / 4) : [];
  return line(fine.map(x), fine.map((week) => y(1 / week)));
}

function notes({ metric, weeks }, x, y, end) {
  const nothing = "1: saying nothing";
  if (metric === "error") return [weeks === 1 ? [LEFT + 4, y(1) - 5, nothing, "start", "nl-note"] : [end + 10, y(1) - 5, nothing, "end", "nl-note"]];
  if (weeks === 1) return [[x(FEATURES) + 6, FLOOR - 8, "as many names as features", "start", "nl-note"]];
  return weeks > 3 ? [[x(2.2) + 8, y(1 / 2.2) - 6, "picking one of its weeks blindly", "start", "nl-note"]] : [];
}

/* Each line's name behind its end, and there the number too, moved apart where they would meet. */
function ends(rows, mine, state, at, height) {
  const said = (value) => (state.weeks === 1 ? "" : ` ${spoken(state, value)}`);
  const labels = rows.map(({ mean }, rule) => ({ down: height(mean.at(-1)), text: RULES[rule] + said(mean.at(-1)), name: `nl-rule${4 * rule}` }));
  if (mine?.length === state.weeks && state.weeks > 1) labels.push({ down: height(mine.at(-1)) + 0.1, text: `yours${said(mine.at(-1))}`, name: "nl-mine" });
  labels.sort((a, b) => a.down - b.down);
  for (let i = 1; i < labels.length; i++) labels[i].down = Math.max(labels[i].down, labels[i - 1].down + APART);
  labels.forEach((label, i) => (label.down = Math.min(label.down, FLOOR - APART * (labels.length - 1 - i))));
  return labels.map(({ down, text, name }) => [at + 12, down + 4, text, "start", name]);
}

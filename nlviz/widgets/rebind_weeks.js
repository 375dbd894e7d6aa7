/* The left picture: one measure at the end of every week, a line for each memory. */

import { band, h, line, linear, set, tenth, ticks } from "./base.js";
import { RULES } from "./rebind_model.js";
import { measure, spoken, told } from "./rebind_words.js";

export const HIGH = 264;
export const LEFT = 40;
const [TOP, FLOOR, RIGHT] = [16, 232, 96];
const APART = 16; // px between the words at the ends of the lines

const circle = (x, y) => `M${tenth(x - 4)} ${tenth(y)}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z`;
const square = (x, y) => `M${tenth(x - 3.5)} ${tenth(y - 3.5)}h7v7h-7z`;
const MARKS = [circle, square];

export function weekly(view) {
  const svg = h("svg.nl-weekly", { height: HIGH });
  const parts = {};
  for (const name of ["hair", "axis", "guessing", "ghost", "band0", "band4", "line0", "line4", "yours", "dots0", "dots4", "dotsY"])
    svg.append((parts[name] = h(`path.nl-${name}`)));
  const words = h("g");
  svg.append(words);
  let worded = "";

  const draw = (data, state, yours) => {
    if (parts.for !== view.width) parts.wide = svg.parentNode.clientWidth;
    parts.for = view.width;
    const end = parts.wide - RIGHT;
    const shown = told(state) ? state.weeks : 1;
    const last = Math.max(8, state.weeks);
    const x = linear([1, last], [LEFT + 10, end]);
    const now = measure(data, state).map(({ mean, half }) => ({ mean: mean.slice(0, shown), half: half.slice(0, shown) }));
    const mine = yours && told(state) ? yours[state.metric] : null;
    const top = state.metric === "right" ? 1 : ceiling(now.flatMap(({ mean }) => mean));
    const y = linear([0, top], [FLOOR, TOP]);
    const place = (values) => Array.from(values, (value) => (value > top * 1.04 ? y(top * 1.04) : y(value)));
    const xs = Array.from({ length: shown }, (_, week) => x(week + 1));

    now.forEach(({ mean, half }, rule) => {
      const slot = 4 * rule;
      const ys = place(mean);
      const sure = shown > 1 && half.every(Number.isFinite);
      set(parts[`line${slot}`], { d: line(xs, ys) });
      set(parts[`dots${slot}`], { d: ys.map((at, week) => MARKS[rule](xs[week], at)).join("") });
      const edge = (sign) => mean.map((one, week) => Math.min(FLOOR, Math.max(TOP - 8, y(one + sign * half[week]))));
      set(parts[`band${slot}`], { d: sure ? band(xs, edge(-1), edge(1)) : "" });
    });
    set(parts.yours, { d: mine ? line(xs, place(mine)) : "" });
    set(parts.dotsY, { d: mine && shown === 1 ? `M${xs[0] - 9} ${tenth(place(mine)[0])}h18` : "" });
    set(parts.ghost, { d: before(view, state, x, place, last) });
    const marks = state.metric === "right" ? [0, 0.5, 1] : ticks(0, top, 4);
    set(parts.hair, { d: marks.map((mark) => `M${LEFT} ${tenth(y(mark))}H${end + 10}`).join("") });
    set(parts.axis, { d: `M${LEFT} ${FLOOR}H${end + 10}` });
    set(parts.guessing, { d: reference(state, shown, x, y, end) });

    const content = [
      ...marks.map((mark) => [LEFT - 6, y(mark) + 4, state.metric === "right" ? `${100 * mark} %` : String(mark), "end", "nl-tick"]),
      ...weeks(last, x),
      ...(told(state) ? notes(state, shown, x, y, end) : hidden(x, last)),
      ...ends(now, mine, state, xs.at(-1), place),
    ];
    const key = JSON.stringify(content);
    if (key !== worded) words.replaceChildren(...content.map(([at, down, text, anchor, name]) => h("text", { x: tenth(at), y: tenth(down), "text-anchor": anchor, class: name }, text)));
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

function before(view, state, x, place, last) {
  const { ghost } = view;
  if (!ghost || !told(state)) return "";
  return measure(ghost, state)
    .map(({ mean }) => {
      const values = mean.slice(0, last);
      const xs = values.map((_, week) => x(week + 1));
      return values.length > 1 ? line(xs, place(values)) : `M${xs[0] - 8} ${tenth(place(values)[0])}h16`;
    })
    .join("");
}

/* What is no better than a guess: one of a name's own weeks; or saying nothing, whose squared error is 1. */
function reference({ metric }, shown, x, y, end) {
  if (metric === "error") return `M${LEFT} ${tenth(y(1))}H${tenth(end + 10)}`;
  const fine = Array.from({ length: 4 * (shown - 1) + 1 }, (_, i) => 1 + i / 4);
  return shown > 1 ? line(fine.map(x), fine.map((week) => y(1 / week))) : "";
}

function notes({ metric, weeks: count }, shown, x, y, end) {
  if (metric === "error") return [[end + 10, y(1) - 5, "1: as far off as saying nothing", "end", "nl-note"]];
  return count > 3 ? [[x(2.2) + 8, y(1 / 2.2) - 6, "picking one of its weeks blindly", "start", "nl-note"]] : [];
}

const hidden = (x, last) => [[(x(1) + x(last)) / 2 + 20, (TOP + FLOOR) / 2, "And after that? Place your bet first.", "middle", "nl-hush"]];

function weeks(last, x) {
  const every = x(2) - x(1) >= 18 ? 1 : 2;
  const labels = [[LEFT - 6, FLOOR + 18, "week", "end", "nl-tick"]];
  for (let week = 1; week <= last; week += every) labels.push([x(week), FLOOR + 18, String(week), "middle", "nl-tick"]);
  return labels;
}

/* Each line's name and number behind its last mark, moved apart where they would meet. */
function ends(now, mine, state, at, place) {
  const labels = now.map(({ mean }, rule) => ({ down: place(mean.slice(-1))[0], text: `${RULES[rule]} ${spoken(state, mean.at(-1))}`, name: `nl-rule${4 * rule}` }));
  if (mine) labels.push({ down: place([mine.at(-1)])[0] + 0.1, text: `yours ${spoken(state, mine.at(-1))}`, name: "nl-mine" });
  labels.sort((a, b) => a.down - b.down);
  for (let i = 1; i < labels.length; i++) labels[i].down = Math.max(labels[i].down, labels[i - 1].down + APART);
  labels.forEach((label, i) => (label.down = Math.min(label.down, FLOOR - APART * (labels.length - 1 - i))));
  return labels.map(({ down, text, name }) => [at + 12, down + 4, text, "start", name]);
}

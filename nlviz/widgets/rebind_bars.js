/* The right picture: one name is asked, and a value is as loud in the answer as its bar is high. The bars are the name's
   own weeks; of a single week, the values of all names. */

import { h, set, tenth, ticks } from "./base.js";
import { RULES, everyone, latest, loudness } from "./rebind_model.js";
import { HIGH, LEFT } from "./rebind_weeks.js";
import { asked, told, verdict } from "./rebind_words.js";

const EDGE = 118; // px at the right, for words
const PANELS = [26, 148]; // where the bars begin
const DEEP = 84;
const UNDER = 250; // the words under the bars

/* The bars of an answer: how loud, which is the right one, which the loudest; `line` is the loudest that has no bar. */
function taken(heard, state, facts, all) {
  const { best, right: won, text } = verdict(heard, state, facts);
  const name = asked(state);
  if (!all) return { bars: heard.own, right: latest(state, name, state.weeks - 1), best, line: heard.other.loud, text, won };
  return { bars: all, right: name, best: best < 0 ? heard.other.name : name, line: NaN, text, won };
}

export function loud(view) {
  const svg = h("svg.nl-loud", { height: HIGH });
  const panels = PANELS.map((top, rule) => {
    const parts = { top, rule };
    for (const name of ["hair", `old${4 * rule}`, `new${4 * rule}`, "other", "axis", "best", "ghost", "yours"])
      svg.append((parts[name.replace(/\d/, "")] = h(`path.nl-${name}`)));
    return parts;
  });
  const words = h("g");
  svg.append(words);
  let [wide, width, worded] = [0, 0, ""];

  const draw = (data, state, yours) => {
    if (width !== view.width) wide = svg.parentNode.clientWidth;
    width = view.width;
    const shown = told(state);
    const name = asked(state);
    const single = state.weeks === 1;
    const answers = RULES.map((_, rule) => taken(loudness(data, rule, name), state, view.facts, single && everyone(data, rule, name)));
    const values = answers.flatMap(({ bars, line }) => [...bars, line]).filter(Number.isFinite);
    const top = shown ? nice(Math.max(1, ...values)) : 1;
    const low = shown ? Math.max(-0.45 * top, Math.min(0, ...values)) : 0;
    const step = (wide - LEFT - EDGE) / (single ? state.names : Math.max(8, state.weeks));
    const content = [];
    const room = { top, low, step, end: wide - EDGE, wide, content };
    for (const parts of panels) {
      backdrop(parts, room, shown);
      fill(parts, room, shown ? answers[parts.rule] : null);
      set(parts.ghost, { d: shown ? earlier(view, parts, room, state, name) : "" });
      set(parts.yours, { d: "" });
    }
    if (shown && yours && name < yours.names) dashed(panels[1], room, yours, state, view.facts);
    if (shown) content.push(...under(room, state, name, view.facts));
    else content.push([(LEFT + room.end) / 2, (PANELS[0] + PANELS[1] + DEEP) / 2, "Place your bet first.", "middle", "nl-hush"]);
    const key = JSON.stringify(content);
    const word = ([x, y, text, anchor, called]) => h("text", { x: tenth(x), y: tenth(y), "text-anchor": anchor, class: called }, text);
    if (key !== worded) words.replaceChildren(...content.map(word));
    worded = key;
  };
  return { svg, draw };
}

const nice = (most) => {
  const power = 10 ** Math.floor(Math.log10(most));
  return power * [1, 1.2, 1.5, 2, 3, 4, 5, 6, 8, 10].find((one) => one * power >= most * 0.999);
};

const height = ({ top }, room) => (value) => top + (DEEP * (room.top - Math.min(1.08 * room.top, Math.max(1.2 * room.low, value)))) / (room.top - room.low);

function bar(y, { step }, loudness, i) {
  const gap = Math.min(0.14 * step, 5);
  if (!Number.isFinite(loudness)) return "";
  return `M${tenth(LEFT + i * step + gap)} ${tenth(y(0))}V${tenth(y(loudness))}h${tenth(step - 2 * gap)}V${tenth(y(0))}z`;
}

function backdrop(parts, room, shown) {
  const y = height(parts, room);
  const higher = [...(room.top < 6 ? [1] : []), ...ticks(0, room.top, 2).filter((mark) => mark > 0.3 * room.top)];
  const marks = shown ? [...new Set([0, ...higher])] : [0];
  set(parts.axis, { d: `M${LEFT} ${tenth(y(0))}H${room.end}` });
  set(parts.hair, { d: marks.map((mark) => `M${LEFT} ${tenth(y(mark))}H${room.end}`).join("") });
  room.content.push([LEFT, parts.top - 12, RULES[parts.rule], "start", `nl-rule${4 * parts.rule}`]);
  room.content.push(...marks.map((mark) => [LEFT - 6, y(mark) + 4, String(mark), "end", "nl-tick"]));
}

function fill(parts, room, answer) {
  const y = height(parts, room);
  const some = (chosen) => (answer ? answer.bars.map((loudness, i) => (chosen(i) ? bar(y, room, loudness, i) : "")).join("") : "");
  set(parts.old, { d: some((i) => i !== answer.right) });
  set(parts.new, { d: some((i) => i === answer.right) });
  set(parts.best, { d: some((i) => i === answer.best) });
  const line = answer && Number.isFinite(answer.line);
  set(parts.other, { d: line ? `M${LEFT} ${tenth(y(answer.line))}H${room.end}` : "" });
  if (line) room.content.push([room.end + 6, y(answer.line) + 4, "loudest other name", "start", "nl-note"]);
  if (answer) room.content.push([LEFT + 44, parts.top - 12, `says ${answer.text} ${answer.won ? "✓" : "✗"}`, "start", "nl-says"]);
}

/* How high the bars were, before the hand moved. */
function earlier({ ghost }, parts, room, state, name) {
  if (!ghost || name >= ghost.state.names || (ghost.state.weeks === 1) !== (state.weeks === 1)) return "";
  const y = height(parts, room);
  const [count, heard] = state.weeks === 1 ? [state.names, everyone(ghost, parts.rule, name)] : [state.weeks, loudness(ghost, parts.rule, name).own];
  const cap = (loudness, i) => (Number.isFinite(loudness) ? `M${tenth(LEFT + i * room.step)} ${tenth(y(loudness))}h${tenth(room.step)}` : "");
  return heard.slice(0, count).map(cap).join("");
}

function dashed(parts, room, yours, state, facts) {
  const y = height(parts, room);
  const name = asked(state);
  const heard = yours.heard(name);
  const last = latest(state, name, state.weeks - 1);
  const bars = heard.own.slice(0, last + 1).map((loudness, i) => bar(y, room, loudness, state.weeks === 1 ? name : i));
  set(parts.yours, { d: bars.join("") });
  if (yours.fresh) room.content.push([room.wide, parts.top - 12, `yours: ${verdict(heard, state, facts).right ? "right ✓" : "wrong ✗"}`, "end", "nl-mine"]);
}

function under({ step }, state, name, facts) {
  if (state.weeks === 1) return [[LEFT - 6, UNDER, "name", "end", "nl-tick"], [LEFT + (name + 0.5) * step, UNDER, facts.people[name], "middle", "nl-tick"]];
  const labels = [[LEFT - 6, UNDER, "week", "end", "nl-tick"]];
  for (let week = 0; week < state.weeks; week += step >= 18 ? 1 : 2) labels.push([LEFT + (week + 0.5) * step, UNDER, String(week + 1), "middle", "nl-tick"]);
  return labels;
}

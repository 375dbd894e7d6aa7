/* The right picture: one name is asked, and every week's value is as loud in the answer as its bar is high. */

import { h, set, tenth, ticks } from "./base.js";
import { RULES, latest, loudness } from "./rebind_model.js";
import { HIGH, LEFT } from "./rebind_weeks.js";
import { asked, told, verdict } from "./rebind_words.js";

const EDGE = 86; // px at the right, for words
const PANELS = [{ top: 26, high: 84 }, { top: 148, high: 84 }];
const WEEKS = 244;

export function loud(view) {
  const svg = h("svg.nl-loud", { height: HIGH });
  const panels = PANELS.map((at, rule) => {
    const parts = { ...at, rule };
    for (const name of ["hair", `old${4 * rule}`, `new${4 * rule}`, "other", "axis", "best", "ghost", "yours"]) svg.append((parts[name.replace(/\d/, "")] = h(`path.nl-${name}`)));
    return parts;
  });
  const words = h("g");
  svg.append(words);
  let wide = 0;
  let width = 0;
  let worded = "";

  const draw = (data, state, yours) => {
    if (width !== view.width) wide = svg.parentNode.clientWidth;
    width = view.width;
    const shown = told(state);
    const name = asked(state);
    const heard = RULES.map((_, rule) => loudness(data, rule, name));
    const all = heard.flatMap(({ own, other }) => [...own.filter(Number.isFinite), other.loud]);
    const mine = yours && shown ? yours.heard(name) : null;
    const top = nice(Math.max(1, ...all));
    const low = Math.min(0, ...all.map((one) => Math.max(one, -0.45 * top)));
    const step = (wide - LEFT - EDGE) / Math.max(8, state.weeks);
    const content = shown ? [] : [[(LEFT + wide) / 2, 130, "Place your bet first.", "middle", "nl-hush"]];
    for (const parts of panels) panel(parts, { heard: heard[parts.rule], mine: parts.rule ? mine : null, shown, state, top, low, step, wide, content, view });
    if (shown) content.push([LEFT - 6, WEEKS + 6, "week", "end", "nl-tick"]);
    for (let week = 0; shown && week < state.weeks; week++)
      if (step >= 18 || week % 2 === 0) content.push([LEFT + (week + 0.5) * step, WEEKS + 6, String(week + 1), "middle", "nl-tick"]);
    const key = JSON.stringify(content);
    if (key !== worded) words.replaceChildren(...content.map(([x, y, text, anchor, called]) => h("text", { x: tenth(x), y: tenth(y), "text-anchor": anchor, class: called }, text)));
    worded = key;
  };
  return { svg, draw };
}

const nice = (most) => {
  const power = 10 ** Math.floor(Math.log10(most));
  return power * [1, 1.2, 1.5, 2, 3, 4, 5, 6, 8, 10].find((one) => one * power >= most * 0.999);
};

function panel(parts, { heard, mine, shown, state, top, low, step, wide, content, view }) {
  const y = (value) => parts.top + (parts.high * (top - Math.min(top * 1.08, Math.max(low * 1.2, value)))) / (top - low);
  const said = verdict(heard, state, view.facts);
  const name = asked(state);
  const right = latest(state, name, state.weeks - 1);
  const end = wide - EDGE;
  const bar = (loudness, week, inset = 0.14) => {
    const from = LEFT + (week + inset) * step;
    return Number.isFinite(loudness) ? `M${tenth(from)} ${tenth(y(0))}V${tenth(y(loudness))}h${tenth((1 - 2 * inset) * step)}V${tenth(y(0))}z` : "";
  };
  const caps = (values) => values.map((loudness, week) => (Number.isFinite(loudness) && week < state.weeks ? `M${tenth(LEFT + (week + 0.06) * step)} ${tenth(y(loudness))}h${tenth(0.88 * step)}` : "")).join("");
  const bars = (values, some) => values.map((loudness, week) => (some(week) ? bar(loudness, week) : "")).join("");
  set(parts.old, { d: shown ? bars(heard.own, (week) => week !== right) : "" });
  set(parts.new, { d: shown ? bars(heard.own, (week) => week === right) : "" });
  set(parts.best, { d: shown && said.best >= 0 ? bar(heard.own[said.best], said.best) : "" });
  set(parts.other, { d: shown ? `M${LEFT} ${tenth(y(heard.other.loud))}H${end}` : "" });
  set(parts.axis, { d: `M${LEFT} ${tenth(y(0))}H${end}` });
  set(parts.ghost, { d: shown && view.ghost && name < view.ghost.state.names ? caps(loudness(view.ghost, parts.rule, name).own) : "" });
  set(parts.yours, { d: mine ? bars(Array.from(mine.own), () => true) : "" });
  const marks = shown ? [...new Set([0, ...(top < 6 ? [1] : []), ...ticks(0, top, 2).filter((mark) => mark > 0.3 * top)])] : [0];
  set(parts.hair, { d: marks.map((mark) => `M${LEFT} ${tenth(y(mark))}H${end}`).join("") });
  content.push([LEFT, parts.top - 12, RULES[parts.rule], "start", `nl-rule${4 * parts.rule}`]);
  content.push(...marks.map((mark) => [LEFT - 6, y(mark) + 4, String(mark), "end", "nl-tick"]));
  if (!shown) return;
  content.push([end + 6, y(heard.other.loud) + 4, "loudest other", "start", "nl-note"]);
  content.push([LEFT + 44, parts.top - 12, `says ${said.text} ${said.right ? "✓" : "✗"}`, "start", "nl-says"]);
  if (mine) content.push([wide, parts.top - 12, `yours: ${verdict(mine, state, view.facts).right ? "right ✓" : "wrong ✗"}`, "end", "nl-mine"]);
}

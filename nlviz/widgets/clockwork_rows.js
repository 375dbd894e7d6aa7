/* Clockwork: one row a part, fast above slow, over an axis that looks back from now. A tick is a write; the bar after
   the last one is the time for which nothing has changed; the band before it is what that write has seen. */

import { h, say, tenth } from "./base.js";
import { button } from "./controls.js";
import { paths, wording } from "./tracks.js";
import { many } from "./clockwork_words.js";
import { contextStart } from "./clockwork_model.js";

export const LEFT = 6;
export const RIGHT = 10;
const HIGH = 46; // of a row
const TOP = 10; // of its ticks
const FLOOR = 36;
const DENSE = 2.2; // px: closer ticks run together
const LETTER = 6.6;

/* Pixels of an age, from now at the right to the whole run at the left. */
export function lookingBack(wide, last) {
  const right = wide - RIGHT;
  const scale = (right - LEFT) / Math.log10(1 + last);
  return { left: LEFT, right, wide, x: (age) => right - scale * Math.log10(1 + age) };
}

export function row(view, part, i) {
  const name = button([h("span.nl-swatch"), h("span.nl-part", {}, part.name)], () => view.change({ level: part.name }));
  name.classList.add("nl-pick");
  const often = h("span.nl-often");
  const svg = h("svg", { height: HIGH, "aria-hidden": "true" });
  const marks = paths(svg, ["past", "begun", "grid", "seen", "still", "thick", "write", "fresh", "yours"]);
  const text = wording();
  svg.append(text.node);
  const image = h("div.nl-track", { role: "img", "aria-label": part.name }, svg);
  const count = h("b");
  const found = h("span.nl-found");
  const yours = h("span.nl-mine-word");
  const node = h("section.nl-rung", { role: "group", "aria-label": part.name },
    h("div.nl-naming", {}, name, often), image, h("div.nl-tally", {}, count, found, yours));
  return { node, name, often, svg, marks, text, image, count, found, yours, part, i };
}

/* When a part was written or made anew, up to a token: how many such times there are, and the i-th. A memory of an
   earlier sequence is gone, and so is what was read in it. */
function timesOf({ part, i }, { wrote, facts }, token) {
  const start = contextStart(token, facts.context);
  if (part.period === 0 && part.tokens > 1) return { count: Math.floor(token / part.tokens), at: (k) => (k + 1) * part.tokens };
  if (part.period === 0) return { count: token - start, at: (k) => start + k + 1 };
  const offset = part.clock === "token" ? start : 0;
  let count = wrote[i].length;
  while (count && wrote[i][count - 1] + offset > token) count--;
  return { count, at: (k) => wrote[i][k] + offset };
}

/* A tick each, newest first, until they run together. */
function ticksOf({ count, at }, token, axis) {
  let ticks = "";
  let before = Infinity;
  for (let k = count - 1; k >= 0; k--) {
    const x = axis.x(token - at(k));
    if (before - x < DENSE) {
      const first = tenth(axis.x(token - at(0)));
      return { ticks, thick: `M${first} ${TOP + 8}H${tenth(before)}V${FLOOR}H${first}z` };
    }
    ticks += `M${tenth(x)} ${FLOOR}V${TOP}`;
    before = x;
  }
  return { ticks, thick: "" };
}

export function drawRow(view, one, now, state, level, slot) {
  const { part, marks } = one;
  const { axis, facts } = view;
  const { token } = state;
  one.node.style.setProperty("--level", slot === null ? "var(--nl-soft)" : `var(--nl-${slot})`);
  one.node.classList.toggle("nl-chosen", state.level === part.name);
  one.name.setAttribute("aria-pressed", state.level === part.name);
  const made = part.period === 0;
  const inContext = part.clock === "token" || (made && part.tokens === 1);
  const age = (made || part.clock) && now.last !== null ? token - now.last : null;
  const begin = axis.x(token);
  const sequence = axis.x(token - contextStart(token, facts.context));
  marks.draw("past", begin > axis.left + 0.5 ? `M${axis.left} 0H${tenth(begin)}V${HIGH}H${axis.left}z` : "");
  marks.draw("begun", inContext ? `M${tenth(sequence)} ${TOP - 4}V${FLOOR + 4}` : "");
  marks.draw("grid", `M${axis.left} ${FLOOR}H${axis.right}M${axis.right} 0V${HIGH}`);
  const { ticks, thick } = age === null ? { ticks: "", thick: "" } : ticksOf(timesOf(one, view, token), token, axis);
  const from = age === null ? 0 : axis.x(age);
  const seen = age === null ? 0 : axis.x(token - (made && inContext ? contextStart(token, facts.context) : now.before));
  marks.draw("seen", age === null ? "" : `M${tenth(seen)} ${TOP + 4}H${tenth(from)}V${FLOOR}H${tenth(seen)}z`);
  marks.draw("still", age ? `M${tenth(from)} ${FLOOR - 3}H${axis.right}V${FLOOR + 3}H${tenth(from)}z` : "");
  marks.draw("thick", thick);
  marks.draw("write", ticks);
  marks.draw("fresh", age === 0 ? `M${tenth(axis.right)} ${FLOOR + 4}V${TOP - 4}` : "");
  one.node.classList.toggle("nl-made", made);
  const words = [];
  const note = said(part, now, token);
  if (age === null && axis.right - axis.left > LETTER * note.length) words.push([(axis.left + axis.right) / 2, FLOOR - 8, note, "middle", "nl-tick"]);
  if (age > 0 && axis.right - from > LETTER * note.length + 8) words.push([axis.right - 4, FLOOR - 8, note, "end", "nl-tick"]);
  one.text.write(words);
  say(one.often, `${part.often}, ${level}`);
  say(one.count, made ? "no state" : part.clock ? many(now.count, "write") : "no writes");
  say(one.found, part.clock && !made ? `log: ${part.found}` : "");
  say(one.yours, yoursOf(view, one));
  one.image.setAttribute("aria-label", `${part.name}, ${level}: ${part.often}; ${note}`);
}

/* What has become of a part since its last write. */
function said(part, { last }, token) {
  if (part.period !== 0 && last === null) {
    if (part.period === "never") return "stands still for the whole run";
    if (!part.clock) return part.note || "the log cannot tell";
    return part.clock === "token" ? "empty: the sequence has just begun" : "not written yet";
  }
  if (part.period === 0) return token === last ? "made anew just now" : `made anew ${many(token - last, "token")} ago`;
  return token === last ? "written just now" : `the same for ${many(token - last, "token")}`;
}

/* What the learner's function reads off the log. */
function yoursOf({ arrays }, { part, i }) {
  if (!arrays.yours || !part.clock || part.period === 0) return "";
  const [often, regular] = arrays.yours.subarray(2 * i, 2 * i + 2);
  if (often < 0) return "";
  const every = Math.round(1e4 / often) / 1e4;
  const words = regular > 0.5 ? (every === 1 ? "every token" : `every ${every} tokens`) : often ? "irregular" : "no write";
  return `┄ yours: ${words === part.found ? "the same" : words}`;
}

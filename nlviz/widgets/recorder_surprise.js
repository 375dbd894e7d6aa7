/* How surprising each batch was, what is usual, and where the gate fired: of the learner one looks inside. */

import { clamp, h, line, linear, say, tenth } from "./base.js";
import { segmented } from "./controls.js";
import { paths, scrub, wording } from "./tracks.js";
import { LEFT, shades } from "./recorder_stage.js";
import { countUpTo, insideOf, three } from "./recorder_words.js";

const TOP_OF = 8;
const FLOOR_OF = 100;
const GATE = 116; // where its firings stand
const HIGH = 122;

export function surprise(view) {
  const { facts } = view;
  const [low, high] = facts.surprise.map(Math.log10);
  const scale = linear([low, high], [FLOOR_OF, TOP_OF]);
  const y = (value) => (Number.isFinite(value) ? scale(clamp(Math.log10(Math.max(value, 1e-30)), low, high)) : NaN);
  const svg = h("svg", { height: HIGH, "aria-hidden": "true" });
  const marks = paths(svg, ["phase", "grid", "each", "usual", "gate", "fired", "idle", "needle"]);
  const words = wording();
  svg.append(words.node);
  scrub(svg, view.parts.head.range, (x) => view.axis.step(x));
  const drawing = h("div.nl-track", { role: "img" }, svg);
  const which = segmented(view, { key: "inside", label: "look inside", options: [["a", "A"], ["b", "B"]] });
  const title = h("b");
  const about = h("p.nl-soft");
  const count = h("div.nl-count");
  const counts = [h("p"), h("p"), h("p")];
  const left = h("div.nl-knobs", {}, h("div", {}, which), h("div", {}, title, about));
  const node = h("section.nl-strip", {}, left, drawing, h("div.nl-counts", {}, count, counts));
  return { node, y, low, high, marks, words, drawing, title, about, count, counts };
}

export function drawSurprise(view, data, state) {
  const { y, low, high, marks, words, title, about } = view.parts.surprise;
  const { axis, facts } = view;
  const one = insideOf(data, state);
  const [jump, floor] = facts.gate;
  const seen = (values) => values.subarray(axis.from, axis.to);
  const path = (values) => line(axis.xs, Float64Array.from(seen(values), y));
  const decades = [];
  for (let power = Math.ceil(low - 1e-9); power <= high; power++) decades.push(10 ** power);
  marks.draw("phase", shades(view, TOP_OF - 8, GATE + 2));
  marks.draw("grid", decades.map((mark) => `M${LEFT} ${tenth(y(mark))}H${tenth(axis.right)}`).join(""));
  marks.draw("each", one.surprise ? path(one.surprise) : "");
  marks.draw("usual", one.usual ? path(one.usual) : "");
  marks.draw("gate", one.usual && one.restarted ? path(one.usual.map((usual) => jump * Math.max(usual, floor))) : "");
  const fired = (one.restarted ?? []).filter((t) => t >= axis.from && t < axis.to);
  const wedge = (t) => `M${tenth(axis.at(t) - 4)} ${GATE}h8l-4 -7z`;
  marks.draw("fired", fired.filter(data.meant).map(wedge).join(""));
  marks.draw("idle", fired.filter((t) => !data.meant(t)).map(wedge).join(""));
  const texts = decades.map((mark) => [LEFT - 8, y(mark) + 4, three(mark), "end"]);
  const none = [(LEFT + axis.right) / 2, FLOOR_OF / 2, "no surprise was recorded", "middle", "nl-note"];
  if (!one.surprise) texts.push(none);
  if (one.restarted) texts.push([LEFT - 8, GATE, "gate", "end"]);
  words.write(texts);
  say(title, `surprise of ${one.name}`);
  say(about, aboutIt(one, jump, floor));
}

function aboutIt({ name, surprise: values, usual, restarted }, jump, floor) {
  if (!values) return `${name} did not record how wrong it was.`;
  const fine = `Thin: how wrong ${name} was in each batch (its loss).`;
  if (!usual || !restarted) return fine;
  const times = jump === 2 ? "twice" : `${jump} times`;
  const gate = `Dashed: ${times} that, at least ${three(jump * floor)}; above it the gate fires`;
  return `${fine} Bold: what is usual. ${gate}, ▲ where the world had just changed, △ where it had not.`;
}

export function drawSurpriseHere(view, data, state) {
  const { marks, drawing, count, counts } = view.parts.surprise;
  const { name, surprise: values, usual, restarted } = insideOf(data, state);
  const { step } = state;
  marks.draw("needle", `M${tenth(view.axis.at(step))} 0V${GATE + 4}`);
  say(count, values ? three(values[step]) : "–");
  say(counts[0], usual ? `usual ${three(usual[step])}` : "");
  const sum = restarted ? countUpTo(restarted, step) : 0;
  const idle = restarted ? countUpTo(restarted.filter((t) => !data.meant(t)), step) : 0;
  say(counts[1], restarted ? `gate fired ${sum}×` : "no gate");
  say(counts[2], restarted && idle ? `${idle} of them △` : "");
  const gate = restarted ? `, the gate fired ${sum} times so far, ${idle} of them where nothing had changed` : "";
  const now = values ? `: ${three(values[step])} at the playhead` : " was not recorded";
  drawing.setAttribute("aria-label", `surprise of ${name}${now}${gate}`);
}

/* The tape: one bar a past gradient, under the step in which it came; the playhead is the step being made. */

import { h, line, linear, set } from "./base.js";
import { ink } from "./gradient_tape_model.js";

export const GUTTER = 54;
const FLAG = 12; // of the playhead
const TASKS = 16; // the words "task A", "task B"
const SPANS = [36, 54]; // how far back half of the weight reaches, and nearly all of it
const TOP = 68;
const LEVEL = 130; // zero, where bars have a sign
const FLOOR = 184;
const TICKS = 202;
const SHARE = [214, 246]; // the curve of old ink
export const TALL = 266;
const LETTER = 6; // px, about
const NICE = [0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1];

export const at = (view, step) => GUTTER + (view.tapeWide * step) / view.facts.steps;
export const stepAt = (view, x) => Math.round(((x - GUTTER) / view.tapeWide) * view.facts.steps);

export function bars(view) {
  const svg = h("svg.nl-tape", { height: TALL });
  const parts = { svg };
  for (const name of ["hair", "fence", "axis", "old", "new", "share", "drift", "span"]) parts[name] = h(`path.nl-${name}`);
  parts.words = h("g");
  svg.append(...Object.values(parts).slice(1));
  let worded = "";
  return {
    svg,
    draw(data, state) {
      if (view.tapeFor !== view.width) view.tapeWide = svg.parentNode.clientWidth - GUTTER - 8;
      view.tapeFor = view.width;
      const { steps } = view.facts;
      const { step, momentum, switch: change } = state;
      const weights = state.show === "weights";
      const parted = weights ? Float64Array.from({ length: step }, (_, i) => momentum ** (step - 1 - i)) : ink(data, step, momentum);
      const all = weights ? 1 : parted.reduce((sum, one) => sum + Math.abs(one), 0) || 1;
      const [up, down] = [0, 1].map((side) => parted.reduce((most, one) => Math.max(most, side ? -one : one), 0) / all);
      const zero = weights ? FLOOR : LEVEL;
      const need = Math.max(up, weights ? 0 : (down * (LEVEL - TOP)) / (FLOOR - LEVEL));
      const full = NICE.find((nice) => nice >= need * 0.999) ?? 1;
      const unit = (zero - TOP) / full / all;
      const wide = view.tapeWide / steps;
      const marks = { old: "", new: "" };
      for (let i = 0; i < step; i++) {
        const high = parted[i] * unit;
        if (Math.abs(high) < 0.2) continue;
        marks[i < (change ?? steps) ? "old" : "new"] += `M${(at(view, i) + wide * 0.12).toFixed(1)} ${zero}v${(-high).toFixed(1)}h${(wide * 0.76).toFixed(1)}V${zero}z`;
      }
      set(parts.old, { d: marks.old });
      set(parts.new, { d: marks.new });
      const end = at(view, steps);
      set(parts.axis, { d: `M${GUTTER} ${zero}H${end}` });
      set(parts.hair, { d: `M${GUTTER} ${TOP}H${end}M${GUTTER} ${SHARE[0]}H${end}M${GUTTER} ${SHARE[1]}H${end}` });
      set(parts.fence, { d: change === null ? "" : `M${at(view, change).toFixed(1)} 4V${SHARE[1]}` });
      drawShare(view, data, state, parts);
      drawSpans(view, data, state, parts);
      const told = wording(view, data, state, weights ? "1" : `${Number((100 * full).toPrecision(2))} %`, weights);
      const key = JSON.stringify(told);
      if (key !== worded)
        parts.words.replaceChildren(...told.map(([x, y, content, anchor, name]) => h("text", { x: x.toFixed(1), y, "text-anchor": anchor, class: name }, content)));
      worded = key;
      view.parts.head.draw(FLAG, SHARE[1]);
    },
  };
}

/* How much of the ink of every step is old, and the steps that still go the old way along the valley. */
function drawShare(view, data, { switch: change }, parts) {
  if (change === null) {
    set(parts.share, { d: "" });
    set(parts.drift, { d: "" });
    return;
  }
  const { steps } = view.facts;
  const y = linear([0, 1], [SHARE[1], SHARE[0]]);
  const xs = [];
  const ys = [];
  for (let t = change + 1; t <= steps; t++) {
    xs.push(at(view, t));
    ys.push(y(data.old[t]));
  }
  const base = at(view, change).toFixed(1);
  set(parts.share, { d: `M${base} ${SHARE[1]}V${SHARE[0]}${line(xs, ys).replace("M", "L")}V${SHARE[1]}z` });
  set(parts.drift, { d: data.drift ? `M${base} ${SHARE[1] + 4}H${at(view, change + data.drift).toFixed(1)}` : "" });
}

/* Brackets from the playhead back: how many gradients carry half of the weight, and how many 99 %. Only after the bet. */
function drawSpans(view, { half, most }, { step, guess }, parts) {
  const bracket = (count, y) => `M${at(view, step).toFixed(1)} ${y + 4}v-4H${at(view, Math.max(0, step - count)).toFixed(1)}${count <= step ? "v4" : ""}`;
  set(parts.span, { d: guess && step ? bracket(half, SPANS[0]) + bracket(most, SPANS[1]) : "" });
}

function wording(view, { half, most, drift }, { step, guess, switch: change }, full, weights) {
  const { steps } = view.facts;
  const left = GUTTER - 8;
  const words = [
    [left, TOP + 4, full, "end", "nl-tick"],
    [left, (weights ? FLOOR : LEVEL) + 4, "0", "end", "nl-tick"],
    [left, SHARE[0] + 8, "old ink", "end", "nl-tick"],
    [left, SHARE[1] + 2, "0 %", "end", "nl-tick"],
  ];
  if (!weights) words.push([left, LEVEL - 26, "with", "end", "nl-tick"], [left, LEVEL + 34, "against", "end", "nl-tick"]);
  const every = [10, 25, 50].find((count) => (view.tapeWide * count) / steps >= 44) ?? 50;
  for (let t = 0; t <= steps; t += every) words.push([at(view, t), TICKS, t ? String(t) : "step 0", t === steps ? "end" : "middle", "nl-tick"]);
  words.push([at(view, (change ?? steps) / 2), TASKS, "task A", "middle", "nl-wordA"]);
  if (change !== null) {
    words.push([at(view, (change + steps) / 2), TASKS, "task B", "middle", "nl-wordB"]);
    const told = drift ? `${drift} more step${drift > 1 ? "s" : ""} the old way along the valley` : "the new way along the valley at once";
    words.push([Math.min(at(view, change), at(view, steps) - LETTER * told.length), TALL - 2, told, "start", "nl-tick"]);
  }
  if (guess && step) {
    words.push(spanWords(view, step, half, SPANS[0], "half of the weight"), spanWords(view, step, most, SPANS[1], "99 % of it"));
  }
  return words;
}

/* What a bracket says stands over it, before the playhead where there is room. */
function spanWords(view, step, count, y, what) {
  const text = `${what}: the last ${count}${count > step ? `, and only ${step} have been` : ""}`;
  const to = at(view, step);
  return to - GUTTER > LETTER * text.length ? [to - 4, y - 5, text, "end", "nl-tick"] : [to + 6, y - 1, text, "start", "nl-tick"];
}

/* One row a level, like a channel of a desk: its controls, its own pull with its writes on the axis of time, its
   counts. */

import { clamp, h, line, linear, say, signed, tenth } from "./base.js";
import { button, slider } from "./controls.js";
import { spark } from "./consequences.js";
import { paths, scrub, wording } from "./tracks.js";
import { overshoots } from "./frequency_mixer_model.js";
import { clockWords, keepWords, knobName, lateWords, namesOf, rateWords, slotsOf } from "./frequency_mixer_words.js";

export const LEFT = 28; // of every drawing: what stands before the axis
const PULL_TOP = 8;
const PULL_FLOOR = 96;
const LANE = 126; // where writes stand
const TICK = 16;
const EMPTY = 6;
const TRACK = 130;
const pulled = linear([-1.1, 1.1], [PULL_FLOOR, PULL_TOP]);

/* The knobs of level i; `write` gives a whole state. */
function knobsOf(view, i) {
  const { clocks, rates, keeps } = view.facts;
  return [clocks, rates, keeps].map((values, k) => ({
    values,
    read: (state) => (state.levels[i] ?? view.state.levels[i] ?? [1, 1, 1])[k],
    write(state, value) {
      const level = (one) => one.map((old, at) => (at === k ? value : old));
      return { ...state, levels: state.levels.map((one, n) => (n === i ? level(one) : one)) };
    },
  }));
}

export function level(view, i) {
  const knobs = knobsOf(view, i);
  const here = (k) => knobs[k].read(view.state);
  const words = [clockWords, (rate) => rateWords(view.state, here(0), rate), keepWords];
  const sliders = ["clock", "rate", "retention"].map((label, k) => {
    const { values, read, write } = knobs[k];
    const patch = (value) => ({ levels: write(view.state, value).levels });
    return slider(view, { label, values, words: words[k], read, write: patch });
  });
  const inputs = sliders.map((one) => one.querySelector("input"));
  const endings = (low, high) => `A would end between ${signed(low)} and ${signed(high)}`;
  const sparks = knobs.map((knob, k) => spark(knob, inputs[k], endings));
  sliders.forEach((one, k) => one.append(sparks[k].node));
  const name = h("b");
  const warning = h("span.nl-warning", {}, "overshoots");
  const chips = [channel(view, i, "solo"), channel(view, i, "muted", "mute")];
  const head = h("div.nl-head", {}, h("span.nl-swatch"), name, warning, h("span.nl-push"), chips);
  const controls = h("div.nl-channel", {}, head, h("div.nl-sliders", {}, sliders));
  const svg = h("svg", { height: TRACK });
  const marks = paths(svg, ["phase", "grid", "pull", "edge", "saw", "empty", "write", "bracket", "yours", "needle"]);
  const text = wording();
  svg.append(text.node);
  const drawing = h("div.nl-track", { role: "img" }, svg);
  scrub(svg, view.parts.head.range, (at) => view.axis.step(at));
  const writes = h("div.nl-count");
  const counts = [h("p", {}, "writes"), h("p"), h("p")];
  const node = h("section.nl-strip", { role: "group" }, controls, drawing, h("div.nl-counts", {}, writes, counts));
  return { node, knobs, sparks, name, warning, svg, marks, text, drawing, writes, counts, range: inputs[0] };
}

/* Solo and mute. */
function channel(view, i, key, text = key) {
  const flip = () => {
    const on = view.state[key];
    view.change({ [key]: on.includes(i) ? on.filter((one) => one !== i) : [...on, i].sort() });
  };
  const chip = button(text, flip);
  chip.classList.add("nl-small");
  view.syncs.push(() => chip.setAttribute("aria-pressed", view.state[key].includes(i)));
  return chip;
}

/* What is there for each state: named, coloured, or not there. */
export function drawLevel(view, one, i, data, state) {
  const there = i < state.levels.length;
  one.node.toggleAttribute("hidden", !there);
  if (!there) return;
  const name = namesOf(view, state)[i];
  const clock = data.clocks[i];
  one.node.style.setProperty("--level", `var(--nl-${slotsOf(state)[i]})`);
  one.node.setAttribute("aria-label", `${name} level`);
  one.node.classList.toggle("nl-off", !clock);
  one.warning.toggleAttribute("hidden", !clock || !overshoots(state, state.levels[i]));
  say(one.name, name);
  one.knobs.forEach((knob, k) => (knob.name = knobName(name, k)));
  say(one.writes, String(clock ? clock.writes : 0));
  say(one.counts[0], clock?.writes === 1 ? "write" : "writes");
  say(one.counts[1], clock?.empty ? `${clock.empty} of them empty` : "");
  say(one.counts[2], clock ? lateWords(clock) : "");
  const counted = clock ? `${clock.writes} writes, ${clock.empty} of them empty, ${lateWords(clock)}` : "takes no part";
  one.drawing.setAttribute("aria-label", `${name} level: ${counted}`);
  drawPull(view, one, data.shares[i], data, clock);
  drawWrites(view.axis, one.marks, state.steps, state.levels[i][0], clock);
  const yours = view.yours?.shares[i];
  one.marks.draw("yours", yours ? line(view.axis.xs, Float64Array.from(yours, pulled)) : "");
}

function drawPull({ axis }, { marks, text }, share, { end }, clock) {
  const { xs, left, right, places } = axis;
  marks.draw("phase", `M${tenth(places[1])} ${PULL_TOP - 8}H${tenth(places[2])}V${LANE}H${tenth(places[1])}z`);
  const heights = [...[1, 0, -1].map(pulled), LANE];
  marks.draw("grid", heights.map((at) => `M${left} ${tenth(at)}H${right}`).join(""));
  const words = [[1, "A"], [0, "0"], [-1, "B"]].map(([mark, word]) => [left - 8, pulled(mark) + 4, word, "end"]);
  if (!clock) words.push([(left + right) / 2, pulled(0) - 6, "takes no part", "middle"]);
  text.write(words);
  const seen = (value) => clamp(pulled(value), PULL_TOP - 6, PULL_FLOOR + 6);
  const edge = clock ? line(xs.subarray(0, end), Float64Array.from(share.subarray(0, end), seen)) : "";
  marks.draw("edge", edge);
  marks.draw("pull", edge && `${edge}V${tenth(pulled(0))}H${left}z`);
}

/* A tick is a write, a pale one has nothing in it; where they are dense they fill their steps. A saw tooth is errors
   that wait, a bracket the steps until B is heard. */
function drawWrites({ xs, places, edges, last }, marks, [lengthA, lengthB], period, clock) {
  const learning = lengthA + lengthB;
  const looks = { saw: "", empty: "", write: "", bracket: "" };
  for (let t = 0; clock && t < last; t += period) {
    const next = t + period;
    const wide = xs[Math.min(next, last)] - xs[t];
    if (t < learning && wide >= 5) looks.saw += tooth(xs, edges, t, Math.min(next, last), learning, period);
    if (next > last) break;
    const high = t >= learning ? EMPTY : TICK;
    const body = wide < 1.6 ? `H${tenth(xs[t])}v${high}z` : "";
    looks[t >= learning ? "empty" : "write"] += `M${tenth(xs[next])} ${LANE}v${-high}${body}`;
  }
  const above = LANE - TICK - 9;
  if (clock?.late > 0) looks.bracket = `M${tenth(places[1])} ${above}v8m0 -4H${tenth(xs[clock.first])}m0 -4v8`;
  for (const [name, d] of Object.entries(looks)) marks.draw(name, d);
}

/* From one write to the next: one more error waits each step, until nobody teaches. */
function tooth(xs, edges, from, to, learning, period) {
  const point = (t) => `L${tenth(xs[t])} ${tenth(LANE - ((TICK - 3) * (Math.min(t, learning) - from)) / period)}`;
  const bends = edges.filter((edge) => edge > from && edge < to);
  return `M${tenth(xs[from])} ${LANE}${[...bends, to].map(point).join("")}V${LANE}z`;
}

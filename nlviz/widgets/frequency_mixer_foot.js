/* What belongs to no level: lengths, sum or mean, how many levels, the axis of time, streams. */

import { h } from "./base.js";
import { segmented, slider, toggle } from "./controls.js";
import { moved } from "./tracks.js";

export function foot(view) {
  const { lengths, levels: choices, streams } = view.facts;
  const phase = (label, k) =>
    slider(view, {
      label,
      values: lengths[k],
      words: (steps) => `${steps} steps`,
      read: (state) => state.steps[k],
      write(length) {
        const steps = view.state.steps.map((old, i) => (i === k ? length : old));
        return { steps, step: moved(view.state.step, view.state.steps, steps) };
      },
    });
  const ways = [[false, "sum"], [true, "mean"]];
  const sums = segmented(view, { key: "average", label: "a write takes the", options: ways });
  const hold = toggle(view, { key: "hold", text: "hold the effective rate" });
  view.syncs.push(() => (hold.disabled = !view.state.average));
  const many = segmented(view, {
    label: "levels",
    options: choices.map((count) => [count, String(count)]),
    read: ({ levels }) => levels.length,
    write: (count) => resized(view, count),
  });
  const axis = segmented(view, { key: "stretched", label: "time", options: [[true, "stretched"], [false, "true"]] });
  const counted = streams.map((count) => [count, String(count)]);
  const draws = segmented(view, { key: "streams", label: "streams", options: counted });
  return h("section.nl-foot", {},
    h("div.nl-sliders", {}, ["learn A", "learn B", "silence"].map(phase)),
    h("div.nl-choices", {}, sums, hold, many, axis, draws),
  );
}

/* Fewer levels, or more: each new one slower and quieter than the last. */
function resized({ state, facts: { clocks, rates } }, count) {
  const levels = state.levels.slice(0, count);
  while (levels.length < count) {
    const [clock, rate] = levels[levels.length - 1];
    const slower = clocks.find((one) => one >= 4 * clock) ?? clocks[clocks.length - 1];
    levels.push([slower, rates.findLast((one) => one <= rate / 2) ?? rates[0], 1]);
  }
  const there = (on) => on.filter((i) => i < count);
  return { levels, muted: there(state.muted), solo: there(state.solo) };
}

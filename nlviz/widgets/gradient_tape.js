/* Gradient tape: the map of settings at the left, the path over the valleys and the tape of gradients at the right. */

import { playhead, segmented, slider } from "./controls.js";
import { h, say } from "./base.js";
import { widget } from "./frame.js";
import { computed } from "./gradient_tape_model.js";
import { settingsMap } from "./gradient_tape_map.js";
import { bowl } from "./gradient_tape_bowl.js";
import { at, bars, stepAt } from "./gradient_tape_bars.js";
import { bet } from "./gradient_tape_bet.js";

const STARTS = { "on the wall": [-1, -3], "on the floor": [-0.1, -3], "far out": [1.2, -10] };

// ---- words

const percent = (share) => `${Math.floor(100 * share + 0.5)} %`;
const raised = (power) => String(power).replace(/[-0-9]/g, (sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]);
function little(share) {
  if (share >= 0.0995) return percent(share);
  return share >= 0.000995 ? `${(100 * share).toFixed(1)} %` : `10${raised(Math.round(Math.log10(Math.max(share, 1e-15))))}`;
}
const rounded = (number) => String(Number(number.toPrecision(3)));
const ends = ({ kinds, steps }, { kind, left }) =>
  kinds[kind] + (kind === "diverges" || kind === "edge" ? "" : `, and ${steps} steps of task A leave ${little(left)} of the loss`);

const drifts = (count) => (count ? `old way for ${count} more step${count > 1 ? "s" : ""}` : "new way at once");

/* The step at the playhead. */
function told(view, { step, switch: change }) {
  if (!step) return "before the first step: the tape is empty";
  if (change === null) return `step ${step}: all of its ink is from task A`;
  if (step <= change) return `step ${step}, ${change - step} before the switch: all of its ink is from task A`;
  return `step ${step}, ${step - change} after the switch: ${percent(view.data.old[step])} of its ink is old, from task A`;
}

/* What the large number counts. */
function counted({ half }, { guess, momentum }) {
  if (!guess) return `past gradients carry 99 % of the weight of a step at momentum ${momentum}. Place your bet.`;
  if (!momentum) return "gradient carries all the weight of a step at momentum 0: there is no memory.";
  return `past gradients carry 99 % of the weight of a step at momentum ${momentum}; half of it sits in the last ${half}.`;
}

// ---- controls and pictures

function build(view, body) {
  const { facts } = view;
  const parts = (view.parts = {});
  parts.number = h("div.nl-number");
  parts.said = h("p.nl-said");
  parts.kind = h("b");
  parts.left = h("span");
  parts.plain = h("p");
  parts.map = settingsMap(view);
  parts.bowl = bowl(view);
  parts.bars = bars(view);
  parts.told = h("p.nl-told");
  parts.yours = h("span.nl-mine-word");
  parts.before = h("span", {}, "┈ before");
  const { svg } = parts.bars;
  parts.head = playhead(view, {
    svg, key: "step", label: "step", last: () => facts.steps,
    at: (step) => at(view, step), step: (x) => stepAt(view, x), words: (state) => told(view, state),
    stops: () => [view.state.switch ?? 75, (view.state.switch ?? 75) + 5, 100, facts.steps].filter((stop) => stop <= facts.steps).sort((a, b) => a - b),
  });
  const image = h("div", { role: "img" }, svg);
  view.pictures.push(image);
  const starts = segmented(view, {
    label: "start", options: Object.entries(STARTS).map(([name, place]) => [String(place), name]),
    read: ({ start }) => String(start), write: (place) => ({ start: place.split(",").map(Number) }),
  });
  const key = (name, words) => [h(`span.nl-key.nl-key${name}`), words];
  const knobs = [
    parts.map.node,
    h("div.nl-beside", {},
      h("div.nl-verdict", {}, h("p", {}, parts.kind, parts.left), parts.plain),
      slider(view, { key: "momentum", label: "momentum", values: facts.momenta, words: String }),
      slider(view, { key: "lr", label: "step size", values: facts.rates, words: String }),
      slider(view, { key: "switch", label: "task B", values: facts.switches, words: (change) => (change === null ? "never" : `after step ${change}`) }),
      starts),
  ];
  const show = segmented(view, { key: "show", label: "a bar is", options: [["ink", "ink"], ["weights", "weight"]] });
  const stage = h("div.nl-stage", {},
    h("section", {},
      h("div.nl-head", {}, h("b", {}, "Path"), h("span", {}, `${facts.steps} steps; drag to start elsewhere`), h("span.nl-push"),
        h("span", {}, key("A", "task A"), key("B", "task B, after the switch")), parts.before, parts.yours),
      parts.bowl.node),
    h("section.nl-taped", {},
      h("div.nl-head", {}, h("b", {}, "Tape"), h("span", {}, "the past gradients in one step, a bar each"), h("span.nl-push"), show, parts.head.play),
      parts.told,
      h("div.nl-plot", {}, parts.head.range, image)));
  body.append(h("div.nl-desk.nl-momentum", {}, h("div.nl-knobs", {}, h("div.nl-reading", {}, parts.number, h("div.nl-under", {}, parts.said)), knobs), stage));
}

function draw(view, data, state) {
  const { parts, facts } = view;
  parts.map.draw(data, state);
  parts.bowl.draw(data, state);
  parts.bars.draw(data, state);
  say(parts.number, state.guess ? String(data.most) : "?");
  say(parts.said, counted(data, state));
  const sentence = ends(facts, data);
  say(parts.kind, `It ${facts.kinds[data.kind]}`);
  say(parts.left, `${sentence.slice(facts.kinds[data.kind].length)}.`);
  say(parts.plain, state.momentum ? `Control: the same long-run rate without memory, step size ${rounded(data.reach)}, ${ends(facts, data.plain)}.` : "This is the control: no memory.");
  const words = told(view, state);
  say(parts.told, `${words[0].toUpperCase()}${words.slice(1)}.`);
  parts.before.toggleAttribute("hidden", !view.ghost);
  say(parts.yours, yours(view, data, state));
}

/* Where the learner's path leaves ours. */
function yours({ arrays }, { path }, { momentum, lr, start, switch: change }) {
  if (!arrays.yours) return "";
  const now = [momentum, lr, change ?? -1, ...start];
  if (now.some((value, i) => Math.abs(value - arrays.yours_at[i]) > 1e-5)) return `┄ your function, at momentum ${rounded(arrays.yours_at[0])}, step size ${rounded(arrays.yours_at[1])}`;
  const parted = arrays.yours.findIndex((value, i) => Math.abs(value - path[i]) > 1e-3 * (1 + Math.min(Math.abs(path[i]), 1e30)) && Math.abs(path[i]) < 1e30);
  return parted < 0 ? "┄ your function: the same path" : `┄ your function: another path from step ${Math.floor(parted / 2)}`;
}

function presets() {
  const nine = { momentum: 0.9, lr: 0.25, start: STARTS["on the wall"] };
  const alone = { ...nine, switch: null, step: 150 };
  return {
    "no memory": { ...alone, momentum: 0, lr: 1 },
    "momentum 0.9": alone,
    "same rate, no memory": { ...alone, momentum: 0, lr: 2.5 },
    "critical line": { ...alone, momentum: 0.81, lr: 1 },
    "too long a memory": { ...alone, momentum: 0.99 },
    diverges: { ...alone, lr: 5 },
    "early switch": { ...nine, switch: 40, step: 42 },
    "late switch": { ...nine, switch: 120, step: 122 },
  };
}

function summary(data, state, view) {
  const { facts } = view;
  const { lr, momentum, step, guess, switch: change } = state;
  const said = [`Momentum ${momentum} and step size ${lr}: it ${ends(facts, data)}`];
  if (momentum) said.push(`the same long-run rate without memory, step size ${rounded(data.reach)}, ${ends(facts, data.plain)}`);
  if (guess) said.push(`of the weight of a step ${momentum ? `the last ${data.most} carry 99 %, the last ${data.half} half` : "the last carries all"}`);
  if (change === null) said.push("the task never changes");
  else said.push(`the task changes after step ${change}, and along the valley it goes the ${drifts(data.drift)}`);
  if (change !== null && step > change) said.push(`of the ink in step ${step}, ${percent(data.old[step])} is old`);
  return `${said.join("; ")}.`;
}

export default widget({
  title: "Gradient tape",
  question: "With momentum 0.9, how far back does an optimizer remember?",
  looks: ["step", "show"],
  presets,
  bet,
  build,
  compute: (state, view) => computed(state, view.facts),
  draw,
  summary,
});

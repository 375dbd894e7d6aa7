/* Frequency mixer: read from the top like a tape machine. What is believed; below it one channel a level; at the left
   what can be turned, at the right what is counted. */

import { h, say, signed } from "./base.js";
import { playhead } from "./controls.js";
import { widget } from "./frame.js";
import { consequences } from "./consequences.js";
import { evidence } from "./evidence.js";
import { phases } from "./tracks.js";
import { ending, playing, reach, replay } from "./frequency_mixer_model.js";
import { knobName, namesOf, slotsOf, streamWords, summary, told, value } from "./frequency_mixer_words.js";
import { FLAG, STAGE, drawStage, stage } from "./frequency_mixer_stage.js";
import { LEFT, drawLevel, level } from "./frequency_mixer_levels.js";
import { foot } from "./frequency_mixer_foot.js";

const LOOKS = ["step", "stretched"];
const RIGHT = 8; // right of the axis: half a dot
const AFFORD = 24000; // steps times levels times streams: what a moving hand is given
const RESTED = 150; // ms

/* What the answer depends on. */
const counts = ({ step, stretched, guess, ...rest }) => rest;

// ---- computing: while the hand moves, with as many streams as fit into a frame; all of them when it rests

function compute(state, view) {
  clearTimeout(view.resting);
  const cost = state.steps.reduce((sum, steps) => sum + steps) * playing(state).length;
  const few = Math.max(1, Math.min(state.streams, Math.floor(AFFORD / cost)));
  if (few === state.streams || !view.data) return replay(state);
  view.resting = setTimeout(() => {
    view.data = replay(view.state);
    view.redraw();
  }, RESTED);
  return Object.assign(replay(state, few), { coarse: true });
}

/* What the learner's function made, if it was of this length; `words` say of which settings. */
function driven(view, data, state) {
  const { yours, yours_at: at } = view.arrays;
  if (!yours || yours.shape[1] !== data.length || yours.shape[0] !== state.levels.length + 1) return null;
  const on = playing(state);
  const now = [state.seed, state.streams, ...state.steps];
  for (const i of on) now.push(i, state.levels[i][0], reach(state, state.levels[i]), state.levels[i][2]);
  const same = at.length === now.length && now.every((one, i) => Math.abs(one - at[i]) <= 1e-5 * (1 + Math.abs(one)));
  const row = (i) => yours.subarray(i * data.length, (i + 1) * data.length);
  const shares = state.levels.map((_, i) => (on.includes(i) ? row(i + 1) : null));
  return { total: row(0), shares, words: same ? verdictOnYours(row(0), data) : "your function, as it was" };
}

function verdictOnYours(total, { total: ours, length }) {
  const alike = (one, t) => Math.abs(one - total[t]) < 1e-3 || (Number.isNaN(one) && Number.isNaN(total[t]));
  const apart = ours.findIndex((one, t) => !alike(one, t));
  if (apart < 0) return "your function: the same line";
  return `your function: parts at step ${apart}, ends at ${value(total[length - 1])}`;
}

// ---- controls and pictures

function build(view, body) {
  const { facts } = view;
  view.ends.push(() => clearTimeout(view.resting));
  view.themed.push(() => (view.drawn = null));
  const parts = (view.parts = { stage: stage() });
  const { svg, strip } = parts.stage;
  parts.head = playhead(view, {
    svg,
    key: "step",
    label: "time",
    last: () => view.state.steps.reduce((sum, steps) => sum + steps),
    at: (step) => view.axis.xs[step],
    step: (x) => view.axis.step(x),
    words: (state) => told(view, state),
    stops: () => view.axis.edges.slice(1),
  });
  const image = h("div.nl-drawing", { role: "img" }, svg);
  view.pictures.push(image);
  parts.number = h("div.nl-number");
  parts.said = h("p.nl-said");
  parts.levels = facts.names[facts.levels[facts.levels.length - 1]].map((_, i) => level(view, i));
  parts.alone = alone(view);
  parts.writes = h("div.nl-count");
  parts.at = h("p");
  parts.meters = parts.levels.map(() => {
    const words = h("p");
    return { words, node: h("div.nl-meter", {}, words, h("i")) };
  });
  const meters = parts.meters.map(({ node }) => node);
  const believed = h("section.nl-strip", {},
    h("div.nl-knobs", {}, h("div", {}, parts.number, parts.said), parts.alone.node),
    h("div.nl-plot", {}, parts.head.range, image, strip),
    h("div.nl-counts", {}, parts.writes, h("p", {}, "writes in all"), parts.at, meters, parts.head.play));
  parts.curves = consequences(view, { answer: ending, counts });
  body.append(h("div.nl-mixer", {}, believed, parts.levels.map(({ node }) => node), foot(view)));
}

/* The three knobs of the bet: the slowest level's clock and rate, the fastest one's retention. */
function alone(view) {
  const { levels } = view.parts;
  const last = view.start.levels.length - 1;
  const names = namesOf(view, view.start);
  const tried = [
    [last, 0, [4, 32], "4 … 32 steps"],
    [last, 1, [0.03, 0.8], "0.03 … 0.8"],
    [0, 2, [0.95, 1], "the right end"],
  ];
  return evidence(view, {
    title: "Each alone: where A ended",
    rows: tried.map(([i, k, ...rest]) => {
      const [goal, task] = rest;
      return { name: knobName(names[i], k), knob: levels[i].knobs[k], goal, task };
    }),
    counts,
    conclude,
  });
}

function conclude(results) {
  const shifts = [...results].sort((a, b) => b.span - a.span).map(({ name, span }) => `${name} by ${span.toFixed(2)}`);
  const clock = results[0].span < 0.05 ? " What the clock buys is fewer writes." : "";
  return `Each alone shifts it: ${shifts.join(", ")}.${clock}`;
}

function draw(view, data, state) {
  const { parts } = view;
  if (view.measured !== view.width) {
    parts.wide = parts.stage.svg.parentNode.clientWidth;
    parts.track = parts.levels[0].range.clientWidth;
    view.measured = view.width;
  }
  const drawing = JSON.stringify([state, parts.wide]).replace(/"step":\d+/, "");
  if (view.drawn !== data || view.drawing !== drawing || view.drawnYours !== view.arrays) {
    view.axis = phases(state.steps, LEFT, parts.wide - RIGHT, state.stretched);
    view.yours = driven(view, data, state);
    drawStage(view, data, state);
    parts.levels.forEach((one, i) => drawLevel(view, one, i, data, state));
    drawCounts(parts, data, state);
    if (!data.coarse) parts.alone.note(state, data.final);
  }
  [view.drawn, view.drawing, view.drawnYours] = [data, drawing, view.arrays];
  drawPlayhead(view, data, state);
  drawCurves(view, state);
}

function drawCounts(parts, data, state) {
  const whole = data.end === data.length;
  say(parts.number, whole ? signed(data.final) : "∞");
  const spread = Number.isFinite(data.half) ? `, ±\u00a0${data.half.toFixed(2)}` : "";
  const heard = `overlap with A after the silence, ${streamWords(data.count)}${spread}`;
  say(parts.said, whole ? heard : `it diverges at step ${data.end} of ${data.length - 1}`);
  say(parts.writes, String(data.writes));
}

function drawPlayhead(view, data, state) {
  const { parts, axis } = view;
  parts.head.draw(FLAG, STAGE - 24);
  const x = axis.xs[state.step].toFixed(1);
  say(parts.at, `step ${state.step}: ${value(data.total[state.step])}`);
  const names = namesOf(view, state);
  const slots = slotsOf(state);
  parts.meters.forEach(({ node, words }, i) => {
    if (i < state.levels.length) parts.levels[i].marks.draw("needle", `M${x} 0V126`);
    node.toggleAttribute("hidden", !data.on.includes(i));
    if (!data.on.includes(i)) return;
    const share = data.shares[i][state.step];
    say(words, `${names[i]} ${value(share)}`);
    const far = Math.min(1.2, Math.abs(share) || 0) / 2.4;
    const from = 50 - (share < 0 ? far * 100 : 0);
    node.style.cssText = `--level:var(--nl-${slots[i]});--from:${from}%;--long:${far * 100}%`;
  });
}

/* The curves over the sliders: only after the bet. */
function drawCurves(view, state) {
  const { parts } = view;
  view.root.classList.toggle("nl-guessed", Boolean(state.guess));
  if (!state.guess) return;
  const levels = parts.levels.slice(0, state.levels.length);
  for (const { knobs, sparks } of levels)
    knobs.forEach((knob, k) => sparks[k].place(parts.track, knob.values.indexOf(knob.read(state))));
  parts.curves(state, levels.flatMap(({ knobs }) => knobs));
}

// ---- words

function presets({ facts }) {
  const plain = { muted: [], solo: [], average: false, hold: false };
  return Object.fromEntries(facts.presets.map(([name, patch]) => [name, { ...plain, ...patch }]));
}

function bet(view) {
  const names = namesOf(view, view.start);
  const [fast, slow] = [names[0], names[names.length - 1]];
  const words =
    "Each curve shows where A would end at every position of that knob. Which is flat? Then move each alone.";
  return {
    ask: "After B the sum believes B, and in the silence A comes back by itself. Which knob makes it come back?",
    options: [
      ["clock", `the ${slow} level’s clock`],
      ["rate", `the ${slow} level’s rate`],
      ["retention", `the ${fast} level’s retention`],
    ],
    reveal: () => ({ words }),
  };
}

export default widget({
  title: "Frequency mixer",
  question: ({ start: { steps: [lengthA, lengthB] } }) =>
    `You practised A for ${lengthA} steps and its opposite, B, for ${lengthB}. Then nobody teaches you. ` +
    "What do you believe tomorrow?",
  looks: LOOKS,
  presets,
  bet,
  build,
  compute,
  draw,
  summary,
});

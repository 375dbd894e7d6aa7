/* The player: choices at the left, tracks over the steps at the right, maps beside them, one playhead. */

import { h, linear, say, set, ticks } from "./base.js";
import { playhead, segmented, slider } from "./controls.js";
import { widget } from "./frame.js";
import { chosen, HEAD, lineTrack, linesOf, written } from "./player_lines.js";
import { mapTrack } from "./player_maps.js";

const LEFT = 52;
const FLAG = 12; // of the playhead
const MARKS = 30; // their words
const TOP = 40;
const BETWEEN = 34; // two tracks
const FOOT = 40; // the axis, and its name

const isLine = ({ kind }) => kind === "line";

function build(view, body) {
  const { facts } = view;
  const lines = facts.tracks.filter(isLine);
  const high = lines.length > 1 ? 150 : 270;
  const parts = (view.parts = { number: h("div.nl-number"), said: h("p.nl-said") });
  const svg = (parts.svg = h("svg"));
  parts.fences = h("path.nl-fence");
  parts.words = h("g");
  parts.high = high;
  parts.tops = lines.map((_, i) => TOP + i * (high + BETWEEN));
  parts.bottom = TOP + Math.max(0, lines.length * (high + BETWEEN) - BETWEEN);
  svg.setAttribute("height", parts.bottom + FOOT);
  let place = 0;
  parts.tracks = facts.tracks.map((track) =>
    isLine(track) ? lineTrack(view, track, parts.tops[place++], high) : mapTrack(view, track),
  );
  const nodes = (kind) => parts.tracks.filter((_, i) => isLine(facts.tracks[i]) === kind).map(({ node }) => node);
  svg.append(parts.words, ...nodes(true), parts.fences);
  parts.head = playhead(view, {
    svg,
    key: "step",
    label: facts.axis,
    last: () => facts.steps.length - 1,
    at: (step) => view.axis.xs[step],
    step: (x) => nearest(view.axis.xs, x),
    words: ({ step }) => `${facts.axis} ${facts.steps[step]}: ${recited(view, (at) => at(step))}`,
    stops: () => facts.marks.map(([, step]) => step),
  });
  const image = h("div.nl-drawing", { role: "img" }, svg);
  view.pictures.push(image);
  const maps = nodes(false).length ? h("div.nl-maps", {}, nodes(false)) : null;
  const reading = h("div.nl-reading", {}, parts.number, parts.said);
  const choices = facts.choices.map((one) => choice(view, one));
  const knobs = h("div.nl-knobs", {}, reading, choices, h("div", {}, parts.head.play));
  body.append(h("div.nl-desk", {}, knobs, h("div.nl-player", {}, h("div.nl-plot", {}, parts.head.range, image), maps)));
}

/* A slider for numbers, segments for words. */
function choice(view, { axis, words, labels, says }) {
  if (!labels.every((label) => typeof label === "number"))
    return segmented(view, { key: axis, label: words, options: labels.map((label, i) => [label, says[i]]) });
  return slider(view, { key: axis, label: words, values: labels, words: (label) => says[labels.indexOf(label)] });
}

const nearest = (xs, x) => xs.reduce((best, at, i) => (Math.abs(at - x) < Math.abs(xs[best] - x) ? i : best), 0);

// ---- words

/* What stands for each track in words: its bold lines, or of a map its largest cell. */
function readings({ facts, data }) {
  return facts.tracks.map((track, i) => {
    const { words, digits } = track;
    const one = data.tracks[i];
    if (isLine(track)) return { words, digits, lines: one.bold };
    const size = one.length / facts.steps.length;
    const largest = (t) => one.subarray(t * size, (t + 1) * size).reduce((top, v) => Math.max(top, Math.abs(v)), 0);
    const values = { length: facts.steps.length, get: largest };
    return { words, digits, lines: [{ words: "largest cell", values }] };
  });
}

const valueOf = (values, t) => (values.get ? values.get(t) : values[t]);

/* "accuracy: A is 0.9; B is 0.1; error is 0.2", with `phrase` for what is said of each line. */
function recited(view, phrase) {
  const tracks = readings(view).map(({ words: track, digits, lines }) => {
    const said = lines.map(({ words, values }) => {
      const at = (t) => written(valueOf(values, t), digits);
      return `${words ? `${words} ` : ""}is ${phrase(at)}`;
    });
    return `${track}${lines[0].words ? ": " : " "}${said.join("; ")}`;
  });
  return tracks.join("; ");
}

function summary(data, state, view) {
  const { axis, steps, choices, bet } = view.facts;
  const last = steps.length - 1;
  const hidden = bet && !state.guess;
  const rest = (at) => (hidden ? ` and ${at(state.step)} here` : `, ${at(state.step)} here and ${at(last)} at the end`);
  const told = recited(view, (at) => `${at(0)} at first${rest(at)}`);
  const set = choices.map(({ axis: key, words, labels, says }) => `${words} ${says[labels.indexOf(state[key])]}`);
  return `${set.length ? `With ${set.join(", ")}, at` : "At"} ${axis} ${steps[state.step]} of ${steps[last]}: ${told}.`;
}

// ---- drawing

/* The axis of steps: by their labels where these are growing numbers, else by their count. */
function measure(view) {
  const { facts, parts } = view;
  const { steps } = facts;
  const last = steps.length - 1;
  const width = parts.svg.parentNode.clientWidth;
  const named = view.data.tracks.filter((track) => track.bold?.length > 1).flatMap(({ bold }) => bold);
  const room = Math.max(0, ...named.map(({ words }) => words.length)); // of the words beside the lines
  const right = width - (room ? Math.min(46 + 6.6 * room, width * 0.4) : 8);
  const grows = steps.every((label, i) => typeof label === "number" && (!i || label > steps[i - 1]));
  const places = grows ? steps : steps.map((_, i) => i);
  const x = linear([places[0], places[last]], [LEFT, right]);
  const few = Math.max(3, (right - LEFT) / 90);
  const marks = grows
    ? ticks(places[0], places[last], few).map((label) => [x(label), label])
    : places.filter((i) => i % Math.ceil(steps.length / few) === 0).map((i) => [x(i), steps[i]]);
  return { xs: places.map(x), left: LEFT, right, marks };
}

function drawAxis(view) {
  const { parts, facts, axis } = view;
  const text = (x, y, content, anchor) => h("text.nl-tick", { x: x.toFixed(1), y, "text-anchor": anchor }, content);
  const rows = parts.tops.map((top) => [top + HEAD - 6, top + parts.high]); // not through the name of a track
  const fence = ([, step]) =>
    [[MARKS - 10, TOP], ...rows].map(([from, to]) => `M${axis.xs[step].toFixed(1)} ${from}V${to}`).join("");
  set(parts.fences, { d: facts.marks.map(fence).join("") });
  parts.words.replaceChildren(
    ...axis.marks.map(([x, label]) => text(x, parts.bottom + 18, String(label), "middle")),
    text(axis.right, parts.bottom + 34, facts.axis, "end"),
    ...facts.marks.map(([label, step]) => text(axis.xs[step] + 6, MARKS, label, "start")),
  );
}

function draw(view, data, state) {
  const { parts, facts, ghost } = view;
  if (view.measured !== view.width) {
    view.axis = measure(view);
    view.measured = view.width;
    drawAxis(view);
  }
  view.axis.hidden = Boolean(facts.bet && !state.guess);
  view.drawing = JSON.stringify([view.width, facts.choices.map(({ axis }) => state[axis])]);
  parts.tracks.forEach((track, i) => track.draw(data.tracks[i], ghost?.tracks[i]));
  parts.head.draw(FLAG, parts.bottom);
  const [{ words, digits, lines }] = readings(view);
  say(parts.number, written(valueOf(lines[0].values, state.step), digits));
  const which = lines[0].words ? `${lines[0].words}, ${words}` : words;
  say(parts.said, `${which}, at ${facts.axis} ${facts.steps[state.step]}`);
}

function bet({ facts }) {
  if (!facts.bet) return null;
  const { ask, options, reveal } = facts.bet;
  const words = (key) => (typeof reveal === "string" ? reveal : reveal[key]);
  return { ask, options: Object.entries(options), reveal: (key) => ({ words: words(key) }) };
}

export default widget({
  title: ({ facts }) => facts.title || "Player",
  question: ({ facts }) => facts.question,
  looks: ["step"],
  bet,
  build,
  compute: (state, view) => ({
    tracks: view.facts.tracks.map((track) => {
      const values = chosen(state, view, track);
      return isLine(track) ? linesOf(values, view.facts.steps.length, track.labels) : values;
    }),
  }),
  draw,
  summary,
});

/* Flight recorder: where two learners flew, who was right, and inside one of them its surprise and every write; below,
   all returns home laid over each other. Nothing is computed here but means: it was recorded. */

import { h, say } from "./base.js";
import { playhead } from "./controls.js";
import { widget } from "./frame.js";
import { opened, soFar } from "./recorder_frames.js";
import { insideOf, batchOf, place, share, summary, spoken } from "./recorder_words.js";
import { knobs, moments } from "./recorder_knobs.js";
import { FLAG, FLOOR, axes, drawHere, drawStage, drawWhere, overview, stage } from "./recorder_stage.js";
import { drawSurprise, drawSurpriseHere, surprise } from "./recorder_surprise.js";
import { drawTrack, drawTrackHere, track } from "./recorder_levels.js";
import { aligned, drawAround, drawAroundHere } from "./recorder_around.js";

function build(view, body) {
  const { facts } = view;
  const parts = (view.parts = { stage: stage() });
  parts.head = playhead(view, {
    svg: parts.stage.svg,
    key: "step",
    label: "batch",
    last: () => facts.steps - 1,
    at: (step) => view.axis.at(step),
    step: (x) => view.axis.step(x),
    words: (state) => spoken(view, state),
    stops: () => view.data.stays.slice(1).map(({ from }) => from),
  });
  overview(view, parts.stage, parts.head.range);
  const image = h("div.nl-drawing", { role: "img" }, parts.stage.strip, parts.stage.svg);
  view.pictures.push(image);
  parts.number = h("div.nl-number");
  parts.said = h("p.nl-said");
  parts.account = account();
  const most = Math.max(...facts.learners.map(({ levels }) => levels.length));
  const left = h("div.nl-knobs", {}, h("div", {}, parts.number, parts.said), knobs(view));
  const right = h("div.nl-counts", {}, parts.account.node, parts.head.play);
  const flown = h("section.nl-strip", {}, left, h("div.nl-plot", {}, parts.head.range, image), right);
  parts.surprise = surprise(view);
  parts.tracks = Array.from({ length: most }, () => track(view));
  parts.around = aligned(view);
  const strips = [flown, parts.surprise.node, ...parts.tracks.map(({ node }) => node), parts.around.node];
  body.append(h("div.nl-flight", {}, strips));
}

/* Right so far: of A and of B, in all, at home, away. */
function account() {
  const rows = ["all", "home", "away"].map((name) => ({ name, cells: [h("td"), h("td")] }));
  const sample = (letter) => h(`span.nl-sample.nl-sample-${letter}`, { "aria-hidden": "true" });
  const heads = ["A", "B"].map((letter) => h("th", { scope: "col" }, sample(letter), letter));
  const title = (name) => h("th", { scope: "row" }, name === "all" ? "in all" : name);
  const body = rows.map(({ name, cells }) => h("tr", {}, title(name), cells));
  const table = h("table.nl-account", {}, h("caption", {}, "right so far"), h("tr", {}, h("td"), heads), body);
  return { node: table, rows };
}

function draw(view, data, state) {
  const { parts } = view;
  if (view.measured !== view.width) {
    parts.wide = parts.stage.svg.parentNode.clientWidth;
    view.measured = view.width;
  }
  Object.assign(view, axes({ ...view, state }, parts.wide));
  const { step, ...rest } = state;
  const drawing = JSON.stringify([rest, parts.wide, view.axis.from]);
  if (view.drawing !== drawing || view.drawn !== data) {
    drawWhere(view, data);
    drawStage(view, data, state);
    drawSurprise(view, data, state);
    parts.tracks.forEach((part, k) => drawTrack(view, part, k, data, state));
    drawAround(view, data, state);
  }
  [view.drawing, view.drawn] = [drawing, data];
  parts.head.draw(FLAG, FLOOR);
  drawHere(view, data, state);
  drawAccount(view, data, state);
  drawSurpriseHere(view, data, state);
  parts.tracks.forEach((part, k) => drawTrackHere(view, part, k, data, state));
  drawAroundHere(view, data, state);
}

function drawAccount(view, data, state) {
  const { parts } = view;
  const { step } = state;
  const [a, b] = [data.a, data.b].map((one) => soFar(one, data.task, step));
  for (const { name, cells } of parts.account.rows) {
    say(cells[0], share(a[name]));
    say(cells[1], data.alone ? "" : share(b[name]));
  }
  say(parts.number, share(a.all));
  say(parts.said, `right so far, ${data.a.name}, at batch ${batchOf(view, step)}: ${place(data, step)}`);
}

/* Scrubbing computes nothing: the flights stay open until others are chosen. */
function compute(state, view) {
  const choice = JSON.stringify([state.a, state.b, state.run, state.window]);
  if (view.choice === choice) return view.data;
  view.choice = choice;
  return opened(state, view);
}

function bet({ facts }) {
  if (!facts.bet) return null;
  const { ask, options, reveal } = facts.bet;
  return { ask, options, reveal: (key) => ({ words: reveal[key] }) };
}

export default widget({
  title: "Flight recorder",
  question:
    "Home, away, home again, and nobody says when. Who is quick abroad and still at home at once, and which level " +
    "wrote what for it?",
  looks: ["inside", "around"],
  presets: moments,
  bet,
  build,
  compute,
  draw,
  summary,
});

/* Surprise ledger: examples and knobs at the left; W, the last tile, and one bar a step at the right. */

import { h } from "./base.js";
import { widget } from "./frame.js";
import { digit, labelOf, overlapping } from "./ledger_art.js";
import { bet } from "./ledger_bet.js";
import { book, drawBook } from "./ledger_book.js";
import { examples, knobs } from "./ledger_knobs.js";
import { CLASSES, replay, stream } from "./ledger_model.js";
import { drawLastTile, drawMemory, lastTile, memory, showWriters } from "./ledger_tiles.js";

function build(view, body) {
  const parts = (view.parts = { number: h("div.nl-number"), said: h("p.nl-said") });
  const reading = h("div.nl-reading", {}, parts.number, parts.said);
  const left = h("div.nl-knobs", {}, reading, examples(view), knobs(view));
  const right = h("div.nl-stage", {}, memory(view), lastTile(view), book(view));
  body.append(h("div.nl-desk", {}, left, right));
}

function draw(view, data, state) {
  const { parts } = view;
  if (view.measured !== view.width) {
    view.plot = parts.svg.parentNode.clientWidth;
    view.lane = parts.u.clientWidth;
    view.measured = view.width;
  }
  drawMemory(view, data, state.step);
  drawLastTile(view, data, state.step);
  drawBook(view, data, state);
  showWriters(view);
}

function presets(view) {
  const { labels } = view.arrays;
  const pass = view.facts.steps.find((steps) => steps >= labels.length) ?? 240;
  const long = { steps: 160, step: 151 };
  const late = stream({ ...view.start, ...long }, labels).shown[150];
  return {
    "everything is new": { steps: pass, step: pass, lr: 0.1 },
    "two passes": { steps: 80, step: 80 },
    "repeat one example": { order: "one", lr: 0.05, steps: 40, step: 40 },
    "one wrong name, late": { ...long, example: late, called: { [late]: (labels[late] + 5) % CLASSES } },
    "sorted by class": { order: "class", step: 80, steps: 80 },
    "large steps": { lr: 5 },
  };
}

function summary(data, state, view) {
  const { size, steps, bySize, right, shown, called } = data;
  const count = Math.min(10, steps);
  const late = size.slice(-count).reduce((sum, value) => sum + value, 0) / count;
  const top = bySize[0];
  const is = (t) => digit(labelOf(view, shown[t]));
  const at = (t) => size[t].toFixed(2);
  const wrong = bySize.find((t) => called[t] !== labelOf(view, shown[t]));
  const alas = `, and ${at(wrong ?? 0)} at step ${wrong + 1}, where ${is(wrong ?? 0)} is called ${called[wrong]}`;
  return (
    `${steps} steps of size ${state.lr}, ${view.facts.orders[state.order]}: the surprise is ${at(0)} at the first ` +
    `step, ${late.toFixed(2)} on average over the last ${count}, largest at step ${top + 1} (${at(top)}, ${is(top)})` +
    `${wrong === undefined ? "" : alas}; the network ends right on ${right[steps]} of ` +
    `${view.arrays.labels.length} images.`
  );
}

export default widget({
  title: "Surprise ledger",
  question: "When a network makes no mistake on an example, what does it store about it?",
  looks: ["step", "sorted"],
  presets,
  bet,
  build,
  compute: (state, view) => replay(state, view.arrays.images, view.arrays.labels, overlapping(view)),
  draw,
  summary,
});

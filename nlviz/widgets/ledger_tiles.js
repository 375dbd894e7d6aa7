/* W as ten pictures, the tile that was added last below it, and who wrote what. */

import { clamp, h, heat, say, set, signed } from "./base.js";
import { digit, labelOf, named, picture, pixels, tile } from "./ledger_art.js";
import { CLASSES, PIXELS, weights, writers } from "./ledger_model.js";

const ZERO = 34; // of the bars of u, in their drawing
const UNIT = 22;
const INVITED = "Who wrote it? Point at a cell of W, or go to a square with Tab.";
const hidden = { "aria-hidden": "true" };
const each = (make) => Array.from({ length: CLASSES }, (_, c) => make(c));

export const swatch = (name) => h(`span.nl-key.nl-${name}`);

export function memory(view) {
  const { parts } = view;
  parts.W = each((c) => classTile(view, c));
  parts.held = h("div.nl-writers", { role: "status" });
  parts.scale = h("span");
  parts.after = h("span");
  const key = h("span", {}, swatch("along"), "for", swatch("against"), "against the class");
  return h("section", {},
    h("div.nl-head", {}, h("b", {}, "W"), parts.after, h("span.nl-push"), key, parts.scale),
    h("div.nl-columns", {}, h("span.nl-gutter"), parts.W.map(({ node }) => node)),
    parts.held,
  );
}

export function lastTile(view) {
  const { parts } = view;
  parts.u = h("svg.nl-u", hidden);
  parts.zero = h("path.nl-axis");
  parts.pushed = h("path.nl-along");
  parts.pulled = h("path.nl-against");
  parts.numbers = each(() => h("text.nl-tick", { "text-anchor": "middle" }));
  parts.u.append(parts.zero, parts.pushed, parts.pulled, ...parts.numbers);
  parts.x = h("canvas.nl-digit", hidden);
  parts.tiles = each(() => h("canvas.nl-tile", hidden));
  parts.roles = each(() => h("span.nl-role"));
  parts.wrote = h("span");
  const cells = parts.tiles.map((canvas, c) => h("span", {}, canvas, parts.roles[c]));
  return h("section", {},
    h("div.nl-head", {}, h("b", {}, "u ⊗ x"), parts.wrote),
    h("div.nl-columns.nl-bars", {}, h("span.nl-gutter", {}, "u"), parts.u),
    h("div.nl-columns", {}, h("span.nl-gutter.nl-x", {}, parts.x, h("span", {}, "x")), cells),
  );
}

/* A class of W: pointing at a cell, or focusing the tile, asks who wrote it. */
function classTile(view, label) {
  const canvas = h("canvas.nl-tile", hidden);
  const mark = h("span.nl-mark", { hidden: true });
  const watch = (pixel) => {
    view.watched = { label, pixel };
    showWriters(view);
  };
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    const cell = (at, from, size) => clamp(Math.floor(((at - from) / size) * 8), 0, 7);
    const [row, column] = [cell(event.clientY, box.top, box.height), cell(event.clientX, box.left, box.width)];
    mark.removeAttribute("hidden");
    mark.style.cssText = `left:${column * 12.5}%;top:${row * 12.5}%`;
    watch(row * 8 + column);
  };
  const leave = () => {
    mark.setAttribute("hidden", "");
    if (view.watched?.label === label) view.watched = null;
    showWriters(view);
  };
  const ask = {
    onpointermove: point,
    onpointerleave: leave,
    onclick: (event) => (event.detail ? point(event) : watch(null)), // a tap; a key
    onfocus: () => node.matches(":focus-visible") && watch(null),
    onblur: leave,
  };
  const name = `class ${label} of W: who wrote it`;
  const is = { type: "button", "data-lm-suppress-shortcuts": "true", "aria-label": name };
  const node = h("button.nl-class", { ...is, ...ask }, h("span", {}, label), h("span.nl-canvas", {}, canvas, mark));
  return { node, canvas };
}

export function showWriters(view) {
  const { parts, watched, data, state } = view;
  if (!watched) {
    if (!view.idle) parts.held.replaceChildren(h("span.nl-soft", {}, INVITED));
    view.idle = true;
    return;
  }
  view.idle = false;
  const { label, pixel } = watched;
  const found = writers(data, view.arrays.images, state.step, label, pixel);
  const whole = pixel === null;
  const value = () => signed(view.W[label * PIXELS + pixel]);
  const cell = () => `, row ${Math.floor(pixel / 8) + 1}, column ${(pixel % 8) + 1}: ${value()}`;
  const list = found.map(({ image, amount }) => {
    const much = h("b", {}, (whole ? "× " : "") + signed(amount));
    return h("span.nl-writer", {}, picture(view, image), `${digit(labelOf(view, image))} `, much);
  });
  const words = `class ${label}${whole ? "" : cell()}${found.length ? ", mostly by" : ", written by none"}`;
  parts.held.replaceChildren(h("span", {}, words), ...list);
}

export function drawMemory(view, data, step) {
  const { parts } = view;
  view.W = weights(data, view.arrays.images, step);
  parts.W.forEach(({ canvas }, c) => tile(view, canvas, view.W.subarray(c * PIXELS, (c + 1) * PIXELS), data.top));
  const left = `what ${step} step${step > 1 ? "s" : ""} left behind`;
  say(parts.after, step ? left : "is empty: nothing has been written yet");
  say(parts.scale, `full ink ±${data.top.toFixed(2)}`);
}

export function drawLastTile(view, data, step) {
  const { parts } = view;
  const t = step - 1;
  const u = step ? data.surprise.subarray(t * CLASSES, step * CLASSES) : new Float64Array(CLASSES);
  const x = step ? pixels(view, data.shown[t]) : new Float32Array(PIXELS);
  const [called, said] = step ? [data.called[t], data.answer[t]] : [-1, -1];
  heat(parts.x, x, 8, 1, view.ink.ink, view.ink.ink);
  const wide = view.lane / CLASSES;
  const half = (0.2 * wide).toFixed(1);
  let up = "";
  let down = "";
  u.forEach((value, c) => {
    tile(view, parts.tiles[c], x.map((pixel) => -value * pixel), 1); // full ink: sure and wrong
    const middle = ((c + 0.5) * wide).toFixed(1);
    const bar = `M${middle} ${ZERO}h${half}v${(-value * UNIT).toFixed(1)}h${-2 * half}V${ZERO}z`;
    if (value < 0) up += bar;
    else down += bar;
    set(parts.numbers[c], { x: middle, y: value < -0.005 ? ZERO - 5 : ZERO + 13 });
    say(parts.numbers[c], step && Math.abs(value) >= 0.005 ? signed(value, wide < 38 ? 1 : 2) : "0");
    say(parts.roles[c], c === called ? (c === said ? "right" : "called") : c === said ? "said" : "");
  });
  set(parts.zero, { d: `M0 ${ZERO}H${view.lane}` });
  set(parts.pushed, { d: up });
  set(parts.pulled, { d: down });
  const added = `what step ${step} added to W: surprise u times image x, times −${data.lr}`;
  say(parts.wrote, step ? added : "the first step will write here");
  say(parts.number, step ? data.size[t].toFixed(2) : "–");
  const sure = step ? `${Math.round(100 * data.sure[t])}\u00a0% sure` : "";
  const answered = `surprise at step ${step}: ${step ? named(view, t) : ""}, and it said ${said}, ${sure}`;
  const now = `Now right on ${data.right[step]} of ${view.arrays.labels.length}.`;
  say(parts.said, `${step ? answered : "before the first step: W is empty"}. ${now}`);
}

/* The small pictures of the ledger, its words for a step, and where a step stands. */

import { clamp, h, heat } from "./base.js";
import { PIXELS, overlaps } from "./ledger_model.js";

export const pixels = (view, image) => view.arrays.images.subarray(image * PIXELS, (image + 1) * PIXELS);
export const labelOf = (view, image) => view.arrays.labels[image];

export function picture(view, image, canvas = h("canvas.nl-digit", { "aria-hidden": "true" })) {
  heat(canvas, pixels(view, image), 8, 1, view.ink.ink, view.ink.ink);
  return canvas;
}

export const tile = (view, canvas, values, top) => heat(canvas, values, 8, top, view.ink[4], view.ink[0]);

/* How much every image overlaps with every other: computed once. */
export const overlapping = (view) => (view.overlaps ??= overlaps(view.arrays.images, view.arrays.labels.length));

/* A digit in words: "a 3", "an 8", "a 3 called 8". */
export const digit = (label) => `${label === 8 ? "an" : "a"} ${label}`;

export function named(view, t) {
  const { shown, called } = view.data;
  const is = labelOf(view, shown[t]);
  return called[t] === is ? digit(is) : `${digit(is)} called ${called[t]}`;
}

export function told(view, { step }) {
  if (!step) return "before the first step";
  const { steps, size } = view.data;
  return `step ${step} of ${steps}: ${named(view, step - 1)}, surprise ${size[step - 1].toFixed(2)}`;
}

// ---- places along the steps: slot 0 is the empty W, then one slot a step, in order or by size

export const GUTTER = 54; // left of the class columns; the ledger's axis stands in it

export const slot = (view) => (view.plot - GUTTER - 6) / (view.data.steps + 1);

export function place(view, step) {
  const at = view.state.sorted && step ? view.data.rank[step - 1] + 1 : step;
  return GUTTER + slot(view) * (at + 0.5);
}

export function found(view, x) {
  const at = clamp(Math.floor((x - GUTTER) / slot(view)), 0, view.data.steps);
  return view.state.sorted && at ? view.data.bySize[at - 1] + 1 : at;
}

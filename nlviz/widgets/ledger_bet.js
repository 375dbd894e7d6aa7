/* The bet of the ledger: four examples, shown once more to the layer as the cell made it. */

import { h } from "./base.js";
import { overlapping, picture, pixels, tile } from "./ledger_art.js";
import { CLASSES, replay, softmax } from "./ledger_model.js";

function candidates(view) {
  const { images, labels } = view.arrays;
  const data = replay(view.start, images, labels, overlapping(view));
  const mistake = (image, called) => {
    const u = new Float64Array(CLASSES);
    softmax(data.logits, image * CLASSES, u);
    u[called] -= 1;
    return u;
  };
  const size = (image) => Math.hypot(...mistake(image, labels[image]));
  const ranked = Array.from(labels, (_, image) => image).sort((a, b) => size(a) - size(b));
  const known = ranked[0];
  const odd = ranked[labels.length - 1];
  const middle = ranked[Math.floor(labels.length / 2)];
  const other = (labels[known] + 5) % CLASSES;
  return [
    [odd, labels[odd], `this ${labels[odd]}`],
    [known, labels[known], `this ${labels[known]}`],
    [known, other, `the ${labels[known]}, called ${other}`],
    [middle, labels[middle], `this ${labels[middle]}`],
  ].map(([image, called, text], i) => {
    const u = mistake(image, called);
    return { key: "abcd"[i], image, text, u, size: Math.hypot(...u) };
  });
}

/* An image, and the strongest tile it leaves. */
function proof(view, { image, u, size, text }) {
  const canvas = h("canvas.nl-tile", { "aria-hidden": "true" });
  const digit = h("canvas.nl-digit", { "aria-hidden": "true" });
  const most = u.reduce((best, value, c) => (Math.abs(value) > Math.abs(u[best]) ? c : best), 0);
  view.themed.push(() => {
    picture(view, image, digit);
    tile(view, canvas, pixels(view, image).map((x) => -u[most] * x), 1);
  });
  const words = h("figcaption", {}, h("b", {}, size.toFixed(2)), ` ${text}`);
  return h("figure.nl-proof", {}, h("span", {}, digit, canvas), words);
}

export function bet(view) {
  const four = candidates(view);
  const [weakest, , , strongest] = [...four].sort((a, b) => a.size - b.size);
  const icon = ({ image }) => {
    const canvas = h("canvas.nl-digit", { "aria-hidden": "true" });
    view.themed.push(() => picture(view, image, canvas));
    return canvas;
  };
  const proofs = four.map((one) => proof(view, one));
  const node = h("div.nl-row.nl-proofs", {}, proofs);
  const ending =
    `The mark is as strong as the mistake: ${strongest.text} surprises it by ${strongest.size.toFixed(2)}, ` +
    `${weakest.text} by ${weakest.size.toFixed(2)}, and next to nothing is stored of it.`;
  const taught = `A layer has been taught ${view.start.steps} steps.`;
  return {
    ask: `${taught} It sees one of these once more: which leaves the strongest mark on W?`,
    options: [...four.map((one) => [one.key, one.text, icon(one)]), ["same", "all alike: it stores the example"]],
    reveal(mine) {
      four.forEach(({ key }, i) => proofs[i].classList.toggle("nl-chosen", key === mine));
      return { words: (mine === strongest.key ? "Yes. " : "Not so. ") + ending, node };
    },
  };
}

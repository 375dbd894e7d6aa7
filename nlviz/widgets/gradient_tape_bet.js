/* The bet of the tape: how many gradients carry 99 % of the weight of a step, when momentum is 0.9. */

import { h } from "./base.js";
import { reaching } from "./gradient_tape_model.js";

const MOMENTUM = 0.9;
const COUNTED = 56;
const BOX = { bar: 7, top: 20, floor: 68, width: 440 };

/* The bars themselves, newest at the right, with both answers. */
function proof() {
  const left = (age) => BOX.width - BOX.bar * (age + 1);
  const bar = (age) => `M${left(age)} ${BOX.floor}v${(-(MOMENTUM ** age) * (BOX.floor - BOX.top)).toFixed(1)}h${BOX.bar - 2}V${BOX.floor}z`;
  const bunch = (from, to) => Array.from({ length: to - from }, (_, i) => bar(from + i)).join("");
  const [half, most] = [0.5, 0.99].map((share) => reaching(MOMENTUM, share));
  const bracket = (count, y) => `M${BOX.width - 2} ${y - 4}v4H${left(count - 1)}v-4`;
  const words = (count, y, text) => h("text.nl-tick", { x: left(count - 1), y, "text-anchor": "start" }, text);
  return h("svg.nl-weighed", { viewBox: `0 0 ${BOX.width} 90`, role: "img", "aria-label": `${half} gradients carry half of the weight, ${most} carry 99 % of it` },
    h("path.nl-strongest", { d: bunch(0, half) }), h("path.nl-middling", { d: bunch(half, most) }), h("path.nl-weakest", { d: bunch(most, COUNTED) }),
    h("path.nl-span", { d: bracket(most, 78) }), h("path.nl-span", { d: bracket(half, 12) }),
    words(most, 89, `the last ${most}: 99 %`), words(half + 14, 12, `the last ${half}: half`));
}

export function bet() {
  const most = String(reaching(MOMENTUM, 0.99));
  const why = `${most}. “Ten”, 1 / (1 − 0.9), is the mean age, counted from one; but the tail is long, and 0.9⁴⁴ is the first power below 1 %. Half of the weight sits in the last ${reaching(MOMENTUM, 0.5)}.`;
  const node = proof();
  return {
    ask: "With momentum 0.9, how many past gradients carry 99 % of the weight of a step?",
    options: [["10", "10"], ["22", "22"], ["44", "44"], ["all", "all there ever were"]],
    reveal: (mine) => ({ words: (mine === most ? "Yes, " : "Not so: ") + why, node }),
  };
}

/* One map of the player: rows by columns at the playhead, signed, with one scale for all steps. */

import { h, heat, say } from "./base.js";
import { written } from "./player_lines.js";

export function mapTrack(view, track) {
  const [rows, columns] = view.arrays[track.name].shape.slice(-2);
  const canvas = h("canvas.nl-map", { "aria-hidden": "true", style: `aspect-ratio:${columns}/${rows}` });
  const words = h("figcaption");
  const top = Math.max(Math.abs(track.low), Math.abs(track.high)) || 1;
  const above = [h("span.nl-key.nl-along"), "above 0"];
  const below = [h("span.nl-key.nl-against"), `below 0, full ink is ±${written(top, track.digits)}`];
  return {
    node: h("figure.nl-heat", {}, words, canvas, h("p.nl-soft", {}, above, below)),
    draw(values) {
      const size = rows * columns;
      const { step } = view.state;
      heat(canvas, values.subarray(step * size, (step + 1) * size), columns, top, view.ink[4], view.ink[0]);
      say(words, `${track.words} at ${view.facts.axis} ${view.facts.steps[step]}`);
    },
  };
}

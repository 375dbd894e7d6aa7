/* One track a level of the learner one looks inside: when it wrote, and, after the bet, how far its weights moved. */

import { h, say, tenth } from "./base.js";
import { paths, scrub, wording } from "./tracks.js";
import { LEFT, shades } from "./recorder_stage.js";
import { clockOf, countUpTo, insideOf, three } from "./recorder_words.js";

const LEVEL_SLOTS = { 1: [0], 2: [0, 4], 3: [0, 2, 4], 4: [0, 1, 2, 4], 5: [0, 1, 2, 3, 4] };
const LANE = 58; // where writes stand
const WRITE = 8; // px a write hangs down
const TALL = 50; // px, the farthest move
const TRACK_HIGH = 70;

export const slotOf = (levels, k) => `var(--nl-${LEVEL_SLOTS[levels.length][k]})`;

export function track(view) {
  const svg = h("svg", { height: TRACK_HIGH, "aria-hidden": "true" });
  const marks = paths(svg, ["phase", "grid", "moved", "write", "needle"]);
  const words = wording();
  svg.append(words.node);
  scrub(svg, view.parts.head.range, (x) => view.axis.step(x));
  const drawing = h("div.nl-track", { role: "img" }, svg);
  const [name, clock, count, here] = [h("b"), h("p.nl-soft"), h("div.nl-count"), h("p")];
  const left = h("div.nl-channel", {}, h("div.nl-head", {}, h("span.nl-swatch"), name), clock);
  const counts = h("div.nl-counts", {}, count, h("p", {}, "writes so far"), here);
  const node = h("section.nl-strip", { role: "group" }, left, drawing, counts);
  return { node, marks, words, drawing, name, clock, count, here };
}

export function drawTrack(view, part, k, data, state) {
  const { levels } = insideOf(data, state);
  const level = levels[k];
  part.node.toggleAttribute("hidden", !level);
  if (!level) return;
  const { axis } = view;
  part.node.style.setProperty("--level", slotOf(levels, k));
  part.node.setAttribute("aria-label", level.label);
  say(part.name, level.label);
  part.marks.draw("phase", shades(view, 0, LANE));
  part.marks.draw("grid", `M${LEFT} ${LANE}H${tenth(axis.right)}`);
  const wide = Math.max(1, 0.7 * axis.unit);
  const top = level.size.reduce((most, size) => (Number.isFinite(size) ? Math.max(most, size) : most), 0) || 1;
  const closed = hidden(view, state);
  say(part.clock, closed ? clockOf(level) : `${clockOf(level)}; bars: how far its weights moved, up to ${three(top)}`);
  const later = "how far each level moved: after your bet";
  part.words.write(closed && !k ? [[LEFT + 8, LANE - 22, later, "start", "nl-note"]] : []);
  let [moved, write] = ["", ""];
  level.wrote.forEach((t, i) => {
    if (t < axis.from || t >= axis.to) return;
    const x = tenth(axis.at(t));
    write += `M${x} ${LANE + 2}v${WRITE}`;
    if (Number.isFinite(level.size[i])) moved += `M${x} ${LANE}v${tenth((-TALL * level.size[i]) / top)}`;
  });
  part.marks.draw("write", write);
  part.marks.draw("moved", closed ? "" : moved);
  part.marks.write.style.strokeWidth = `${Math.min(wide, 3)}px`;
  part.marks.moved.style.strokeWidth = `${Math.min(wide, 14)}px`;
}

/* How far the levels moved is the answer to the bet. */
export const hidden = ({ facts }, { guess }) => Boolean(facts.bet && !guess);

export function drawTrackHere(view, part, k, data, state) {
  const level = insideOf(data, state).levels[k];
  if (!level) return;
  const { step } = state;
  part.marks.draw("needle", `M${tenth(view.axis.at(step))} 0V${LANE + 2 + WRITE}`);
  const count = countUpTo(level.wrote, step);
  say(part.count, String(count));
  const at = level.wrote.indexOf(step);
  const far = hidden(view, state) ? "writes here" : `moves ${three(level.size[at])} here`;
  const move = at < 0 ? "does not write here" : far;
  say(part.here, move);
  part.drawing.setAttribute("aria-label", `${level.label}: ${count} writes so far, ${move}`);
}

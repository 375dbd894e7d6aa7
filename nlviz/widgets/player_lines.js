/* One track of the player: lines over the steps, solid up to the playhead and faint beyond it. */

import { clamp, h, id, line, linear, say, set, ticks } from "./base.js";

const SLOTS = { 1: ["ink"], 2: [0, 4], 3: [0, 2, 4], 4: [0, 1, 2, 4], 5: [0, 1, 2, 3, 4] };
const DASHES = ["none", "8 4", "2 3", "10 3 2 3", "1 5"]; // no line is told by its colour alone
const THIN = 40; // of more lines than this a selection is drawn
export const HEAD = 26; // above a track: its name

/* The values of a track at the present choice, step by step. */
export function chosen(state, view, track) {
  const values = view.arrays[track.name];
  let size = values.length;
  let from = 0;
  for (const axis of track.choices) {
    const { labels } = view.facts.choices.find((choice) => choice.axis === axis);
    size /= labels.length;
    from += labels.indexOf(state[axis]) * size;
  }
  return values.subarray(from, from + size);
}

/* Bold lines, which have words, and thin ones, which have none. */
export function linesOf(values, steps, labels) {
  const count = values.length / steps;
  const column = (q) => Float64Array.from({ length: steps }, (_, t) => values[t * count + q]);
  if (count === 1) return { bold: [{ words: "", values: column(0) }], thin: [] };
  const all = Array.from({ length: count }, (_, q) => column(q));
  if (labels && count <= 5) return { bold: all.map((one, q) => ({ words: labels[q], values: one })), thin: [] };
  const mean = Float64Array.from({ length: steps }, (_, t) => all.reduce((sum, one) => sum + one[t], 0) / count);
  const stride = Math.ceil(count / THIN);
  return { bold: [{ words: `mean of ${count}`, values: mean }], thin: all.filter((_, q) => q % stride === 0) };
}

/* A number as trace_player.py writes it: a true minus, and none before a zero. */
export function written(value, digits) {
  if (!Number.isFinite(value)) return "no value";
  const size = Math.abs(value).toFixed(digits);
  return value < 0 && Number(size) !== 0 ? `−${size}` : size;
}

const text = (x, y, content, anchor = "start", look = "nl-tick") =>
  h("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor, class: look }, content);

export function lineTrack(view, track, top, high) {
  const shutter = id();
  const done = h("rect", { x: 0, y: top - 20, height: high + 40 }); // what lies before the playhead
  const parts = {
    phases: h("path.nl-phase"),
    grid: h("path.nl-hair"),
    before: h("path.nl-before"),
    future: h("g.nl-future"),
    past: h("g", { "clip-path": `url(#${shutter})` }),
    words: h("g"),
    here: h("g"),
  };
  const node = h("g", {}, h("clipPath", { id: shutter }, done), Object.values(parts));
  const y = linear([track.low, track.high], [top + high, top + HEAD]);
  let drawing = null;

  const look = (slot, i) => ({ class: "nl-bold", style: `stroke:var(--nl-${slot})`, "stroke-dasharray": DASHES[i] });

  /* Everything but what follows the playhead: only when the choice or the width is another. */
  const lines = ({ bold, thin }, ghost) => {
    const { xs, right } = view.axis;
    const slots = SLOTS[bold.length];
    const path = (values) => line(xs, Array.from(values, y));
    const drawn = [
      ...thin.map((values) => h("path.nl-thin", { d: path(values) })),
      ...bold.map(({ values }, i) => h("path", { ...look(slots[i], i), d: path(values) })),
    ];
    parts.past.replaceChildren(...drawn);
    parts.future.replaceChildren(...drawn.map((one) => one.cloneNode()));
    set(parts.before, { d: ghost ? ghost.bold.map(({ values }) => path(values)).join("") : "" });
    const legend = (words, i) => {
      const fill = slots[i] % 2 === 0 ? { style: `fill:var(--nl-${slots[i]})` } : {}; // others are too pale
      const sample = h("path", { ...look(slots[i], i), d: `M${right + 12} 0h22` });
      return h("g", {}, sample, h("text", { x: right + 40, y: 4, ...fill }, words));
    };
    const dots = bold.map(({ words }, i) => {
      const dot = h("circle.nl-dot", { r: 4.5, style: `fill:var(--nl-${slots[i]})` });
      return h("g", {}, dot, h("text.nl-at"), bold.length > 1 ? legend(words, i) : h("g"));
    });
    parts.here.replaceChildren(...dots);
    frame(bold, ghost);
  };

  const frame = (bold, ghost) => {
    const { xs, left, right } = view.axis;
    const marks = ticks(track.low, track.high, high > 200 ? 5 : 3);
    set(parts.grid, { d: marks.map((mark) => `M${left} ${y(mark).toFixed(1)}H${right}`).join("") });
    const edges = [...view.facts.marks.map(([, step]) => xs[step].toFixed(1)), right.toFixed(1)];
    const phase = (i) => `M${edges[i]} ${top + HEAD - 6}H${edges[i + 1]}V${top + high}H${edges[i]}z`;
    set(parts.phases, { d: edges.map((_, i) => (i % 2 || i === edges.length - 1 ? "" : phase(i))).join("") });
    const alone = bold.length === 1 && bold[0].words ? `, ${bold[0].words} in bold` : "";
    parts.words.replaceChildren(
      text(left, top + 10, track.words + alone, "start", "nl-note"),
      ...marks.map((mark) => text(left - 8, y(mark) + 4, String(mark).replace("-", "−"), "end")),
      ...(ghost ? [text(right, top + 10, "┄ before", "end")] : []),
    );
  };

  const follow = ({ bold }) => {
    const { xs, right, hidden } = view.axis;
    const { step } = view.state;
    const at = xs[step];
    set(done, { width: at.toFixed(1) });
    parts.future.toggleAttribute("hidden", hidden);
    parts.before.toggleAttribute("hidden", hidden);
    const leftwards = at > right - 60;
    const names = apart(bold, hidden ? step : xs.length - 1);
    const numbers = apart(bold, step);
    bold.forEach(({ values }, i) => {
      const value = values[step];
      const [dot, number, legend] = parts.here.children[i].children;
      for (const mark of [dot, number]) mark.toggleAttribute("hidden", !Number.isFinite(value));
      if (Number.isFinite(value)) {
        set(dot, { cx: at.toFixed(1), cy: clamp(y(value), top, top + high).toFixed(1) });
        const side = leftwards ? { x: at - 9, "text-anchor": "end" } : { x: at + 9, "text-anchor": "start" };
        set(number, { ...side, y: numbers[i] - 7 });
        say(number, written(value, track.digits));
      }
      set(legend, { transform: `translate(0 ${names[i]})` });
    });
  };

  /* Where words stand at a step: at their line, but never on each other. */
  const apart = (bold, step) => {
    const level = (value) => (Number.isFinite(value) ? y(value) : top + high);
    const places = bold.map(({ values }, i) => ({ i, at: level(values[step]) })).sort((a, b) => a.at - b.at);
    for (let i = 1; i < places.length; i++) places[i].at = Math.max(places[i].at, places[i - 1].at + 16);
    return places.sort((a, b) => a.i - b.i).map(({ at }) => Math.round(at));
  };

  return {
    node,
    draw(data, ghost) {
      if (drawing !== view.drawing) lines(data, ghost);
      drawing = view.drawing;
      follow(data);
    },
  };
}

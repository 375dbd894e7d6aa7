/* Consequence curves: what the answer would be at every position of a knob, the others left alone. They are computed
   while nobody waits, and stand over the sliders.

   A knob is { name, values, read(state), write(state, value) -> state }. */

import { clamp, h, line, linear, set, tenth } from "./base.js";

const QUIET = 200; // ms after the last change
const SLICE = 3; // ms of an idle time that are left to others
const SPARK = 16; // px
const INSET = 7; // where the middle of a slider's thumb stops

/* Some browsers do not tell when they are idle. */
const whenIdle =
  window.requestIdleCallback ??
  ((work) =>
    setTimeout(() => {
      const end = performance.now() + 8;
      work({ timeRemaining: () => end - performance.now() });
    }, 30));

/* `answer(state, stream)` gives one number, `counts(state)` what it depends on. The function it gives is told of every
   state and its knobs; each whose curve is another gets it by `show`, first from one stream, then from all. */
export function consequences(view, { answer, counts }) {
  let job = null;
  let waiting = 0;
  let asked = "";
  const without = (knob, state) => JSON.stringify(counts(knob.write(state, null)));

  function* work(state, knobs) {
    const open = knobs.map((knob) => ({ knob, key: without(knob, state), sums: knob.values.map(() => 0) }));
    for (let s = 0; s < state.streams; s++)
      for (const { knob, key, sums } of open) {
        for (const [i, value] of knob.values.entries()) {
          sums[i] += answer(knob.write(state, value), s);
          yield;
        }
        const finished = s === state.streams - 1;
        knob.show({ key, finished, values: sums.map((sum) => sum / (s + 1)) });
      }
  }
  const turn = (deadline) => {
    while (job && deadline.timeRemaining() > SLICE) if (job.next().done) job = null;
    if (job) whenIdle(turn);
  };
  view.ends.push(() => (clearTimeout(waiting), (job = null)));

  return (state, knobs) => {
    const now = JSON.stringify(counts(state));
    if (now === asked) return;
    asked = now;
    clearTimeout(waiting);
    job = null;
    const other = knobs.filter((knob) => knob.shown?.key !== without(knob, state));
    for (const knob of knobs) knob.fade(other.includes(knob));
    const open = knobs.filter((knob) => other.includes(knob) || !knob.shown.finished);
    waiting = setTimeout(() => {
      job = work(state, open);
      whenIdle(turn);
    }, QUIET);
  };
}

/* The curve over a slider, between −1 and 1, and where the thumb stands under it; `words(low, high)` say it to those who
   do not see it. Gives the knob `show` and `fade`. */
export function spark(knob, input, words) {
  const parts = ["zero", "area", "curve", "here"].map((name) => h(`path.nl-${name}`));
  const [zero, area, curve, here] = parts;
  const node = h("svg.nl-spark", { height: SPARK, "aria-hidden": "true" }, parts);
  const y = linear([-1, 1], [SPARK - 1, 1]);
  let width = 0;
  const x = (i) => tenth(INSET + ((width - 2 * INSET) * i) / (knob.values.length - 1));
  const describe = () => {
    const ends = knob.shown.values.filter(Number.isFinite);
    if (ends.length) input.setAttribute("aria-description", words(Math.min(...ends), Math.max(...ends)));
  };
  const draw = () => {
    const ys = knob.shown.values.map((value) => tenth(y(clamp(value, -1, 1)))); // NaN stays
    set(zero, { d: `M${INSET} ${y(0)}H${x(ys.length - 1)}` });
    set(curve, { d: line(ys.map((_, i) => x(i)), ys) });
    // piece by piece, so that it has a gap where the curve has one
    const piece = (at, i) =>
      Number.isFinite(at + ys[i + 1]) ? `M${x(i)} ${y(0)}V${at}L${x(i + 1)} ${ys[i + 1]}V${y(0)}z` : "";
    set(area, { d: ys.map(piece).join("") });
  };
  knob.show = (shown) => {
    knob.shown = shown;
    knob.fade(false);
    describe();
    if (width) draw();
  };
  knob.fade = (old) => {
    node.classList.toggle("nl-stale", old);
    if (old) input.removeAttribute("aria-description");
  };
  const place = (wide, at) => {
    if (wide !== width) {
      width = wide;
      if (knob.shown) draw();
    }
    set(here, { d: `M${x(at)} 0V${SPARK}` });
  };
  return { node, place };
}

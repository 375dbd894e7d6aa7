/* Controls. Each reads the state and writes a patch of it; its `sync` keeps it in step with changes from elsewhere. */

import { clamp, h, id, say, tenth } from "./base.js";

const HERE = { "data-lm-suppress-shortcuts": "true" }; // JupyterLab eats arrow keys unless the input itself says so

/* What a control reads and writes, unless it is told otherwise: one setting. */
const reader = (key) => (state) => state[key];
const writer = (key) => (value) => ({ [key]: value });

/* Keys move a range on from where the state is: until the next frame its thumb may be behind. Backspace puts it back to
   the preset. */
const onKeys = (place, back) => (event) => {
  place();
  if (event.key !== "Backspace") return;
  event.preventDefault();
  back();
};

/* `values` are the good ones, so that every step of the thumb means something; `words` gives value and unit. */
export function slider(view, { key, label, values, words, read = reader(key), write = writer(key) }) {
  const last = values.length - 1;
  const at = () => Math.max(0, values.indexOf(read(view.state)));
  const input = h("input.nl-range", {
    type: "range",
    min: 0,
    max: last,
    step: 1,
    "aria-label": label,
    ...HERE,
    oninput: () => view.change(write(values[Number(input.value)])),
    onkeydown: onKeys(() => (input.value = at()), () => view.change(write(read(view.home)))),
  });
  const value = h("span.nl-value", { "aria-hidden": "true" });
  view.syncs.push(() => {
    const now = read(view.state);
    input.value = at();
    input.style.setProperty("--fill", last ? at() / last : 1);
    input.setAttribute("aria-valuetext", words(now));
    say(value, words(now));
  });
  return h("div.nl-slider", {}, h("span.nl-label", { "aria-hidden": "true" }, label), input, value);
}

/* Radio buttons that touch: `options` are [value, text] pairs. */
export function segmented(view, { key, label, options, read = reader(key), write = writer(key) }) {
  const name = id();
  const radios = options.map(([value, text]) => {
    const choose = () => view.change(write(value));
    const radio = h("input", { type: "radio", name, "aria-label": text, ...HERE, onchange: choose });
    return { value, radio, node: h("label.nl-segment", {}, radio, h("span", {}, text)) };
  });
  const words = h("span.nl-label", { "aria-hidden": "true" }, label);
  const joined = h("span.nl-joined", {}, radios.map(({ node }) => node));
  const group = h("div.nl-segments", { role: "radiogroup", "aria-label": label }, words, joined);
  view.syncs.push(() => {
    const now = read(view.state);
    for (const { value, radio } of radios) radio.checked = value === now;
  });
  group.name = (text) => {
    say(words, text);
    group.setAttribute("aria-label", text);
  };
  return group;
}

export const button = (content, onclick) => h("button.nl-chip", { type: "button", ...HERE, onclick }, content);

export function toggle(view, { key, text }) {
  const chip = button(text, () => view.change({ [key]: !view.state[key] }));
  view.syncs.push(() => chip.setAttribute("aria-pressed", Boolean(view.state[key])));
  return chip;
}

/* A playhead over a drawing: drag anywhere in it, or move the range that is laid over it; and a button that plays.
   `at` and `step` go from step to pixel and back; `stops` are where play rests when motion is to be reduced; `taken` is
   called when the hand moves it. */
export function playhead(view, { svg, key, label, last, at, step, words, stops, taken = () => {} }) {
  const go = (value) => view.change({ [key]: clamp(value, 0, last()) });
  const { button: play, stop } = player(view, { key, last, go, at, stops });
  const take = (value) => (stop(), taken(), go(value));
  const place = () => {
    range.max = last();
    range.value = view.state[key];
  };
  const range = h("input.nl-over", {
    type: "range",
    min: 0,
    step: 1,
    "aria-label": label,
    ...HERE,
    oninput: () => take(Number(range.value)),
    onkeydown: onKeys(place, () => take(view.home[key])),
  });
  const needle = h("path.nl-needle");
  const flag = h("path.nl-flag");
  svg.append(needle, flag);
  const drag = (event) => take(step(event.clientX - svg.getBoundingClientRect().left));
  svg.addEventListener("pointerdown", (event) => {
    event.preventDefault(); // else the press takes the focus away again
    svg.setPointerCapture(event.pointerId);
    range.focus({ preventScroll: true });
    drag(event);
  });
  svg.addEventListener("pointermove", (event) => {
    if (event.buttons && svg.hasPointerCapture(event.pointerId)) drag(event);
  });
  const draw = (top, bottom) => {
    const x = tenth(at(view.state[key]));
    place();
    range.setAttribute("aria-valuetext", words(view.state));
    needle.setAttribute("d", `M${x} ${top}V${bottom}`);
    flag.setAttribute("d", `M${x - 5} ${top - 9}h10v6l-5 5l-5 -5z`);
  };
  return { range, play, draw };
}

/* Runs a setting to its end in strides of 4 px; with reduced motion it jumps from stop to stop. */
function player(view, { key, last, go, at, stops }) {
  let timer = 0;
  let frame = 0;
  const stop = () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    timer = frame = 0;
    say(chip, "▶ play");
  };
  const run = (from, end) => {
    const stride = Math.max(1, Math.round((4 * end) / Math.abs(at(end) - at(0)) || 1));
    const span = clamp(end * 60, 1500, 8000);
    const began = performance.now();
    const next = () => {
      const gone = Math.floor((((performance.now() - began) / span) * end) / stride) * stride;
      go(from + gone);
      if (from + gone >= end) return stop();
      frame = requestAnimationFrame(next);
    };
    frame = requestAnimationFrame(next);
  };
  const jump = (end) => {
    const next = stops().find((place) => place > view.state[key]) ?? end;
    go(next);
    if (next >= end) return stop();
    timer = setTimeout(jump, 900, end);
  };
  const start = () => {
    if (timer || frame) return stop();
    const end = last();
    const from = view.state[key] >= end ? 0 : view.state[key];
    say(chip, "❚❚ pause");
    go(from);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) timer = setTimeout(jump, 900, end);
    else run(from, end);
  };
  const chip = button("▶ play", start);
  view.ends.push(stop);
  return { button: chip, stop };
}

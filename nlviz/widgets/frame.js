/* The loop from state to picture, and what stands around every picture: question, bet, presets, sentence.

   A widget file hands `widget` one object:
     title, question        words, or (view) => words
     looks                  settings that change what is seen, not what is computed
     presets(view)          { name: patch of the first state }
     bet(view)              { ask, options: [[key, text, node?]], reveal(key) -> nodes }, or null
     build(view, body)      make controls and empty pictures, once
     compute(state, view)   -> data; pure
     draw(view, data, state)
     summary(data, state, view)   -> one sentence
*/

import { button } from "./controls.js";
import { h, say } from "./base.js";

const RESTING = 150; // ms without a change: the hand rests
const SPOKEN = 350;
const KERNEL = 62; // ms between two states sent to a learner's function
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export const widget = (spec) => ({ render: ({ model, el }) => mount(spec, model, el) });

function mount(spec, model, el) {
  const root = h("div.nl", { role: "group" });
  const view = {
    root,
    facts: model.get("facts"),
    arrays: cut(model),
    state: model.get("state"),
    start: model.get("start"),
    home: model.get("start"), // the preset that is on: where Backspace goes back to
    ghost: null, // the data as they were before the hand moved
    width: 0,
    ink: {},
    syncs: [], // told before every picture
    themed: [], // drawn anew when the theme is another
    pictures: [], // named by the sentence
    ends: [], // done when the widget goes
    /* The numbers of the state that is set, also where its picture waits for a frame. */
    get data() {
      if (stale) {
        stale = false; // computing may start from the numbers before
        numbers = spec.compute(view.state, view);
      }
      return numbers;
    },
    set data(better) {
      stale = false;
      numbers = better;
    },
  };
  root.view = view; // for tests and the curious
  const looks = new Set(["guess", ...(spec.looks || [])]);
  const words = (some) => (typeof some === "function" ? some(view) : some);
  root.setAttribute("aria-label", words(spec.title));

  let numbers = null;
  let stale = true; // they are behind the state
  let moving = false;
  let painted = false; // this frame has had its picture
  let waiting = false;
  let resting, speaking, sent = 0;

  const sentence = h("p.nl-summary", { role: "status", "aria-live": "polite" });
  const speak = () => {
    const text = spec.summary(view.data, view.state, view);
    say(sentence, text);
    for (const picture of view.pictures) picture.setAttribute("aria-label", text);
  };
  const paint = () => {
    for (const sync of view.syncs) sync();
    if (view.width) spec.draw(view, view.data, view.state);
  };
  /* The first change of a frame is drawn at once, so that no frame is lost; further ones of that frame together. */
  view.redraw = () => {
    if (painted) return (waiting = true);
    painted = true;
    paint();
    requestAnimationFrame(() => {
      painted = false;
      if (waiting) view.redraw((waiting = false));
    });
  };
  const send = () => {
    sent = performance.now();
    model.set("state", { ...view.state });
    model.save_changes();
  };
  const rest = () => {
    moving = false;
    if (!same(view.state, model.get("state"))) send();
  };
  const adopt = (state) => {
    const changed = Object.keys(state).filter((key) => !same(state[key], view.state[key]));
    if (!changed.length) return false;
    const counts = changed.some((key) => !looks.has(key));
    if (counts && !moving) view.ghost = view.data;
    moving ||= counts;
    stale ||= counts;
    view.state = state;
    view.redraw();
    clearTimeout(speaking);
    speaking = setTimeout(speak, SPOKEN);
    return true;
  };
  view.change = (patch) => {
    if (!adopt({ ...view.state, ...patch })) return;
    clearTimeout(resting);
    resting = setTimeout(rest, RESTING);
    if (model.get("driven") && performance.now() - sent > KERNEL) send();
  };
  view.go = (state) => view.change((view.home = state));

  // ---- what stands around the picture

  const wrong = h("p.nl-wrong", { role: "alert", hidden: true });
  const complain = () => {
    const text = model.get("error");
    say(wrong, text);
    wrong.toggleAttribute("hidden", !text);
  };
  const body = h("div.nl-body");
  root.append(
    h("h3.nl-title", {}, words(spec.title)),
    ...[words(spec.question)].filter(Boolean).map((text) => h("p.nl-question", {}, text)),
    ...betting(view, spec),
    ...chips(view, spec, looks),
    wrong,
    body,
    sentence,
  );
  spec.build(view, body);

  const hear = (name, listener) => (model.on(name, listener), view.ends.push(() => model.off(name, listener)));
  hear("change:state", () => {
    if (adopt(model.get("state"))) moving = false;
  });
  hear("change:packed", () => {
    view.arrays = cut(model);
    stale = true;
    view.redraw();
  });
  hear("change:error", complain);
  complain();
  el.append(root);
  watch(view, view.redraw);
  paint();
  speak();
  return () => view.ends.forEach((end) => end());
}

/* The arrays Python packed into one buffer. */
function cut(model) {
  const raw = model.get("packed");
  const floats = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength)); // aligned anew
  const arrays = {};
  for (const [name, [from, ...shape]] of Object.entries(model.get("index"))) {
    const size = shape.reduce((product, length) => product * length, 1);
    arrays[name] = Object.assign(floats.subarray(from, from + size), { shape });
  }
  return arrays;
}

/* Sizes are read when they change, colours when the theme does: never while drawing. */
function watch(view, draw) {
  const { root } = view;
  const pen = h("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const colours = () => {
    const style = getComputedStyle(root);
    for (const name of ["paper", "ink", "soft", "hair", "accent", "0", "1", "2", "3", "4"]) {
      pen.fillStyle = style.getPropertyValue(`--nl-${name}`).trim();
      pen.fillRect(0, 0, 1, 1); // over paper, should the colour be half transparent
      view.ink[name] = pen.getImageData(0, 0, 1, 1).data.slice(0, 3);
    }
    for (const redraw of view.themed) redraw();
  };
  const theme = () => (colours(), draw());
  const size = () => {
    const width = root.clientWidth;
    if (!width || width === view.width) return;
    if (!view.width) colours(); // before it stands in the page it has neither size nor colours
    view.width = width;
    root.classList.toggle("nl-narrow", width < 780);
    draw();
  };
  const sizes = new ResizeObserver(size);
  const themes = new MutationObserver(theme);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  size();
  sizes.observe(root);
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  dark.addEventListener("change", theme);
  view.ends.push(() => (sizes.disconnect(), themes.disconnect(), dark.removeEventListener("change", theme)));
}

/* A guess before the answer. It blocks nothing, can be made again, and is asked once of several widgets. */
function betting(view, spec) {
  const bet = spec.bet?.(view);
  if (!bet) return [];
  const box = h("div.nl-bet", { role: "group", "aria-label": "your bet" });
  view.asked = JSON.stringify([bet.ask, bet.options.map(([key]) => key)]);
  const kin = () => [...document.querySelectorAll(".nl")].map((one) => one.view).filter((other) => alike(view, other));
  const told = kin().find(({ state }) => state.guess);
  if (told && !view.state.guess) view.state = { ...view.state, guess: told.state.guess };
  const choose = (key) => {
    view.change({ guess: key });
    for (const other of kin()) if (!other.state.guess) other.change({ guess: key });
  };
  let shown = null;
  view.syncs.push(() => {
    const key = view.state.guess;
    if (key === shown) return;
    shown = key;
    const held = box.contains(document.activeElement); // by keyboard one goes on in the box; its button goes away
    const mine = bet.options.find(([option]) => option === key);
    if (mine) {
      const again = button("bet again", () => choose(""));
      const { words, node } = bet.reveal(key);
      box.replaceChildren(h("p", {}, h("b", {}, `Your bet: ${mine[1]}. `), words, " ", again));
      if (node) box.append(node);
    } else {
      const chip = ([option, text, icon]) => button([icon, h("span", {}, text)], () => choose(option));
      const options = bet.options.map(chip);
      box.replaceChildren(h("p", {}, h("b", {}, "First, your bet. "), bet.ask), h("div.nl-row", {}, options));
    }
    if (held) box.querySelector("button").focus();
  });
  return [box];
}

const alike = (one, other) => other && other !== one && other.asked === one.asked;

/* Presets as chips; the one that is on is marked. */
function chips(view, spec, looks) {
  if (!spec.presets) return [];
  const made = Object.entries(spec.presets(view)).map(([name, patch]) => {
    const state = { ...view.start, ...patch };
    return { state, chip: button(name, () => view.go({ ...state, guess: view.state.guess })) };
  });
  const matches = (state) => Object.keys(state).every((key) => looks.has(key) || same(state[key], view.state[key]));
  view.syncs.push(() => made.forEach(({ state, chip }) => chip.setAttribute("aria-pressed", matches(state))));
  const reset = button("reset", () => view.go(view.start));
  return [h("div.nl-row.nl-presets", { role: "group", "aria-label": "presets" }, made.map(({ chip }) => chip), reset)];
}

/* The book of the ledger: one bar a step, how many images are right above it, the images themselves below. */

import { h, line, linear, set } from "./base.js";
import { playhead, toggle } from "./controls.js";
import { GUTTER, found, place, slot, told } from "./ledger_art.js";
import { swatch } from "./ledger_tiles.js";

const SURE = Math.SQRT2; // ‖u‖ when it is sure and wrong
const BLANK = Math.sqrt(0.9); // ‖u‖ when it knows nothing: 0.1 for each class
const FLAG = 12;
const TOP = 84; // of the bars
const FLOOR = 204;
const TICKS = 220;
const HIGH = 228;
const tall = linear([0, SURE * 1.06], [FLOOR, TOP]);

export function book(view) {
  const { parts } = view;
  const svg = (parts.svg = h("svg", { height: HIGH }));
  const marks = {
    grid: "hair",
    passes: "hair",
    mild: "mild",
    wrong: "strong",
    current: "current",
    halo: "halo", // so that a dash is seen on a bar too
    before: "ghost",
    yours: "yours",
    right: "line",
    yoursRight: "yours.nl-dashed",
  };
  for (const [name, look] of Object.entries(marks)) svg.append((parts[name] = h(`path.nl-${look}`)));
  svg.append((parts.texts = h("g")));
  parts.strip = h("canvas.nl-strip", { "aria-hidden": "true" });
  view.themed.push(() => (view.stripDrawn = null));
  parts.head = playhead(view, {
    svg,
    key: "step",
    label: "step",
    last: () => view.data.steps,
    at: (step) => place(view, step),
    step: (x) => found(view, x),
    words: (state) => told(view, state),
    stops: () => Array.from({ length: 10 }, (_, i) => Math.round(((i + 1) * view.data.steps) / 10)),
  });
  const image = h("div.nl-ledger", { role: "img" }, svg, parts.strip);
  view.pictures.push(image);
  const sorted = toggle(view, { key: "sorted", text: "sorted by size" });
  const words = h("span", {}, "surprise, one bar a step");
  const wrong = [swatch("strong"), "strong: its answer was wrong"];
  const right = [swatch("mild"), "faint: right, and surprised all the same"];
  return h("section.nl-book", {},
    h("div.nl-head", {}, h("b", {}, "Ledger"), words, h("span.nl-push"), sorted, parts.head.play),
    h("p.nl-soft", {}, wrong, right),
    h("div.nl-plot", {}, parts.head.range, image),
  );
}

export function drawBook(view, data, state) {
  const { parts, arrays, ghost } = view;
  const width = slot(view);
  const end = view.plot - 6;
  const right = linear([0, arrays.labels.length], [62, 26]);
  drawBars(view, data, state, width);
  const before = ghost && (state.sorted || sameStream(ghost, data)) ? dashes(ghost.size, data, state, width) : "";
  const yours = arrays.yours?.length === data.steps ? arrays.yours : null;
  const mine = yours ? dashes(yours, data, state, width) : "";
  set(parts.before, { d: before });
  set(parts.yours, { d: mine });
  set(parts.halo, { d: before + mine });
  const xs = Array.from({ length: data.steps + 1 }, (_, step) => GUTTER + width * (step + 0.5));
  set(parts.right, { d: state.sorted ? "" : line(xs, Array.from(data.right, right)) });
  set(parts.yoursRight, { d: yours && !state.sorted ? line(xs.slice(1), Array.from(arrays.yours_right, right)) : "" });
  const rules = [0, BLANK, SURE].map(tall).concat(state.sorted ? [] : [right(0), right(arrays.labels.length)]);
  set(parts.grid, { d: rules.map((y) => `M${GUTTER} ${y.toFixed(1)}H${end}`).join("") });
  drawWords(view, [
    ...axisWords(),
    ...(state.sorted ? sortedWords(view, data, width, end) : streamWords(view, data, state, right, width)),
    ...wrongWords(view, data, width),
    ...(before ? [[end - 12, TOP - 2, "– before", "end", "nl-tick"]] : []),
    ...(yours ? [[end - (before ? 70 : 12), TOP - 2, "– your function", "end", "nl-tick nl-mine"]] : []),
  ]);
  drawStrip(view, data, state, width);
  parts.head.draw(FLAG, FLOOR);
}

function drawBars(view, data, state, width) {
  const { parts } = view;
  const paths = { mild: "", wrong: "", current: "" };
  for (let t = 0; t < data.steps; t++) {
    const left = (place(view, t + 1) - width * 0.38).toFixed(1);
    const bar = `M${left} ${FLOOR}V${tall(data.size[t]).toFixed(1)}h${(width * 0.76).toFixed(1)}V${FLOOR}z`;
    paths[data.answer[t] === data.called[t] ? "mild" : "wrong"] += bar;
    if (t + 1 === state.step) paths.current = bar;
  }
  for (const name in paths) set(parts[name], { d: paths[name] });
}

/* One dash a step, over or under its bar. */
function dashes(sizes, data, state, width) {
  const order = state.sorted ? Array.from(sizes).sort((a, b) => b - a) : sizes;
  let path = "";
  for (let t = 0; t < Math.min(order.length, data.steps); t++) {
    const left = (GUTTER + width * (t + 1)).toFixed(1);
    path += `M${left} ${Math.max(TOP - 6, tall(order[t])).toFixed(1)}h${(width - 1).toFixed(1)}`;
  }
  return path;
}

/* "Before" is shown where it can be compared: the same images in the same order. */
const sameStream = (a, b) => a.shown.every((image, t) => t >= b.steps || image === b.shown[t]);

// ---- words: [x, y, text, anchor, class]

const axisWords = () => [
  [GUTTER - 8, FLOOR + 4, "0", "end", "nl-tick"],
  [GUTTER - 8, tall(BLANK) + 1, "knows", "end", "nl-tick"],
  [GUTTER - 8, tall(BLANK) + 13, "nothing", "end", "nl-tick"],
  [GUTTER - 8, tall(SURE) - 2, "sure,", "end", "nl-tick"],
  [GUTTER - 8, tall(SURE) + 10, "wrong", "end", "nl-tick"],
];

function sortedWords(view, data, width, end) {
  const sum = (steps) => steps.reduce((total, t) => total + data.size[t], 0);
  const tenth = Math.ceil(data.steps / 10);
  const all = sum(data.bySize);
  const share = all > 0 ? Math.round((100 * sum(data.bySize.slice(0, tenth))) / all) : 0;
  const loudest = `the loudest tenth, ${tenth} of ${data.steps} steps, holds ${share} % of all surprise`;
  return [
    [GUTTER + width, 62, loudest, "start", "nl-note"],
    [GUTTER + width, TICKS, "largest", "start", "nl-tick"],
    [end, TICKS, "smallest", "end", "nl-tick"],
  ];
}

function streamWords(view, data, state, right, width) {
  const count = view.arrays.labels.length;
  const words = [
    [GUTTER - 8, right(count) + 4, `${count} right`, "end", "nl-tick"],
    [GUTTER - 8, right(0) + 4, "0", "end", "nl-tick"],
    [GUTTER + width, right(count) - 5, `on how many of the ${count} images it is right`, "start", "nl-tick"],
  ];
  const every = [1, 2, 5, 10, 20, 40, 80].find((step) => step * width >= 44) ?? 100;
  for (let step = 0; step <= data.steps; step += every)
    words.push([place(view, step), TICKS, step ? String(step) : "start", "middle", "nl-tick"]);
  if (state.order !== "one")
    for (let t = count; t < data.steps; t += count)
      words.push([GUTTER + width * (t + 1) + 4, TOP - 2, `pass ${t / count + 1}`, "start", "nl-tick"]);
  return words;
}

/* The largest step at which an image had a wrong name. */
function wrongWords(view, data, width) {
  const t = data.bySize.find((step) => data.called[step] !== view.arrays.labels[data.shown[step]]);
  if (t === undefined) return [];
  const x = place(view, t + 1);
  const fits = x < view.plot - 70;
  const beside = (width / 2 + 4) * (fits ? 1 : -1);
  const y = Math.max(tall(data.size[t]) + 9, TOP + 9);
  return [[x + beside, y, `called ${data.called[t]}`, fits ? "start" : "end", "nl-note"]];
}

/* Written again only when one of them changes or moves; a pass begins at a hair line. */
function drawWords(view, words) {
  const key = JSON.stringify(words);
  if (key === view.wordsDrawn) return;
  view.wordsDrawn = key;
  view.parts.texts.replaceChildren(
    ...words.map(([x, y, text, anchor, look]) =>
      h("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor, class: look }, text)),
  );
  const passes = words.filter(([, , text]) => text.startsWith("pass"));
  set(view.parts.passes, { d: passes.map(([x]) => `M${(x - 4).toFixed(1)} ${TOP - 12}V${FLOOR}`).join("") });
}

/* Under every bar the image it was for, where there is room. */
function drawStrip(view, data, state, width) {
  const { strip } = view.parts;
  const size = Math.min(24, Math.floor(width));
  const key = [view.plot, state.sorted && data.bySize, data.shown].join();
  if (key === view.stripDrawn) return;
  view.stripDrawn = key;
  strip.hidden = size < 8;
  if (strip.hidden) return;
  const dots = window.devicePixelRatio || 1;
  strip.style.height = `${size}px`;
  [strip.width, strip.height] = [view.plot * dots, size * dots];
  const pen = strip.getContext("2d");
  pen.imageSmoothingEnabled = false;
  data.shown.forEach((image, t) => {
    const left = Math.round((place(view, t + 1) - size / 2) * dots);
    pen.drawImage(view.digits[image], left, 0, size * dots, size * dots);
  });
}

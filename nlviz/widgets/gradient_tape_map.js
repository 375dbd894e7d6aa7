/* The map of all settings, which is a slider in two dimensions: momentum upward, step size to the right. */

import { clamp, h, heat, id, line, set } from "./base.js";
import { across, borders, upward } from "./gradient_tape_model.js";

const LEFT = 40; // room for the words of the axes
const HEAD = 20;
const SLANT = 7;
const FULL = 14; // powers of ten: where the ink of the map is full
const LINES = [0, 0.5, 0.9, 0.99, 0.999];
const SIZES = [0.01, 0.1, 1, 10];

export const nearest = (values, place, wanted) =>
  values.reduce((best, value) => (Math.abs(place(value) - wanted) < Math.abs(place(best) - wanted) ? value : best));
export const beside = (values, value, by) => values[clamp(values.indexOf(value) + by, 0, values.length - 1)];

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], PageUp: [0, 5], PageDown: [0, -5], Home: [-99, 0], End: [99, 0] };

/* Two sliders in one: drag anywhere in `node`, or use the arrow keys. `at` and `by` give a patch of the state. */
export function pad(view, node, { name, words, at, by, back }) {
  set(node, { role: "application", tabindex: 0, "aria-roledescription": "two-dimensional slider", "data-lm-suppress-shortcuts": "true" });
  const drag = (event) => {
    const box = node.getBoundingClientRect();
    view.change(at(event.clientX - box.left, event.clientY - box.top));
  };
  node.addEventListener("pointerdown", (event) => (node.setPointerCapture(event.pointerId), drag(event), node.focus({ preventScroll: true })));
  node.addEventListener("pointermove", (event) => event.buttons && node.hasPointerCapture(event.pointerId) && drag(event));
  node.addEventListener("keydown", (event) => {
    const move = KEYS[event.key];
    if (!move && event.key !== "Backspace") return;
    event.preventDefault();
    view.change(move ? by(...move) : back());
  });
  view.syncs.push(() => set(node, { "aria-label": `${name}: ${words(view.state)}` }));
  return node;
}

export function settingsMap(view) {
  const { momenta, rates } = view.facts;
  const canvas = h("canvas", { "aria-hidden": "true" });
  const field = h("div.nl-field", {}, canvas);
  const svg = h("svg", { "aria-hidden": "true" });
  const shutter = id(); // slanting lines over the part that diverges: a region is not told by its shade alone
  const beyond = h("path");
  const parts = { hatch: h("path.nl-hatch", { "clip-path": `url(#${shutter})` }), edge: h("path.nl-border"), critical: h("path.nl-border"), words: h("g"), dot: h("circle.nl-here", { r: 7 }) };
  svg.append(h("clipPath", { id: shutter }, beyond), ...Object.values(parts));
  const node = h("div.nl-map", {}, field, svg);
  pad(view, field, {
    name: "step size and momentum",
    words: ({ lr, momentum }) => `step size ${lr}, momentum ${momentum}, ${view.facts.kinds[view.data.kind]}`,
    at: (x, y) => ({ lr: nearest(rates, across, x / view.mapWide), momentum: nearest(momenta, upward, 1 - y / view.mapHigh) }),
    by: (right, up) => ({ lr: beside(rates, view.state.lr, right), momentum: beside(momenta, view.state.momentum, up) }),
    back: () => ({ lr: view.home.lr, momentum: view.home.momentum }),
  });
  let painted = null;
  view.themed.push(() => (painted = null));

  const lay = () => {
    view.mapWide = field.clientWidth;
    view.mapHigh = field.clientHeight;
    const x = (share) => LEFT + share * view.mapWide;
    const y = (share) => HEAD + (1 - share) * view.mapHigh;
    const { edge, critical, columns } = borders(view.facts);
    const path = (points) => line(points.map(([a]) => x(a)), points.map(([, b]) => y(b)));
    set(parts.edge, { d: path(edge) });
    set(parts.critical, { d: path(critical) });
    set(beyond, { d: `${path(edge)}L${x(1)} ${y(1)}V${y(0)}z` });
    const slants = Array.from({ length: Math.ceil((view.mapWide + view.mapHigh) / SLANT) }, (_, i) => x(0) + i * SLANT);
    set(parts.hatch, { d: slants.map((right) => `M${right} ${y(1)}l${-view.mapHigh} ${view.mapHigh}`).join("") });
    const cell = [view.mapWide / (columns - 1), view.mapHigh / (columns - 1)]; // the outer cells reach half out of the field
    canvas.style.cssText = `left:${-cell[0] / 2}px;top:${-cell[1] / 2}px;width:${cell[0] * columns}px;height:${cell[1] * columns}px`;
    const word = (name, a, b, content, anchor, turned) =>
      h(`text.${name}`, { "text-anchor": anchor, transform: `translate(${a.toFixed(1)} ${b.toFixed(1)})${turned ? ` rotate(${turned})` : ""}` }, content);
    const place = (a, b, content, turned) => word("nl-region", x(a), y(b), content, "middle", turned);
    const tilt = (Math.atan2(view.mapHigh * (critical[10][1] - critical[25][1]), view.mapWide * (critical[25][0] - critical[10][0])) * 180) / Math.PI;
    const [a, b] = critical[17];
    parts.words.replaceChildren(
      ...LINES.map((momentum) => word("nl-tick", LEFT - 6, y(upward(momentum)) + (momentum ? 4 : 0), String(momentum), "end")),
      ...SIZES.map((lr) => word("nl-tick", x(across(lr)), y(0) + 15, String(lr), lr === 10 ? "end" : "middle")),
      word("nl-tick", x(0.5), y(0) + 30, "step size →", "middle"),
      word("nl-tick", x(0), 12, "↑ momentum", "start"),
      place(0.36, 0.78, "swings"),
      place(0.2, 0.2, "too slow"),
      place(0.73, 0.28, "fast"),
      place(0.94, 0.5, "diverges", -90),
      word("nl-region", x(a) + 4, y(b) + 14, "critical", "middle", tilt),
    );
  };
  return {
    node,
    draw(data, { lr, momentum }) {
      if (view.mapFor !== view.width) lay();
      view.mapFor = view.width;
      if (painted !== data.map) heat(canvas, data.map.map((power) => clamp(-power, 0, FULL)), borders(view.facts).columns, FULL, view.ink.ink, view.ink.ink);
      painted = data.map;
      set(parts.dot, { cx: (LEFT + across(lr) * view.mapWide).toFixed(1), cy: (HEAD + (1 - upward(momentum)) * view.mapHigh).toFixed(1) });
    },
  };
}

/* The path over the rings of two valleys, and what old and new gradients push just now. The start can be dragged. */

import { h, id, line, linear, say, set } from "./base.js";
import { beside, nearest, pad } from "./gradient_tape_map.js";

export const HIGH = 236;
const WIDE = 12; // how far the picture reaches along the valley
const DEEP = 1.7; // and across it
const RINGS = [0.2, 0.5, 0.8, 1.1, 1.4];
const ARROW = 64; // px of the longest
const NATURAL = 4; // px of a step that has an arrow of full length
const BEYOND = 5000; // px: farther points are not drawn

const outside = (path, t) => Math.abs(path[2 * t]) > DEEP || Math.abs(path[2 * t + 1]) > WIDE;

export function bowl(view) {
  const { facts } = view;
  const shutter = id();
  const svg = h("svg", { height: HIGH });
  const frame = h("rect", { height: HIGH, x: 0, y: 0 });
  const parts = {};
  for (const name of ["ringsB", "ringsA", "ghost", "pathA", "pathB", "dotsA", "dotsB", "soonA", "soonB", "yours"]) parts[name] = h(`path.nl-${name}`);
  Object.assign(parts, { words: h("g"), gone: h("text.nl-tick", { x: 8, y: 18 }), start: h("circle.nl-start", { r: 6 }), here: h("circle.nl-here", { r: 5 }) });
  const clipped = h("g", { "clip-path": `url(#${shutter})` }, Object.values(parts));
  const arrows = Object.fromEntries(["old", "new", "sum"].map((name) => [name, arrow(name)]));
  svg.append(h("clipPath", { id: shutter }, frame), clipped, ...Object.values(arrows).map(({ node }) => node));
  const node = h("div.nl-bowl", {}, svg);
  svg.setAttribute("aria-hidden", "true");
  pad(view, node, {
    name: "start",
    words: ({ start: [across, along] }) => `${along} along the valley, ${across} across`,
    at: (x, y) => ({ start: [nearest(facts.across, view.y, y), nearest(facts.along, view.x, x)] }),
    by: (right, up) => ({ start: [beside(facts.across, view.state.start[0], up), beside(facts.along, view.state.start[1], right)] }),
    back: () => ({ start: view.home.start }),
  });

  const lay = () => {
    const width = node.clientWidth;
    view.x = linear([-WIDE, WIDE], [0, width]);
    view.y = linear([-DEEP, DEEP], [HIGH, 0]);
    set(frame, { width });
    const [steep, flat] = facts.curvature;
    const ring = ([across, along]) => RINGS.map((size) => {
      const [rx, ry] = [(size * Math.sqrt(steep / flat) * width) / (2 * WIDE), (size * HIGH) / (2 * DEEP)];
      return `M${(view.x(along) - rx).toFixed(1)} ${view.y(across).toFixed(1)}a${rx.toFixed(1)} ${ry.toFixed(1)} 0 1 0 ${(2 * rx).toFixed(1)} 0a${rx.toFixed(1)} ${ry.toFixed(1)} 0 1 0 ${(-2 * rx).toFixed(1)} 0`;
    }).join("");
    set(parts.ringsA, { d: ring(facts.minima[0]) });
    set(parts.ringsB, { d: ring(facts.minima[1]) });
    const stretch = (HIGH / (2 * DEEP) / (width / (2 * WIDE))).toFixed(1);
    parts.words.replaceChildren(
      ...facts.minima.map(([across, along], task) => h(`text.nl-valley${task}`, { x: view.x(along).toFixed(1), y: (view.y(across) + 5).toFixed(1), "text-anchor": "middle" }, "AB"[task])),
      h("text.nl-tick", { x: width - 8, y: HIGH - 8, "text-anchor": "end" }, width < 520 ? `↔ flat, ↕ steep and drawn ${stretch} times as tall` : `↔ flat, curvature ${flat}; ↕ steep, curvature ${steep}, drawn ${stretch} times as tall`),
    );
  };

  /* Points far outside are left out: a path that diverges has no end. */
  const trace = (path, from, to) => {
    const xs = [];
    const ys = [];
    for (let t = from; t <= to; t++) {
      const [x, y] = [view.x(path[2 * t + 1]), view.y(path[2 * t])];
      const near = Math.max(Math.abs(x), Math.abs(y)) < BEYOND;
      xs.push(x);
      ys.push(near ? y : NaN);
    }
    return line(xs, ys);
  };
  const dotted = (path, from, to) => trace(path, from, to).replace(/[ML][^ML]+/g, (point) => `M${point.slice(1)}h0`);

  return {
    node,
    draw(data, state) {
      if (view.bowlFor !== view.width) lay();
      view.bowlFor = view.width;
      const { path } = data;
      const { step } = state;
      const change = state.switch ?? facts.steps;
      const split = Math.min(step, change);
      set(parts.pathA, { d: trace(path, 0, split) });
      set(parts.dotsA, { d: dotted(path, 0, split) });
      set(parts.pathB, { d: trace(path, split, step) });
      set(parts.dotsB, { d: step > change ? dotted(path, change, step) : "" });
      set(parts.soonA, { d: trace(path, step, Math.max(step, change)) });
      set(parts.soonB, { d: trace(path, Math.max(step, change), facts.steps) });
      set(parts.ghost, { d: view.ghost ? trace(view.ghost.path, 0, facts.steps) : "" });
      set(parts.yours, { d: view.arrays.yours ? trace(view.arrays.yours, 0, facts.steps) : "" });
      set(parts.start, { cx: view.x(state.start[1]).toFixed(1), cy: view.y(state.start[0]).toFixed(1) });
      const left = Array.from({ length: step + 1 }, (_, t) => t).findIndex((t) => outside(path, t));
      say(parts.gone, step && outside(path, step) ? `it left the picture at step ${left}` : "");
      drawArrows(view, data, state, arrows, parts.here);
    },
  };
}

function arrow(name) {
  const stroke = h(`path.nl-arrow`);
  const label = h("text.nl-push-word", { "text-anchor": "middle" });
  return { node: h(`g.nl-${name}`, {}, stroke, label), stroke, label };
}

/* The step that is being made, and its two parts: what gradients from before the switch push, and those after it. */
function drawArrows(view, { path, gradient }, { step, lr, momentum, switch: change }, arrows, here) {
  const from = outside(path, step) ? [0, 0] : [view.x(path[2 * step + 1]), view.y(path[2 * step])];
  const seen = !outside(path, step);
  here.toggleAttribute("hidden", !seen);
  set(here, { cx: from[0].toFixed(1), cy: from[1].toFixed(1) });
  const pushes = { old: [0, 0], new: [0, 0], sum: [0, 0] };
  let weight = 1;
  for (let i = step - 1; i >= 0; i--, weight *= momentum)
    for (const name of [i < (change ?? step) ? "old" : "new", "sum"]) {
      pushes[name][0] -= weight * gradient[2 * i + 1];
      pushes[name][1] -= weight * gradient[2 * i];
    }
  const both = change !== null && step > change;
  const scale = [view.x(1) - view.x(0), view.y(1) - view.y(0)];
  const drawn = Object.entries(pushes).map(([name, [x, y]]) => [name, x * scale[0], y * scale[1]]);
  const longest = Math.max(...drawn.map(([, x, y]) => Math.hypot(x, y))) || 1;
  const size = ARROW * Math.min(1, Math.sqrt((lr * longest) / NATURAL));
  const taken = []; // two words never on each other
  for (const [name, x, y] of drawn) {
    const { node, stroke, label } = arrows[name];
    const [ux, uy] = [(x / longest) * size, (y / longest) * size];
    const length = Math.hypot(ux, uy);
    const shown = seen && (both || name === "sum") && length > 6;
    node.toggleAttribute("hidden", !shown);
    if (!shown) continue;
    const [hx, hy] = [(ux / length) * 6, (uy / length) * 6];
    const tip = [from[0] + ux, from[1] + uy];
    const places = [[2.4, 0], [1, 3.4], [1, -3.4]].map(([on, aside]) => [tip[0] + hx * on - hy * aside, tip[1] + hy * on + hx * aside + 4]);
    const free = places.find(([a, b]) => taken.every(([c, d]) => Math.abs(a - c) > 30 || Math.abs(b - d) > 14));
    const named = both && length > 18 && free;
    if (named) taken.push(free);
    set(stroke, { d: `M${pair(...from)}L${pair(...tip)}m${pair(-hx - hy * 0.6, -hy + hx * 0.6)}L${pair(...tip)}l${pair(-hx + hy * 0.6, -hy - hx * 0.6)}` });
    if (named) set(label, { x: free[0].toFixed(1), y: free[1].toFixed(1) });
    say(label, named ? { old: "old", new: "new", sum: "step" }[name] : "");
  }
}

const pair = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;

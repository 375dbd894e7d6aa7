/* Several drawings under each other on one axis of time, which is made of phases. */

import { clamp, h, linear, set, tenth, ticks } from "./base.js";

/* Phases of so many steps each, from `left` to `right` px: as wide as they are long, or as the root of it, so that a
   short phase is seen. Step t stands at xs[t]; step 0 is before the first. */
export function phases(lengths, left, right, stretched) {
  const widths = lengths.map(stretched ? Math.sqrt : Number);
  const all = widths.reduce((sum, width) => sum + width, 0);
  const edges = [0];
  const places = [left];
  lengths.forEach((length, i) => {
    edges.push(edges[i] + length);
    places.push(places[i] + ((right - left) * widths[i]) / all);
  });
  const x = linear(edges, places);
  const last = edges[edges.length - 1];
  const xs = Float64Array.from({ length: last + 1 }, (_, t) => x(t));
  return { edges, places, left, right, last, x, xs, step: (at) => clamp(Math.round(x.invert(at)), 0, last) };
}

/* The same place in the same phase, when phases have other lengths. */
export function moved(step, from, to) {
  const edges = (lengths) => lengths.reduce((all, length) => [...all, all[all.length - 1] + length], [0]);
  return Math.round(linear(edges(from), edges(to))(step));
}

/* Every phase counts its own steps. */
export function phaseTicks({ edges, places, x }) {
  return edges.slice(1).flatMap((end, i) => {
    const wide = places[i + 1] - places[i];
    const marks = ticks(0, end - edges[i], Math.max(1, wide / 70));
    return marks.map((mark) => [x(edges[i] + mark), mark]).filter(([at]) => at < places[i + 1] - 16);
  });
}

/* Drag anywhere in a further drawing: the playhead follows, and the keyboard has it. */
export function scrub(svg, range, step) {
  const go = (event) => {
    range.value = step(event.clientX - svg.getBoundingClientRect().left);
    range.dispatchEvent(new Event("input"));
  };
  svg.addEventListener("pointerdown", (event) => {
    event.preventDefault(); // or the press takes the focus away again
    svg.setPointerCapture(event.pointerId);
    range.focus({ preventScroll: true });
    go(event);
  });
  svg.addEventListener("pointermove", (event) => {
    if (event.buttons && svg.hasPointerCapture(event.pointerId)) go(event);
  });
}

/* Words at places; written again only when one of them changes or moves. */
export function wording() {
  const node = h("g");
  let drawn = "";
  const write = (words) => {
    const key = JSON.stringify(words);
    if (key === drawn) return;
    drawn = key;
    node.replaceChildren(
      ...words.map(([x, y, text, anchor = "start", look = "nl-tick"]) =>
        h("text", { x: tenth(x), y: tenth(y), "text-anchor": anchor, class: look }, text)),
    );
  };
  return { node, write };
}

/* A path for each of several looks, in this order: `paths.name`. */
export function paths(svg, names) {
  const made = Object.fromEntries(names.map((name) => [name, h(`path.nl-${name}`)]));
  svg.append(...Object.values(made));
  return Object.assign(made, { draw: (name, d) => set(made[name], { d }) });
}

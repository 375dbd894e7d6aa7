/* The ground every widget stands on: elements, numbers, scales, marks. */

const NS = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "g", "path", "rect", "line", "text", "circle", "clipPath"]);
// every widget loads its own copy of this module, and their ids must not meet
const COPY = Math.random().toString(36).slice(2, 8);
let made = 0;
export const id = () => `nl-${COPY}-${++made}`;

// ---- elements

export function h(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const node = DRAWN.has(tag) ? document.createElementNS(NS, tag) : document.createElement(tag);
  if (classes.length) node.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

export function set(node, attributes) {
  for (const key in attributes) node.setAttribute(key, attributes[key]);
}

/* Text is written only where it changed: a write costs a layout. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// ---- numbers

export function signed(value, digits = 2) {
  const size = Math.abs(value).toFixed(digits);
  return Number(size) === 0 ? size : (value < 0 ? "−" : "+") + size;
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

const turn = (bits) => {
  bits ^= bits << 13;
  bits ^= bits >>> 17;
  return bits ^ (bits << 5);
};

/* xorshift32 (Marsaglia 2003); seeded.py gives the same numbers. */
export function uniform(seed) {
  let bits = Math.imul(seed + 1, 2654435761);
  for (let i = 0; i < 8; i++) bits = turn(bits);
  return () => ((bits = turn(bits)) >>> 0) / 2 ** 32;
}

export function normals(seed) {
  const draw = uniform(seed);
  return () => {
    const radius = Math.sqrt(-2 * Math.log(1 - draw()));
    return radius * Math.cos(2 * Math.PI * draw());
  };
}

// ---- scales and marks

/* Piecewise linear, so that an axis can be stretched; `.invert` goes back. */
export function linear(domain, range) {
  const between = (from, to) => (value) => {
    let i = 1;
    while (i < from.length - 1 && value > from[i]) i++;
    return to[i - 1] + ((value - from[i - 1]) / (from[i] - from[i - 1] || 1)) * (to[i] - to[i - 1]);
  };
  return Object.assign(between(domain, range), { invert: between(range, domain) });
}

export function ticks(low, high, about = 5) {
  const rough = (high - low) / about || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((nice) => nice * power >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

export const tenth = (value) => Math.round(value * 10) / 10; // toFixed is slow, and a path is long

export function line(xs, ys) {
  let path = "";
  let pen = "M";
  for (let i = 0; i < xs.length; i++) {
    if (!Number.isFinite(ys[i])) pen = "M"; // a gap, not a NaN
    else {
      path += `${pen}${tenth(xs[i])} ${tenth(ys[i])}`;
      pen = "L";
    }
  }
  return path;
}

export function band(xs, lows, highs) {
  const back = Array.from(xs).reverse();
  return `${line(xs, highs)}${line(back, Array.from(lows).reverse()).replace("M", "L")}Z`;
}

/* Values as cells of a canvas, `columns` wide: nothing at zero, `against` at -top, `along` at +top. What lies behind
   shows through, so zero is paper in every theme. */
export function heat(canvas, values, columns, top, against, along) {
  const rows = values.length / columns;
  if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [columns, rows];
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(columns, rows);
  for (let i = 0; i < values.length; i++) {
    image.data.set(values[i] < 0 ? against : along, 4 * i);
    image.data[4 * i + 3] = Math.min(1, Math.abs(values[i]) / top) * 255;
  }
  pen.putImageData(image, 0, 0);
}

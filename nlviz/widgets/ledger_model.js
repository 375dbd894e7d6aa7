/* The layer of chapter 1, computed in the browser: y = W x, u = softmax(y) − onehot(label), W ← W − lr u xᵀ.

   W is never multiplied out along the way: after t steps it is −lr Σ u xᵀ, so what it answers to an image is a sum
   over the overlaps of that image with those it was shown. That takes 10 numbers an image and step, not 640. */

import { uniform } from "./base.js";

export const CLASSES = 10;
export const PIXELS = 64;

export function overlaps(images, count) {
  const table = new Float64Array(count * count);
  for (let i = 0; i < count; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let p = 0; p < PIXELS; p++) sum += images[i * PIXELS + p] * images[j * PIXELS + p];
      table[i * count + j] = table[j * count + i] = sum;
    }
  return table;
}

/* 0 to n − 1 in a random order, then in another: `shuffles` in seeded.py. */
function shuffles(count, steps, seed) {
  const draw = uniform(seed);
  const shown = [];
  while (shown.length < steps) {
    const order = Array.from({ length: count }, (_, i) => i);
    for (let last = count - 1; last > 0; last--) {
      const other = Math.floor(draw() * (last + 1));
      [order[last], order[other]] = [order[other], order[last]];
    }
    shown.push(...order);
  }
  return shown.slice(0, steps);
}

/* Which image each step shows, and what it is called there. */
export function stream(state, labels) {
  const count = labels.length;
  let shown;
  if (state.order === "one") shown = new Array(state.steps).fill(state.example);
  else if (state.order === "class") {
    const order = Array.from(labels, (_, i) => i).sort((a, b) => labels[a] - labels[b] || a - b);
    shown = Array.from({ length: state.steps }, (_, t) => order[t % count]);
  } else shown = shuffles(count, state.steps, state.seed);
  const final = new Map(shown.map((image, t) => [image, t]));
  const called = shown.map((image, t) =>
    state.when === "every" || final.get(image) === t ? (state.called[image] ?? labels[image]) : labels[image],
  );
  return { shown, called };
}

export function softmax(logits, from, into) {
  let top = -Infinity;
  let sum = 0;
  let answer = 0;
  for (let c = 0; c < CLASSES; c++) if (logits[from + c] > top) top = logits[from + (answer = c)];
  for (let c = 0; c < CLASSES; c++) sum += into[c] = Math.exp(logits[from + c] - top);
  for (let c = 0; c < CLASSES; c++) into[c] /= sum;
  return answer;
}

export function replay(state, images, labels, table) {
  const count = labels.length;
  const { shown, called } = stream(state, labels);
  const steps = shown.length;
  const logits = new Float64Array(count * CLASSES); // W x for every image
  const said = new Float64Array(CLASSES);
  const surprise = new Float64Array(steps * CLASSES);
  const size = new Float64Array(steps);
  const right = new Int32Array(steps + 1);
  const answer = new Int32Array(steps);
  const sure = new Float64Array(steps);
  const marks = () => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      let best = 0;
      for (let c = 1; c < CLASSES; c++) if (logits[i * CLASSES + c] > logits[i * CLASSES + best]) best = c;
      if (best === labels[i]) sum++;
    }
    return sum;
  };
  right[0] = marks();
  for (let t = 0; t < steps; t++) {
    answer[t] = softmax(logits, shown[t] * CLASSES, said);
    sure[t] = said[answer[t]];
    said[called[t]] -= 1; // from here on the surprise
    let sum = 0;
    for (let c = 0; c < CLASSES; c++) sum += (surprise[t * CLASSES + c] = said[c]) ** 2;
    size[t] = Math.sqrt(sum);
    for (let i = 0; i < count; i++) {
      const push = state.lr * table[i * count + shown[t]];
      for (let c = 0; c < CLASSES; c++) logits[i * CLASSES + c] -= push * said[c];
    }
    right[t + 1] = marks();
  }
  const bySize = Array.from(size, (_, t) => t).sort((a, b) => size[b] - size[a] || a - b);
  const rank = new Int32Array(steps);
  bySize.forEach((t, place) => (rank[t] = place));
  const data = { steps, shown, called, surprise, size, right, answer, sure, bySize, rank, logits, lr: state.lr };
  data.top = weights(data, images, steps).reduce((top, w) => Math.max(top, Math.abs(w)), 1e-9);
  return data;
}

/* W after `step` steps: the sum of the tiles. */
export function weights(data, images, step) {
  const W = new Float64Array(CLASSES * PIXELS);
  for (let t = 0; t < step; t++) {
    const from = data.shown[t] * PIXELS;
    for (let c = 0; c < CLASSES; c++) {
      const push = data.lr * data.surprise[t * CLASSES + c];
      for (let p = 0; p < PIXELS; p++) W[c * PIXELS + p] -= push * images[from + p];
    }
  }
  return W;
}

/* The three images that wrote most of one cell of W, or of a whole tile where `pixel` is null. */
export function writers(data, images, step, label, pixel) {
  const weight = new Map();
  for (let t = 0; t < step; t++) {
    const push = data.lr * data.surprise[t * CLASSES + label];
    weight.set(data.shown[t], (weight.get(data.shown[t]) ?? 0) - push);
  }
  const whole = pixel === null;
  const all = Array.from(weight, ([image, times]) => {
    const x = images.subarray(image * PIXELS, (image + 1) * PIXELS);
    const part = Math.abs(times) * (whole ? Math.hypot(...x) : x[pixel]);
    return { image, part, amount: whole ? times : times * x[pixel] };
  });
  all.sort((a, b) => b.part - a.part || a.image - b.image);
  return all.slice(0, 3).filter(({ part }) => part > 1e-9);
}

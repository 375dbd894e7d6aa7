/* Additive linear levels that share one error: first they learn a map A, then B = −A, then they hear nothing.

     error = ±A k − Σ M k          waiting ← waiting + error kᵀ
     every `clock` steps:          M ← keep^clock M + reach · waiting;   waiting ← 0

   What a level says for A is ⟨M, A⟩ / ‖A‖². It changes only when the level writes, and by ⟨waiting, A⟩, which grows by
   error · A k: so no state is kept per step, and silence costs next to nothing. nl.lab.spectrum gives the same. */

import { normals } from "./base.js";

export const WIDTH = 16; // features of keys and values
const SIZE = WIDTH * WIDTH;
const MOST = 5; // levels
const LIMIT = 100; // more than this many times A: it diverges
const T975 = { 4: 3.182, 10: 2.262 }; // Student's t, for the interval over so many streams

// ---- levels

/* A level with `solo` silences the others; a silent level takes no part at all. */
export const playing = ({ levels, muted, solo }) =>
  levels.map((_, i) => i).filter((i) => (solo.length ? solo.includes(i) : !muted.includes(i)));

/* The rate on one error: the mean of a period counts each of its errors for less, unless the rate is held. */
export const reach = ({ average, hold }, [clock, rate]) => (average && !hold ? rate / clock : rate);

export const overshoots = (state, level) => (reach(state, level) * level[0]) / WIDTH >= 2;

/* When a level writes, how many of its writes are empty, and how many steps of B pass before it hears of B. */
export function clockwork([clock], [lengthA, lengthB, silence]) {
  const learning = lengthA + lengthB;
  const writes = Math.floor((learning + silence) / clock);
  const first = (Math.floor(lengthA / clock) + 1) * clock; // the first write that holds an error of B
  const late = first <= learning + silence ? first - lengthA - 1 : NaN;
  return { writes, empty: Math.max(0, writes - Math.ceil(learning / clock)), first, late };
}

// ---- streams: A, then the keys, the same numbers as in Python; they only ever grow

const streams = new Map();

function stream(seed, count) {
  if (!streams.has(seed)) {
    const next = normals(seed);
    const A = Float64Array.from({ length: SIZE }, next);
    const size = A.reduce((sum, a) => sum + a * a, 0);
    streams.set(seed, { next, A, size, keys: new Float64Array(0), values: new Float64Array(0) });
  }
  const one = streams.get(seed);
  const from = one.keys.length;
  if (from < count * WIDTH) {
    const [keys, values] = [one.keys, one.values].map((old) => {
      const longer = new Float64Array(count * WIDTH);
      longer.set(old);
      return longer;
    });
    for (let at = from; at < keys.length; at += WIDTH) drawKey(one, keys, values, at);
    Object.assign(one, { keys, values });
  }
  return one;
}

function drawKey({ next, A }, keys, values, at) {
  let square = 0;
  for (let j = 0; j < WIDTH; j++) square += (keys[at + j] = next()) ** 2;
  for (let j = 0; j < WIDTH; j++) keys[at + j] /= Math.sqrt(square);
  for (let i = 0; i < WIDTH; i++)
    for (let j = 0; j < WIDTH; j++) values[at + i] += A[i * WIDTH + j] * keys[at + j];
}

// ---- one stream through all levels

const several = () => Array.from({ length: MOST }, () => new Float64Array(SIZE));
const memories = several();
const since = several(); // the sum of all errors at a level's last write
const sum = new Float64Array(SIZE); // of error kᵀ, from the first step on
const total = new Float64Array(SIZE); // of the memories
const error = new Float64Array(WIDTH);
const share = new Float64Array(MOST); // ⟨M, A⟩ / ‖A‖²
const heard = new Float64Array(MOST); // `pull` at a level's last write

function write(M, before, decay, gain) {
  for (let p = 0; p < SIZE; p++) {
    const now = decay * M[p] + gain * (sum[p] - before[p]);
    total[p] += now - M[p];
    M[p] = now;
    before[p] = sum[p];
  }
}

/* Learns one pair: gives the square of the error, and leaves ⟨error kᵀ, A⟩ in `toward`. */
let toward = 0;
function learn(keys, values, at, sign) {
  let square = 0;
  toward = 0;
  for (let i = 0; i < WIDTH; i++) {
    const row = i * WIDTH;
    let missing = sign * values[at + i];
    for (let j = 0; j < WIDTH; j++) missing -= total[row + j] * keys[at + j];
    for (let j = 0; j < WIDTH; j++) sum[row + j] += missing * keys[at + j];
    error[i] = missing;
    square += missing * missing;
    toward += missing * values[at + i];
  }
  return square;
}

/* Adds what it hears to `into`, where that is given. Gives the total at the end, and the step at which it diverges. */
function listen({ keys, values, size }, levels, [lengthA, lengthB, silence], into, weight) {
  const learning = lengthA + lengthB;
  const last = learning + silence;
  const count = levels.length;
  for (const array of [sum, total, share, heard]) array.fill(0);
  for (let l = 0; l < count; l++) for (const array of [memories[l], since[l]]) array.fill(0);
  let pull = 0;
  for (let t = 1; t <= last; t++) {
    if (t <= learning) {
      const square = learn(keys, values, (t - 1) * WIDTH, t <= lengthA ? 1 : -1);
      const surprise = Math.sqrt((square * WIDTH) / size);
      if (!(surprise < LIMIT)) return { end: NaN, diverged: t };
      if (into) into.surprise[t] += weight * surprise;
      pull += toward / size;
    }
    for (let l = 0; l < count; l++) {
      const { clock, gain, decay } = levels[l];
      if (t % clock === 0) {
        share[l] = decay * share[l] + gain * (pull - heard[l]);
        heard[l] = pull;
        if (!(Math.abs(share[l]) < LIMIT)) return { end: NaN, diverged: t };
        if (t < learning) write(memories[l], since[l], decay, gain); // later nobody asks
      }
      if (into) into.shares[l][t] += weight * share[l];
    }
  }
  let end = 0;
  for (let l = 0; l < count; l++) end += share[l];
  return { end, diverged: Infinity };
}

const desk = (state) =>
  playing(state).map((i) => {
    const level = state.levels[i];
    return { clock: level[0], gain: reach(state, level), decay: level[2] ** level[0] };
  });

/* Where A ends in one stream: for the curves over the sliders. */
export function ending(state, s) {
  const one = stream(state.seed + s, state.steps[0] + state.steps[1]);
  return listen(one, desk(state), state.steps, null, 0).end;
}

/* Everything that is drawn, as means over streams; index 0 is before the first step. From `end` on it has diverged. */
export function replay(state, count = state.streams) {
  const { levels, steps } = state;
  const length = steps[0] + steps[1] + steps[2] + 1;
  const on = playing(state);
  const shares = levels.map(() => new Float64Array(length));
  const data = { on, shares, surprise: new Float64Array(length), count, steps };
  const into = { shares: on.map((i) => shares[i]), surprise: data.surprise };
  const finals = [];
  let end = length;
  for (let s = 0; s < count; s++) {
    const heard = listen(stream(state.seed + s, steps[0] + steps[1]), desk(state), steps, into, 1 / count);
    finals.push(heard.end);
    end = Math.min(end, heard.diverged);
  }
  data.total = new Float64Array(length);
  for (const one of into.shares) for (let t = 0; t < length; t++) data.total[t] += one[t];
  for (const one of [...shares, data.surprise, data.total]) one.fill(NaN, end);
  const [afterA, afterB, final] = [steps[0], steps[0] + steps[1], length - 1].map((t) => data.total[t]);
  const spread = Math.sqrt(finals.reduce((all, one) => all + (one - final) ** 2, 0) / (count - 1));
  const half = T975[count] ? (T975[count] * spread) / Math.sqrt(count) : NaN; // of the 95 % interval
  const clocks = levels.map((level, i) => (on.includes(i) ? clockwork(level, steps) : null));
  const writes = clocks.reduce((all, one) => all + (one?.writes ?? 0), 0);
  return Object.assign(data, { end, finals, afterA, afterB, final, half, clocks, writes, length });
}

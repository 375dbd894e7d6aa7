/* Names whose values change every week, in a memory that adds and in one that corrects:

     Hebb: M ← keep M + lr v kᵀ        Delta: M ← M + lr (v − M k) kᵀ

   Only keys are ever written, so M = Σ uᵢ kᵢᵀ, one row u a name, and what a name is told is Σ (kᵢ · k) uᵢ: keys are
   needed for their overlaps alone. rebind_model.py writes M itself, and comes out the same. */

import { clamp, normals } from "./base.js";

export const RULES = ["Hebb", "Delta"];
export const RUNS = 20;
const WIDTH = 32; // features of a key and of a value
const STREAMS = 100; // of random numbers, for each run: its keys, what they share, then one a week
const T975 = 2.093; // Student's t for the interval over 20 runs
const HEAD = 8; // features that are looked at first

function dot(a, from, b, to, start = 0, end = WIDTH) {
  let [even, odd] = [0, 0];
  for (let i = start; i < end; i += 2) {
    even += a[from + i] * b[to + i];
    odd += a[from + i + 1] * b[to + i + 1];
  }
  return even + odd;
}

// ---- draws, the same numbers as in Python; a longer draw begins with the shorter one

const drawn = new Map();

/* Directions drawn evenly, and how long each is without its first features. */
function units(stream, count) {
  const known = drawn.get(stream);
  if (known?.tails.length >= count) return known;
  const next = normals(stream);
  const rows = Float64Array.from({ length: count * WIDTH }, next);
  normalize(rows);
  const tails = Float64Array.from({ length: count }, (_, i) => tail(rows, i * WIDTH));
  drawn.set(stream, { rows, tails });
  return drawn.get(stream);
}

const tail = (rows, at) => Math.sqrt(dot(rows, at, rows, at, HEAD));

function normalize(rows) {
  for (let row = 0; row < rows.length; row += WIDTH) {
    const size = Math.sqrt(dot(rows, row, rows, row));
    for (let i = row; i < row + WIDTH; i++) rows[i] /= size;
  }
}

const grams = new Map();

/* How alike the keys are, two by two. */
function overlaps(stream, { names, similarity }) {
  const known = grams.get(stream);
  if (known?.names === names && known.similarity === similarity) return known.gram;
  const own = units(stream, names).rows;
  const common = units(stream + 1, 1).rows;
  const keys = new Float64Array(names * WIDTH);
  for (let i = 0; i < keys.length; i++) keys[i] = Math.sqrt(1 - similarity) * own[i] + Math.sqrt(similarity) * common[i % WIDTH];
  normalize(keys);
  const gram = new Float64Array(names * names);
  for (let i = 0; i < names; i++)
    for (let j = 0; j <= i; j++) gram[i * names + j] = gram[j * names + i] = dot(keys, i * WIDTH, keys, j * WIDTH);
  grams.set(stream, { names, similarity, gram });
  return gram;
}

// ---- one run

/* The last week in which a name got a value; a quiet one holds its first for good. */
export const latest = ({ quiet }, name, week) => (quiet && name % Math.round(1 / quiet) === 0 ? 0 : week);

/* What a name is told: the rows, each as loud as its key is like the name's. Four features at a time. */
function tell(gram, name, rows, said, at) {
  const names = rows.length / WIDTH;
  for (let i = 0; i < WIDTH; i += 4) {
    let [one, two, three, four] = [0, 0, 0, 0];
    for (let j = 0, row = i; j < names; j++, row += WIDTH) {
      const alike = gram[name * names + j];
      one += alike * rows[row];
      two += alike * rows[row + 1];
      three += alike * rows[row + 2];
      four += alike * rows[row + 3];
    }
    said[at + i] = one;
    said[at + i + 1] = two;
    said[at + i + 2] = three;
    said[at + i + 3] = four;
  }
}

const current = new Float64Array(WIDTH);

/* One week of writes. What Hebb forgets in it is carried as one factor of all rows. */
function write(corrects, rows, gram, { rows: values }, state, week) {
  const { names, lr } = state;
  const keep = corrects ? 1 : state.keep;
  let kept = 1;
  for (let name = 0; name < names; name++) {
    if (latest(state, name, week) < week) continue;
    const at = name * WIDTH;
    kept *= keep;
    if (corrects) tell(gram, name, rows, current, 0);
    for (let i = 0; i < WIDTH; i++) rows[at + i] += lr * (values[at + i] / kept - (corrects ? current[i] : 0));
  }
  if (kept < 1) for (let i = 0; i < rows.length; i++) rows[i] *= kept;
}

/* Is a name's latest value louder in its answer than all others that were written? Its own old ones are asked first. A
   value whose first features fall so short that the others cannot make up for it is done with. */
function comesFirst(said, name, state, values, week) {
  const at = name * WIDTH;
  const mine = latest(state, name, week);
  const most = dot(said, at, values[mine].rows, at);
  const rest = tail(said, at);
  for (let w = mine - 1; w >= 0; w--) if (louder(said, at, values[w], name, most, rest)) return false;
  for (let other = 0; other < state.names; other++)
    for (let w = latest(state, other, week); w >= 0 && other !== name; w--)
      if (louder(said, at, values[w], other, most, rest)) return false;
  return true;
}

function louder(said, at, { rows, tails }, other, most, rest) {
  const head = dot(said, at, rows, other * WIDTH, 0, HEAD);
  return head + rest * tails[other] > most && head + dot(said, at, rows, other * WIDTH, HEAD) > most;
}

function missed(said, name, value) {
  let sum = 0;
  for (let i = name * WIDTH; i < (name + 1) * WIDTH; i++) sum += (said[i] - value[i]) ** 2;
  return sum;
}

/* `note(rule, week, right, error)` hears how good both memories are at the end of every week. */
function play(run, state, note) {
  const { names } = state;
  const stream = STREAMS * run;
  const gram = overlaps(stream, state);
  const values = Array.from({ length: state.weeks }, (_, week) => units(stream + 2 + week, names));
  const answers = RULES.map((_, rule) => {
    const rows = new Float64Array(names * WIDTH);
    const said = new Float64Array(names * WIDTH);
    for (let week = 0; week < state.weeks; week++) {
      write(rule, rows, gram, values[week], state, week);
      let [right, error] = [0, 0];
      for (let name = 0; name < names; name++) {
        tell(gram, name, rows, said, name * WIDTH);
        right += comesFirst(said, name, state, values, week);
        error += missed(said, name, values[latest(state, name, week)].rows);
      }
      note(rule, week, right, error / names);
    }
    return said;
  });
  return { answers, values };
}

// ---- all runs

/* As many runs as there is time for while a hand moves. */
const quick = ({ names, weeks }) => clamp(Math.round(62000 / (names ** 2 * weeks * (1 + weeks / 16))), 2, RUNS);

export function begin(state) {
  const table = () => RULES.map(() => Array.from({ length: state.weeks }, () => []));
  return more({ state, runs: 0, counts: table(), errors: table() }, quick(state));
}

/* Some more runs: both measures by rule and week, {right, error}[rule] = {mean, half}, and the first run to look into. */
export function more(data, count) {
  const { state, counts, errors } = data;
  const end = Math.min(RUNS, data.runs + count);
  for (; data.runs < end; data.runs++) {
    const one = play(data.runs, state, (rule, week, right, error) => {
      counts[rule][week].push(right);
      errors[rule][week].push(error);
    });
    if (!data.runs) Object.assign(data, one);
  }
  data.right = counts.map((rows) => average(rows, state.names));
  data.error = errors.map((rows) => average(rows, 1));
  return data;
}

/* Mean and half-width of the 95 % interval, week by week; the interval only from all runs. */
function average(rows, unit) {
  const mean = rows.map((row) => row.reduce((sum, one) => sum + one, 0) / row.length / unit);
  const spread = (row, i) => Math.sqrt(row.reduce((sum, one) => sum + (one / unit - mean[i]) ** 2, 0) / (RUNS - 1));
  const half = rows.map((row, i) => (row.length < RUNS ? NaN : (T975 * spread(row, i)) / Math.sqrt(RUNS)));
  return { mean, half };
}

/* How loud each week's value is in the last answer to a name, NaN where it got none; and the loudest of other names. */
export function loudness({ answers, values, state }, rule, name) {
  const score = (week, other) => dot(answers[rule], name * WIDTH, values[week].rows, other * WIDTH);
  const last = state.weeks - 1;
  const own = values.map((_, week) => (week > latest(state, name, last) ? NaN : score(week, name)));
  let other = { loud: -Infinity };
  for (let one = 0; one < state.names; one++)
    for (let week = latest(state, one, last); week >= 0 && one !== name; week--) {
      const loud = score(week, one);
      if (loud > other.loud) other = { loud, name: one, week };
    }
  return { own, other };
}

/* How loud every name's first value is in the last answer to a name. */
export function everyone({ answers, values, state }, rule, name) {
  return Array.from({ length: state.names }, (_, other) => dot(answers[rule], name * WIDTH, values[0].rows, other * WIDTH));
}

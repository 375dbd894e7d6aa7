/* The flights as recorder_frames.py packed them, and what is told of one seed: where it was, who was right. */

export const PARTS = 240; // of a share of right answers

/* A number of half precision. */
function half(bits) {
  const power = (bits >> 10) & 31;
  const rest = bits & 1023;
  const sign = bits >> 15 ? -1 : 1;
  if (power === 31) return rest ? NaN : sign * Infinity;
  return sign * (power ? (1 + rest / 1024) * 2 ** (power - 15) : rest * 2 ** -24);
}

/* `count` numbers of an array that was recorded, from a place on; null where it was not. */
function bytes({ arrays }, name, from, count) {
  const one = arrays[name];
  return one ? new Uint8Array(one.buffer, one.byteOffset + from, count) : null;
}
function halves({ arrays }, name, from, count) {
  const one = arrays[name];
  return one ? Float64Array.from(new Uint16Array(one.buffer, one.byteOffset + 2 * from, count), half) : null;
}

const places = (row) => Array.from(row.keys()).filter((t) => row[t]);

/* One learner in one run: arrays over the batches, and of each level in which it wrote and how far it moved. */
function flight(view, i, run) {
  const { learners, steps } = view.facts;
  const name = (what) => `${i} ${what}`;
  const restarted = bytes(view, name("restarted"), run * steps, steps);
  return {
    i,
    name: learners[i].name,
    right: bytes(view, name("right"), run * steps, steps),
    surprise: halves(view, name("surprise"), run * steps, steps),
    usual: halves(view, name("usual"), run * steps, steps),
    restarted: restarted && places(restarted),
    levels: learners[i].levels.map((label, k) => {
      const wrote = places(bytes(view, name(`wrote ${k}`), 0, steps));
      return { label, wrote, size: halves(view, name(`size ${k}`), run * wrote.length, wrote.length) };
    }),
  };
}

/* Where it was, stay by stay: batches `from` up to `to` of one task. */
function staysOf(task) {
  const stays = [];
  task.forEach((one, t) => {
    if (t && one === task[t - 1]) stays[stays.length - 1].to = t + 1;
    else stays.push({ task: one, from: t, to: t + 1 });
  });
  return stays;
}

/* The mean share of the last `width` batches, batch by batch. */
export function smoothed(right, width) {
  const means = new Float64Array(right.length);
  let sum = 0;
  for (let t = 0; t < right.length; t++) {
    sum += right[t] - (t >= width ? right[t - width] : 0);
    means[t] = sum / (PARTS * Math.min(width, t + 1));
  }
  return means;
}

/* What was right from the first batch to this one, in parts, and in how many batches: in all, at home, away. */
export function soFar({ right }, task, step) {
  const sums = { all: [0, 0], home: [0, 0], away: [0, 0] };
  for (let t = 0; t <= step; t++) {
    for (const sum of [sums.all, task[t] ? sums.away : sums.home]) {
      sum[0] += right[t];
      sum[1] += 1;
    }
  }
  return sums;
}

/* Everything the picture shows of this state. */
export function opened(state, view) {
  const { learners, runs, steps, crossed } = view.facts;
  const run = runs.indexOf(state.run);
  const task = bytes(view, "task", run * steps, steps);
  const stays = staysOf(task);
  const [a, b] = [state.a, state.b].map((name) => flight(view, learners.findIndex((one) => one.name === name), run));
  for (const one of [a, b]) one.means = smoothed(one.right, state.window);
  const stayAt = (step) => stays.findIndex(({ to }) => step < to);
  /* Whether the world had just changed when it was surprised. */
  const meant = (t) => stayAt(t) > 0 && t - stays[stayAt(t)].from < crossed;
  return { run, task, stays, stayAt, meant, a, b, alone: a.i === b.i };
}

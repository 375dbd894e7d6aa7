/* Momentum on a bowl that is steep in one direction and flat in the other:

     g = curvature (w − minimum)        v ← momentum v + g        w ← w − lr v

   `bowl` is what Python tells once: curvature [across, along], minima [of task A, of task B], steps. */

const GRID = 61; // rows and columns of the map

/* Every step: where it is, which gradient came in, what was remembered. The task changes after `switch` steps. */
export function descend({ momentum, lr, start, switch: change }, bowl) {
  const { curvature, minima, steps } = bowl;
  const path = new Float64Array(2 * (steps + 1));
  const gradient = new Float64Array(2 * steps);
  const velocity = new Float64Array(2 * steps);
  path.set(start);
  for (let t = 0; t < steps; t++)
    for (let axis = 0; axis < 2; axis++) {
      const at = 2 * t + axis;
      gradient[at] = curvature[axis] * (path[at] - minima[t < (change ?? steps) ? 0 : 1][axis]);
      velocity[at] = momentum * (t ? velocity[at - 2] : 0) + gradient[at];
      path[at + 2] = path[at] - lr * velocity[at];
    }
  return { path, gradient, velocity };
}

/* What each past gradient adds to the velocity of step t, along that step: they sum to its length. */
export function ink({ gradient, velocity }, t, momentum) {
  const parts = new Float64Array(t);
  const [across, along] = t ? velocity.subarray(2 * t - 2) : [0, 0];
  const size = Math.hypot(across, along);
  let weight = size ? 1 / size : 0;
  for (let i = t - 1; i >= 0; i--, weight *= momentum) parts[i] = weight * (gradient[2 * i] * across + gradient[2 * i + 1] * along);
  return parts;
}

/* How much of that is from before the switch: by size, whichever way it pushes. */
export function oldInk(parts, change) {
  let old = 0;
  let all = 0;
  for (let i = 0; i < parts.length; i++) {
    all += Math.abs(parts[i]);
    if (i < change) old += Math.abs(parts[i]);
  }
  return change === null || !all ? 0 : old / all;
}

/* The smallest n with 1 − momentumⁿ ≥ share. */
export function reaching(momentum, share) {
  return momentum ? Math.max(1, Math.ceil(Math.log1p(-share) / Math.log(momentum) - 1e-9)) : 1;
}

/* What is left, after all steps, of a distance of 1 in a direction where lr times the curvature is `pull`. */
function distance(pull, momentum, steps) {
  let before = 1;
  let now = 1 - pull;
  for (let t = 1; t < steps; t++) [before, now] = [now, (1 + momentum - pull) * now - momentum * before];
  return now;
}

const lossOf = (share, start, { curvature, minima }) =>
  0.5 * share.reduce((sum, left, axis) => sum + curvature[axis] * (left * (start[axis] - minima[0][axis])) ** 2, 0);

/* The loss after all steps of task A alone, as a share of the first one. */
function lossLeft(lr, momentum, start, bowl) {
  const share = bowl.curvature.map((curvature) => distance(lr * curvature, momentum, bowl.steps));
  return lossOf(share, start, bowl) / lossOf([1, 1], start, bowl);
}

/* What kind of movement this is, from the eigenvalues of one step; and how much of the loss it leaves. */
export function outlook(lr, momentum, start, bowl) {
  const [steep, flat] = bowl.curvature;
  const room = 2 * (1 + momentum) - lr * steep;
  if (room < -1e-9) return { kind: "diverges", left: Infinity };
  const left = lossLeft(lr, momentum, start, bowl);
  let kind = "settles";
  if (room < 1e-9) kind = "edge";
  else if (momentum > (1 - Math.sqrt(lr * flat)) ** 2 + 1e-9) kind = "swings";
  else if (Math.abs(distance(lr * flat, momentum, bowl.steps)) > 0.1) kind = "slow";
  return { kind, left };
}

// ---- the map: step size from 0.01 to 10, momentum from 0 to 0.999, so that each third is ten times as much memory

export const across = (lr) => (Math.log10(lr) + 2) / 3;
export const upward = (momentum) => -Math.log10(1 - momentum) / 3;
const lrAt = (share) => 10 ** (3 * share - 2);
const momentumAt = (share) => 1 - 10 ** (-3 * share);

/* How much one step leaves of a distance in the long run: the larger eigenvalue of z² − (1 + momentum − pull) z + momentum. */
function rate(pull, momentum) {
  const half = (1 + momentum - pull) / 2;
  const inside = half * half - momentum;
  return inside < 0 ? Math.sqrt(momentum) : Math.abs(half) + Math.sqrt(inside);
}

/* Powers of ten by which the loss goes down (or up) in all steps, row by row from the top: the slower direction decides. */
export function landscape({ curvature, steps }) {
  return Float64Array.from({ length: GRID * GRID }, (_, cell) => {
    const [lr, momentum] = [lrAt((cell % GRID) / (GRID - 1)), momentumAt(1 - Math.floor(cell / GRID) / (GRID - 1))];
    return 2 * steps * Math.log10(Math.max(...curvature.map((one) => rate(lr * one, momentum))));
  });
}

/* The line beside which the flat direction stops swinging, and the one beyond which the steep one diverges. */
export function borders({ curvature: [steep, flat] }) {
  const shares = Array.from({ length: GRID }, (_, i) => i / (GRID - 1));
  const edge = shares.map((share) => [across((2 * (1 + momentumAt(share))) / steep), share]);
  const all = shares.map((share) => [lrAt(share), (1 - Math.sqrt(lrAt(share) * flat)) ** 2]);
  const critical = all.filter(([lr, momentum]) => lr * steep < 2 * (1 + momentum)).map(([lr, momentum]) => [across(lr), upward(momentum)]);
  return { edge, critical, columns: GRID };
}

export function computed(state, bowl) {
  const { momentum, lr, start, switch: change } = state;
  const moves = descend(state, bowl);
  const { gradient, velocity } = moves;
  const away = Uint8Array.from({ length: bowl.steps }, (_, t) => velocity[2 * t + 1] * gradient[2 * t + 1] < 0);
  let drift = 0; // steps after the switch that still go the old way along the valley
  while (change !== null && away[change + drift]) drift++;
  const old = Float64Array.from({ length: bowl.steps + 1 }, (_, t) => (change !== null && t > change ? oldInk(ink(moves, t, momentum), change) : 0));
  const reach = lr / (1 - momentum);
  return {
    ...moves, away, drift, old, reach,
    ...outlook(lr, momentum, start, bowl),
    plain: outlook(reach, 0, start, bowl), // the same long-run rate without a memory
    half: reaching(momentum, 0.5),
    most: reaching(momentum, 0.99),
    map: (bowl.map ??= landscape(bowl)), // the same for every state
  };
}

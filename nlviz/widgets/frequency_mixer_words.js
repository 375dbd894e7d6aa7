/* What the mixer calls things, and its sentences; frequency_mixer.py says the same. */

import { signed } from "./base.js";

const SLOTS = { 2: [0, 4], 3: [0, 2, 4], 4: [0, 1, 2, 4], 5: [0, 1, 2, 3, 4] };

export const slotsOf = ({ levels }) => SLOTS[levels.length];
export const namesOf = (view, { levels } = view.state) => view.facts.names[levels.length];
export const knobName = (name, k) => `${name} ${["clock", "rate", "retention"][k]}`;

export const clockWords = (clock) => (clock === 1 ? "every step" : `every ${clock} steps`);
export const keepWords = (keep) =>
  keep === 1 ? "forgets nothing" : `½ gone in ${Math.max(1, Math.round(Math.log(0.5) / Math.log(keep)))}`;
export const rateWords = ({ average, hold }, clock, rate) =>
  average && !hold && clock > 1 ? `${rate}/${clock} an error` : `${rate} an error`;

export const streamWords = (count) => (count === 1 ? "1 stream" : `${count} streams`);

/* How many errors of B a level has to wait for. */
export function lateWords({ late }) {
  if (Number.isNaN(late)) return "never hears B";
  return late ? `hears B ${late} late` : "hears B at once";
}

/* What became of A. */
export function verdict({ afterB, final }) {
  if (Math.abs(final) > 1.5) return "it overshoots";
  if (final <= -0.1) return "it still believes B";
  if (final < 0.1) return "nothing is left of either";
  return final - afterB >= 0.1 ? "A comes back by itself" : "B never took hold";
}

/* The step at the playhead, in its phase. */
export function when({ step, steps: [lengthA, lengthB] }) {
  if (!step) return "before the first step";
  if (step <= lengthA) return `after ${step} of A`;
  const [phase, count] = step <= lengthA + lengthB ? ["B", step - lengthA] : ["silence", step - lengthA - lengthB];
  return `after ${count} of ${phase}`;
}

export const value = (number) => (Number.isFinite(number) ? signed(number) : "no answer");

export function told(view, state) {
  const { total, shares, on } = view.data;
  const names = namesOf(view, state);
  const each = on.map((i) => `${names[i]} ${value(shares[i][state.step])}`);
  const parts = each.length > 1 ? `, ${each.join(", ")}` : "";
  return `step ${state.step}, ${when(state)}: overlap ${value(total[state.step])}${parts}`;
}

function levelWords(state, name, [clock, rate, keep]) {
  return `${name} writes ${clockWords(clock)} (${rateWords(state, clock, rate)}, ${keepWords(keep)})`;
}

export function summary(data, state, view) {
  const [lengthA, lengthB, silence] = state.steps;
  const names = namesOf(view, state);
  const levels = data.on.map((i) => levelWords(state, names[i], state.levels[i])).join(", ");
  const writes = `${data.writes} write${data.writes === 1 ? "" : "s"} in all`;
  const rest = `${levels || "no level takes part"}; ${writes}.`;
  const { end, length, afterA, afterB, final } = data;
  if (end < length) return `It diverges at step ${end} of ${length - 1} and has no answer; ${rest}`;
  return (
    `Overlap with A is ${signed(afterA)} after ${lengthA} steps of A, ${signed(afterB)} after ${lengthB} of B and ` +
    `${signed(final)} after ${silence} of silence: ${verdict(data)}; ${rest}`
  );
}

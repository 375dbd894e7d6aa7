/* What the Flight recorder calls things, and its sentences; recorder.py says the same. */

import { PARTS, soFar } from "./recorder_frames.js";

export const percent = (share) => `${Math.floor(100 * share + 0.5)} %`;
const percentOf = ([parts, count]) => percent(parts / (PARTS * count));
const times = (count) => `${count} time${count === 1 ? "" : "s"}`;

/* Three digits, and no more zeros than it takes: 0.031, 2.31, 14.5. */
export function three(value) {
  if (!Number.isFinite(value)) return "none";
  return String(Number(value.toPrecision(3))).replace("-", "−");
}

/* "the 1st", "the 2nd", "the 11th". */
export function nth(count) {
  const last = count % 100 > 10 && count % 100 < 14 ? 0 : count % 10;
  return `${count}${["th", "st", "nd", "rd"][last] ?? "th"}`;
}

/* How often a level writes: from what it did. */
export function clockOf({ wrote }) {
  const gaps = new Set(wrote.slice(1).map((t, i) => t - wrote[i]));
  if (gaps.size !== 1) return wrote.length ? `wrote ${times(wrote.length)}` : "never wrote";
  const [gap] = gaps;
  return gap === 1 ? "writes every batch" : `writes every ${gap} batches`;
}

export const countUpTo = (places, step) => places.filter((t) => t <= step).length;

export const batchOf = ({ facts }, step) => facts.first + step;

/* Where it is: in which stay, and in which batch of it. */
export function place({ stays, stayAt }, step) {
  const { task, from } = stays[stayAt(step)];
  return `batch ${step - from + 1} ${task ? `of excursion ${task}` : "at home"}`;
}

export const insideOf = (data, { inside }) => data[inside];

export const share = (sum) => (sum[1] ? percentOf(sum) : "–");

function accountOf(one, data, step) {
  const sums = soFar(one, data.task, step);
  const each = [["home", "at home"], ["away", "away"]].map(([key, words]) =>
    sums[key][1] ? `${percentOf(sums[key])} ${words}` : `not yet ${words}`,
  );
  return `${percentOf(sums.all)} right so far (${each.join(", ")})`;
}

/* The batch at the playhead, in words. */
export function spoken(view, state) {
  const { data } = view;
  const { step } = state;
  const who = data.alone ? [data.a] : [data.a, data.b];
  const right = who.map((one) => `${one.name} ${percent(one.right[step] / PARTS)} right`).join(", ");
  const { name, surprise, restarted, levels } = insideOf(data, state);
  const inside = [];
  if (surprise) inside.push(`surprise ${three(surprise[step])}`);
  if (restarted?.includes(step)) inside.push("the gate fires");
  const writing = levels.filter(({ wrote }) => wrote.includes(step)).map(({ label }) => label);
  const all = `${writing.join(" and ")} write${writing.length > 1 ? "" : "s"}`;
  if (levels.length) inside.push(writing.length ? all : "no level writes");
  const rest = inside.length ? `; ${name}: ${inside.join(", ")}` : "";
  return `batch ${batchOf(view, step)}, ${place(data, step)}: ${right}${rest}`;
}

export function summary(data, state, view) {
  const { seeds, bet, first, steps } = view.facts;
  const { step } = state;
  const { a, b, alone, run } = data;
  const said = [`${a.name} has ${accountOf(a, data, step)}`];
  if (!alone) said.push(`${b.name} ${accountOf(b, data, step)}`);
  const when = `Seed ${seeds[run]}, batch ${batchOf(view, step)} of ${first + steps - 1}, ${place(data, step)}`;
  const whole = [`${when}: ${said.join(", ")}`];
  const { name, restarted, levels } = insideOf(data, state);
  if (restarted) whole.push(`the gate of ${name} fired ${times(countUpTo(restarted, step))}`);
  const wrote = levels.map((one) => `${times(countUpTo(one.wrote, step))} (${one.label})`);
  if (wrote.length) whole.push(`${name} wrote ${wrote.join(", ")}`);
  if (state.guess && bet) whole.push(bet.told);
  return `${whole.join("; ")}.`;
}

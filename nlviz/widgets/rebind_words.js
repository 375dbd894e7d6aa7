/* What Rebind says; rebinding.py says the summary in the same words. */

import { RULES, RUNS, latest, loudness } from "./rebind_model.js";

export const percent = (share) => `${Math.floor(100 * share + 0.5 + 1e-9)} %`;
export const sized = (error) => (error < 1e5 ? error.toFixed(error < 9.995 ? 2 : error < 99.95 ? 1 : 0) : "huge");
export const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;

/* The measure that is shown, and how its numbers are said. */
export const measure = (data, { metric }) => data[metric];
export const spoken = ({ metric }, value) => (metric === "right" ? percent(value) : sized(value));

/* Before the bet only the first week is told. */
export const told = ({ guess, weeks }) => Boolean(guess) || weeks === 1;

/* Whose value, and of which week, is the loudest of all in an answer. */
export function verdict({ own, other }, state, facts) {
  const name = asked(state);
  const right = latest(state, name, state.weeks - 1);
  const best = own.reduce((most, loud, week) => (loud > (own[most] ?? -Infinity) ? week : most), 0);
  const when = state.weeks > 1 ? ` of week ${other.week + 1}` : "";
  if (other.loud > own[best]) return { text: `${facts.people[other.name]}’s value${when}`, right: false, best: -1 };
  return { text: best === right ? "the right value" : `the old value of week ${best + 1}`, right: best === right, best };
}

/* The name that is asked: the last one there is, should there be fewer. */
export const asked = (state) => Math.min(state.asked, state.names - 1);

export function summary(data, state, view) {
  const { facts } = view;
  const { names, weeks } = state;
  const stream = `${names} names get ${weeks === 1 ? "one value each" : `a new value every week for ${weeks} weeks`}`;
  if (!told(state)) return `${stream}; place your bet, then see what two memories say.`;
  const [hebb, delta] = RULES.map((_, rule) => data.right[rule].mean[weeks - 1]);
  const [far, near] = RULES.map((_, rule) => data.error[rule].mean[weeks - 1]);
  const says = RULES.map((rule, i) => `${rule} says ${verdict(loudness(data, i, asked(state)), state, facts).text}`);
  return (
    `${stream}; the right value comes first for ${percent(hebb)} of them in Hebb and ${percent(delta)} in Delta, with squared errors of ` +
    `${sized(far)} and ${sized(near)} (${RUNS} draws); asked for ${facts.people[asked(state)]}, ${says.join(" and ")}.`
  );
}

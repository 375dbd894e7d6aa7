/* Rebind: the share of right answers week by week at the left, one answer taken apart at the right. */

import { segmented, slider } from "./controls.js";
import { h, say } from "./base.js";
import { widget } from "./frame.js";
import { RULES, RUNS, begin, more } from "./rebind_model.js";
import { asked, count, measure, percent, sized, spoken, summary, told } from "./rebind_words.js";
import { weekly } from "./rebind_weeks.js";
import { loud } from "./rebind_bars.js";

const PAUSE = 150; // ms without a change: the hand rests

// ---- the learner's function: the numbers Python sent last, which may be those of another state

function driven({ arrays, state }) {
  if (!arrays.yours_right) return null;
  const [names, weeks, ...rest] = arrays.yours_at;
  const now = [state.names, state.weeks, state.lr, state.similarity, state.quiet];
  const fresh = now.every((value, i) => Math.abs(value - [names, weeks, ...rest][i]) < 1e-5);
  const heard = (name) => {
    const [loud, other, week] = arrays.yours_other.subarray(3 * name);
    const own = Array.from(arrays.yours_own.subarray(weeks * name, weeks * (name + 1)));
    return { own: own.slice(0, state.weeks), other: { loud, name: other, week } };
  };
  const drawn = (weeks === 1) === (state.weeks === 1);
  return { names, weeks, fresh, drawn, right: Array.from(arrays.yours_right), error: Array.from(arrays.yours_error), heard };
}

/* What it is like. */
function likened(yours, data) {
  if (!yours) return "";
  if (!yours.fresh || data.runs < RUNS) return "┄ yours, as it ran last";
  const same = (rule) => yours.error.every((error, week) => Math.abs(error - data.error[rule].mean[week]) < 1e-3 * (1 + error));
  const rule = [1, 0].find(same);
  return `┄ yours: ${rule === undefined ? "not Delta" : `same as ${RULES[rule]}`}`;
}

// ---- controls and pictures

function build(view, body) {
  const { facts } = view;
  const parts = (view.parts = {});
  view.curve = new Map(); // of a single week, by number of names
  view.whole = () => more(view.data, RUNS); // for tests and the curious
  view.sentence = () => summary(view.whole(), view.state, view);
  view.ends.push(() => clearTimeout(view.later));
  parts.numbers = RULES.map(() => h("div.nl-number"));
  parts.said = h("p.nl-said");
  parts.weekly = weekly(view);
  parts.loud = loud(view);
  parts.what = h("b");
  parts.asked = h("b");
  parts.bar = h("span");
  parts.yours = h("span.nl-mine-word");
  parts.before = h("span", {}, "┈ before");
  const readings = RULES.map((rule, i) => h("div", {}, h("p", {}, h(`span.nl-key.nl-key${4 * i}`), rule), parts.numbers[i]));
  const who = slider(view, { key: "asked", label: "asked", values: facts.people.map((_, i) => i), words: (i) => facts.people[i], read: asked });
  const input = who.querySelector("input");
  view.syncs.push(() => {
    input.max = view.state.names - 1;
    input.value = asked(view.state);
    input.style.setProperty("--fill", asked(view.state) / (view.state.names - 1));
  });
  const knobs = [
    slider(view, { key: "weeks", label: "weeks", values: facts.weeks, words: (weeks) => count(weeks, "week") }),
    slider(view, { key: "names", label: "names", values: facts.names, words: (names) => `${names} names` }),
    slider(view, { key: "similarity", label: "alike keys", values: facts.similarities, words: (shared) => (shared ? `cosine ${shared}` : "random keys") }),
    slider(view, { key: "lr", label: "write strength", values: facts.rates, words: String }),
    slider(view, { key: "keep", label: "Hebb keeps", values: facts.keeps, words: (keep) => (keep === 1 ? "everything" : `${keep} a write`) }),
    segmented(view, { key: "quiet", label: "quiet after week 1", options: [[0, "none"], [0.25, "a quarter"], [0.5, "half"]] }),
  ];
  const metric = segmented(view, { key: "metric", label: "measure", options: [["right", "right value first"], ["error", "squared error"]] });
  const pictures = [parts.weekly.svg, parts.loud.svg].map((svg) => h("div", { role: "img" }, svg));
  view.pictures.push(...pictures);
  const stage = h("div.nl-stage", {},
    h("section", {}, h("div.nl-head", {}, metric), h("div.nl-head", {}, parts.what, h("span.nl-push"), parts.before, parts.yours), pictures[0]),
    h("section", {}, h("div.nl-head", {}, who), h("div.nl-head", {}, parts.asked, parts.bar), pictures[1]));
  const reading = h("div.nl-reading", {}, h("div.nl-pair", {}, readings), parts.said);
  body.append(h("div.nl-desk.nl-rebind", {}, h("div.nl-knobs", {}, reading, knobs), stage));
}

function draw(view, data, state) {
  const { parts, facts } = view;
  const yours = driven(view);
  parts.weekly.draw(data, state, yours?.drawn ? yours : null);
  parts.loud.draw(data, state, yours?.drawn ? yours : null);
  const shown = measure(data, state);
  const last = state.weeks - 1;
  RULES.forEach((_, rule) => say(parts.numbers[rule], told(state) ? spoken(state, shown[rule].mean[last]) : "?"));
  const after = `after ${count(state.weeks, "week")}`;
  const what = state.metric === "right" ? `of ${state.names} names get their right value first, ${after}` : `squared error ${after}; 0 is perfect`;
  const halves = shown.map(({ half }) => half[last]);
  const widths = halves.map((half) => (state.metric === "right" ? percent(half) : sized(half)));
  const sure = halves.every(Number.isFinite) ? `, ± ${widths.join(" and ± ")}` : "";
  const said = told(state) ? `${what}. Mean of ${data.runs} draws${sure}.` : `${what}. Place your bet.`;
  say(parts.said, said.replaceAll(/ %|(?<=±) /g, (gap) => gap.replace(" ", "\u00a0"))); // numbers keep their units
  const by = state.weeks === 1 ? "names" : "week";
  say(parts.what, `${state.metric === "right" ? "Right value first" : "Squared error"}, by ${by}`);
  say(parts.bar, `a bar: how loud a ${state.weeks === 1 ? "name" : "week"}’s value is`);
  say(parts.asked, `“Where is ${facts.people[asked(state)]}?”`);
  parts.before.toggleAttribute("hidden", !view.ghost || !told(state));
  say(parts.yours, told(state) ? likened(yours, data) : "");
  finish(view, data, state);
}

/* What was left out while the hand moved comes when it rests: the other runs, and of a single week the other numbers of
   names, one after the other. */
function finish(view, data, state) {
  clearTimeout(view.later);
  const key = JSON.stringify([state.similarity, state.lr, state.keep]);
  if (view.curveFor !== key) view.curve.clear();
  view.curveFor = key;
  const whole = data.runs === RUNS;
  if (whole && state.weeks === 1) view.curve.set(state.names, data);
  const missing = state.weeks === 1 ? view.facts.names.find((names) => !view.curve.has(names)) : undefined;
  if (whole && missing === undefined) return;
  view.later = setTimeout(() => {
    if (view.data !== data) return;
    view.resting = data;
    if (!whole) more(data, RUNS);
    else view.curve.set(missing, more(begin({ ...state, names: missing }), RUNS));
    view.redraw();
  }, view.resting === data ? 0 : PAUSE);
}

function presets() {
  const eight = { weeks: 8, names: 16, similarity: 0, lr: 1, keep: 1, quiet: 0, metric: "right" };
  return {
    "eight weeks": eight,
    "one week": { ...eight, weeks: 1 },
    "one week, too many names": { ...eight, weeks: 1, names: 64 },
    "similar names": { ...eight, similarity: 0.3 },
    "Hebb that forgets": { ...eight, keep: 0.95 },
    "quiet names": { ...eight, keep: 0.95, quiet: 0.25, asked: 4 },
  };
}

const bet = () => ({
  ask: "16 names get a new value every week, for eight weeks. For how many does a memory that adds, Hebb’s, say this week’s value first?",
  options: [["all", "nearly all"], ["half", "about half"], ["tenth", "one in ten, or fewer"]],
  reveal: (mine) => ({
    words:
      `${mine === "tenth" ? "Yes" : "Not so"}: 7 %. Hebb adds, so all eight values lie under the name, about equally loud; picking one of ` +
      "the weeks blindly would do better, 12 %. Delta writes only what is missing, and that takes the old value away: 94 %.",
  }),
});

export default widget({
  title: "Rebind",
  question: "A fact changed eight times. What does your memory say now?",
  looks: ["metric", "asked"],
  presets,
  bet,
  build,
  compute: (state) => begin(state),
  draw,
  summary: (data, state, view) => summary(more(data, RUNS), state, view),
});

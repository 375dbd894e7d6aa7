/* Rebind: the share of right answers week by week at the left, one answer taken apart at the right. */

import { segmented, slider } from "./controls.js";
import { h, say } from "./base.js";
import { widget } from "./frame.js";
import { RULES, RUNS, begin, more } from "./rebind_model.js";
import { asked, count, measure, percent, sized, spoken, summary, told } from "./rebind_words.js";
import { weekly } from "./rebind_weeks.js";
import { loud } from "./rebind_bars.js";

const PAUSE = 150; // ms without a change: the hand rests, and all runs are played

// ---- the learner's function: the numbers Python sent last

function driven({ arrays, state }) {
  if (!arrays.yours_right) return null;
  const now = [state.names, state.weeks, state.lr, state.similarity, state.keep, state.quiet];
  const [, weeks] = arrays.yours_own.shape;
  return {
    old: now.some((value, i) => Math.abs(value - arrays.yours_at[i]) > 1e-5),
    right: Array.from(arrays.yours_right),
    error: Array.from(arrays.yours_error),
    heard(name) {
      const [loud, other, week] = arrays.yours_other.subarray(3 * name);
      return { own: Array.from(arrays.yours_own.subarray(weeks * name, weeks * (name + 1))), other: { loud, name: other, week } };
    },
  };
}

// ---- controls and pictures

function build(view, body) {
  const { facts } = view;
  const parts = (view.parts = {});
  parts.numbers = RULES.map(() => h("div.nl-number"));
  parts.said = h("p.nl-said");
  parts.weekly = weekly(view);
  parts.loud = loud(view);
  parts.what = h("b");
  parts.asked = h("b");
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
    slider(view, { key: "keep", label: "keep", values: facts.keeps, words: (keep) => (keep === 1 ? "forgets nothing" : `${keep} a write`) }),
    segmented(view, { key: "quiet", label: "quiet after week 1", options: [[0, "none"], [0.25, "a quarter"], [0.5, "half"]] }),
  ];
  const metric = segmented(view, { key: "metric", label: "measure", options: [["right", "right value first"], ["error", "squared error"]] });
  const pictures = [parts.weekly.svg, parts.loud.svg].map((svg) => h("div", { role: "img" }, svg));
  view.pictures.push(...pictures);
  const stage = h("div.nl-stage", {},
    h("section", {}, h("div.nl-head", {}, metric), h("div.nl-head", {}, parts.what, h("span.nl-push"), parts.before, parts.yours), pictures[0]),
    h("section", {}, h("div.nl-head", {}, who), h("div.nl-head", {}, parts.asked, h("span", {}, "a bar: how loud a week’s value is")), pictures[1]));
  body.append(h("div.nl-desk.nl-rebind", {}, h("div.nl-knobs", {}, h("div.nl-reading", {}, h("div.nl-pair", {}, readings), parts.said), knobs), stage));
}

function draw(view, data, state) {
  const { parts, facts } = view;
  const yours = driven(view);
  parts.weekly.draw(data, state, yours?.old ? null : yours);
  parts.loud.draw(data, state, yours?.old ? null : yours);
  const shown = measure(data, state);
  const last = state.weeks - 1;
  RULES.forEach((_, rule) => say(parts.numbers[rule], told(state) ? spoken(state, shown[rule].mean[last]) : "?"));
  const after = `after ${count(state.weeks, "week")}`;
  const what = state.metric === "right" ? `of ${state.names} names get their right value first, ${after}` : `squared error ${after}; 0 is perfect`;
  const halves = shown.map(({ half }) => half[last]);
  const sure = halves.every(Number.isFinite) ? `, ± ${halves.map((half) => (state.metric === "right" ? percent(half) : sized(half))).join(" and ± ")}` : "";
  const said = told(state) ? `${what}. Mean of ${data.runs} draws${sure}.` : `${what}. Place your bet.`;
  say(parts.said, said.replaceAll(/ %|(?<=±) /g, (gap) => gap.replace(" ", "\u00a0"))); // numbers keep their units
  say(parts.what, state.metric === "right" ? "Right value first, by week" : "Squared error, by week");
  say(parts.asked, `“Where is ${facts.people[asked(state)]}?”`);
  parts.before.toggleAttribute("hidden", !view.ghost || !told(state));
  say(parts.yours, yours ? `┄ your function${yours.old ? ", asked again when a kernel runs" : ""}` : "");
  finish(view, data);
}

/* What was left out while the hand moved comes when it rests. */
function finish(view, data) {
  clearTimeout(view.later);
  if (data.runs === RUNS) return;
  view.later = setTimeout(() => {
    if (view.data !== data) return;
    more(data, RUNS);
    view.redraw();
  }, PAUSE);
}

function presets() {
  const eight = { weeks: 8, names: 16, similarity: 0, lr: 1, keep: 1, quiet: 0, metric: "right" };
  return {
    "eight weeks": eight,
    "one week": { ...eight, weeks: 1 },
    "one week, too many names": { ...eight, weeks: 1, names: 64 },
    "similar names": { ...eight, similarity: 0.3 },
    "Hebb that forgets": { ...eight, keep: 0.95 },
    "quiet names": { ...eight, keep: 0.95, quiet: 0.25, asked: 8 },
  };
}

const bet = () => ({
  ask: "16 names get a new value every week, for eight weeks. For how many does a memory that adds, Hebb’s, say this week’s value first?",
  options: [["all", "nearly all"], ["half", "about half"], ["tenth", "about one in ten"]],
  reveal: (mine) => ({
    words:
      `${mine === "tenth" ? "Yes" : "Not so"}: 9 %. Hebb adds, so all eight values lie under the name, about equally loud, and picking one ` +
      "of the weeks blindly would do as well. Delta writes only what is missing, and that takes the old value away: 94 %.",
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

/* Clockwork: the chosen level in words: what its last write has seen, what it wants, whom it serves. */

import { h, say } from "./base.js";
import { ago, many } from "./clockwork_words.js";
import { contextStart } from "./clockwork_model.js";

const LINES = ["its last write", "what it saw", "what it wants", "what it keeps", "reads from", "writes to", "note"];

export function card() {
  const name = h("b");
  const lines = LINES.map((words) => {
    const told = h("span");
    return { told, node: h("p", {}, h("span.nl-label", {}, words), told) };
  });
  const node = h("section.nl-card", { "aria-label": "the chosen level" },
    h("div.nl-naming-it", {}, h("span.nl-swatch"), name), lines.map(({ node }) => node));
  return { node, name, lines };
}

const between = (from, to) => (to - from <= 1 ? `token ${to}` : `tokens ${from + 1} to ${to}`);

export function drawCard({ parts: { card: one }, facts, data }, state, slot) {
  const i = facts.parts.findIndex(({ name }) => name === state.level);
  const part = facts.parts[i];
  const { last, before, next } = data[i];
  const start = contextStart(state.token, facts.context);
  const made = part.period === 0;
  one.node.style.setProperty("--level", slot === null ? "var(--nl-soft)" : `var(--nl-${slot})`);
  say(one.name, `${part.name}, ${part.often}`);
  const coming = next === null || made ? "" : `; the next one in ${many(next - state.token, "token")}`;
  const written = part.clock && !made;
  const on = (name) => state.parts.includes(name); // of others nothing is said: they are for the learner to find
  const told = [
    made ? "none: it answers anew at every read" : !written || last === null ? "none so far" : `token ${last}, ${ago(state.token - last)}${coming}`,
    [made ? between(start, state.token) : written && last !== null ? between(before, last) : "", part.context].filter(Boolean).join(": "),
    part.objective,
    made ? "nothing" : part.keeps,
    part.reads.filter(on).join(", "),
    part.writes.filter(on).join(", "),
    part.note,
  ];
  one.lines.forEach((line, k) => {
    line.node.toggleAttribute("hidden", !told[k]);
    say(line.told, told[k]);
  });
}

/* Each knob alone: a table that fills as one knob at a time is moved away from where the widget began. */

import { h, say, signed } from "./base.js";

/* A row is { name, knob, goal: [from, to], task }; it is done when both ends of its goal have been visited, and says
   its task until it has been moved. */
export function evidence(view, { title, rows, counts, conclude }) {
  const without = (knob, state) => JSON.stringify(counts(knob.write(state, null)));
  const made = rows.map((row) => {
    const mark = h("span.nl-done", { role: "img" });
    const bar = h("span.nl-reached", { "aria-hidden": "true" }, h("i"), h("b"));
    const told = h("span.nl-told");
    const node = h("li", {}, mark, h("span", {}, row.name), bar, told);
    return { ...row, home: without(row.knob, view.start), seen: new Map(), mark, bar, told, node };
  });
  const ending = h("p.nl-soft");
  const place = (value) => `${(50 + 45 * Math.max(-1, Math.min(1, value))).toFixed(1)}%`;

  const write = ({ name, goal, task, seen, mark, bar, told }) => {
    const ends = [...seen.values()].filter(Number.isFinite);
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    const done = goal.every((value) => seen.has(value));
    const moved = seen.size > 1 && ends.length > 0;
    say(mark, done ? "✓" : "○");
    mark.setAttribute("aria-label", done ? "done" : "not yet");
    bar.style.cssText = moved ? `--from:${place(low)};--to:${place(high)}` : "--from:50%;--to:50%";
    bar.classList.toggle("nl-empty", !moved);
    say(told, moved ? `${signed(low)} … ${signed(high)}` : `try ${task}`);
    return { name, done, span: high - low };
  };
  const node = h("section.nl-alone", {}, h("b", {}, title), h("ul", {}, made.map((row) => row.node)), ending);
  const refresh = () => {
    const results = made.map(write);
    say(ending, results.every(({ done }) => done) ? conclude(results) : "");
  };
  refresh();
  return {
    node,
    note(state, answer) {
      const mine = made.filter(({ knob, home }) => without(knob, state) === home);
      for (const { knob, seen } of mine) seen.set(knob.read(state), answer);
      if (mine.length) refresh();
    },
  };
}

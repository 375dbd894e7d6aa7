/* Clockwork: the run and its playhead above, the ladder of levels below; at the left what is switched on. */

import { h, linear, say, tenth, ticks } from "./base.js";
import { button, playhead, segmented } from "./controls.js";
import { widget } from "./frame.js";
import { paths, scrub, wording } from "./tracks.js";
import { compute } from "./clockwork_model.js";
import { ago, ladderOf, many, summary } from "./clockwork_words.js";
import { tokenPlayer } from "./clockwork_player.js";
import { drawRow, lookingBack, row } from "./clockwork_rows.js";
import { card, drawCard } from "./clockwork_card.js";

const RUN = 52; // px, the strip of the whole run
const EDGE = 12;
const FOOT = 40;

/* Level colours from fast to slow, spread over all five. */
const slotOf = (place, count) => (count < 2 ? 0 : Math.round((4 * place) / (count - 1)));

function partSwitch(view, part) {
  const flip = () => {
    const { parts, level } = view.state;
    const on = !parts.includes(part.name);
    const left = view.facts.parts.map(({ name }) => name).filter((name) => (name === part.name ? on : parts.includes(name)));
    view.change({ parts: left, level: on ? part.name : level === part.name ? (left[0] ?? level) : level });
  };
  const chip = button(part.name, flip);
  view.syncs.push(() => chip.setAttribute("aria-pressed", view.state.parts.includes(part.name)));
  return chip;
}

function build(view, body) {
  const { facts } = view;
  const parts = (view.parts = { number: h("div.nl-number"), said: h("p.nl-said"), rows: [], card: card() });
  const svg = (parts.svg = h("svg", { height: RUN }));
  parts.strip = paths(svg, ["axis", "slow"]);
  parts.words = wording();
  svg.append(parts.words.node);
  const chosen = () => compute(view.state, view)[facts.parts.findIndex(({ name }) => name === view.state.level)];
  parts.head = playhead(view, {
    svg,
    key: "token",
    label: "token",
    last: () => facts.last,
    at: (token) => view.run(token),
    step: (x) => Math.round(view.run.invert(x)),
    words: ({ token }) => `token ${token} of ${facts.last}`,
    stops: () => [facts.last],
    taken: () => steps.stop(),
  });
  const steps = tokenPlayer(view, { last: facts.last, next: () => chosen().next });
  const speed = segmented(view, { key: "speed", label: "tokens a second", options: facts.speeds.map((one) => [one, String(one)]) });
  const run = h("div.nl-drawing", { role: "img" }, svg);
  view.pictures.push(run);
  parts.rows = facts.parts.map((part, i) => row(view, part, i));
  parts.foot = h("svg", { height: FOOT });
  parts.grid = paths(parts.foot, ["axis"]);
  parts.marks = wording();
  parts.foot.append(parts.marks.node);
  const footing = h("div.nl-rung.nl-footing", { "aria-hidden": "true" }, h("div"), h("div.nl-track", {}, parts.foot), h("div"));
  const switches = h("div.nl-row.nl-parts", { role: "group", "aria-label": "parts" }, facts.parts.map((part) => partSwitch(view, part)));
  const heading = h("span.nl-label", { "aria-hidden": "true" });
  view.syncs.push(() => {
    const hidden = !view.state.guess && String(view.state.parts) === String(view.start.parts); // they are the answer
    switches.toggleAttribute("hidden", hidden);
    say(heading, hidden ? "place your bet, then switch on what else there is" : "parts: switch them on");
  });
  const knobs = h("div.nl-knobs", {},
    h("div.nl-reading", {}, parts.number, parts.said),
    h("div", {}, heading, switches),
    parts.card.node);
  const stage = h("div.nl-stage", {},
    h("div.nl-head", {}, steps.buttons, h("span.nl-push"), speed),
    h("div.nl-plot", {}, parts.head.range, run),
    h("div.nl-ladder", {}, parts.rows.map(({ node }) => node), footing, legend()));
  body.append(h("div.nl-desk.nl-clockwork", {}, knobs, stage));
}

const legend = () => {
  const marks = [["tick", "a write"], ["saw", "what the last one saw"], ["same", "unchanged since"], ["start", "here the sequence began"]];
  return h("p.nl-legend", {}, marks.map(([look, words]) => h("span", {}, h(`i.nl-sign-${look}`), words)));
};

/* The strip of the run: linear, every context a hair line where there is room, and the writes of the slowest. */
function drawRun({ parts, run, facts, wide }) {
  const few = ticks(0, facts.last, Math.max(2, wide / 110)).filter((mark) => run(mark) < wide - 150);
  const each = (run(facts.context) - run(0)) >= 4 ? facts.context : 0;
  let hairs = "";
  for (let at = each; each && at < facts.last; at += each) hairs += `M${tenth(run(at))} 22v5`;
  parts.strip.draw("axis", `M${run(0)} 27H${run(facts.last)}${few.map((mark) => `M${tenth(run(mark))} 20v7`).join("")}`);
  parts.strip.draw("slow", hairs);
  parts.words.write([
    ...few.map((mark) => [run(mark), 42, String(mark), mark ? "middle" : "start", "nl-tick"]),
    [run(facts.last), 42, `the run, ${facts.last} tokens`, "end", "nl-tick"],
  ]);
}

/* The axis below the ladder: how long ago. */
function drawFoot({ parts, axis, facts }, { token }) {
  const ages = [0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000].filter((age) => age <= facts.last);
  const words = [];
  let before = Infinity;
  for (const age of ages) {
    const x = axis.x(age);
    const text = age === 0 ? "now" : age === 1 ? "1" : String(age);
    if (before - x < 34) continue;
    words.push([x, 18, text, age ? "middle" : "end", "nl-tick"]);
    before = x;
  }
  const wide = axis.right - axis.left;
  const title = wide > 480 ? "how many tokens ago, every mark about three times as far back" : "how many tokens ago";
  words.push([axis.right, 34, title, "end", "nl-tick"]);
  if (axis.x(token) - axis.left > 90 && axis.right - axis.x(token) > 150) words.push([axis.left, 34, "before the run", "start", "nl-tick"]);
  parts.grid.draw("axis", `M${axis.left} 2H${axis.right}${ages.map((age) => `M${tenth(axis.x(age))} 0v5`).join("")}`);
  parts.marks.write(words);
}

/* The token is a look, so that presets stay marked while it runs: what lies around it is found here. */
function draw(view, before, state) {
  const { parts, facts } = view;
  const data = (view.data = compute(state, view));
  if (view.measured !== view.width) {
    view.measured = view.width;
    view.wide = parts.svg.parentNode.clientWidth;
    view.run = linear([0, facts.last], [EDGE, view.wide - EDGE]);
    view.axis = lookingBack(parts.foot.parentNode.clientWidth, facts.last);
    drawRun(view);
  }
  const ladder = ladderOf(facts.parts, state.parts);
  const levelOf = (part) => ladder.findIndex((level) => level.includes(part));
  const slot = (part) => (part.learns && levelOf(part) >= 0 ? slotOf(levelOf(part), ladder.length) : null);
  for (const one of parts.rows) {
    const on = state.parts.includes(one.part.name);
    one.node.toggleAttribute("hidden", !on);
    const place = levelOf(one.part);
    if (on) drawRow(view, one, data[one.i], state, place < 0 ? "no level" : `level ${place + 1}`, slot(one.part));
  }
  const count = ladder.flat().length;
  say(parts.number, String(count));
  say(parts.said, counted(ladder, count));
  drawCard(view, state, slot(facts.parts.find(({ name }) => name === state.level)));
  drawFoot(view, state);
  parts.head.draw(EDGE, 27);
}

function counted(ladder, count) {
  if (!count) return "Nothing of what is switched on learns.";
  const inner = ladder[0].map(({ name }) => name).join(" and ");
  const still = ladder.flat().some(({ period }) => period === 0) ? "; one keeps no state" : "";
  return `${count === 1 ? "thing learns" : "things learn"}, on ${many(ladder.length, "level")}${still}. Innermost: ${inner}.`;
}

function bet({ facts }) {
  const { ask, options, reveal } = facts.bet;
  return { ask, options: Object.entries(options), reveal: (key) => ({ words: typeof reveal === "string" ? reveal : reveal[key] }) };
}

const presets = ({ facts }) =>
  Object.fromEntries(Object.entries(facts.presets).map(([name, on]) => [name, { parts: facts.parts.map((one) => one.name).filter((one) => on.includes(one)), level: on[0] }]));

export default widget({
  title: ({ facts }) => facts.title,
  question: ({ facts }) => facts.question,
  looks: ["token", "speed", "level"],
  presets,
  bet,
  build,
  compute,
  draw,
  summary,
});

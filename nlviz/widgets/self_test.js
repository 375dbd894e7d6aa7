/* A quiz: radio groups; the choice made says why it is right or wrong. */

import { h, id } from "./base.js";
import { widget } from "./frame.js";

/* Words between backticks are code. */
const rich = (text) => text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));

function build(view, body) {
  view.asked = view.facts.questions.map(({ ask, choices }, number) => {
    const name = id();
    const title = id();
    const made = choices.map(({ say, why, right }, choice) => {
      const answer = () => view.change({ answers: view.state.answers.map((old, i) => (i === number ? choice : old)) });
      const radio = h("input", { type: "radio", name, "data-lm-suppress-shortcuts": "true", onchange: answer });
      const verdict = h("b", {}, right ? "✓ Right. " : "✗ Not this. ");
      const because = h("p.nl-why", { hidden: true }, verdict, rich(why));
      const label = h("label.nl-choice", {}, radio, h("span", {}, rich(say)));
      return { radio, because, node: h(`div.${right ? "nl-good" : "nl-bad"}`, {}, label, because) };
    });
    const said = h("div", { role: "status", "aria-live": "polite" }, made.map(({ node }) => node));
    body.append(
      h("div.nl-ask", { role: "radiogroup", "aria-labelledby": title },
        h("p.nl-asked", { id: title }, h("b", {}, `${number + 1}  `), rich(ask)), said),
    );
    return made;
  });
}

function draw(view, data, { answers }) {
  view.asked.forEach((made, number) =>
    made.forEach(({ radio, because }, choice) => {
      const mine = answers[number] === choice;
      radio.checked = mine;
      because.toggleAttribute("hidden", !mine);
    }),
  );
}

function summary({ marks }, state, view) {
  const count = view.facts.questions.length;
  if (!marks.length) return `${count} question${count > 1 ? "s" : ""}, none answered yet.`;
  const still = marks.length < count ? `, ${count - marks.length} still open` : "";
  return `${marks.filter(Boolean).length} of ${count} right${still}.`;
}

export default widget({
  title: (view) => view.facts.title,
  build,
  compute({ answers }, { facts }) {
    const marks = answers.map((answer, i) => facts.questions[i].choices[answer]?.right);
    return { marks: marks.filter((mark) => mark !== undefined) };
  },
  draw,
  summary,
});

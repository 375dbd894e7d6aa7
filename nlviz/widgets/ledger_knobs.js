/* The controls of the ledger: which image, what it is called, the order they come in, the steps. */

import { h, id, say } from "./base.js";
import { button, segmented, slider } from "./controls.js";
import { digit, labelOf, picture } from "./ledger_art.js";
import { CLASSES } from "./ledger_model.js";

export function examples(view) {
  const { labels } = view.arrays;
  const name = id();
  view.digits = Array.from(labels, () => h("canvas.nl-digit", { "aria-hidden": "true" }));
  const made = view.digits.map((canvas, image) => {
    view.themed.push(() => picture(view, image, canvas));
    const choose = () => view.change({ example: image, ...lastShown(view, image) });
    const radio = h("input", { type: "radio", name, "data-lm-suppress-shortcuts": "true", onchange: choose });
    const word = h("span");
    return { image, radio, word, label: h("label.nl-example", {}, radio, canvas, word) };
  });
  view.syncs.push(() => {
    const now = view.state.step ? view.data.shown[view.state.step - 1] : -1;
    for (const { image, radio, word, label } of made) {
      const called = view.state.called[image];
      const wronged = called !== undefined;
      radio.checked = image === view.state.example;
      say(word, wronged ? `${labels[image]}→${called}` : String(labels[image]));
      radio.setAttribute("aria-label", `image ${image}, ${digit(labels[image])}${wronged ? ` called ${called}` : ""}`);
      label.classList.toggle("nl-wronged", wronged);
      label.classList.toggle("nl-now", image === now);
    }
  });
  const all = made.map(({ label }) => label);
  return h("div.nl-examples", { role: "radiogroup", "aria-label": "example" }, all);
}

/* Picking an image moves the playhead to where it was shown last. */
function lastShown(view, image) {
  const at = view.state.order === "one" ? -1 : view.data.shown.lastIndexOf(image);
  return at < 0 ? {} : { step: at + 1 };
}

export function knobs(view) {
  const called = segmented(view, {
    label: "is called",
    options: Array.from({ length: CLASSES }, (_, c) => [c, String(c)]),
    read: (state) => state.called[state.example] ?? labelOf(view, state.example),
    write(label) {
      const { example } = view.state;
      const { [example]: _, ...others } = view.state.called;
      return { called: label === labelOf(view, example) ? others : { ...others, [example]: label } };
    },
  });
  called.classList.add("nl-ten");
  const times = [["last", "the last time"], ["every", "every time"]];
  const when = segmented(view, { key: "when", label: "a wrong name counts", options: times });
  const orders = [["drawn", "as drawn"], ["class", "by class"], ["one", "repeat one"]];
  const order = segmented(view, { key: "order", label: "stream", options: orders });
  const again = button("draw again", () => view.change({ seed: view.state.seed + 1 }));
  view.syncs.push(() => {
    const { state } = view;
    called.name(`this ${labelOf(view, state.example)} is called`);
    when.classList.toggle("nl-idle", !Object.keys(state.called).length);
    again.disabled = state.order !== "drawn";
  });
  const grow = (steps) => {
    const { step, steps: before } = view.state;
    return { steps, step: step === before ? steps : Math.min(steps, step) }; // a playhead at the end stays at the end
  };
  const { rates, steps } = view.facts;
  return [
    called,
    when,
    h("div.nl-stream", {}, order, again),
    slider(view, { key: "lr", label: "step size", values: rates, words: String }),
    slider(view, { key: "steps", label: "stream of", values: steps, words: (count) => `${count} steps`, write: grow }),
  ];
}

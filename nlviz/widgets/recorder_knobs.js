/* What can be chosen: two learners, the seed, how much is smoothed and seen; and the moments worth going to. */

import { h } from "./base.js";
import { segmented, slider } from "./controls.js";
import { opened } from "./recorder_frames.js";
import { insideOf } from "./recorder_words.js";

const inBatches = (count) => (count === 1 ? "1 batch" : `${count} batches`);

export function knobs(view) {
  const { learners, runs, seeds, windows, spans } = view.facts;
  const names = learners.map(({ name }) => [name, name]);
  const seed = slider(view, {
    key: "run",
    label: "seed",
    values: runs,
    words: (run) => `${seeds[runs.indexOf(run)]}, ${runs.indexOf(run) + 1} of ${runs.length}`,
  });
  const mean = slider(view, { key: "window", label: "mean of", values: windows, words: inBatches });
  const shown = spans.map((span) => [span, span ? String(span) : "all"]);
  return [
    segmented(view, { key: "a", label: "A", options: names }),
    segmented(view, { key: "b", label: "B", options: names }),
    h("div", {}, runs.length > 1 ? seed : null, mean),
    segmented(view, { key: "span", label: "batches seen at once", options: shown }),
  ];
}

/* Moments of the seed the widget began with: name -> patch of the state. */
export function moments(view) {
  const { start, facts } = view;
  const data = opened(start, view);
  const { stays } = data;
  const span = facts.spans.find((one) => one && one <= 120) ?? 0;
  const close = (step) => ({ step, span });
  const found = { "the whole flight": {} };
  const backs = stays.filter(({ task }, i) => i && !task);
  if (backs.length) {
    found["first return home"] = close(backs[0].from);
    found["last return home"] = close(backs[backs.length - 1].from);
  }
  const idle = idleSurprise(view, data);
  if (idle !== null) found["a surprise that was none"] = close(idle);
  const away = stays.filter(({ task }) => task);
  const longest = away.reduce((best, one) => (one.to - one.from > best.to - best.from ? one : best), away[0]);
  if (longest) found["longest excursion"] = close(longest.to - 1);
  return found;
}

/* The batch of the second half that surprised the gate most although the world had not changed. */
function idleSurprise({ start, facts }, data) {
  const { restarted, surprise, usual } = insideOf(data, start);
  if (!restarted || !surprise || !usual) return null;
  const idle = restarted.filter((t) => !data.meant(t) && t >= facts.steps / 2);
  const ratio = (t) => surprise[t] / Math.max(usual[t], facts.gate[1]);
  return idle.length ? idle.reduce((best, t) => (ratio(t) > ratio(best) ? t : best)) : null;
}

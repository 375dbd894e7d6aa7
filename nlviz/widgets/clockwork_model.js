/* Clockwork: where the writes of a part lie. Tokens of the run count from 1; before the first it is token 0. */

/* The ticks at which each part wrote, in tokens: of the run, or, for a memory, of one context. */
export function logged({ facts, arrays }) {
  return facts.parts.map(({ log, tokens }, i) => {
    if (!log) return [];
    const { shape } = arrays[log];
    const row = arrays[log].subarray(i * shape[1], (i + 1) * shape[1]);
    return Array.from(row.keys()).filter((tick) => row[tick]).map((tick) => (tick + 1) * tokens);
  });
}

/* How many of growing numbers are at most `value`. */
function upTo(values, value) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* Where the context of a token begins: the last token before it. */
export const contextStart = (token, context) => Math.floor(Math.max(token - 1, 0) / context) * context;

/* Of one part at one token: how often it was written, when last, when before that, when next. Null where there is no
   such write. What is made anew was last made at the last read; a memory begins anew with every context. */
export function when({ period, clock, tokens }, wrote, token, { context, last: end }) {
  const start = contextStart(token, context);
  if (period === 0) {
    const reads = Math.floor(token / tokens);
    const last = reads * tokens;
    return { count: reads, last, before: Math.max(0, last - tokens), next: Math.min(end, last + tokens) };
  }
  const offset = clock === "token" ? start : 0;
  const here = upTo(wrote, token - offset);
  const at = (i) => (i >= 0 && i < wrote.length ? wrote[i] + offset : null);
  if (clock !== "token") return { count: here, last: at(here - 1), before: at(here - 2) ?? 0, next: at(here) };
  const each = upTo(wrote, context);
  const following = here < each ? at(here) : each && start + context < end ? start + context + wrote[0] : null;
  return { count: (start / context) * each + here, last: at(here - 1), before: at(here - 2) ?? start, next: following };
}

export const compute = (state, view) => {
  view.wrote ||= logged(view);
  return view.facts.parts.map((part, i) => when(part, view.wrote[i], state.token, view.facts));
};

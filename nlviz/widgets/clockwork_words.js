/* Clockwork: what is said of a part. clockwork.py says the same in Python. */

export const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

export const ago = (tokens) => (tokens === 0 ? "just now" : `${many(tokens, "token")} ago`);

/* Which of the parts that are switched on learn, in their levels. */
export function ladderOf(parts, on) {
  const learning = parts.filter(({ name, learns }) => learns && on.includes(name));
  const places = [...new Set(learning.map(({ place }) => place))].sort((a, b) => a - b);
  return places.map((place) => learning.filter((part) => part.place === place));
}

/* What a part last did. */
export function did(part, { count, last }, token) {
  if (part.period === 0) return `${part.name} keeps nothing between two reads`;
  if (!part.clock) return `${part.name} leaves no writes in this log`;
  if (last === null) return part.period === "never" ? `${part.name} stands still` : `${part.name} has not been written yet`;
  return `${part.name} has been written ${many(count, "time")}, last ${ago(token - last)}`;
}

export function summary(data, state, { facts }) {
  const ladder = ladderOf(facts.parts, state.parts);
  const count = ladder.flat().length;
  const told = ladder.map((level) => `${level.map(({ name }) => name).join(" beside ")} (${level[0].often})`);
  const learn = `${many(count, "thing")} learn${count === 1 ? "s" : ""} on ${many(ladder.length, "level")}`;
  const first = count ? `${learn}, inner first ${told.join(", then ")}` : "nothing learns";
  const rest = facts.parts.filter(({ name, learns }) => !learns && state.parts.includes(name));
  const others = rest.map(({ name, often }) => `; ${name}: ${often}`).join("");
  const i = facts.parts.findIndex(({ name }) => name === state.level);
  return `At token ${state.token} of ${facts.last}: ${first}${others}; ${did(facts.parts[i], data[i], state.token)}.`;
}

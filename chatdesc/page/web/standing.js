// What many decisions come to: the last one per reviewer and row that nobody took back.

/** The row that a decision is about, as one string. */
export function rowKey({ dataset, split, sequence }) {
  return JSON.stringify([dataset ?? "", split ?? "", sequence ?? ""]);
}

/** Decisions in force, in their order: not taken back by who made them, and no `undo` themselves. */
export function inForce(decisions) {
  const undone = new Set();
  const name = (reviewer, id) => JSON.stringify([reviewer, id]);
  for (const { id, reviewer, verdict, undoes } of [...decisions].reverse())
    if (verdict === "undo" && !undone.has(name(reviewer, id))) undone.add(name(reviewer, undoes));
  return decisions.filter(({ id, reviewer, verdict }) => verdict !== "undo" && !undone.has(name(reviewer, id)));
}

/** What stands: a map from row to the list of decisions on it, one per reviewer, in the order of the names. */
export function standing(decisions) {
  const last = new Map();
  for (const decision of inForce(decisions)) last.set(JSON.stringify([decision.reviewer, rowKey(decision)]), decision);
  const found = new Map();
  for (const decision of last.values()) found.set(rowKey(decision), [...(found.get(rowKey(decision)) ?? []), decision]);
  for (const list of found.values()) list.sort((a, b) => (a.reviewer < b.reviewer ? -1 : 1));
  return found;
}

/** What a reviewer's next undo takes back: the last decision, or all that one rule made with it. */
export function lastOf(decisions, reviewer) {
  const mine = inForce(decisions).filter((decision) => decision.reviewer === reviewer);
  const last = mine.at(-1);
  if (!last) return [];
  if (!last.rule) return [last];
  const other = mine.findLastIndex(({ rule }) => rule !== last.rule);
  return mine.slice(other + 1);
}

/** Whether a decision settles its row; a skipped one stays open. */
export function settles(decision) {
  return Boolean(decision) && decision.verdict !== "skip";
}

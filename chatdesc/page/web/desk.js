// All decisions known here: those that the server has, and those on their way to it.

import { makeMail } from "./mail.js";
import { textOf } from "./offers.js";
import { inForce, lastOf, rowKey, settles, standing } from "./standing.js";

/**
 * The decisions on the rows of `data`. `send` gets an event "decided" when one was made here or came from elsewhere, and
 * "mail" when it is on its way, saved, or not.
 */
export function makeDesk(data, send) {
  const { reviewer, journal = data.sources.join("\n"), seen = [] } = data.review;
  const known = new Map(); // by id, in the server's order
  const numbers = new Map();
  for (const row of data.rows) numbers.set(rowKey(row), [...(numbers.get(rowKey(row)) ?? []), row.number]);
  const mail = makeMail(`chatdesc:${journal}:${encodeURIComponent(reviewer)}`, taken, (saving, count, trouble) => send({ type: "mail", saving, unsaved: count, trouble }));

  function taken(decisions) {
    const before = known.size;
    for (const decision of decisions) known.set(decision.id, decision);
    if (known.size > before) changed();
  }
  const all = () => [...known.values(), ...mail.waiting().filter(({ id }) => !known.has(id)).map((decision) => ({ ...decision, reviewer }))];
  function changed() {
    const stands = standing(all());
    for (const row of data.rows) noted(row, stands.get(rowKey(row)) ?? [], reviewer);
    send({ type: "decided" });
  }
  const post = (decisions) => {
    mail.add(decisions);
    for (const decision of decisions) known.set(decision.id, { ...decision, reviewer, at: new Date().toISOString() });
    changed();
  };
  const made = ({ dataset, split, sequence }, said) => {
    const empty = { verdict: "", side: "", text: "", kind: "", reason: "", undoes: "", rule: "", blind: false, seen: "" };
    return { id: crypto.randomUUID().replaceAll("-", ""), dataset: dataset ?? "", split: split ?? "", sequence: sequence ?? "", ...empty, ...said };
  };
  for (const row of data.rows) noted(row, [], reviewer);
  return {
    reviewer,
    retry: mail.retry,
    /** Give up what the server refuses. */
    drop() {
      for (const { id } of mail.drop()) known.delete(id);
      changed();
    },
    /** Show what was not saved yet, and ask the server for the rest. */
    start() {
      changed();
      mail.start();
    },
    /** Decide rows: a list of { number, ...what is decided }. */
    decide: (list) => post(list.map(({ number, ...said }) => made(data.rows[number], { seen: seen[number] ?? "", ...said }))),
    /** Take back the last decision, or all of a rule: the decisions, and the numbers of their rows. */
    undo() {
      const decisions = lastOf(all(), reviewer);
      if (decisions.length) post(decisions.map((decision) => made(decision, { verdict: "undo", undoes: decision.id })));
      return { decisions, numbers: decisions.flatMap((decision) => numbers.get(rowKey(decision)) ?? []) };
    },
    /** The last decision of this reviewer; null without one. */
    last: () => inForce(all()).findLast((decision) => decision.reviewer === reviewer) ?? null,
    counts() {
      const mine = data.rows.map(({ mine }) => mine);
      return { all: mine.length, decided: mine.filter(settles).length, skipped: mine.filter((decision) => decision?.verdict === "skip").length };
    },
  };
}

/** Note on a row what was decided on it; searches and the table read this. */
function noted(row, decisions, reviewer) {
  row.decisions = decisions;
  row.mine = decisions.find((decision) => decision.reviewer === reviewer) ?? null;
  row.decided = settles(row.mine) ? "yes" : "no";
  row.decision = row.mine?.verdict ?? null;
  row.differ = new Set(decisions.filter(settles).map((decision) => end(row, decision))).size > 1 ? "yes" : "no";
}

/** What a decision comes to: a text that stands is one end, however it came about. */
function end(row, { verdict, side, text }) {
  if (verdict !== "accept" && verdict !== "edit") return verdict;
  return `text:${text || textOf(row, side)}`; // of an accept, the server fills in the text
}

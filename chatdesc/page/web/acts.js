// What the keys and buttons of a review do.

import { announce } from "./dom.js";
import { offersOf } from "./offers.js";
import { counted, progress } from "./queues.js";
import { ruleOf } from "./rule.js";
import { SIDES, saidOf } from "./verdicts.js";

/** The next row to decide after a place: one that nobody here has touched, else a skipped one; null where none is left. */
export function nextOpen(rows, numbers, from) {
  const place = numbers.indexOf(from);
  const round = [...numbers.slice(place + 1), ...numbers.slice(0, Math.max(place, 0))];
  return round.find((number) => rows[number].mine === null) ?? round.find((number) => rows[number].decided === "no") ?? null;
}

/**
 * A function per decision and key of a review. `shown()` gives the numbers of the rows in their order, `isBlind()` whether
 * the order of texts is blind, `hidden(row)` its texts in that order or null, and `found(number)` a row's details.
 */
export function makeActs({ data, store, desk, shown, isBlind, hidden, found }) {
  const { send, state } = store;
  const go = (number) => {
    const place = shown().indexOf(number);
    if (place >= 0) send({ type: "cursor", row: place });
    send({ type: "open", number });
  };
  const onward = (from) => {
    const next = nextOpen(data.rows, shown(), from);
    if (next !== null) return go(next);
    send({ type: "close" });
    announce("Every sequence of this list is decided");
  };
  const decide = (said) => {
    const number = state().open;
    const row = data.rows[number];
    const blind = hidden(row) !== null;
    desk.decide([{ number, blind, ...said }]);
    onward(number);
    announce(`${row.sequence}: ${blind ? "decided" : saidOf(said)}. ${progress(desk.counts())}`);
  };
  const take = (side) => {
    const number = state().open;
    const offer = offersOf(data.rows[number], found(number)).find((of) => of.side === side);
    if (offer) decide({ verdict: "accept", side, text: side in SIDES ? "" : offer.text });
    else announce("There is no such text");
  };
  const byKey = (key) => {
    const row = data.rows[state().open];
    const offer = (hidden(row) ?? offersOf(row, found(row.number))).find((of) => of.key === key);
    take(offer?.side);
  };
  const toggle = (panel) => send({ type: "panel", panel: state().panel === panel ? null : panel });
  return {
    take,
    accept: () => byKey("a"),
    acceptManual: () => !hidden(data.rows[state().open]) && take("manual"),
    acceptB: () => byKey("b"),
    acceptAt: byKey,
    edit: () => toggle("edit"),
    reject: () => decide({ verdict: "reject" }),
    rejectWhy: () => toggle("reject"),
    flag: () => toggle("flag"),
    skip: () => decide({ verdict: "skip" }),
    save: decide,
    close: () => send({ type: "panel", panel: null }),
    begin: () => onward(state().open),
    blind: () => data.review.blind || send({ type: "blind", blind: isBlind() ? "" : "yes" }),
    rule: () => isBlind() || send({ type: "panel", panel: "rule" }),
    undo,
    accepted,
  };
  function undo() {
    const { numbers, decisions } = desk.undo();
    if (!numbers.length) return announce(decisions.length ? "Undone" : "There is nothing to undo");
    if (numbers.length === 1) go(numbers[0]);
    announce(numbers.length === 1 ? `Undone: ${data.rows[numbers[0]].sequence}` : `Undone: ${counted(numbers.length)} sequences are open again`);
  }
  function accepted(side, rows) {
    const rule = ruleOf(state().query, desk.last()?.rule);
    const sideOf = (row) => (side === "refined" && row.text_source === "manual" ? "manual" : side);
    desk.decide(rows.map((row) => ({ number: row.number, verdict: "accept", side: sideOf(row), rule })));
    send({ type: "panel", panel: null });
    announce(`${counted(rows.length)} accepted. ${progress(desk.counts())}`);
  }
}

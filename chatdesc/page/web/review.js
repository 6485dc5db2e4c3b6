// The review: what its keys do, and the parts that it adds to the page.

import { makeActs, nextOpen } from "./acts.js";
import { details } from "./data.js";
import { makeDesk } from "./desk.js";
import { put } from "./dom.js";
import { makeDock } from "./dock.js";
import { makeHeader } from "./header.js";
import { offersOf, shuffled } from "./offers.js";
import { makeQueues } from "./queues.js";
import { askRule } from "./rule.js";
import { settles } from "./standing.js";

const WHOLE = 400; // a text in the index that is shorter is not cut

/** The review of a page's data; `shown()` gives the numbers of the rows in their order. */
export function makeReview(data, store, shown) {
  const { send, state } = store;
  const desk = makeDesk(data, send);
  const isBlind = () => data.review.blind || state().blind === "yes";
  const found = (number) => details(number) ?? { text: null, manual_text: null };
  /** The texts in blind order, null where they may be told apart. */
  const hidden = (row) => {
    if (!isBlind() || settles(row.mine)) return null;
    const offers = offersOf(row, whole(row));
    return offers.length > 1 ? shuffled(offers, row, desk.reviewer) : null;
  };
  const act = makeActs({ data, store, desk, shown, isBlind, hidden, found });
  const queues = makeQueues(data, desk, send, act);
  const header = makeHeader(desk);
  return {
    act,
    hidden,
    isBlind,
    queues: queues.element,
    header: header.element,
    banner: header.banner,
    start: desk.start,
    offers: (number) => hidden(data.rows[number]),
    dock(number) {
      const row = data.rows[number];
      const blind = hidden(row);
      return makeDock({ row, offers: blind ?? offersOf(row, found(number)), hidden: blind !== null, kinds: data.review.kinds, known: () => ({ last: desk.last(), counts: desk.counts() }) }, act);
    },
    mail: header.update,
    update(now) {
      if (now.open === null) queues.update(now, isBlind(), nextOpen(data.rows, shown(), null) !== null);
      header.update(now);
    },
    /** Show or hide the dialog of a rule. */
    ask(layer, open) {
      if (open) askRule(layer, shown().map((number) => data.rows[number]), state().query, data.texts, act.accepted, () => state().panel === "rule" && act.close());
      else put(layer);
    },
  };
}

/** A row's texts whole: the index cuts long ones. */
function whole(row) {
  const { text, manual_text, named } = row;
  const known = named.filter((of) => of.text !== null);
  const cut = [text, manual_text, ...known.map((of) => of.text)].some((said) => said !== null && said.length >= WHOLE);
  return (cut ? details(row.number) : null) ?? { text, manual_text, named: known.map((of) => ({ name: of.name, phrases: [[0, of.text]] })) };
}

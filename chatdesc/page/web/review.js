// The review: what its keys do, and the parts that it adds to the page.

import { details } from "./data.js";
import { makeDesk } from "./desk.js";
import { announce, h, put } from "./dom.js";
import { makeDock } from "./dock.js";
import { offersOf, shuffled } from "./offers.js";
import { counted, makeQueues, progress } from "./queues.js";
import { askRule, ruleOf } from "./rule.js";
import { settles } from "./standing.js";
import { saidOf } from "./verdicts.js";

const WHOLE = 400; // a text in the index that is shorter is not cut

/** The next row to decide after a place: one that nobody here has touched, else a skipped one; null where none is left. */
export function nextOpen(rows, numbers, from) {
  const place = numbers.indexOf(from);
  const round = [...numbers.slice(place + 1), ...numbers.slice(0, Math.max(place, 0))];
  return round.find((number) => rows[number].mine === null) ?? round.find((number) => rows[number].decided === "no") ?? null;
}

/** The review of a page's data; `shown()` gives the numbers of the rows in their order. */
export function makeReview(data, store, shown) {
  const { send, state } = store;
  const desk = makeDesk(data, send);
  const isBlind = () => data.review.blind || state().blind === "yes";
  const found = (number) => details(number) ?? { text: null, manual_text: null };
  /** The two texts in blind order, null where they may be told apart. */
  const hidden = (row) => {
    if (!isBlind() || settles(row.mine)) return null;
    const offers = offersOf(row, whole(row));
    return offers.length === 2 ? shuffled(offers, row, desk.reviewer) : null;
  };
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
    if (offer) decide({ verdict: "accept", side });
    else announce("There is no such text");
  };
  const byKey = (key) => {
    const row = data.rows[state().open];
    const offer = (hidden(row) ?? offersOf(row, found(row.number))).find((of) => of.key === key);
    take(offer?.side);
  };
  const toggle = (panel) => send({ type: "panel", panel: state().panel === panel ? null : panel });
  const act = {
    take,
    accept: () => byKey("a"),
    acceptManual: () => !hidden(data.rows[state().open]) && take("manual"),
    acceptB: () => byKey("b"),
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
  };
  function undo() {
    const { numbers, decisions } = desk.undo();
    if (!numbers.length) return announce(decisions.length ? "Undone" : "There is nothing to undo");
    if (numbers.length === 1) go(numbers[0]);
    announce(numbers.length === 1 ? `Undone: ${data.rows[numbers[0]].sequence}` : `Undone: ${counted(numbers.length)} sequences are open again`);
  }
  function accepted(side, rows) {
    const sideOf = (row) => (row.text_source === "manual" ? "manual" : side);
    desk.decide(rows.map((row) => ({ number: row.number, verdict: "accept", side: sideOf(row), rule: ruleOf(state().query) })));
    send({ type: "panel", panel: null });
    announce(`${counted(rows.length)} accepted. ${progress(desk.counts())}`);
  }
  const queues = makeQueues(data, desk, send, act);
  const header = makeHeader(data, desk);
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
      return makeDock({ row, offers: blind ?? offersOf(row, found(number)), hidden: blind !== null, known: () => ({ last: desk.last(), counts: desk.counts() }) }, act);
    },
    update(now) {
      if (now.open === null) queues.update(now, isBlind(), nextOpen(data.rows, shown(), null) !== null);
      header.update(now);
    },
    /** Show or hide the dialog of a rule. */
    ask(layer, open) {
      if (open) askRule(layer, shown().map((number) => data.rows[number]), state().query, accepted, () => state().panel === "rule" && act.close());
      else put(layer);
    },
  };
}

/** A row's texts whole: the index cuts long ones. */
function whole(row) {
  const cut = [row.text, row.manual_text].some((text) => text !== null && text.length >= WHOLE);
  return (cut ? details(row.number) : null) ?? row;
}

const SAVING = { saved: ["✓", "saved"], saving: ["…", "saving"], away: ["!", "no server"], locked: ["!", "server started anew"], refused: ["!", "refused"] };

/** Progress and what is saved, for the head of the page; a banner says what to do where something is not. */
function makeHeader(data, desk) {
  const far = h("span", { class: "far" });
  const saved = h("span", { class: "saving", role: "status" });
  const element = h("div", { class: "reviewer" }, h("span", { class: "who", dir: "auto", title: "You decide as" }, desk.reviewer), far, saved);
  const banner = h("div", { class: "banner", role: "alert", hidden: true });
  let told = "";
  return {
    element,
    banner,
    update({ saving, unsaved, trouble }) {
      const counts = desk.counts();
      far.textContent = `${counted(counts.decided)} / ${counted(counts.all)}`;
      far.title = progress(counts);
      const [sign, words] = SAVING[saving];
      put(saved, h("span", { "aria-hidden": "true" }, `${sign} `), unsaved && saving !== "saving" ? `${counted(unsaved)} not saved` : words);
      saved.dataset.state = saving;
      const wrong = saving !== "saved" && saving !== "saving";
      const said = wrong ? troubleOf(saving, unsaved, trouble) : "";
      if (saving === "saving" && !banner.hidden) return; // a retry: the banner stays until it is known how it went
      banner.hidden = !wrong;
      if (said === told) return;
      told = said;
      put(banner, wrong ? [h("p", null, said), h("button", { type: "button", onclick: desk.retry }, "Retry"), saving === "refused" ? h("button", { type: "button", onclick: desk.drop }, "Give up") : null] : null);
    },
  };
}

function troubleOf(saving, unsaved, trouble) {
  const kept = unsaved ? ` ${counted(unsaved)} decision${unsaved === 1 ? " is" : "s are"} not saved: kept in this browser, and sent when the server is back.` : "";
  if (saving === "locked") return `The server was started anew. Open the address that it printed, in this browser.${kept}`;
  if (saving === "refused") return `${counted(unsaved)} not saved. The server refuses: ${trouble}`;
  return `The server does not answer${trouble ? ` (${trouble})` : ""}.${kept || " Decisions are kept in this browser until it does."}`;
}

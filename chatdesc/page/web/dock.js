// The bar below a sequence: what was decided, the decisions to take, and the panel of the one that needs more.

import { h, put, putNew } from "./dom.js";
import { dropDraft } from "./draft.js";
import { panelOf } from "./panels.js";
import { SIDES, SIGNS, saidOf } from "./verdicts.js";

const MEANS = {
  edit: "Write another text",
  reject: "Neither text is good: the dataset's own stays, and the sequence is marked",
  flag: "Mark the sequence with a kind and a reason; its text stays",
  skip: "Leave it open: it comes again at the end",
};

/**
 * The bar as an element, with `update(state, before)`.
 *
 * `open` is what the bar is about: { row, offers, hidden, kinds, known }, where `known()` gives { last, counts }; `act` has a
 * function for each decision, `save` and `close` for the panels, and `undo`.
 */
export function makeDock(open, act) {
  const state = h("p", { class: "stands", role: "status" });
  const panel = h("div", { class: "panel" });
  const buttons = h("div", { class: "decisions", role: "group", "aria-label": "Decide" });
  const element = h("section", { class: "dock", "aria-label": "Decision" }, panel, h("div", { class: "bar" }, buttons, state));
  const update = (now, before) => {
    const { last, counts } = open.known();
    putNew(state, [open.row.decisions, last, counts], () => standsOf(open, act));
    putNew(buttons, [open.row.mine, now.panel], () => buttonsOf(open, now, act));
    if (now.panel === before?.panel) return;
    if (before?.panel === "edit") dropDraft(); // it was left
    const shown = now.panel ? panelOf(now.panel, open, act) : null;
    put(panel, shown);
    shown?.querySelector("textarea, input")?.focus({ preventScroll: true });
  };
  return { element, update };
}

function buttonsOf({ row, offers, hidden }, { panel }, act) {
  const took = row.mine;
  const accept = offers.map(({ side, name, key }) => button(key, [h("span", { class: "verb" }, "Accept "), h("span", side in SIDES || hidden ? { class: "own" } : null, name.replace(/ text$/, ""))], () => act.take(side), "accept", !hidden && took?.verdict === "accept" && took.side === side));
  const other = (key, label, name, verdict) => button(key, label, act[name], verdict, panel === verdict || took?.verdict === verdict);
  return [
    accept,
    other("e", "Edit", "edit", "edit"),
    other("x", "Reject", "reject", "reject"),
    other("f", "Flag", "flag", "flag"),
    other("s", "Skip", "skip", "skip"),
  ];
}

function button(key, label, press, verdict, pressed) {
  const options = { type: "button", class: "decide", "data-verdict": verdict, onclick: press, "aria-pressed": String(Boolean(pressed)), "aria-keyshortcuts": key, title: MEANS[verdict] };
  return h("button", options, h("span", { class: "sign", "aria-hidden": "true" }, SIGNS[verdict]), h("span", null, label), h("kbd", { "aria-hidden": "true" }, key));
}

/** What stands on this row, or else what was decided last, with its undo. */
function standsOf({ row, hidden, known }, act) {
  const { last, counts } = known();
  const mine = row.mine ? [`You: ${saidOf(row.mine)}`, row.mine.reason ? h("q", { dir: "auto" }, row.mine.reason) : null] : null;
  const others = hidden ? [] : row.decisions.filter((of) => of !== row.mine);
  const said = [mine, ...others.map((of) => [h("bdi", null, of.reviewer), `: ${saidOf(of)}`, of.reason ? h("q", { dir: "auto" }, of.reason) : null])].filter(Boolean);
  const elsewhere = !row.mine && last ? [h("bdi", null, last.sequence), `: ${saidOf(last, last.blind)}`] : null;
  return [
    h("span", { class: "here" }, said.length ? said.map((of) => h("span", null, of)) : h("span", { class: elsewhere ? "dim" : "dim left" }, elsewhere ?? `${counts.all - counts.decided} to decide`)),
    last ? h("button", { type: "button", class: "undo", onclick: act.undo, "aria-keyshortcuts": "u Control+Z" }, "Undo ", h("kbd", { "aria-hidden": "true" }, "u")) : null,
  ];
}

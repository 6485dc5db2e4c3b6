// Above the table of a review: how far it is, the queues, and what can be done with a whole list.

import { chosen } from "./filter.js";
import { h, putNew } from "./dom.js";
import { saidOf } from "./verdicts.js";

const QUEUES = [
  ["To decide", "decided:no"],
  ["Suspicious", "decided:no suspicion>0"],
  ["Skipped", "decision:skip"],
  ["Flagged", "decision:flag"],
  ["Edited", "decision:edit"],
  ["Reviewers differ", "differ:yes"],
  ["All", ""],
];

/** A number of people's size: 1,400. */
export function counted(value) {
  return value.toLocaleString("en");
}

/** What is said of the progress. */
export function progress({ all, decided, skipped }) {
  return `${counted(decided)} of ${counted(all)} decided${skipped ? `, ${counted(skipped)} skipped` : ""}`;
}

/**
 * The part above the table: an element, and `update(state, hidden, left)`, with whether the order is blind and whether the
 * list has open rows.
 */
export function makeQueues(data, desk, send, act) {
  const line = h("p", { class: "far" });
  const bar = h("progress", { max: data.rows.length, value: 0, "aria-label": "Decided" });
  const chips = h("div", { class: "tabs", role: "group", "aria-label": "Queues" });
  const hide = h("button", { type: "button", onclick: act.blind, "aria-pressed": "false", "aria-keyshortcuts": "h" }, "Blind order ", h("kbd", { "aria-hidden": "true" }, "h"));
  const rule = h("button", { type: "button", onclick: act.rule, "aria-keyshortcuts": "A" }, "Accept by rule … ", h("kbd", { "aria-hidden": "true" }, "A"));
  const begin = h("button", { type: "button", class: "main", onclick: act.begin, "aria-keyshortcuts": "g" }, "Review ", h("kbd", { "aria-hidden": "true" }, "g"));
  const last = h("p", { class: "last", role: "status" });
  const element = h("section", { class: "queues", "aria-label": "Review" }, h("div", { class: "how-far" }, begin, line, bar), h("div", { class: "lists-acts" }, chips, rule, hide), last);
  let [counts, far] = [null, ""]; // the state's `decided` that was counted, and what was said of it
  const sized = QUEUES.map(([label, query]) => ({ label, query, count: 0 }));
  const chip = ({ label, query, count }, now) => {
    if (!count && query && now !== query) return null;
    return h("button", { type: "button", "aria-pressed": String(now === query), onclick: () => send({ type: "search", query }) }, `${label} `, h("span", { class: "n" }, counted(count)));
  };
  const recount = () => {
    far = progress(desk.counts());
    bar.value = desk.counts().decided;
    for (const queue of sized) queue.count = chosen(data.rows, queue.query, "source").length;
    const done = desk.last();
    putNew(last, done, () => (done ? [said(done), " ", undo()] : []));
  };
  const undo = () => h("button", { type: "button", class: "undo", onclick: act.undo, "aria-keyshortcuts": "u Control+Z" }, "Undo ", h("kbd", { "aria-hidden": "true" }, "u"));
  return {
    element,
    update(state, hidden, left) {
      if (counts !== state.decided) recount();
      counts = state.decided;
      line.textContent = `${far}${left ? "" : " · nothing is left in this list"}`;
      begin.disabled = !left;
      const now = state.query.trim();
      putNew(chips, [sized, now], () => sized.map((queue) => chip(queue, now)));
      rule.hidden = hidden;
      hide.hidden = data.review.blind; // the server was asked for it, so it stays
      hide.setAttribute("aria-pressed", String(hidden));
    },
  };
}

function said(decision) {
  if (decision.rule) return `Accepted by rule: ${decision.rule}`;
  return [h("bdi", null, decision.sequence), `: ${saidOf(decision, decision.blind)}`];
}

// Accept by rule: all open rows that the search shows, after a look at what will change.

import { h, put } from "./dom.js";
import { textOf } from "./offers.js";
import { counted } from "./queues.js";
import { called } from "./verdicts.js";
import { settles } from "./standing.js";

const EXAMPLES = 5;
const EVERYTHING = "all sequences"; // a rule always says something: an empty one would be no rule

/** What a rule would do: the rows that it decides with the text that each gets, and those that it leaves. */
export function planOf(rows, side) {
  const open = rows.filter((row) => !settles(row.mine));
  const has = (row) => textOf(row, side) !== null;
  const isKept = (row) => side === "refined" && row.text_source === "manual";
  const changes = (row) => side !== "manual" && !isKept(row) && textOf(row, side) !== row.manual_text;
  const taken = open.filter(has);
  return { taken, changed: taken.filter(changes), decided: rows.length - open.length, without: open.length - taken.length };
}

/** What a rule is called in its decisions: unlike the rule just before it, since one undo takes back what has one name. */
export function ruleOf(query, before = "") {
  const name = query.trim() || EVERYTHING;
  return name === before ? `${name} (again)` : name;
}

/** Ask for the rule in a dialog, with `texts` the names of other sources; `accept(side, rows)` is called on the one confirmation. */
export function askRule(layer, rows, query, texts, accept, close) {
  let side = "refined";
  const preview = h("div", { class: "preview", "aria-live": "polite" });
  const yes = h("button", { type: "button", class: "main" });
  const show = () => {
    const plan = planOf(rows, side);
    put(preview, shown(plan, side));
    yes.textContent = `Accept ${counted(plan.taken.length)}`;
    yes.disabled = plan.taken.length === 0;
    yes.onclick = () => accept(side, plan.taken);
  };
  const choice = (value) =>
    h("label", { class: "kind" }, h("input", { type: "radio", name: "side", value, checked: value === side, onchange: () => ((side = value), show()) }), ` the ${value === "refined" ? "text to use" : called(value)}`);
  const sheet = h(
    "dialog",
    { class: "sheet", "aria-labelledby": "rule-title", onclose: close, oncancel: close },
    h("h2", { id: "rule-title" }, "Accept by rule"),
    h("p", null, "Rule: ", h("code", { dir: "auto" }, ruleOf(query)), ` · ${counted(rows.length)} shown`),
    h("fieldset", null, h("legend", null, "Accept"), choice("refined"), choice("manual"), texts.map(choice)),
    preview,
    h("div", { class: "steps" }, yes, h("button", { type: "button", onclick: close }, "Leave")),
  );
  show();
  put(layer, sheet);
  sheet.showModal();
}

function shown({ taken, changed, decided, without }, side) {
  const first = (changed.length ? changed : taken).slice(0, EXAMPLES);
  const example = (row) =>
    h("li", null, h("strong", null, h("bdi", null, row.sequence)), changed.length ? h("span", { class: "before", dir: "auto" }, row.manual_text ?? "no text") : null, h("span", { class: "after", dir: "auto" }, textOf(row, side)));
  const facts = [
    `${counted(taken.length)} open sequences are accepted`,
    side === "manual" ? "all of them keep their manual text" : `${counted(changed.length)} of them get another text than the manual one`,
    decided ? `${counted(decided)} that you have decided stay as they are` : null,
    without ? `${counted(without)} have no such text and stay open` : null,
    "one undo takes it all back",
  ];
  return [h("ul", null, facts.filter(Boolean).map((fact) => h("li", null, fact))), first.length ? [h("h3", null, changed.length ? "Before and after, for example" : "For example"), h("ol", { class: "examples" }, first.map(example))] : null];
}

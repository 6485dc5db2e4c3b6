// What a decision needs beside its key: another text, or a kind and a reason.

import { h } from "./dom.js";
import { draftOf, dropDraft, keepDraft } from "./draft.js";
import { KINDS } from "./verdicts.js";

const REASON = 1000; // characters

/** The form of "edit", "flag" or "reject"; `act.save(said)` gets what it says. */
export function panelOf(kind, open, act) {
  return kind === "edit" ? editor(open, act) : why(kind, open.kinds, act);
}

function editor({ row, offers }, act) {
  const box = h("textarea", { rows: 3, dir: "auto", "aria-label": "Your text", spellcheck: "true", "aria-describedby": "edit-note" });
  const draft = draftOf(row);
  let side = draft?.side ?? offers[0]?.side ?? "";
  box.value = draft?.text ?? (row.mine?.verdict === "edit" ? row.mine.text : (offers[0]?.text ?? ""));
  const note = h("p", { class: "dim keyed", id: "edit-note" }, h("kbd", null, "Ctrl+Enter"), " saves, ", h("kbd", null, "Esc"), " leaves.");
  const save = () => {
    const text = oneLine(box.value);
    if (text) {
      dropDraft();
      act.save({ verdict: "edit", side, text });
    } else Object.assign(note, { className: "bad" }).textContent = "A text needs a word. Reject the sequence if it should have none.";
  };
  box.addEventListener("input", () => keepDraft(row, side, box.value));
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    save();
  });
  const from = ({ name, side: of, text }) => {
    const fill = () => {
      side = of;
      box.value = text;
      dropDraft();
      box.focus();
    };
    return h("button", { type: "button", class: "from", onclick: fill, title: `Start from ${name}` }, h("span", { class: "dim" }, `${name}: `), h("span", { dir: "auto" }, text));
  };
  return form(save, act, note, h("div", { class: "froms" }, offers.map(from)), box);
}

function why(verdict, kinds, act) {
  const must = verdict === "flag";
  const radio = (kind, place) =>
    h("label", { class: "kind" }, h("input", { type: "radio", name: "kind", value: kind, required: must }), h("kbd", { "aria-hidden": "true" }, place + 1), ` ${KINDS[kind] ?? kind}`);
  const reason = h("input", { type: "text", class: "reason", dir: "auto", maxlength: REASON, "aria-label": "Reason", placeholder: "Reason, if it needs one", autocomplete: "off" });
  const set = h("fieldset", null, h("legend", null, must ? "Flag as" : "Reject as"), kinds.map(radio));
  const chosen = () => set.querySelector("input:checked")?.value ?? "";
  const note = h("p", { class: "dim keyed" }, h("kbd", null, "Enter"), " saves, ", h("kbd", null, "Esc"), " leaves.");
  const made = form(() => act.save({ verdict, kind: chosen(), reason: oneLine(reason.value) }), act, note, set, reason);
  made.addEventListener("keydown", (event) => {
    const picked = kinds[Number(event.key) - 1];
    if (!picked || event.target === reason || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    set.querySelector(`[value=${picked}]`).checked = true;
    reason.focus();
  });
  return made;
}

function form(save, act, note, ...children) {
  const submit = (event) => {
    event.preventDefault();
    save();
  };
  return h(
    "form",
    { class: "why", onsubmit: submit, autocomplete: "off" },
    children,
    h("div", { class: "steps" }, note, h("button", { type: "submit", class: "main" }, "Save"), h("button", { type: "button", onclick: act.close }, "Leave")),
  );
}

/** A text without line breaks and half characters: datasets have one line per text, and files hold whole characters. */
function oneLine(text) {
  return text.toWellFormed().replace(/\s*[\r\n]+\s*/g, " ").trim();
}

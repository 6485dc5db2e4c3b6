// Everything by keyboard: one table of keys, from which the sheet behind `?` is made.

import { h, put } from "./dom.js";

/** Listen to keys; `act` has a function for each name in `table`. */
export function listenToKeys(act, isOpen, table = KEYS) {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=range]), textarea, select");
    const asked = document.querySelector("dialog[open]") !== null;
    if (event.altKey || ((typing || asked) && !["Escape", asked && !typing && "?"].includes(event.key))) return;
    const where = isOpen() ? "sequence" : "table";
    const pressed = ({ keys, control = [] }) => (event.ctrlKey || event.metaKey ? control : keys).includes(event.key);
    const found = table.find((key) => pressed(key) && (key.on === "all" || key.on === where));
    if (!found || (event.key === "Enter" && event.target.closest?.("a, button, summary, input"))) return;
    if (event.target.type === "range" && event.key.startsWith("Arrow")) return;
    if (where === "table" && SCROLLING.includes(event.key) && !event.target.closest?.(".table")) return;
    event.preventDefault();
    act[found.name](event.key);
  });
}

const SCROLLING = ["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End"]; // outside the table they scroll the page

export const KEYS = [
  { name: "search", keys: ["/"], on: "all", shown: "/", label: "Search" },
  { name: "down", keys: ["j", "ArrowDown"], on: "table", shown: "j or ↓", label: "Next row" },
  { name: "up", keys: ["k", "ArrowUp"], on: "table", shown: "k or ↑", label: "Row before" },
  { name: "pageDown", keys: ["PageDown"], on: "table", shown: "Page ↓", label: "Ten rows on, in the table" },
  { name: "pageUp", keys: ["PageUp"], on: "table", shown: "Page ↑", label: "Ten rows back, in the table" },
  { name: "first", keys: ["Home"], on: "table", shown: "Home", label: "First row, in the table" },
  { name: "last", keys: ["End"], on: "table", shown: "End", label: "Last row, in the table" },
  { name: "enter", keys: ["Enter", "o"], on: "table", shown: "Enter", label: "Open the sequence" },
  { name: "next", keys: ["j", "n"], on: "sequence", shown: "j or n", label: "Next sequence" },
  { name: "previous", keys: ["k", "p"], on: "sequence", shown: "k or p", label: "Sequence before" },
  { name: "disagreement", keys: ["d"], on: "sequence", shown: "d", label: "Next disagreement" },
  { name: "disagreementBack", keys: ["D"], on: "sequence", shown: "D", label: "Disagreement before" },
  { name: "round", keys: ["r"], on: "sequence", shown: "r", label: "Proposals of the next round" },
  { name: "later", keys: ["ArrowRight"], on: "sequence", shown: "→", label: "Next frame" },
  { name: "earlier", keys: ["ArrowLeft"], on: "sequence", shown: "←", label: "Frame before" },
  { name: "theme", keys: ["t"], on: "all", shown: "t", label: "Light or dark" },
  { name: "help", keys: ["?"], on: "all", shown: "?", label: "This sheet" },
  { name: "back", keys: ["Escape"], on: "all", shown: "Esc", label: "Close, or clear the search" },
];

let before = null; // what had the focus

/** Show or hide the sheet of keys. */
export function showSheet(layer, shown, close, table = KEYS) {
  if (!shown) {
    put(layer);
    before?.focus?.();
    before = null;
    return;
  }
  before = document.activeElement;
  const sheet = h(
    "dialog",
    { class: "sheet", "aria-labelledby": "keys", onclose: close, oncancel: close },
    h("h2", { id: "keys" }, "Keys"),
    h("dl", null, table.map(({ shown: key, label }) => h("div", null, h("dt", null, h("kbd", null, key)), h("dd", null, label)))),
    h("h2", null, "Search"),
    h("p", null, "Words must be in the name, class or texts; -word must not. ", ["iou<0.5", "margin<0", "gain>0.2", "auc>=0.6", "status:failed", "category=bird", "text_source:manual", "attribute:occlusion", "findings>0", ...(table === KEYS ? [] : ["decided:no", "decision:flag", "kind:typo", "reviewer:ann", "differ:yes"])].map((text) => [h("code", null, text), " "])),
    h("button", { type: "button", onclick: close }, "Close"),
  );
  put(layer, sheet);
  sheet.showModal();
}

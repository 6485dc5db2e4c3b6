// The texts of a sequence: the manual one, the one to use, and all that were tried.

import { h, number, signed } from "./dom.js";
import { diff, judgeOf, shownText, split } from "./words.js";

export function groundedOf(found, text, start) {
  return (found.grounded ?? []).find((of) => of.text === text && of.start === start) ?? null;
}

/** The manual text, then the text to use and those of other sources as differences from it. */
export function texts(row, found, point) {
  const of = (text, source) => found.rounds.find((tried) => tried.text === text && tried.source === source) ?? {};
  const manual = of(found.manual_text, "manual");
  const chosen = of(found.text, row.text_source);
  const kept = row.text_source === "manual";
  const chosenJudge = judgeOf(groundedOf(found, found.text, 0), chosen.positive, chosen.negative);
  const manualJudge = judgeOf(groundedOf(found, found.manual_text, 0), manual.positive, manual.negative);
  return h(
    "section",
    { class: "texts", "aria-label": "Texts" },
    h("h2", null, "Manual text"),
    found.manual_text === null ? h("p", { class: "dim" }, "There is none.") : shownText(split(found.manual_text).map((word) => ({ kind: "same", word })), manualJudge, point),
    h("h2", null, "Text to use", h("span", { class: "dim" }, found.text === null ? "" : kept ? " (the manual one was kept)" : ` (${row.text_source})`)),
    found.text === null ? h("p", { class: "dim" }, "No text could be made.") : shownText(diff(kept || found.manual_text === null ? found.text : found.manual_text, found.text), chosenJudge, point),
    (found.named ?? []).map((one) => named(found, one, point)),
    found.grounded ? h("p", { class: "dim" }, "Point at a word to see where it leads.") : null,
    found.background.length ? h("p", null, h("span", { class: "dim" }, "Surroundings: "), h("span", { dir: "auto" }, found.background.join(", "))) : null,
    found.scope ? h("p", { class: "dim" }, `Scope: ${found.scope}.`) : null,
    wordLegend(),
  );
}

/** The text of another source, range by range where it has several. */
function named(found, { name, phrases, more, iou, margin }, point) {
  const numbers = typeof iou === "number" ? ` (IoU ${number(iou)}, margin ${signed(margin)})` : "";
  const as = phrases.length > 1 ? "" : phrases[0][1] === found.manual_text ? ", as the manual text" : phrases[0][1] === found.text ? ", as the text to use" : "";
  const first = found.pictures?.first?.frame ?? 0;
  const shown = ([start, text]) => {
    const judge = judgeOf(groundedOf(found, text, start), [], []);
    const from = phrases.length > 1 || start ? h("p", { class: "about dim" }, `from frame ${start}`) : null;
    return [from, shownText(diff(found.manual_text ?? text, text), judge, start === first ? point : null)];
  };
  const others = more.length ? h("details", null, h("summary", { class: "dim" }, `${more.length} more`), h("ul", null, more.map((text) => h("li", { dir: "auto" }, text)))) : null;
  return [h("h2", null, h("bdi", null, name), h("span", { class: "dim" }, `${as}${numbers}`)), phrases.map(shown), others];
}

function wordLegend() {
  const item = (tag, kind, label) => h("li", null, h(tag, { class: `word ${kind}` }, label));
  return h("ul", { class: "legend", "aria-label": "Legend of words" }, item("span", "same good", "led to the target"), item("span", "same bad", "led elsewhere"), item("ins", "new", "new"), item("del", "gone", "gone"));
}

export function rounds(found, point, show) {
  if (!found.rounds.length) return null;
  const item = (tried, place) => {
    const before = found.rounds[place - 1];
    const judge = judgeOf(groundedOf(found, tried.text, tried.start), tried.positive, tried.negative);
    const here = isHere(found, tried);
    const parts = before && before.start === tried.start && tried.source !== "manual" ? diff(before.text, tried.text) : split(tried.text).map((word) => ({ kind: "same", word }));
    const marks = [tried.source === "manual" ? "manual text" : null, tried.start ? `from frame ${tried.start}` : null, tried.chosen ? "chosen" : null, tried.accepted ? "accepted" : null];
    return h(
      "li",
      { class: tried.chosen ? "round chosen" : "round" },
      h("p", { class: "about" }, h("strong", null, `${place + 1}`), " ", marks.filter(Boolean).map((name) => h("span", { class: "tag" }, name)), h("span", { class: "value" }, `IoU ${number(tried.iou)} · margin ${signed(tried.margin)}${tried.gain ? ` · gain in tracking ${signed(tried.gain.gain)}` : ""}`), here && found.grounded ? toggle(place, show) : null),
      shownText(parts, judge, here ? point : null),
      tried.background?.length ? h("p", { class: "dim", dir: "auto" }, `surroundings: ${tried.background.join(", ")}`) : null,
    );
  };
  return h("ol", { class: "rounds" }, found.rounds.map(item));
}

function toggle(place, show) {
  const press = (event) => show(event.target.getAttribute("aria-pressed") === "true" ? null : place);
  return h("button", { type: "button", class: "boxes", "aria-pressed": "false", "data-round": place, onclick: press, "aria-label": `boxes of round ${place + 1}` }, "boxes");
}

/** Whether a round is about the frame whose picture is shown; the boxes of others do not belong into it. */
export function isHere(found, tried) {
  return tried?.start === (found.pictures?.first?.frame ?? 0);
}

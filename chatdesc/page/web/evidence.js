// What speaks for and against a sequence's text: numbers, key frames, ranges, the audit, what made the row.

import { h, number, signed } from "./dom.js";
import { legend, picture } from "./picture.js";
import { between } from "./words.js";

/** Numbers before and after. */
export function figures(found) {
  const lines = [];
  const of = found.grounding;
  if (of) lines.push(["Grounding IoU", of.manual_iou, of.iou, 2], ["Grounding margin", of.manual_margin, of.margin, 2]);
  for (const entry of found.alignment) lines.push([`Alignment, ${entry.encoder}`, entry.manual, entry.refined, 1]);
  const track = found.tracking;
  const tracked = track ? [["Tracking AUC", track.auc], ["Precision", track.precision], ["Verifier's IoU", track.chosen_iou], ["… at random", track.random_iou], ["… at best", track.oracle_iou]] : [];
  if (!lines.length && !tracked.length) return null;
  return h(
    "table",
    { class: "figures" },
    h("thead", null, h("tr", null, ["", "manual", "to use", "change"].map((name) => (name ? h("th", { scope: "col" }, name) : h("td"))))),
    h(
      "tbody",
      null,
      lines.map(([name, before, after, digits]) => {
        const change = typeof before === "number" && typeof after === "number" ? after - before : null;
        return h("tr", null, h("th", { scope: "row" }, name), h("td", null, number(before, digits)), h("td", null, number(after, digits)), h("td", { class: change === null ? "" : change > 0 ? "good" : change < 0 ? "bad" : "" }, signed(change, digits)));
      }),
      tracked.map(([name, value]) => h("tr", null, h("th", { scope: "row" }, name), h("td"), h("td", null, number(value)), h("td"))),
    ),
  );
}

export function ranges(found) {
  if (found.ranges.length < 2) return null;
  return h("ol", { class: "ranges" }, found.ranges.map((part) => h("li", null, h("span", { class: "about" }, `frames ${part.start} to ${part.stop - 1} · IoU ${number(part.iou)}`), h("p", { dir: "auto" }, part.text))));
}

/** Key frames with boxes by source; with `more` kinds of boxes, of another picture, they stand in one line and have one legend. */
export function keyFrames(found, more = []) {
  const keys = found.pictures?.keys ?? [];
  if (!keys.length) return more.length && found.pictures?.first ? legend(more) : null;
  const inLine = more.length ? { tabindex: 0, role: "group", "aria-label": "Frames" } : {}; // a line can be scrolled
  const one = (key) => {
    const seen = key.proposals ?? { boxes: [], scores: [], chosen: null };
    const proposals = seen.boxes.map((box, place) => ({ box, kind: "proposal", label: `proposal ${number(seen.scores[place])}${place === seen.chosen ? ", chosen" : ""}` }));
    const boxes = [...proposals, { box: key.track, kind: `track ${key.source}`, label: "track" }, { box: key.truth, kind: "truth", label: "target" }];
    const caption = [`${found.tracking?.key_frames?.includes(key.frame) ? "Key frame" : "Frame"} ${key.frame}`, key.truth ? null : "target absent", key.source || null].filter(Boolean).join(" · ");
    const shown = picture(key.src, found.pictures.size, boxes, caption, { alt: `Frame ${key.frame}` });
    shown.dataset.frame = key.frame;
    return shown;
  };
  return h("div", null, h("div", { class: "keys", ...inLine }, keys.map(one)), legend([...new Map([...more, ...kindsOf(keys)])]));
}

function kindsOf(keys) {
  const placed = (source) => keys.some((key) => key.track && key.source === source);
  const kinds = [["truth", "target"]];
  if (placed("tracker")) kinds.push(["track tracker", "placed by the tracker"]);
  if (placed("language")) kinds.push(["track language", "placed by words"]);
  if (keys.some((key) => key.proposals)) kinds.push(["proposal", "what the verifier saw"]);
  return kinds;
}

/** Mark the key frame next to a frame, and bring it into sight where the frames stand in one line. */
export function nearest(frames, frame) {
  const shown = [...(frames?.querySelectorAll("figure") ?? [])];
  const far = (figure) => Math.abs(Number(figure.dataset.frame) - frame);
  const best = frame === null ? null : shown.reduce((a, b) => (a && far(a) <= far(b) ? a : b), null);
  for (const figure of shown) figure.classList.toggle("near", figure === best);
  const line = best?.parentElement;
  if (line && line.scrollWidth > line.clientWidth) line.scrollLeft = best.offsetLeft - line.offsetLeft - (line.clientWidth - best.clientWidth) / 2;
}

/** What speaks against the text: reasons with weights, and the audit's findings with all that they hold. */
export function audit(row, found) {
  if (!found.why.length && !found.audit.length) return null;
  const span = (of) => (typeof of.start === "number" && typeof of.stop === "number" ? between(found.manual_text, of.start, of.stop) : null);
  const reasons = [...timesOf(found.why.map(({ reason, weight }) => `${reason} (${number(weight)})`))];
  const finding = (of) =>
    h(
      "li",
      null,
      h("p", null, h("span", { class: "tag" }, of.kind), of.check && of.check !== of.kind ? h("span", { class: "dim" }, ` by ${of.check}`) : null, typeof of.severity === "number" ? h("span", { class: "value" }, `severity ${number(of.severity)}`) : null),
      span(of) ? h("p", { dir: "auto" }, h("del", { class: "word gone" }, span(of)), of.suggestion ? [" → ", h("ins", { class: "word new" }, of.suggestion)] : null) : of.suggestion ? h("p", { dir: "auto" }, "Suggestion: ", of.suggestion) : null,
      of.reason ? h("p", { dir: "auto" }, of.reason) : null,
      evidence(of.evidence),
    );
  return h(
    "div",
    null,
    h("p", null, `Suspicion ${number(row.suspicion)}`, reasons.length ? ": " : ".", reasons.map(([said, times], place) => [place ? "; " : "", said, times > 1 ? ` × ${times}` : ""])),
    found.audit.length ? h("ul", { class: "findings" }, found.audit.map(finding)) : null,
  );
}

/** Texts with how often each is there, in their order. */
function timesOf(texts) {
  const times = new Map();
  for (const text of texts) times.set(text, (times.get(text) ?? 0) + 1);
  return times;
}

function evidence(known) {
  if (known === null || known === undefined || known === "") return null;
  return typeof known === "object" ? facts(known) : h("p", { class: "dim", dir: "auto" }, String(known));
}

export function madeBy(known) {
  if (!known || !Object.keys(known).length) return null;
  return h("details", null, h("summary", null, `chatdesc ${known.chatdesc ?? ""}, configuration ${known.config_hash ?? "unknown"}`), facts(known));
}

function facts(known) {
  const said = (value) => (value !== null && typeof value === "object" ? (Array.isArray(value) && value.every((item) => typeof item !== "object") ? value.join(", ") : facts(value)) : String(value));
  return h("dl", { class: "facts" }, Object.entries(known).filter(([, value]) => value !== null).map(([key, value]) => [h("dt", null, key), h("dd", { dir: "auto" }, said(value))]));
}

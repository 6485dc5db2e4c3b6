// The page of one sequence: pictures, texts round by round, time line, audit, what made it.

import { details } from "./data.js";
import { h, number, put, signed } from "./dom.js";
import { legend, mark, picture, redraw } from "./picture.js";
import { timelineOf } from "./timeline.js";
import { between, diff, judgeOf, shownText, split } from "./words.js";

/**
 * The page as an element, with `update(state, before)` for what changes while it is open, the `line` over time, and the
 * places of the `rounds` whose boxes can be shown.
 */
export function sequencePage(data, number_, state, send, hrefs) {
  const row = data.rows[number_];
  const found = details(number_);
  if (found === null) return { element: h("p", { class: "dim" }, "This part of the page is still being read …"), update() {}, line: null, rounds: [] };
  const time = h("div");
  const frames = keyFrames(found);
  const said = found.ranges.length ? found.ranges : [{ start: 0, stop: found.timeline.frames, iou: found.grounding?.iou }];
  const figure = firstFrame(found, row);
  const point = (word, box) => figure && mark(figure, box, word?.text);
  const tried = rounds(found, point, (round) => send({ type: "round", round }));
  const element = h(
    "article",
    { class: "sequence", "aria-labelledby": "name" },
    heading(data, row, found, hrefs),
    h(
      "div",
      { class: "columns" },
      figure ? h("section", { class: "beside", "aria-label": "First frame" }, figure, firstLegend(found)) : null,
      h("div", null, texts(row, found, point), figures(found), section("Texts, round by round", "rounds", tried)),
    ),
    section("Over time", "time", found.timeline.frames ? time : null),
    section("Frames", "frames", frames),
    section("Text by range of frames", "ranges", ranges(found)),
    section("Audit", "audit", audit(row, found)),
    section("Problems", "problems", found.problems.length ? h("ul", null, found.problems.map((problem) => h("li", { dir: "auto" }, problem))) : null),
    section("What made it", "made", madeBy(data.madeBy[found.made_by])),
  );
  const update = (now, before) => {
    if (figure && now.round !== before?.round) showRound(figure, tried, found, now.round);
    const held = time.querySelector("input") === document.activeElement;
    if (found.timeline.frames) put(time, timelineOf(found.timeline, said, now.frame, send));
    if (held) time.querySelector("input").focus();
    nearest(frames, now.frame);
  };
  update(state);
  const places = found.rounds.map((_, place) => place).filter((place) => isHere(found, found.rounds[place]));
  return { element, update, line: found.timeline, rounds: figure && found.grounded ? places : [] };
}

/** Whether a round is about the frame whose picture is shown; the boxes of others do not belong into it. */
function isHere(found, tried) {
  return tried?.start === (found.pictures?.first?.frame ?? 0);
}

function heading(data, row, found, { previous, next, back }) {
  const size = found.width && found.height ? `${found.width} × ${found.height}` : null;
  const about = [row.category && `class ${row.category}`, row.dataset, row.split, row.frames && `${row.frames} frames`, size, data.several ? data.sources[row.source] : null];
  return h(
    "div",
    { class: "heading" },
    h("nav", { "aria-label": "Sequences" }, h("a", { href: back, class: "button" }, "← All"), link(previous, "Previous"), link(next, "Next")),
    h("h1", { id: "name", tabindex: -1, dir: "auto" }, row.sequence || "(no name)"),
    h("p", { class: "about", dir: "auto" }, about.filter(Boolean).join(" · "), row.status === "ok" ? null : [" · ", h("span", { class: "status" }, row.status)]),
    row.attributes.length ? h("p", { class: "tags" }, row.attributes.map((name) => h("span", { class: "tag" }, name))) : null,
  );
}

function link(href, label) {
  return href ? h("a", { href, class: "button" }, label) : h("span", { class: "button off", "aria-hidden": "true" }, label);
}

function section(title, id, content) {
  return content ? h("section", { id: `part-${id}`, "aria-labelledby": `title-${id}` }, h("h2", { id: `title-${id}` }, title), content) : null;
}

function firstFrame(found, row) {
  const first = found.pictures?.first;
  if (!first) return null;
  const boxes = [{ box: first.truth, kind: "truth", label: "target" }];
  return picture(first.src, found.pictures.size, boxes, `Frame ${first.frame}`, { alt: `Frame ${first.frame} of ${row.sequence}`, class: "first" });
}

/** Draw the proposals of a round, or those of the text to use, and mark the round in the list. */
function showRound(figure, list, found, round) {
  const tried = isHere(found, found.rounds[round]) ? found.rounds[round] : null;
  const text = tried ? tried.text : (found.text ?? found.manual_text);
  const grounded = groundedOf(found, text, tried?.start ?? 0);
  const proposals = (grounded?.boxes ?? []).map((box, place) => {
    const [word, score, on] = grounded.best[place];
    return { box, kind: on ? "good" : "bad", label: `${word} ${number(score)}` };
  });
  redraw(figure, proposals.reverse());
  if (grounded) figure.querySelector("figcaption").textContent = `Frame ${found.pictures.first.frame} with the proposals for “${text}”`;
  list?.querySelectorAll("[aria-pressed]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.round === String(round))));
}

function firstLegend(found) {
  const kinds = [["truth", "target"]];
  if (found.grounded) kinds.push(["good", "proposal on the target, by its best word"], ["bad", "proposal elsewhere"]);
  return legend(kinds);
}

function groundedOf(found, text, start) {
  return (found.grounded ?? []).find((of) => of.text === text && of.start === start) ?? null;
}

/** The manual text, then the text to use as a difference from it. */
function texts(row, found, point) {
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
    found.grounded ? h("p", { class: "dim" }, "Point at a word to see where it leads.") : null,
    found.background.length ? h("p", null, h("span", { class: "dim" }, "Surroundings: "), h("span", { dir: "auto" }, found.background.join(", "))) : null,
    wordLegend(),
  );
}

function wordLegend() {
  const item = (tag, kind, label) => h("li", null, h(tag, { class: `word ${kind}` }, label));
  return h("ul", { class: "legend", "aria-label": "Legend of words" }, item("span", "same good", "led to the target"), item("span", "same bad", "led elsewhere"), item("ins", "new", "new"), item("del", "gone", "gone"));
}

/** Numbers before and after. */
function figures(found) {
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

function rounds(found, point, show) {
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
      h("p", { class: "about" }, h("strong", null, `${place + 1}`), " ", marks.filter(Boolean).map((name) => h("span", { class: "tag" }, name)), h("span", { class: "value" }, `IoU ${number(tried.iou)} · margin ${signed(tried.margin)}`), here && found.grounded ? toggle(place, show) : null),
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

function ranges(found) {
  if (found.ranges.length < 2) return null;
  return h("ol", { class: "ranges" }, found.ranges.map((part) => h("li", null, h("span", { class: "about" }, `frames ${part.start} to ${part.stop - 1} · IoU ${number(part.iou)}`), h("p", { dir: "auto" }, part.text))));
}

function keyFrames(found) {
  const keys = found.pictures?.keys ?? [];
  if (!keys.length) return null;
  const one = (key) => {
    const seen = key.proposals ?? { boxes: [], scores: [], chosen: null };
    const proposals = seen.boxes.map((box, place) => ({ box, kind: "proposal", label: `proposal ${number(seen.scores[place])}${place === seen.chosen ? ", chosen" : ""}` }));
    const boxes = [...proposals, { box: key.track, kind: `track ${key.source}`, label: "track" }, { box: key.truth, kind: "truth", label: "target" }];
    const caption = [`${found.tracking?.key_frames?.includes(key.frame) ? "Key frame" : "Frame"} ${key.frame}`, key.truth ? null : "target absent", key.source ? `box by ${key.source}` : null].filter(Boolean).join(" · ");
    const shown = picture(key.src, found.pictures.size, boxes, caption, { alt: `Frame ${key.frame}` });
    shown.dataset.frame = key.frame;
    return shown;
  };
  return h("div", null, h("div", { class: "keys" }, keys.map(one)), legend([["truth", "target"], ["track tracker", "placed by the tracker"], ["track language", "placed by words"], ...(keys.some((key) => key.proposals) ? [["proposal", "what the verifier saw"]] : [])]));
}

function nearest(frames, frame) {
  const shown = [...(frames?.querySelectorAll("figure") ?? [])];
  const far = (figure) => Math.abs(Number(figure.dataset.frame) - frame);
  const best = frame === null ? null : shown.reduce((a, b) => (a && far(a) <= far(b) ? a : b), null);
  for (const figure of shown) figure.classList.toggle("near", figure === best);
}

/** What speaks against the text: reasons with weights, and the audit's findings with all that they hold. */
function audit(row, found) {
  if (!found.why.length && !found.audit.length) return null;
  const span = (of) => (typeof of.start === "number" && typeof of.stop === "number" ? between(found.manual_text, of.start, of.stop) : null);
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
    h("p", null, `Suspicion ${number(row.suspicion)}`, found.why.length ? ": " : ".", found.why.map(({ reason, weight }, place) => [place ? "; " : "", `${reason} (${number(weight)})`])),
    found.audit.length ? h("ul", { class: "findings" }, found.audit.map(finding)) : null,
  );
}

function evidence(known) {
  if (known === null || known === undefined || known === "") return null;
  return typeof known === "object" ? facts(known) : h("p", { class: "dim", dir: "auto" }, String(known));
}

function madeBy(known) {
  if (!known || !Object.keys(known).length) return null;
  return h("details", null, h("summary", null, `chatdesc ${known.chatdesc ?? ""}, configuration ${known.config_hash ?? "unknown"}`), facts(known));
}

function facts(known) {
  const said = (value) => (value !== null && typeof value === "object" ? (Array.isArray(value) && value.every((item) => typeof item !== "object") ? value.join(", ") : facts(value)) : String(value));
  return h("dl", { class: "facts" }, Object.entries(known).filter(([, value]) => value !== null).map(([key, value]) => [h("dt", null, key), h("dd", { dir: "auto" }, said(value))]));
}

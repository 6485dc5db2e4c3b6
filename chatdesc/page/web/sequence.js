// The page of one sequence: pictures, texts round by round, time line, audit, what made it.

import { details } from "./data.js";
import { h, number, put } from "./dom.js";
import { audit, figures, keyFrames, madeBy, nearest, ranges } from "./evidence.js";
import { legend, mark, picture, redraw, sharpen } from "./picture.js";
import { groundedOf, isHere, rounds, texts } from "./texts.js";
import { timelineOf } from "./timeline.js";

/**
 * The page as an element, with `update(state, before)` for what changes while it is open, the `line` over time, and the
 * places of the `rounds` whose boxes can be shown. With a `dock` the evidence stands close together above it.
 */
export function sequencePage(data, number_, state, send, hrefs, dock = null) {
  const row = data.rows[number_];
  const found = details(number_);
  if (found === null) return unread();
  const time = h("div");
  const frames = keyFrames(found, dock ? firstKinds(found) : []);
  const said = found.ranges.length ? found.ranges : [{ start: 0, stop: found.timeline.frames, iou: found.grounding?.iou }];
  const figure = firstFrame(found, row);
  if (figure && dock) sharpen(figure, frameOf(number_, found));
  const point = (word, box) => figure && mark(figure, box, word?.text);
  const tried = rounds(found, point, (round) => send({ type: "round", round }));
  const first = [figure ? h("section", { "aria-label": "First frame" }, figure, dock ? null : legend(firstKinds(found))) : null];
  const parts = {
    time: section("Over time", "time", found.timeline.frames ? time : null),
    frames: section("Frames", "frames", frames),
    audit: section("Audit", "audit", audit(row, found)),
    rounds: section("Texts, round by round", "rounds", tried),
  };
  const rest = [
    section("Text by range of frames", "ranges", ranges(found)),
    dock ? null : parts.audit,
    section("Problems", "problems", found.problems.length ? h("ul", null, found.problems.map((problem) => h("li", { dir: "auto" }, problem))) : null),
    section("What made it", "made", madeBy(data.madeBy[found.made_by])),
  ];
  const two = dock
    ? columns([...first, parts.frames, parts.time], [texts(row, found, point), parts.audit, figures(found), parts.rounds])
    : columns(first, [texts(row, found, point), figures(found), parts.rounds]);
  const element = article(dock, [heading(data, row, found, hrefs), two, ...(dock ? [] : [parts.time, parts.frames]), ...rest]);
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

/** The page while nobody may know which text is which: both texts, and frames with the target. */
export function blindPage(data, number_, hrefs, dock, offers) {
  const row = data.rows[number_];
  const found = details(number_);
  if (found === null) return unread();
  const figure = firstFrame(found, row);
  if (figure) sharpen(figure, frameOf(number_, found));
  const keys = (found.pictures?.keys ?? []).map(({ src, frame, truth }) => ({ src, frame, truth }));
  const frames = keyFrames({ pictures: { ...found.pictures, keys } }, [["truth", "target"]]);
  const shown = offers.map(({ name, text }) => h("div", { class: "offer" }, h("h2", null, name.replace("t", "T")), h("p", { class: "text", dir: "auto" }, text)));
  const note = h("p", { class: "dim" }, "Once you have decided, the page shows which text is which, and the evidence.");
  const left = [figure ? h("section", { "aria-label": "First frame" }, figure) : null, section("Frames", "frames", frames)];
  const element = article(dock, [heading(data, row, found, hrefs), columns(left, [h("section", { class: "texts blind", "aria-label": "Texts" }, shown, note)])]);
  return { element, update() {}, line: null, rounds: [] };
}

/** The address at which a review's server has the first frame, larger than the page does. */
function frameOf(number, found) {
  return `frame/${number}/${found.pictures.first.frame}`;
}

function unread() {
  return { element: h("p", { class: "dim" }, "This part of the page is still being read …"), update() {}, line: null, rounds: [] };
}

function article(dock, children) {
  return h("article", { class: dock ? "sequence review" : "sequence", "aria-labelledby": "name" }, children, dock);
}

function columns(left, right) {
  const beside = left.some(Boolean) ? h("div", { class: "beside" }, left) : null;
  return h("div", { class: "columns" }, beside, h("div", { class: "said-of" }, right));
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

function firstKinds(found) {
  return [["truth", "target"], ...(found.grounded ? [["good", "proposal on the target"], ["bad", "proposal elsewhere"]] : [])];
}

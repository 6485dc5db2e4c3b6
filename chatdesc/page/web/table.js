// The table of all sequences. Only the rows in sight exist, so it stays fast with thousands.

import { details } from "./data.js";
import { h, number, put, signed } from "./dom.js";
import { SIGNS, saidOf, shortOf } from "./verdicts.js";

const COLUMNS = [
  { by: "sequence", label: "Sequence" },
  { by: "text_source", label: "Manual text and text to use" },
  { by: "iou", label: "IoU", pair: ["manual_iou", "iou"], digits: 2 },
  { by: "margin", label: "Margin", pair: ["manual_margin", "margin"], digits: 2 },
  { by: "alignment", label: "Alignment", pair: ["manual_alignment", "alignment"], digits: 1 },
  { by: "auc", label: "AUC", digits: 2 },
  { by: "suspicion", label: "Suspicion", digits: 2 },
];
const DECISION = { by: "decision", label: "Decision" }; // of a review
const EXTRA = 6; // rows beyond those in sight

/** The table: its element, and `update(numbers, state)`; `hidden(row)` gives texts in blind order, or null. */
export function makeTable(data, send, hrefOf, hidden = () => null) {
  const columns = data.review ? [...COLUMNS, DECISION] : COLUMNS;
  const heads = columns.map((column) => head(column, send, column.by === "text_source" ? data.texts : []));
  const space = h("div", { class: "space", role: "rowgroup" });
  const body = h("div", { class: "rows" }, space);
  const grid = h(
    "div",
    { class: data.review ? "table review" : "table", style: { "--more": data.texts.length }, role: "grid", "aria-label": "Sequences", "aria-colcount": columns.length, tabindex: 0 },
    h("div", { role: "rowgroup" }, h("div", { class: "row head", role: "row", "aria-rowindex": 1 }, heads)),
    body,
  );
  let numbers = [];
  let cursor = 0;
  let high = 0;
  let waiting = false;
  const draw = () => {
    waiting = false;
    const height = (name, other) => parseFloat(getComputedStyle(grid).getPropertyValue(name)) || other;
    high = height("--row", 64) + data.texts.length * height("--text-line", 21);
    space.style.setProperty("height", `${numbers.length * high}px`);
    body.style.setProperty("--all", `${Math.max(numbers.length, 1) * high}px`);
    const first = Math.max(Math.floor(body.scrollTop / high) - EXTRA, 0);
    const last = Math.min(Math.ceil((body.scrollTop + body.clientHeight) / high) + EXTRA, numbers.length);
    const shown = [];
    for (let place = first; place < last; place++)
      shown.push(line(data, data.rows[numbers[place]], place, place * high, place === cursor, hrefOf, hidden));
    put(space, shown.length ? shown : empty());
    grid.setAttribute("aria-rowcount", numbers.length + 1);
    if (numbers.length) grid.setAttribute("aria-activedescendant", `row-${cursor}`);
    else grid.removeAttribute("aria-activedescendant");
  };
  const soon = () => {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  };
  body.addEventListener("scroll", soon, { passive: true });
  body.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (row && !event.target.closest("a") && !getSelection().toString()) send({ type: "open", number: Number(row.dataset.number) });
  });
  new ResizeObserver(soon).observe(body);
  return {
    element: grid,
    draw,
    update(found, state) {
      const other = found !== numbers;
      numbers = found;
      cursor = Math.min(state.row, Math.max(numbers.length - 1, 0));
      if (other) body.scrollTop = Math.min(body.scrollTop, Math.max(numbers.length * high - body.clientHeight, 0));
      if (cursor * high < body.scrollTop) body.scrollTop = cursor * high;
      if ((cursor + 1) * high > body.scrollTop + body.clientHeight) body.scrollTop = (cursor + 1) * high - body.clientHeight;
      for (const [place, { by }] of columns.entries()) heads[place].setAttribute("aria-sort", by === "text_source" ? sortedByText(state.sort, data.texts) : sorted(state.sort, by));
      for (const head of heads) for (const button of head.querySelectorAll("button")) button.dataset.sorted = sorted(state.sort, button.dataset.by);
      draw();
    },
  };
}

function head({ by, label }, send, texts) {
  const button = (by, label) => h("button", { type: "button", "data-by": by, onclick: () => send({ type: "sort", by }), title: `Sort by ${label.toLowerCase()}` }, label);
  return h("div", { class: `cell ${by}`, role: "columnheader" }, button(by, label), texts.map((name) => button(name, name)));
}

/** The column of texts is in order, too, where it is sorted by the text of another source. */
function sortedByText(sort, texts) {
  return [...texts.map((name) => sorted(sort, name)), sorted(sort, "text_source")].find((order) => order !== "none") ?? "none";
}

function sorted(sort, by) {
  return sort === by ? "ascending" : sort === `-${by}` ? "descending" : "none";
}

function empty() {
  return h("div", { class: "row none", role: "row" }, h("div", { role: "gridcell", class: "cell" }, "No sequence fits. Escape clears the search."));
}

function line(data, row, place, top, current, hrefOf, hidden) {
  const blind = hidden(row);
  const options = {
    class: current ? "row current" : "row",
    role: "row",
    id: `row-${place}`,
    "aria-rowindex": place + 2,
    "aria-selected": String(current),
    "data-number": row.number,
    style: { transform: `translateY(${top}px)` },
  };
  const measures = COLUMNS.slice(2).map((column) => (blind && column.pair ? unknown(column) : measure(row, column)));
  return h("div", options, name(data, row, hrefOf), blind ? blindTexts(blind) : texts(row), measures, data.review ? decision(row, blind) : null);
}

function name(data, row, hrefOf) {
  const about = [row.category, row.split, data.several ? data.sources[row.source] : null].filter(Boolean).join(" · ");
  return h(
    "div",
    { class: "cell sequence", role: "gridcell" },
    data.pictures ? thumbnail(row) : null,
    h(
      "div",
      { class: "name" },
      h("a", { href: hrefOf(row.number), tabindex: -1, dir: "auto" }, row.sequence || "(no name)"),
      h("span", { class: "about", dir: "auto" }, row.status === "ok" ? about : [h("span", { class: "status" }, row.status), " ", about]),
    ),
  );
}

function thumbnail(row) {
  const src = details(row.number)?.pictures?.crop;
  return src ? h("img", { class: "thumb", src, alt: "", decoding: "async", width: 48, height: 48 }) : h("span", { class: "thumb" });
}

/** A number that would tell which text is which. */
function unknown({ by }) {
  return h("div", { class: `cell number ${by}`, role: "gridcell" }, h("span", { class: "dim" }, "hidden"));
}

function blindTexts(offers) {
  const text = ({ name, text }) => h("span", { class: "after", dir: "auto", title: text }, h("span", { class: "dim" }, `${name.slice(-1)} `), text);
  return h("div", { class: "cell text_source", role: "gridcell" }, offers.map(text));
}

/** What was decided: this reviewer's decision, then how many others have one. */
function decision({ mine, decisions }, blind) {
  const badge = (of) => h("span", { class: "badge", "data-verdict": of.verdict, title: `${of.reviewer}: ${saidOf(of)}${of.reason ? `: ${of.reason}` : ""}` }, h("span", { "aria-hidden": "true" }, `${SIGNS[of.verdict] ?? "?"} `), shortOf(of));
  const others = decisions.filter((of) => of !== mine);
  const other = (of) => (blind ? h("span", { class: "other" }, h("bdi", null, of.reviewer)) : h("span", { class: "other" }, h("bdi", null, of.reviewer), " ", h("span", { "aria-hidden": "true" }, SIGNS[of.verdict]), h("span", { class: "hidden" }, shortOf(of))));
  return h("div", { class: "cell decision", role: "gridcell" }, mine ? badge(mine) : null, others.map(other));
}

function texts(row) {
  const stands = row.mine?.verdict === "edit" ? row.mine.text : row.text;
  const kept = row.text !== null && row.text_source === "manual" && stands === row.text;
  const text = (value, kind, label) =>
    h("span", { class: kind, dir: "auto", title: value }, h("span", { class: "hidden" }, `${label}: `), value ?? "no text");
  return h(
    "div",
    { class: "cell text_source", role: "gridcell" },
    kept ? null : text(row.manual_text, "before", "manual"),
    text(stands, stands === null ? "after dim" : "after", "to use"),
    kept ? h("span", { class: "kept" }, "kept as it was") : null,
    row.named.map(({ name, text: said }) => h("span", { class: "other-text", dir: "auto", title: said }, h("bdi", { class: "dim" }, `${name} `), said ?? "–")),
  );
}

function measure(row, { by, label, pair, digits }) {
  const short = h("span", { class: "label", "aria-hidden": "true" }, label);
  if (!pair) return h("div", { class: `cell number ${by}`, role: "gridcell" }, short, h("span", null, number(row[by], digits)));
  const [before, after] = pair.map((key) => row[key]);
  const change = typeof before === "number" && typeof after === "number" ? after - before : null;
  const side = change === null || Math.abs(change) < 0.5 * 10 ** -digits ? "" : change > 0 ? "good" : "bad";
  const difference = side ? h("span", { class: `change ${side}` }, signed(change, digits)) : h("span", { class: "change" }, change === null ? "" : "same");
  return h("div", { class: `cell number ${by}`, role: "gridcell" }, short, h("span", null, h("span", { class: "was" }, `${number(before, digits)} → `), number(after, digits)), difference);
}

// The overview above the table: means before and after, groups, and the sequences to look at first.

import { asking } from "./filter.js";
import { h, number, signed } from "./dom.js";

export const MEASURES = [
  { key: "iou", before: "manual_iou", after: "iou", label: "Grounding IoU", low: 0, high: 1, digits: 3 },
  { key: "margin", before: "manual_margin", after: "margin", label: "Grounding margin", low: -1, high: 1, digits: 3 },
  { key: "alignment", before: "manual_alignment", after: "alignment", label: "Alignment × 100", low: null, high: null, digits: 2 },
  { key: "auc", before: "iou", after: "auc", label: "Tracking AUC", low: 0, high: 1, digits: 3, single: true },
];
const FIRST = 5; // sequences in a list
const MOST_GROUPS = 12;

/** Means of a measure over the rows that have both numbers, and how many got better and worse. */
export function paired(rows, { before, after }) {
  const both = rows.filter((row) => known(row[before]) && known(row[after]));
  const changes = both.map((row) => row[after] - row[before]);
  return {
    pairs: both.length,
    before: mean(both.map((row) => row[before])),
    after: mean(both.map((row) => row[after])),
    better: changes.filter((change) => change > 0.005).length,
    worse: changes.filter((change) => change < -0.005).length,
  };
}

/** The mean of the numbers that are known; null without one. */
export function mean(values) {
  const numbers = values.filter(known);
  return numbers.length ? numbers.reduce((sum, value) => sum + value, 0) / numbers.length : null;
}

/** The cards with counts and means. */
export function cards(rows, all) {
  const counted = (name, value, of) => h("div", { class: "card" }, h("dt", null, name), h("dd", null, h("strong", null, value), of ? h("span", { class: "of" }, of) : null));
  const refined = rows.filter((row) => row.text !== null && row.text_source !== "manual").length;
  const without = rows.filter((row) => row.text === null).length;
  const shown = rows.length === all ? "" : `of ${all}`;
  return h(
    "dl",
    { class: "cards" },
    counted("Sequences", rows.length, shown),
    counted("New texts", refined, rows.length ? `${Math.round((100 * refined) / rows.length)} %` : ""),
    without ? counted("Without a text", without, "") : null,
    MEASURES.filter((measure) => !measure.single).map((measure) => change(measure, rows)),
    tracking(rows),
  );
}

function change(measure, rows) {
  const { pairs, before, after, better, worse } = paired(rows, measure);
  if (!pairs) return null;
  const side = after > before ? "good" : after < before ? "bad" : "";
  return h(
    "div",
    { class: "card" },
    h("dt", null, measure.label),
    h(
      "dd",
      null,
      h("strong", null, number(before, measure.digits), h("span", { class: "arrow" }, " → "), number(after, measure.digits)),
      h("span", { class: `of ${side}` }, signed(after - before, measure.digits)),
      h("span", { class: "of" }, `${better} better, ${worse} worse of ${pairs}`),
    ),
  );
}

function tracking(rows) {
  const value = mean(rows.map((row) => row.auc));
  if (value === null) return null;
  const count = rows.filter((row) => known(row.auc)).length;
  return h("div", { class: "card" }, h("dt", null, "Tracking AUC"), h("dd", null, h("strong", null, number(value, 3)), h("span", { class: "of" }, `${count} tracked`)));
}

/** Lists of the sequences to look at first. */
export function lists(rows, hrefOf) {
  const by = (key, sign, holds) => rows.filter(holds).sort((a, b) => sign * (a[key] - b[key]) || a.number - b.number).slice(0, FIRST);
  const changed = (row) => known(row.gain) && row.text_source !== "manual";
  return h(
    "div",
    { class: "lists" },
    list("Most suspicious", by("suspicion", -1, (row) => row.suspicion > 0), (row) => number(row.suspicion), hrefOf),
    list("Most gained", by("gain", -1, (row) => changed(row) && row.gain > 0.005), (row) => `${signed(row.gain)} IoU`, hrefOf),
    list("Worst, text to use", by("iou", 1, (row) => known(row.iou)), (row) => `${number(row.iou)} IoU`, hrefOf),
  );
}

function list(title, rows, value, hrefOf) {
  const item = (row) =>
    h("li", null, h("a", { href: hrefOf(row.number) }, h("bdi", null, row.sequence || "(no name)")), h("span", { class: "value" }, value(row)), h("span", { class: "said", dir: "auto" }, row.text ?? "no text"));
  return h("section", null, h("h2", null, title), rows.length ? h("ol", null, rows.map(item)) : h("p", { class: "dim" }, "None."));
}

/** Means per category, attribute and so on: a table each, of the largest groups; a name filters by its group. */
export function groups(rows, search) {
  const kinds = [
    ["Category", "category", (row) => [row.category ?? "none"]],
    ["Attribute", "attribute", (row) => row.attributes],
    ["Dataset", "dataset", (row) => [row.dataset ?? "none"]],
    ["Status", "status", (row) => [row.status ?? "none"]],
  ];
  return kinds.map(([title, field, of]) => group(title, field, grouped(rows, of), search, rows.length)).filter(Boolean);
}

function grouped(rows, of) {
  const found = new Map();
  for (const row of rows)
    for (const name of of(row)) {
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(row);
    }
  return [...found].sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1));
}

function group(title, field, found, search, all) {
  if (!found.length || (found.length === 1 && found[0][1].length === all)) return null;
  const shown = found.slice(0, MOST_GROUPS);
  const row = ([name, rows]) => {
    const { pairs, before, after } = paired(rows, MEASURES[0]);
    const filter = () => search(asking(field, name));
    return h(
      "tr",
      null,
      h("th", { scope: "row" }, h("button", { type: "button", onclick: filter, title: `Show these ${rows.length}` }, h("bdi", null, name))),
      h("td", null, rows.length),
      h("td", null, number(before)),
      h("td", null, number(after)),
      h("td", { class: pairs ? (after > before ? "good" : after < before ? "bad" : "") : "" }, pairs ? signed(after - before) : "–"),
      h("td", null, number(mean(rows.map((of) => of.auc)))),
    );
  };
  return h(
    "section",
    { class: "group" },
    h("h2", null, title),
    h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": `${title}: means` },
      h("table", null,
        h("thead", null, h("tr", null, ["Group", "n", "manual IoU", "IoU", "change", "AUC"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", null, shown.map(row)))),
    found.length > shown.length ? h("p", { class: "dim" }, `and ${found.length - shown.length} smaller groups`) : null,
  );
}

function known(value) {
  return typeof value === "number" && isFinite(value);
}

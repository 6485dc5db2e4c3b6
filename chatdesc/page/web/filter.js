// Which rows are shown, and in what order.

const OPERATORS = /^([\w.-]+?)(<=|>=|<|>|=|:)(.*)$/;
const OF_NAMED = /^(.+)\.(iou|margin)$/; // of the text of another source
const TEXTS = ["sequence", "dataset", "split", "category", "status", "text_source", "manual_text", "text", "decided", "differ"];
const NUMBERS = [
  "frames", "manual_iou", "iou", "gain", "manual_margin", "margin", "manual_alignment", "alignment", "auc", "suspicion",
  "findings", "source",
];

const OF_DECISIONS = { decision: "verdict", kind: "kind", reviewer: "reviewer" };

/**
 * A query as conditions: words that must be there, `iou<0.5`, `status:ok`, `attribute:occlusion`, `-word`, and with a
 * source of texts called qwen `qwen:red` and `qwen.iou<0.5`.
 */
export function parse(query) {
  const parts = query.match(/(?:[^\s"]+|"[^"]*"?)+/g) ?? [];
  return parts.map((part) => condition(part.replaceAll('"', ""))).filter(Boolean);
}

/** Numbers of the rows that meet a query, sorted; null values come last either way. */
export function chosen(rows, query, sort) {
  const conditions = parse(query);
  const found = [];
  for (const row of rows) if (conditions.every((holds) => holds(row))) found.push(row.number);
  const by = sort.replace(/^-/, "");
  const sign = sort.startsWith("-") ? -1 : 1;
  const keys = rows.length ? sortKeys(rows, by) : [];
  return found.sort((a, b) => compare(keys[a], keys[b], sign) || a - b);
}

/** A part of a query that asks for an exact value, quoted where it must be. */
export function asking(field, value) {
  return /[\s"]/.test(String(value)) ? `"${field}=${String(value).replaceAll('"', "")}"` : `${field}=${value}`;
}

function condition(part) {
  const not = part.length > 1 && part.startsWith("-");
  const holds = positive(not ? part.slice(1) : part);
  return not ? (row) => !holds(row) : holds;
}

function positive(part) {
  const [, field, operator, value] = part.match(OPERATORS) ?? [];
  if (field === "attribute") return (row) => row.attributes.some((name) => same(name, value));
  if (field in OF_DECISIONS) return (row) => (row.decisions ?? []).some((decision) => same(decision[OF_DECISIONS[field]], value));
  if (NUMBERS.includes(field) && value !== "" && !Number.isNaN(Number(value))) return numeric(field, operator, Number(value));
  if (TEXTS.includes(field) && operator === "=") return (row) => same(row[field] ?? "none", value);
  if (TEXTS.includes(field) && operator === ":") return (row) => has(row[field] ?? "none", value);
  const word = part.toLowerCase();
  const plain = (row) => row.haystack.includes(word);
  return value && field ? (row) => (knows(row, field) ? ofNamed(row, field, operator, value) : plain(row)) : plain;
}

/** Whether a field is a source of texts, or a number of its text. */
function knows(row, field) {
  return Boolean(named(row, field) ?? named(row, field.match(OF_NAMED)?.[1]));
}

function named(row, name) {
  return row.named?.find((of) => of.name === name);
}

function ofNamed(row, field, operator, value) {
  const own = valueOf(row, field);
  if (named(row, field)) return operator === "=" ? same(own ?? "none", value) : operator === ":" && has(own ?? "none", value);
  return !Number.isNaN(Number(value)) && numeric(field, operator, Number(value))(row);
}

/** A row's value by its name; of another source of texts `NAME` is the text, `NAME.iou` and `NAME.margin` are numbers. */
function valueOf(row, by) {
  const [, name, number] = by.match(OF_NAMED) ?? [];
  const text = named(row, by);
  return (text ? text.text : named(row, name) ? named(row, name)[number] : row[by]) ?? null;
}

function numeric(field, operator, limit) {
  const tests = {
    "<": (v) => v < limit,
    ">": (v) => v > limit,
    "<=": (v) => v <= limit,
    ">=": (v) => v >= limit,
    "=": (v) => v === limit,
    ":": (v) => v === limit,
  };
  return (row) => {
    const value = valueOf(row, field);
    return typeof value === "number" && tests[operator](value);
  };
}

function same(a, b) {
  return String(a).toLowerCase() === b.toLowerCase();
}

function has(a, b) {
  return String(a).toLowerCase().includes(b.toLowerCase());
}

function sortKeys(rows, by) {
  if (by !== "sequence") return rows.map((row) => valueOf(row, by));
  const ordered = rows.map((row) => row.number);
  const collator = new Intl.Collator("en", { numeric: true });
  ordered.sort((a, b) => collator.compare(rows[a].sequence, rows[b].sequence));
  const places = [];
  ordered.forEach((number, place) => (places[number] = place));
  return places;
}

function compare(a, b, sign) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === "string") return sign * (a < b ? -1 : a > b ? 1 : 0);
  return sign * (a - b);
}

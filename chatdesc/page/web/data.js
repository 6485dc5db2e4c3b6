// The data of the page: the index at once, a sequence's details when they are asked for.

/** Read the index: `rows` as objects, `sources`, `texts` (names of other sources of texts), `madeBy`, whether there are `pictures`, and names unique in the page. */
export function readIndex() {
  const index = JSON.parse(document.getElementById("index").textContent);
  const rows = index.rows.map((values, number) => {
    const row = { number };
    index.fields.forEach((field, place) => (row[field] = values[place]));
    row.named = row.named.map(([text, iou, margin], place) => ({ name: index.texts[place], text, iou, margin }));
    row.haystack = [row.sequence, row.category, row.manual_text, row.text, ...row.named.map(({ text }) => text)].join("\n").toLowerCase();
    row.gain = gain(row.manual_iou, row.iou);
    return row;
  });
  const several = index.sources.length > 1;
  const byName = new Map();
  const names = rows.map((row) => {
    const name = several ? `${row.source}:${row.sequence}` : row.sequence;
    const unique = byName.has(name) ? `${name}#${row.number}` : name; // two splits may have a sequence of the same name
    byName.set(unique, row.number);
    return unique;
  });
  return {
    rows,
    several,
    sources: index.sources,
    texts: index.texts,
    madeBy: index.made_by,
    version: index.version,
    pictures: index.pictures,
    review: index.review ?? null, // who decides, where the page is served for a review
    nameOf: (number) => names[number] ?? "",
    numberOf: (name) => byName.get(name) ?? null,
  };
}

const LAST = 64; // details that stay parsed
const parsed = new Map();

/** A sequence's details; null while the page is still being read. */
export function details(number) {
  if (parsed.has(number)) return parsed.get(number);
  const element = document.getElementById(`details-${number}`);
  // An element without a follower may still be incomplete.
  if (element === null || (document.readyState === "loading" && element.nextElementSibling === null)) return null;
  const found = JSON.parse(element.textContent);
  parsed.set(number, found);
  if (parsed.size > LAST) parsed.delete(parsed.keys().next().value);
  return found;
}

function gain(before, after) {
  return typeof before === "number" && typeof after === "number" ? after - before : null;
}

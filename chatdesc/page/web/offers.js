// The texts of a row that can be accepted, and which of them is called A where their order is blind.

const [BASIS, PRIME] = [0x811c9dc5, 0x01000193]; // of the hash FNV-1a

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/**
 * The texts as { side, text, name, key }: the refined one, where it differs, the manual one, then those of other sources that
 * differ from all before. Keys from the third on are the place.
 */
export function offersOf(row, found) {
  const { text, manual_text: manual } = found;
  const offers = [];
  if (text !== null && text !== manual && row.text_source !== "manual") offers.push({ side: "refined", text, name: "refined text", key: "a" });
  if (manual !== null) offers.push({ side: "manual", text: manual, name: "manual text", key: offers.length ? "m" : "a" });
  for (const { name, phrases } of found.named ?? []) {
    const [, said] = phrases[0];
    if (offers.every((offer) => offer.text !== said)) offers.push({ side: name, text: said, name: `${name} text`, key: keyOf(offers.length) });
  }
  return offers;
}

/** The key of the text at a place where neither a nor m is its own: 1 to 9. */
function keyOf(place) {
  return place < 9 ? String(place + 1) : "";
}

/** The text of a side as the table has it, where long ones are cut; null without one. */
export function textOf(row, side) {
  if (side === "manual") return row.manual_text;
  return side === "refined" ? row.text : (row.named.find(({ name }) => name === side)?.text ?? null);
}

/** All texts in an order that says nothing, the same at each reload: by row and reviewer. */
export function shuffled(offers, row, reviewer) {
  const drawn = (offer) => hash(JSON.stringify([reviewer, row.dataset, row.split, row.sequence, offer.side]));
  const turned = offers.length === 2 ? (hash(JSON.stringify([reviewer, row.dataset, row.split, row.sequence])) & 1 ? [offers[1], offers[0]] : offers) : [...offers].sort((one, other) => drawn(one) - drawn(other));
  return turned.map((offer, place) => ({ ...offer, name: `text ${LETTERS[place] ?? place + 1}`, key: ["a", "b"][place] ?? keyOf(place) }));
}

/** The last bit of FNV-1a is that of its input's bytes; the halves are mixed so that all of it counts. */
function hash(text) {
  let value = BASIS;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, PRIME);
  value = Math.imul(value ^ (value >>> 16), 0x45d9f3b);
  return (value ^ (value >>> 16)) >>> 0;
}

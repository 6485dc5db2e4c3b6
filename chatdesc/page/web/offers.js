// The texts of a row that can be accepted, and which of them is called A where their order is blind.

const [BASIS, PRIME] = [0x811c9dc5, 0x01000193]; // of the hash FNV-1a

/** The texts as { side, text, name, key }: the refined one, where it differs, then the manual one. */
export function offersOf(row, found) {
  const { text, manual_text: manual } = found;
  const offers = [];
  if (text !== null && text !== manual && row.text_source !== "manual") offers.push({ side: "refined", text, name: "refined text", key: "a" });
  if (manual !== null) offers.push({ side: "manual", text: manual, name: "manual text", key: offers.length ? "m" : "a" });
  return offers;
}

/** Both texts in an order that says nothing, the same at each reload: by row and reviewer. */
export function shuffled(offers, row, reviewer) {
  const turned = hash(JSON.stringify([reviewer, row.dataset, row.split, row.sequence])) & 1;
  const [first, second] = turned ? [offers[1], offers[0]] : offers;
  return [
    { ...first, name: "text A", key: "a" },
    { ...second, name: "text B", key: "b" },
  ];
}

/** The last bit of FNV-1a is that of its input's bytes; the halves are mixed so that all of it counts. */
function hash(text) {
  let value = BASIS;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, PRIME);
  value = Math.imul(value ^ (value >>> 16), 0x45d9f3b);
  return (value ^ (value >>> 16)) >>> 0;
}

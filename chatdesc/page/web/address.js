// The state in the address, so that a link or a reload shows the same.

import { START } from "./store.js";

const PLAIN = { query: "q", sort: "sort", plot: "plot", theme: "theme" };

/** The part of an address after #; `nameOf` gives the name of a sequence's number. */
export function toAddress(state, nameOf) {
  const said = new URLSearchParams();
  if (state.open !== null) said.set("open", nameOf(state.open));
  for (const [key, short] of Object.entries(PLAIN)) if (state[key] !== START[key]) said.set(short, state[key]);
  if (state.frame !== null) said.set("frame", String(state.frame));
  return said.toString();
}

/** What an address says of the state; `numberOf` gives a sequence's number or null. */
export function fromAddress(hash, numberOf) {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { open: said.has("open") ? numberOf(said.get("open")) : null, frame: null };
  for (const [key, short] of Object.entries(PLAIN)) state[key] = said.get(short) ?? START[key];
  if (/^\d+$/.test(said.get("frame") ?? "")) state.frame = Number(said.get("frame"));
  return state;
}

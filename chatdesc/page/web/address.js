// The state in the address, so that a link or a reload shows the same.

import { START } from "./store.js";

const PLAIN = { query: "q", sort: "sort", plot: "plot", theme: "theme", blind: "blind" };
const NUMBERS = ["frame", "round"];

/** The part of an address after #; `nameOf` gives the name of a sequence's number. */
export function toAddress(state, nameOf) {
  const said = new URLSearchParams();
  if (state.open !== null) said.set("open", nameOf(state.open));
  for (const [key, short] of Object.entries(PLAIN)) if (state[key] !== START[key]) said.set(short, state[key]);
  for (const key of NUMBERS) if (state[key] !== null) said.set(key, String(state[key]));
  return said.toString();
}

/** What an address says of the state; `numberOf` gives a sequence's number or null. */
export function fromAddress(hash, numberOf) {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { open: said.has("open") ? numberOf(said.get("open")) : null };
  for (const [key, short] of Object.entries(PLAIN)) state[key] = said.get(short) ?? START[key];
  for (const key of NUMBERS) state[key] = /^\d{1,9}$/.test(said.get(key) ?? "") ? Number(said.get(key)) : null;
  return state;
}

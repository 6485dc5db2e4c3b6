// The text that is being written, kept in this tab until it is saved or left, so that a reload does not lose it.

import { rowKey } from "./standing.js";

const PLACE = "chatdesc:draft";

export function keepDraft(row, side, text) {
  try {
    sessionStorage.setItem(PLACE, JSON.stringify({ key: rowKey(row), side, text }));
  } catch {
    // The storage is full or forbidden: a reload loses the draft.
  }
}

/** What was being written for a row as { side, text }; null without it. */
export function draftOf(row) {
  try {
    const draft = JSON.parse(sessionStorage.getItem(PLACE));
    return draft?.key === rowKey(row) ? draft : null;
  } catch {
    return null; // a storage that is forbidden, or that something else has written to
  }
}

export function dropDraft() {
  try {
    sessionStorage.removeItem(PLACE);
  } catch {
    // As above.
  }
}

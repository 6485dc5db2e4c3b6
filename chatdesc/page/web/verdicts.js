// The decisions that a person may take: their keys, their signs, and what they say in words.

export const KINDS = {
  wrong_target: "wrong target",
  ambiguous: "ambiguous",
  typo: "typo",
  does_not_hold: "does not hold",
  other: "other",
};

export const SIGNS = { accept: "✓", edit: "✎", reject: "✗", flag: "⚑", skip: "↷" };
export const SIDES = { refined: "refined text", manual: "manual text" };

/** What the text of a side is called; other sides than those of a row are names of sources. */
export function called(side) {
  return SIDES[side] ?? `text of ${side}`;
}

export const REVIEW_KEYS = [
  { name: "accept", keys: ["a"], on: "sequence", shown: "a", label: "Accept the refined text, or text A" },
  { name: "acceptManual", keys: ["m"], on: "sequence", shown: "m", label: "Accept the manual text" },
  { name: "acceptB", keys: ["b"], on: "sequence", shown: "b", label: "Accept text B, where the order is blind" },
  { name: "acceptAt", keys: ["3", "4", "5", "6", "7", "8", "9"], on: "sequence", shown: "3 to 9", label: "Accept the third text, or the fourth …" },
  { name: "edit", keys: ["e"], on: "sequence", shown: "e", label: "Edit (Ctrl+Enter saves, Esc leaves)" },
  { name: "reject", keys: ["x"], on: "sequence", shown: "x", label: "Reject all texts" },
  { name: "rejectWhy", keys: ["X"], on: "sequence", shown: "X", label: "Reject all, with a kind and a reason" },
  { name: "flag", keys: ["f"], on: "sequence", shown: "f", label: "Flag, with a kind (1 to 5) and a reason" },
  { name: "skip", keys: ["s"], on: "sequence", shown: "s", label: "Skip; it stays open" },
  { name: "begin", keys: ["g"], on: "all", shown: "g", label: "Go to the next open sequence" },
  { name: "rule", keys: ["A"], on: "table", shown: "A", label: "Accept all that the search shows" },
  { name: "blind", keys: ["h"], on: "all", shown: "h", label: "Hide which text is which" },
  { name: "undo", keys: ["u"], control: ["z"], on: "all", shown: "u, Ctrl+Z", label: "Undo your last decision" },
];

/** A decision in words: "refined text accepted", "flagged as ambiguous"; `secret` leaves out which text it was. */
export function saidOf({ verdict, side, kind }, secret = false) {
  const named = kind ? ` as ${KINDS[kind] ?? kind}` : "";
  if (verdict === "accept") return `${!secret && side ? called(side) : "text"} accepted`;
  return { edit: "edited", reject: `rejected${named}`, flag: `flagged${named}`, skip: "skipped" }[verdict] ?? verdict;
}

/** A decision in one or two words, for the table. */
export function shortOf({ verdict, side, kind }) {
  return { accept: side, edit: "edited", reject: "rejected", flag: KINDS[kind] ?? "flagged", skip: "skipped" }[verdict] ?? verdict;
}

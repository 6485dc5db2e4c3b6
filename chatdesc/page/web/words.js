// Texts as words: what changed between two of them, and what grounding says of each.

import { h, number } from "./dom.js";

const LONGEST = 1500; // words that are compared; longer texts are shown as they are
const BUTTONS = 200; // words that can be pointed at

/** The words of a text with `start` and `stop`: places in whole characters, as Python counts them. */
export function split(text) {
  let stop = 0;
  return ((text ?? "").match(/\s+|\S+/g) ?? []).flatMap((part) => {
    const start = stop;
    stop += [...part].length;
    return /\s/.test(part) ? [] : [{ text: part, start, stop }];
  });
}

/** Part of a text, between two places in whole characters. */
export function between(text, start, stop) {
  return [...(text ?? "")].slice(start, stop).join("");
}

/**
 * Two texts word by word: a list of { kind, word } with kind "same", "gone" or "new"; the words of a longest common
 * subsequence, whatever their case, are the same.
 */
export function diff(before, after) {
  const a = split(before);
  const b = split(after);
  if (a.length > LONGEST || b.length > LONGEST) return b.map((word) => ({ kind: "same", word }));
  const key = (word) => word.text.toLowerCase().replace(/[.,;:!?]+$/, "");
  const [keysA, keysB] = [a.map(key), b.map(key)];
  const wide = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * wide);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i * wide + j] =
        keysA[i] === keysB[j]
          ? lengths[(i + 1) * wide + j + 1] + 1
          : Math.max(lengths[(i + 1) * wide + j], lengths[i * wide + j + 1]);
  const done = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && keysA[i] === keysB[j]) {
      done.push({ kind: "same", word: b[j++] });
      i++;
    } else if (i < a.length && (j === b.length || lengths[(i + 1) * wide + j] >= lengths[i * wide + j + 1]))
      done.push({ kind: "gone", word: a[i++] });
    else done.push({ kind: "new", word: b[j++] });
  }
  return done;
}

/**
 * A text with its changes, coloured by what its words led to.
 *
 * `judge(word)` gives null or { side: "good" | "bad", note, box }; `point(word, box)` is called when a word is pointed
 * at, and with nulls when it no longer is. Words without a box cannot be pointed at.
 */
export function shownText(parts, judge, point) {
  const judged = parts.filter((part) => part.kind !== "gone").length <= BUTTONS;
  const shown = parts.map((part) => [element(part, judged ? judge(part.word) : null, point), " "]);
  return h("p", { class: "text", dir: "auto" }, shown.length ? shown : h("span", { class: "dim" }, "no text"));
}

/** What grounding says of a word: its scores, where the grounder was asked; else which list of the round it is in. */
export function judgeOf(grounded, positive, negative) {
  const listed = (list, word) => (list ?? []).some((item) => item === bare(word.text));
  return (word) => {
    if (grounded) {
      const found = grounded.words.find(([start, stop]) => start < word.stop && stop > word.start);
      if (found) return scored(found, grounded.boxes);
    }
    if (listed(positive, word)) return { side: "good", note: "led to the target", box: null };
    if (listed(negative, word)) return { side: "bad", note: "led elsewhere", box: null };
    return null;
  };
}

function scored([, , on, off, place], boxes) {
  if (!on && !off) return { note: "leads nowhere", box: null };
  const note = `score on the target ${number(on)}, elsewhere ${number(off)}`;
  return { side: on === off ? null : on > off ? "good" : "bad", strength: Math.abs(on - off), note, box: boxes[place] };
}

function bare(text) {
  return text.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
}

function element(part, said, point) {
  const classes = ["word", part.kind, part.kind !== "gone" && said?.side, said?.strength > 0.15 && "strong"];
  const options = { class: classes.filter(Boolean).join(" ") };
  const tag = { gone: "del", new: "ins", same: "span" }[part.kind];
  if (part.kind === "gone" || !said) return h(tag, options, part.word.text);
  options.title = said.note;
  if (said.box === null || !point) return h(tag, options, part.word.text, h("span", { class: "hidden" }, ` (${said.note})`));
  const on = () => point(part.word, said.box);
  const off = () => point(null, null);
  const button = h(
    "button",
    { type: "button", class: "point", title: said.note, onpointerenter: on, onpointerleave: off, onfocus: on, onblur: off, onclick: on },
    part.word.text,
    h("span", { class: "hidden" }, ` (${said.note})`),
  );
  return h(tag, options, button);
}

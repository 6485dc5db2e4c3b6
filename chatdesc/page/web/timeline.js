// A sequence over time: overlap of track and truth, the texts' grounded IoU, choices, absence, disagreements.

import { h, number, svg } from "./dom.js";

const [WIDE, TOP, FLOOR, HIGH] = [1000, 8, 108, 150];

/** What is known of one frame, in words. */
export function frameSaid(line, ranges, frame) {
  const overlap = line.iou[Math.floor(frame / line.step)];
  const choice = line.choices.find(([at]) => at === frame)?.[1];
  const range = (ranges ?? []).find(({ start, stop }) => start <= frame && frame < stop);
  const parts = [
    line.absent.some(([start, stop]) => start <= frame && frame < stop) ? "the target is absent" : null,
    typeof overlap === "number" ? `IoU of the track ${number(overlap / 100)}` : null,
    range ? `IoU of the text ${number(range.iou)}` : null,
    choice ? `box placed by ${choice}` : null,
    line.none.includes(frame) ? "none of the proposals is the target" : null,
    line.disagreements.find(([at]) => at === frame)?.[1],
  ];
  return parts.filter(Boolean).join("; ") || "nothing is known of this frame";
}

/** The next disagreement after a frame (or the one before it), from the other end where there is no more; null without any. */
export function nextDisagreement(line, frame, back = false) {
  const frames = [...new Set(line.disagreements.map(([at]) => at))];
  const after = back ? frames.filter((at) => at < (frame ?? Infinity)).at(-1) : frames.find((at) => at > (frame ?? -1));
  return after ?? (back ? frames.at(-1) : frames[0]) ?? null;
}

/** The drawing, with a control to go through the frames. */
export function timelineOf(line, ranges, frame, send) {
  const last = Math.max(line.frames - 1, 1);
  const x = (at) => (Math.min(Math.max(at, 0), last) / last) * WIDE;
  const y = (value) => FLOOR - Math.min(Math.max(value, 0), 1) * (FLOOR - TOP);
  const go = (at) => at !== null && send({ type: "frame", frame: at });
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", class: "timeline", "aria-hidden": "true" },
    line.absent.map(([start, stop]) => svg("rect", { x: x(start), width: Math.max(x(stop) - x(start), 2), y: TOP, height: FLOOR - TOP, class: "absent" })),
    [0, 0.5, 1].map((value) => svg("line", { x1: 0, x2: WIDE, y1: y(value), y2: y(value), class: "axis" })),
    svg("path", { d: trackPath(line, x, y), class: "outline now" }),
    (ranges ?? []).map(({ start, stop, iou }) => (typeof iou === "number" ? svg("line", { x1: x(start), x2: x(stop - 1), y1: y(iou), y2: y(iou), class: "outline text-iou" }) : null)),
    line.choices.map(([at, source]) => tick(x(at), 116, source)),
    line.none.map((at) => tick(x(at), 116, "none")),
    line.disagreements.map(([at]) => tick(x(at), 134, "disagrees")),
    frame === null ? null : svg("line", { x1: x(frame), x2: x(frame), y1: 0, y2: HIGH, class: "cursor" }),
  );
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    go(Math.round(((event.clientX - box.left) / box.width) * last));
  });
  const slide = h("input", { type: "range", min: 0, max: last, value: frame ?? 0, "aria-label": "Frame", oninput: (event) => go(Number(event.target.value)) });
  const buttons = line.disagreements.length > 0
    ? [
        h("button", { type: "button", onclick: () => go(nextDisagreement(line, frame, true)) }, "Previous"),
        h("button", { type: "button", onclick: () => go(nextDisagreement(line, frame)) }, "Next disagreement"),
      ]
    : h("span", { class: "dim" }, "No disagreement.");
  const count = line.disagreements.length;
  const said = frame === null ? `${line.frames} frames, ${count} disagreement${count === 1 ? "" : "s"}` : `Frame ${frame}: ${frameSaid(line, ranges, frame)}`;
  return h(
    "div",
    { class: "time" },
    h("ul", { class: "legend", "aria-label": "Legend" }, LEGEND.filter(([kind]) => isDrawn(line, kind)).map(([kind, label]) => h("li", null, h("span", { class: `key ${kind}` }), label))),
    drawing,
    slide,
    h("div", { class: "steps" }, h("p", { role: "status" }, said), buttons),
  );
}

const LEGEND = [
  ["line-now", "IoU of the track"],
  ["line-text", "IoU of the text"],
  ["area-absent", "target absent"],
  ["tick-language", "verifier took another proposal"],
  ["tick-none", "verifier took none"],
  ["tick-disagrees", "disagreement"],
];

function isDrawn(line, kind) {
  const drawn = { "area-absent": line.absent, "tick-language": line.choices, "tick-none": line.none, "tick-disagrees": line.disagreements };
  return kind in drawn ? drawn[kind].length > 0 : true;
}

function tick(x, y, kind) {
  return svg("line", { x1: x, x2: x, y1: y, y2: y + 14, class: `mark tick-${["none", "disagrees"].includes(kind) ? kind : "language"}` });
}

function trackPath(line, x, y) {
  let drawn = false;
  return line.iou
    .map((value, place) => {
      const begins = !drawn;
      drawn = value !== null;
      return drawn ? `${begins ? "M" : "L"}${x(place * line.step).toFixed(1)},${y(value / 100).toFixed(1)}` : "";
    })
    .join("");
}

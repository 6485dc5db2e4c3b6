// A picture with boxes over it. The boxes are drawn by the browser, so the picture stays as it is.

import { h, number, svg } from "./dom.js";

/**
 * A picture as a figure.
 *
 * `boxes` are { box: [x, y, w, h], kind, label }, in pixels of the frame; `size` is [width, height] of the frame.
 */
export function picture(src, size, boxes, caption, options = {}) {
  const [width, height] = size;
  const drawn = boxes.filter(({ box }) => isBox(box)).map((of) => drawnBox(of, size));
  const said = boxes.filter(({ box }) => isBox(box)).map(({ box, label }) => `${label} at ${box.map((v) => number(v, 0)).join(", ")}`);
  return h(
    "figure",
    { class: `picture ${options.class ?? ""}` },
    h(
      "div",
      { class: "frame", style: { "aspect-ratio": `${width} / ${height}`, "--ratio": String(width / height) } },
      h("img", { src, alt: `${options.alt ?? "frame"}; ${said.join("; ") || "no box"}`, loading: "lazy", decoding: "async", width, height }),
      svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", preserveAspectRatio: "none" }, drawn),
    ),
    caption ? h("figcaption", null, caption) : null,
  );
}

/** Show one more box in a picture in place of the proposals, such as that of a word; null shows the proposals again. */
export function mark(figure, box, label) {
  figure.querySelector(".box.marked")?.remove();
  figure.classList.toggle("pointing", box !== null);
  const drawing = figure.querySelector("svg");
  const { width, height } = drawing.viewBox.baseVal;
  if (box !== null && isBox(box)) drawing.append(drawnBox({ box, kind: "marked", label, named: true }, [width, height]));
}

/** Show a sharper picture of the same frame as soon as it is there. */
export function sharpen(figure, src) {
  const sharper = new Image();
  sharper.addEventListener("load", () => figure.querySelector("img").setAttribute("src", src));
  sharper.src = src;
}

/** Draw other proposals under the box of the target. */
export function redraw(figure, proposals) {
  for (const box of figure.querySelectorAll(".box.good, .box.bad")) box.remove();
  const drawing = figure.querySelector("svg");
  const { width, height } = drawing.viewBox.baseVal;
  drawing.prepend(...proposals.filter(({ box }) => isBox(box)).map((of) => drawnBox(of, [width, height])));
}

/** The legend of the kinds of boxes in a picture. */
export function legend(kinds) {
  return h("ul", { class: "legend", "aria-label": "Legend" }, kinds.map(([kind, label]) => h("li", null, h("span", { class: `key ${kind}` }), label)));
}

function isBox(box) {
  return Array.isArray(box) && box.length === 4 && box.every((v) => typeof v === "number" && isFinite(v)) && box[2] > 0 && box[3] > 0;
}

function drawnBox({ box, kind, label, named = false }, [width, height]) {
  const [x, y, w, h] = box;
  const font = Math.max(width, height) / 28;
  const rect = svg("rect", { x, y, width: w, height: h, "vector-effect": "non-scaling-stroke" });
  const under = svg("rect", { x, y, width: w, height: h, class: "halo", "vector-effect": "non-scaling-stroke" });
  const name = named ? svg("text", { x: Math.max(x, 2), y: Math.max(y - font * 0.3, font), "font-size": font }, label) : null;
  return svg("g", { class: `box ${kind}` }, under, rect, name);
}

// Distributions and a scatter of one measure. Each point of the scatter opens its sequence.

import { announce, h, number, put, svg } from "./dom.js";
import { MEASURES } from "./summary.js";

const BINS = 20;
const [WIDE, HIGH, EDGE] = [480, 220, 34]; // of a histogram

/** Both plots and the choice of the measure: an element, and `update(rows, state)`. */
export function makePlots(send, labelOf) {
  const tabs = MEASURES.map(({ key, label }) => h("button", { type: "button", "aria-pressed": "false", onclick: () => send({ type: "plot", plot: key }) }, label));
  const bars = h("div", { class: "plot" });
  const cloud = makeScatter(send, labelOf);
  const element = h("section", { class: "plots", "aria-label": "Distributions" }, h("div", { class: "tabs", role: "group", "aria-label": "Measure" }, tabs), h("div", { class: "pair" }, bars, cloud.element));
  return {
    element,
    update(rows, state) {
      const measure = MEASURES.find(({ key }) => key === state.plot) ?? MEASURES[0];
      MEASURES.forEach(({ key }, place) => tabs[place].setAttribute("aria-pressed", String(key === measure.key)));
      const range = rangeOf(rows, measure);
      put(bars, histogram(rows, measure, range));
      cloud.update(rows, measure, range);
    },
  };
}

/** How many values fall into each of `BINS` equal parts of a range; values outside count at its ends. */
function counts(values, [low, high]) {
  const bins = new Array(BINS).fill(0);
  for (const value of values) {
    const place = Math.floor(((value - low) / (high - low)) * BINS);
    bins[Math.min(Math.max(place, 0), BINS - 1)]++;
  }
  return bins;
}

function rangeOf(rows, { before, after, low, high, single }) {
  if (low !== null) return [low, high];
  const values = [...known(rows, after), ...(single ? [] : known(rows, before))];
  if (!values.length) return [0, 1];
  const [least, most] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  return most > least ? [least, most] : [least - 0.5, most + 0.5];
}

function known(rows, key) {
  return rows.map((row) => row[key]).filter((value) => typeof value === "number");
}

function histogram(rows, { label, before, after, single }, range) {
  const series = [...(single ? [] : [["manual text", "was", known(rows, before)]]), ["text to use", "now", known(rows, after)]];
  const bins = series.map(([, , values]) => counts(values, range));
  const top = Math.max(...bins.flat(), 1);
  const x = (place) => EDGE + (place / BINS) * (WIDE - EDGE - 18);
  const y = (count) => HIGH - 26 - (count / top) * (HIGH - 44);
  const outline = (counted) => `M${x(0)},${y(0)}` + counted.map((count, place) => `L${x(place)},${y(count)}L${x(place + 1)},${y(count)}`).join("") + `L${x(BINS)},${y(0)}`;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => svg("text", { x: x(share * BINS), y: HIGH - 8, class: "tick", "text-anchor": "middle" }, number(range[0] + share * (range[1] - range[0]), range[1] - range[0] > 4 ? 0 : 2)));
  const said = series.map(([name, , values]) => `${name}: ${values.length} values`).join("; ");
  return h(
    "figure",
    null,
    h("figcaption", null, `${label}: how many sequences`, h("ul", { class: "legend" }, series.map(([name, kind]) => h("li", null, h("span", { class: `key line-${kind}` }), name)))),
    svg(
      "svg",
      { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": `Distribution of ${label}; ${said}` },
      svg("line", { x1: x(0), x2: x(BINS), y1: y(0), y2: y(0), class: "axis" }),
      svg("text", { x: EDGE - 6, y: y(top) + 4, class: "tick", "text-anchor": "end" }, top),
      svg("text", { x: EDGE - 6, y: y(0) + 4, class: "tick", "text-anchor": "end" }, 0),
      series.map(([, kind], place) => svg("path", { d: outline(bins[place]), class: `outline ${kind}` })),
      ticks,
    ),
  );
}

function makeScatter(send, labelOf) {
  const canvas = h("canvas", { tabindex: 0, role: "application" });
  const said = h("p", { class: "said", "aria-hidden": "true" });
  const caption = h("figcaption");
  const element = h("figure", { class: "plot scatter" }, caption, canvas, said);
  let points = [];
  let at = -1;
  let drawing = () => {};
  const choose = (place) => {
    at = place;
    const text = at < 0 ? "" : `${labelOf(points[at].number)}: ${number(points[at].a)} → ${number(points[at].b)}`;
    said.textContent = text || "\u00a0";
    canvas.style.setProperty("cursor", at < 0 ? "default" : "pointer");
    drawing();
    return text;
  };
  canvas.addEventListener("pointermove", (event) => {
    const place = nearest(points, event.offsetX, event.offsetY);
    if (place !== at) choose(place);
  });
  canvas.addEventListener("pointerleave", () => choose(-1));
  canvas.addEventListener("click", () => at >= 0 && send({ type: "open", number: points[at].number }));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step && points.length) announce(choose((at + step + points.length) % points.length));
    else if (event.key === "Enter" && at >= 0) send({ type: "open", number: points[at].number });
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  new ResizeObserver(() => drawing()).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawing());
  return {
    element,
    update(rows, measure, range) {
      const { before, after } = measure;
      const both = rows.filter((row) => typeof row[before] === "number" && typeof row[after] === "number");
      points = both.map((row) => ({ number: row.number, a: row[before], b: row[after] })).sort((p, q) => p.a - q.a || p.b - q.b);
      const [x, y] = measure.single ? ["IoU of the text to use", "tracking AUC"] : ["manual text", "text to use"];
      put(caption, `${measure.label}: ${y} (up) by ${x} (right)`);
      canvas.setAttribute("aria-label", `Scatter of ${points.length} sequences, ${y} by ${x}. Left and right arrows go through the points, Enter opens one.`);
      drawing = () => draw(canvas, points, at, range, !measure.single);
      choose(-1);
    },
  };
}

function nearest(points, x, y) {
  let best = -1;
  let least = 14 ** 2;
  points.forEach((point, place) => {
    const far = (point.x - x) ** 2 + (point.y - y) ** 2;
    if (far < least) [best, least] = [place, far];
  });
  return best;
}

function draw(canvas, points, at, [low, high], diagonal) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width) return;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const [line, dim, same, good, bad, text] = ["line", "dim", "same", "good", "bad", "text"].map((name) => colour(canvas, name));
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const place = (value, from, to) => from + ((Math.min(Math.max(value, low), high) - low) / (high - low)) * (to - from);
  const [left, bottom] = [EDGE, height - 22];
  pen.strokeStyle = line;
  pen.strokeRect(left + 0.5, 8.5, width - left - 10, bottom - 8);
  pen.fillStyle = dim;
  pen.font = "12px system-ui, sans-serif";
  const tick = (value) => number(value, high - low > 4 ? 0 : 2);
  pen.fillText(tick(low), left, height - 6);
  pen.textAlign = "right";
  pen.fillText(tick(high), width - 8, height - 6);
  pen.fillText(tick(high), left - 4, 18);
  pen.fillText(tick(low), left - 4, bottom);
  if (diagonal) {
    pen.beginPath();
    pen.moveTo(left, bottom);
    pen.lineTo(width - 10, 8);
    pen.stroke();
  }
  const size = points.length > 500 ? 2.5 : 4;
  for (const point of points) {
    point.x = place(point.a, left, width - 10);
    point.y = place(point.b, bottom, 8);
    pen.fillStyle = !diagonal || Math.abs(point.b - point.a) < 0.005 ? same : point.b > point.a ? good : bad;
    pen.globalAlpha = 0.65;
    pen.beginPath();
    pen.arc(point.x, point.y, size, 0, 7);
    pen.fill();
  }
  pen.globalAlpha = 1;
  if (at < 0 || !points[at]) return;
  pen.lineWidth = 2;
  pen.strokeStyle = text;
  pen.beginPath();
  pen.arc(points[at].x, points[at].y, size + 3, 0, 7);
  pen.stroke();
}

/** A colour of the style sheet as a drawing needs it: the one of light or of dark. */
function colour(canvas, name) {
  canvas.style.setProperty("color", `var(--${name})`);
  return getComputedStyle(canvas).color;
}

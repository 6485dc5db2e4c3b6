// Elements without markup: every text becomes a text node, so nothing that data hold can run.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `h("p", { class: "note", onclick: f }, "text", child)`. Null children are left out. */
export function h(tag, options, ...children) {
  return filled(document.createElement(tag), options, children);
}

/** An element of a drawing. */
export function svg(tag, options, ...children) {
  return filled(document.createElementNS(SVG, tag), options, children);
}

/** Put other children into an element. */
export function put(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}

const keys = new WeakMap();

/** Put what `make` gives into an element, unless it is there already: by a key that says what it shows. */
export function putNew(element, key, make) {
  const said = JSON.stringify(key);
  if (keys.get(element) === said) return; // so what has the focus keeps it
  keys.set(element, said);
  put(element, make());
}

/** A number for people: so many decimals, a minus that is one, a dash where nothing is known. */
export function number(value, digits = 2) {
  if (typeof value !== "number" || !isFinite(value)) return "–";
  const text = Math.abs(value) >= 1e6 ? value.toExponential(1) : value.toFixed(digits);
  return text.replace("-", "−");
}

/** A number with its sign. */
export function signed(value, digits = 2) {
  const text = number(value, digits);
  return typeof value === "number" && value > 0 ? `+${text}` : text;
}

/** Tell something to a screen reader. */
export function announce(text) {
  document.getElementById("live").textContent = text;
}

function filled(element, options, children) {
  for (const [name, value] of Object.entries(options ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, of] of Object.entries(value)) element.style.setProperty(key, of);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

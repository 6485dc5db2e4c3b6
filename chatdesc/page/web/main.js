// The page: data, state and views put together.

import { fromAddress, toAddress } from "./address.js";
import { readIndex } from "./data.js";
import { announce, h, put } from "./dom.js";
import { chosen } from "./filter.js";
import { KEYS, listenToKeys, showSheet } from "./keys.js";
import { makePlots } from "./plots.js";
import { makeReview } from "./review.js";
import { blindPage, sequencePage } from "./sequence.js";
import { START, makeStore } from "./store.js";
import { cards, groups, lists } from "./summary.js";
import { makeTable } from "./table.js";
import { nextDisagreement } from "./timeline.js";
import { REVIEW_KEYS } from "./verdicts.js";

const PAGE = 10; // rows

const data = readIndex();
const store = makeStore({ ...START, ...fromAddress(location.hash, data.numberOf) });
const { send } = store;
const hrefOf = (number) => `#${toAddress({ ...store.state(), open: number, frame: null, round: null }, data.nameOf)}`;
const overviewHref = () => hrefOf(null);
let numbers = chosen(data.rows, store.state().query, store.state().sort);
let listed = 0; // the state's `decided` that the numbers are for
let page = null; // of the open sequence
let dock = null; // what decides it, in a review
let late = 0; // timer of what may come after the table
let drawn = null; // the address and the decisions that this was drawn for

const review = data.review ? makeReview(data, store, () => numbers) : null;
const table = makeTable(data, send, hrefOf, review?.hidden);
const plots = makePlots(send, (number) => data.rows[number].sequence);
const figures = h("div");
const first = h("div");
const parts = h("div", { class: "groups" });
const count = h("p", { class: "count", role: "status" });
const search = h("input", { type: "search", id: "search", placeholder: "kite  iou<0.5  status:ok", "aria-label": "Search sequences and texts", autocomplete: "off", spellcheck: "false", oninput: () => send({ type: "search", query: search.value }) });
const overview = h("div", { class: "overview" }, h("h1", { class: "hidden" }, "Overview"), review?.queues, figures, h("section", { "aria-label": "All sequences" }, count, table.element), plots.element, first, parts);
const top = document.getElementById("top");
const main = document.getElementById("main");

function header() {
  const turn = h("button", { type: "button", onclick: act.theme, title: "Light or dark (t)", "aria-label": "Light or dark" }, "◐");
  const sheet = h("button", { type: "button", onclick: act.help, title: "Keys (?)", "aria-label": "Keys and search" }, "?");
  const home = h("a", { href: "#", class: "brand" }, h("strong", null, "chatdesc"), " ", h("span", { dir: "auto" }, data.sources.join(", ")));
  home.addEventListener("click", (event) => {
    event.preventDefault();
    send({ type: "close" });
  });
  put(top, home, review?.header, h("div", { class: "find", role: "search" }, search), turn, sheet, review?.banner);
}

/** What comes after the table, in the next quiet moment. */
function later() {
  drawn = overviewHref() + listed;
  const rows = numbers.map((number) => data.rows[number]);
  put(figures, cards(rows, data.rows.length));
  plots.update(rows, store.state());
  put(first, review?.isBlind() ? null : lists(rows, hrefOf));
  put(parts, groups(rows, (part) => send({ type: "search", query: `${store.state().query} ${part}`.trim() })));
}

function showOverview(state) {
  page = null;
  if (!overview.isConnected) put(main, overview);
  if (search.value !== state.query) search.value = state.query;
  const all = `${data.rows.length} sequence${data.rows.length === 1 ? "" : "s"}`;
  dock = null;
  count.textContent = numbers.length === data.rows.length ? all : `${numbers.length} of ${all}`;
  table.update(numbers, state);
  document.title = `chatdesc: ${data.sources.join(", ")}`;
  if (drawn === overviewHref() + listed) return; // such as after a move of the cursor
  clearTimeout(late);
  late = setTimeout(later, 0);
}

function showSequence(state) {
  const place = numbers.indexOf(state.open);
  const blind = review?.offers(state.open);
  const at = (other) => (place >= 0 && other >= 0 && other < numbers.length ? hrefOf(numbers[other]) : null);
  const hrefs = { previous: at(place - 1), next: at(place + 1), back: overviewHref() };
  dock = review?.dock(state.open) ?? null;
  dock?.update(state, null);
  page = blind ? blindPage(data, state.open, hrefs, dock.element, blind) : sequencePage(data, state.open, state, send, hrefs, dock?.element);
  page.hidden = Boolean(blind);
  put(main, page.element);
  window.scrollTo(0, 0);
  main.querySelector("#name")?.focus({ preventScroll: true });
  document.title = `${data.rows[state.open].sequence} · chatdesc`;
  announce(`Sequence ${data.rows[state.open].sequence}`);
}

/** Find the rows anew; while a sequence is open a decision leaves the list as it is, so that one can go back. */
function list(state, before) {
  const other = state.query !== before?.query || state.sort !== before?.sort;
  if (!other && (state.open !== null || listed === state.decided)) return;
  listed = state.decided;
  numbers = chosen(data.rows, state.query, state.sort);
}

/** Whether the open page shows what it must hide by now, or hides what it may show. */
function isOther(state) {
  return review !== null && page !== null && state.panel === null && page.hidden !== Boolean(review.offers(state.open));
}

function render(state, before, event) {
  if (event?.type === "mail") return review.mail(state); // nothing else on the page is about it
  document.documentElement.dataset.theme = state.theme;
  list(state, before);
  if (state.open === null) showOverview(state);
  else if (state.open !== before?.open || isOther(state)) showSequence(state);
  else {
    if (state.frame !== before.frame || state.round !== before.round) page?.update(state, before);
    dock?.update(state, before);
  }
  review?.update(state);
  const layer = document.getElementById("layer");
  if (state.help !== (before?.help ?? false)) showSheet(layer, state.help, () => store.state().help && send({ type: "help", shown: false }), keys);
  if ((state.panel === "rule") !== (before?.panel === "rule")) review?.ask(layer, state.panel === "rule");
  const address = `#${toAddress(state, data.nameOf)}`;
  if (address === (location.hash || "#")) return;
  const turned = state.open !== before?.open; // only another page is a step of the history
  history[turned ? "pushState" : "replaceState"](null, "", address);
}

const move = (by) => send({ type: "cursor", row: Math.min(Math.max(store.state().row + by, 0), Math.max(numbers.length - 1, 0)) });
const turn = (by) => {
  const place = numbers.indexOf(store.state().open) + by;
  if (place >= 0 && place < numbers.length) {
    send({ type: "cursor", row: place });
    send({ type: "open", number: numbers[place] });
  }
};
const step = (by) => {
  const last = (page?.line?.frames ?? 1) - 1;
  send({ type: "frame", frame: Math.min(Math.max((store.state().frame ?? 0) + by, 0), Math.max(last, 0)) });
};
const nextRound = () => {
  const places = page?.rounds ?? [];
  if (places.length) send({ type: "round", round: places[places.indexOf(store.state().round) + 1] ?? null });
};
const jump = (back) => {
  const frame = page?.line ? nextDisagreement(page.line, store.state().frame, back) : null;
  if (frame !== null) send({ type: "frame", frame });
  else announce("There is no disagreement");
};

/** The other one of light and dark, which is "auto" where the system has it. */
const otherTheme = (theme) => {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const other = (theme === "auto" ? system : theme) === "dark" ? "light" : "dark";
  return other === system ? "auto" : other;
};

const act = {
  search: () => {
    if (store.state().open !== null) send({ type: "close" });
    search.focus();
    search.select();
  },
  down: () => move(1),
  up: () => move(-1),
  pageDown: () => move(PAGE),
  pageUp: () => move(-PAGE),
  first: () => move(-numbers.length),
  last: () => move(numbers.length),
  enter: () => numbers.length && send({ type: "open", number: numbers[store.state().row] }),
  next: () => turn(1),
  previous: () => turn(-1),
  disagreement: () => jump(false),
  disagreementBack: () => jump(true),
  round: nextRound,
  later: () => step(1),
  earlier: () => step(-1),
  theme: () => send({ type: "theme", theme: otherTheme(store.state().theme) }),
  help: () => send({ type: "help", shown: !store.state().help }),
  back: () => {
    const state = store.state();
    if (state.panel !== null) send({ type: "panel", panel: null });
    else if (state.help) send({ type: "help", shown: false });
    else if (state.open !== null) send({ type: "close" });
    else {
      search.blur();
      send({ type: "search", query: "" });
    }
  },
};

const acts = { ...act, ...review?.act };
const keys = review ? [...KEYS, ...REVIEW_KEYS] : KEYS;
const readAddress = () => send({ type: "address", state: fromAddress(location.hash, data.numberOf) });
window.addEventListener("popstate", readAddress);
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
document.addEventListener("DOMContentLoaded", () => {
  if (store.state().open === null) table.draw();
  else showSequence(store.state());
});
listenToKeys(acts, () => store.state().open !== null, keys);
store.listen(render);
header();
render(store.state(), null);
review?.start();

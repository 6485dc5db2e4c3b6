// Above a review's page: who decides, how far it is, and whether all of it is saved.

import { h, put } from "./dom.js";
import { counted, progress } from "./queues.js";

const SAVING = { saved: ["✓", "saved"], saving: ["…", "saving"], away: ["!", "no server"], locked: ["!", "server started anew"], refused: ["!", "refused"] };

/** Progress and what is saved, for the head of the page; a banner says what to do where something is not. */
export function makeHeader(desk) {
  const far = h("span", { class: "far" });
  const saved = h("span", { class: "saving", role: "status" });
  const element = h("div", { class: "reviewer" }, h("span", { class: "who", dir: "auto", title: "You decide as" }, desk.reviewer), far, saved);
  const banner = h("div", { class: "banner", role: "alert", hidden: true });
  let told = "";
  return {
    element,
    banner,
    update({ saving, unsaved, trouble }) {
      const counts = desk.counts();
      far.textContent = `${counted(counts.decided)} / ${counted(counts.all)}`;
      far.title = progress(counts);
      const [sign, words] = SAVING[saving];
      put(saved, h("span", { "aria-hidden": "true" }, `${sign} `), unsaved && saving !== "saving" ? `${counted(unsaved)} not saved` : words);
      saved.dataset.state = saving;
      const wrong = saving !== "saved" && saving !== "saving";
      const said = wrong ? troubleOf(saving, unsaved, trouble) : "";
      if (saving === "saving" && !banner.hidden) return; // a retry: the banner stays until it is known how it went
      banner.hidden = !wrong;
      if (said === told) return;
      told = said;
      put(banner, wrong ? [h("p", null, said), h("button", { type: "button", onclick: desk.retry }, "Retry"), saving === "refused" ? h("button", { type: "button", onclick: desk.drop }, "Give up") : null] : null);
    },
  };
}

function troubleOf(saving, unsaved, trouble) {
  const kept = unsaved ? ` ${counted(unsaved)} decision${unsaved === 1 ? " is" : "s are"} not saved: kept in this browser, and sent when the server is back.` : "";
  if (saving === "locked") return `The server was started anew. Open the address that it printed, in this browser.${kept}`;
  if (saving === "refused") return `${counted(unsaved)} not saved. The server refuses: ${trouble}`;
  return `The server does not answer${trouble ? ` (${trouble})` : ""}.${kept || " Decisions are kept in this browser until it does."}`;
}

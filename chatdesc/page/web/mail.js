// Decisions on their way to the server. Each is kept in the browser's storage until the server has said that it is saved,
// so neither a closed tab nor a server that went away loses one.

const MOST = 500; // decisions in one request
const PATIENCE = 15000; // milliseconds until a request counts as lost
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15000;
const POLL = 2000;

/**
 * `take(decisions)` gets what the server knows; `tell(state, count)` hears how it stands: "saved", "saving", "away" (no
 * answer), "locked" (the server was started anew) or "refused", how many decisions are not saved yet, and why the server
 * refuses one. A refused decision is kept, but not sent again by itself.
 */
export function makeMail(name, take, tell) {
  const waiting = stored(name);
  const refused = new Map(); // reasons by id
  let [server, last, busy, wait, timer] = ["", 0, false, FIRST_WAIT, 0];
  let told = "";
  const say = (state, why = "") => {
    const news = JSON.stringify([state, waiting.size, why]);
    if (news !== told) tell(state, waiting.size, why);
    told = news;
  };
  const unsent = () => [...waiting.values()].filter(({ id }) => !refused.has(id));

  const send = async () => {
    clearTimeout(timer);
    if (busy) return;
    busy = true;
    try {
      for (let part = unsent().slice(0, MOST); part.length; part = unsent().slice(0, MOST)) {
        say("saving");
        const answer = await asked("decisions", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ decisions: part }) });
        for (const [id, why] of Object.entries(answer.refused ?? {})) refused.set(id, why);
        for (const id of answer.saved) forget(name, waiting, id);
        if (part.every(({ id }) => waiting.has(id) && !refused.has(id))) throw new Error("nothing was saved");
      }
      wait = FIRST_WAIT;
      say(waiting.size ? "refused" : "saved", [...refused.values()][0]);
    } catch (error) {
      failed(error);
    } finally {
      busy = false;
    }
  };
  const failed = (error) => {
    say(error.state ?? "away", error.state ? error.message : ""); // what a browser says of a lost connection helps nobody
    if (!waiting.size) return;
    timer = setTimeout(send, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  };
  /** What came after the last answer; all of it from a server that was started anew, which numbers otherwise. */
  const news = async () => {
    const answer = await asked(`decisions?after=${last}`);
    return last && answer.server !== server ? asked("decisions?after=0") : answer;
  };
  const poll = async () => {
    try {
      const answer = await news();
      [server, last] = [answer.server, answer.last];
      if (answer.decisions.length) take(answer.decisions);
      wait = FIRST_WAIT;
      await send();
    } catch (error) {
      failed(error);
    }
  };
  const often = async () => {
    if (!document.hidden) await poll();
    setTimeout(often, POLL);
  };
  document.addEventListener("visibilitychange", () => document.hidden || poll());
  return {
    waiting: () => [...waiting.values()],
    start: often,
    retry() {
      refused.clear();
      return send();
    },
    /** Give up the decisions that the server refuses; they are returned. */
    drop() {
      const dropped = [...refused.keys()].map((id) => waiting.get(id)).filter(Boolean);
      for (const id of refused.keys()) forget(name, waiting, id);
      refused.clear();
      send();
      return dropped;
    },
    add(decisions) {
      for (const decision of decisions) keep(name, waiting, decision);
      send();
    },
  };
}

/** A server's answer; an error says in `state` what went wrong. */
async function asked(address, options = {}) {
  const answer = await fetch(address, { ...options, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  if (answer.ok) return answer.json();
  const why = await answer.json().then(({ error }) => error, () => "");
  throw Object.assign(new Error(why || `status ${answer.status}`), { state: answer.status === 403 ? "locked" : "away" });
}

function keep(name, waiting, decision) {
  waiting.set(decision.id, decision);
  try {
    localStorage.setItem(`${name}:${decision.id}`, JSON.stringify({ made: Date.now(), place: waiting.size, decision }));
  } catch {
    // The storage is full or forbidden: the decision waits in this tab alone.
  }
}

function forget(name, waiting, id) {
  waiting.delete(id);
  try {
    localStorage.removeItem(`${name}:${id}`);
  } catch {
    // As above.
  }
}

/** Decisions that an earlier tab could not save, in the order in which they were made. */
function stored(name) {
  const found = [];
  try {
    for (const key of Object.keys(localStorage).filter((key) => key.startsWith(`${name}:`))) found.push(JSON.parse(localStorage.getItem(key)));
  } catch {
    // What cannot be read cannot be sent.
  }
  found.sort((a, b) => a.made - b.made || a.place - b.place);
  return new Map(found.map(({ decision }) => [decision.id, decision]));
}

// Decisions on their way to the server. Each is kept in the browser's storage until the server has said that it is saved,
// so neither a closed tab nor a server that went away loses one.

const MOST = 500; // decisions in one request
const PATIENCE = 15000; // milliseconds until a request counts as lost
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15000;
const POLL = 2000;

/**
 * `take(decisions)` gets what the server knows; `tell(state, count)` hears how it stands: "saved", "saving", "away" (no
 * answer), "locked" (the server was started anew) or "refused", and how many decisions are not saved yet.
 */
export function makeMail(name, take, tell) {
  const waiting = stored(name);
  let [last, busy, wait, timer] = [0, false, FIRST_WAIT, 0];
  const say = (state) => tell(state, waiting.size);

  const send = async () => {
    clearTimeout(timer);
    if (busy) return;
    busy = true;
    try {
      while (waiting.size) {
        say("saving");
        const part = [...waiting.values()].slice(0, MOST);
        const answer = await asked("decisions", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ decisions: part }) });
        if (!answer.saved.length) throw new Error("nothing was saved");
        for (const id of answer.saved) forget(name, waiting, id);
      }
      wait = FIRST_WAIT;
      say("saved");
    } catch (error) {
      failed(error);
    } finally {
      busy = false;
    }
  };
  const failed = (error) => {
    last = 0; // another server may number otherwise
    say(error.state ?? "away");
    if (!waiting.size || error.state === "refused") return;
    timer = setTimeout(send, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  };
  const poll = async () => {
    try {
      const answer = await asked(`decisions?after=${last}`);
      last = answer.last;
      if (answer.decisions.length) take(answer.decisions);
      if (waiting.size) wait = FIRST_WAIT;
      if (!busy) await send();
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
    retry: send,
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
  const state = answer.status === 403 ? "locked" : answer.status < 500 ? "refused" : "away";
  throw Object.assign(new Error(`the server answers ${answer.status}`), { state });
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

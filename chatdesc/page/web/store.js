// One state for the whole page. Whatever happens is an event; `reduce` alone says what it does to the state.

export const START = Object.freeze({
  query: "",
  sort: "-suspicion",
  open: null, // number of the sequence whose page is shown
  row: 0, // place of the cursor in the table
  plot: "iou",
  frame: null, // frame that the time line points at
  round: null, // round whose proposals are drawn; null draws those of the text to use
  theme: "auto",
  help: false,
  panel: null, // of a review: "edit", "flag", "reject" or "rule"
  blind: "", // "yes": nobody may know which text is which
  decided: 0, // grows with each decision, from here or elsewhere
  saving: "saved", // how decisions stand on their way to the server
  unsaved: 0,
  trouble: "", // what the server says of what is not saved
});

/** The state after an event; a state is never changed in place. */
export function reduce(state, event) {
  switch (event.type) {
    case "search":
      return { ...state, query: event.query, row: 0 };
    case "sort":
      return { ...state, sort: state.sort === event.by ? `-${event.by}` : event.by, row: 0 };
    case "cursor":
      return { ...state, row: event.row };
    case "open":
      return { ...state, open: event.number, frame: null, round: null, help: false, panel: null };
    case "close":
      return { ...state, open: null, frame: null, round: null, panel: null };
    case "plot":
      return { ...state, plot: event.plot };
    case "frame":
      return { ...state, frame: event.frame };
    case "round":
      return { ...state, round: event.round };
    case "theme":
      return { ...state, theme: event.theme };
    case "help":
      return { ...state, help: event.shown };
    case "panel":
      return { ...state, panel: event.panel };
    case "blind":
      return { ...state, blind: event.blind, panel: null };
    case "decided":
      return { ...state, decided: state.decided + 1 };
    case "mail":
      return { ...state, saving: event.saving, unsaved: event.unsaved, trouble: event.trouble ?? "" };
    case "address": {
      const same = event.state.query === state.query && event.state.sort === state.sort;
      return { ...state, ...event.state, row: same ? state.row : 0, help: false, panel: null };
    }
    default:
      throw new Error(`unknown event ${event.type}`);
  }
}

/** A store: `state()`, `send(event)`, and `listen(f)`, where f gets the new state and the one before. */
export function makeStore(start) {
  let state = start;
  const listeners = [];
  return {
    state: () => state,
    listen: (listener) => listeners.push(listener),
    send(event) {
      const before = state;
      state = reduce(state, event);
      for (const listener of listeners) listener(state, before, event);
    },
  };
}

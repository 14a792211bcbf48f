// What does the page know of the twin, and how does it hear more?

const KEPT = 20_000; // as the twin itself keeps
const PAGE = 500;
const AGAIN_MS = 2000;
const ENDED = "the twin has ended";

export const twin = {
  state: null,
  boards: new Map(),
  messages: [], // oldest first
  byId: new Map(),
  arrivals: [], // when the newest reports came
  connection: "connecting",
};

const listeners = new Map();

export function on(what, listener) {
  listeners.set(what, [...(listeners.get(what) ?? []), listener]);
}

function tell(what, fact) {
  for (const listener of listeners.get(what) ?? []) listener(fact);
}

async function ask(path, options) {
  const answer = await fetch(`api/${path}`, options).catch(() => {
    throw new Error("the twin does not answer; does it still run?");
  });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error ?? `the twin answered ${answer.status}; its terminal says why`);
  return body;
}

export function get(path, query = {}) {
  const chosen = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  return ask(`${path}?${new URLSearchParams(chosen)}`);
}

export function act(request) {
  const headers = { "Content-Type": "application/json" };
  return ask("do", { method: "POST", headers, body: JSON.stringify(request) });
}

export const now = () => Date.now() + (twin.skew ?? 0);
export const nameOf = (message) => `${message.cloud} ${message.device}`;

function takeBoards(boards) {
  const before = twin.boards.size;
  for (const board of boards) twin.boards.set(board.id, board);
  if (boards.length) tell("boards", boards);
  if (twin.boards.size !== before) tell("registry");
}

function takeMessages(messages) {
  const fresh = messages.filter((message) => !twin.byId.has(message.id));
  for (const message of messages) { // one may come again, as when it was sent again
    const known = twin.byId.get(message.id);
    if (!known) continue;
    Object.assign(known, message);
    tell("marked", known);
  }
  for (const message of fresh) {
    twin.byId.set(message.id, message);
    if (message.direction === "up" && message.status === "stored") twin.arrivals.push(message.ms);
  }
  if (twin.arrivals.length > 2000) twin.arrivals = twin.arrivals.slice(-1000);
  const last = twin.messages.at(-1)?.id ?? 0;
  const later = fresh.filter((message) => message.id > last);
  const older = fresh.filter((message) => message.id <= last);
  if (older.length) {
    twin.messages = [...older, ...twin.messages].sort((a, b) => a.id - b.id);
  }
  twin.messages.push(...later);
  if (twin.messages.length > KEPT * 1.1) {
    for (const old of twin.messages.splice(0, twin.messages.length - KEPT)) {
      twin.byId.delete(old.id);
    }
  }
  if (messages.length) tell("messages", later);
}

function takeMark(mark) {
  const message = twin.byId.get(mark.id);
  if (!message) return;
  Object.assign(message, mark);
  const answer = mark.reply && twin.byId.get(mark.reply);
  if (answer) answer.answers = mark.id;
  tell("marked", mark);
}

function connectionIs(text) {
  if (text === twin.connection) return;
  twin.connection = text;
  tell("connection", text);
}

let generation = 0;

async function load() {
  const mine = ++generation;
  const state = await get("state");
  twin.state = state;
  twin.skew = state.live ? state.now_ms - Date.now() : 0;
  twin.boards = new Map(state.boards.map((board) => [board.id, board]));
  tell("state", state);
  tell("boards", state.boards);
  tell("registry");
  let page = await get("messages", { limit: PAGE });
  if (mine !== generation) return;
  const newest = page.messages.at(-1)?.id ?? 0;
  const later = twin.messages.filter((message) => message.id > newest); // heard meanwhile
  twin.messages = [];
  twin.byId = new Map();
  twin.arrivals = [];
  takeMessages([...page.messages, ...later]);
  tell("loaded");
  while (page.more && twin.messages.length < KEPT) {
    page = await get("messages", { before: twin.messages[0].id, limit: PAGE });
    if (mine !== generation || !page.messages.length) return;
    takeMessages(page.messages);
  }
}

let live = false;
let source = null;

// A browser has six connections to a server: pages that nobody sees leave theirs to the others.
document.addEventListener("visibilitychange", () => {
  if (!live || twin.connection === ENDED) return;
  source?.close();
  source = null;
  if (document.hidden) connectionIs("waits while hidden");
  else hear();
});

function hear() {
  const own = source = new EventSource("api/events");
  const taking = (take) => (event) => take(JSON.parse(event.data));
  source.addEventListener("open", () => {
    connectionIs("live");
    load().catch((error) => connectionIs(`the twin does not answer: ${error.message}`));
  });
  source.addEventListener("board", taking((board) => takeBoards([board])));
  source.addEventListener("message", taking((message) => takeMessages([message])));
  source.addEventListener("marked", taking(takeMark));
  source.addEventListener("line", taking((line) => tell("line", line)));
  source.addEventListener("lost", () => load().catch(() => {}));
  source.addEventListener("gone", () => connectionIs(ENDED));
  source.addEventListener(
    "many",
    taking((many) => {
      takeBoards(many.boards ?? []);
      takeMessages(many.messages ?? []);
      for (const mark of many.marked ?? []) takeMark(mark);
      for (const line of many.lines ?? []) tell("line", line);
    }),
  );
  source.addEventListener("error", () => {
    if (twin.connection !== ENDED) connectionIs("no connection; trying again");
    if (own.readyState === EventSource.CLOSED) setTimeout(() => own === source && hear(), AGAIN_MS);
  });
}

export async function start() {
  const state = await get("state").catch(() => null);
  live = state?.live !== false;
  if (live) return document.hidden ? null : hear();
  connectionIs("a trace");
  return load();
}

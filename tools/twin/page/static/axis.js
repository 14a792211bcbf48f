// What did the board print, and what did the cloud see, on one axis of time?

import { clock, count, el, span, visible } from "./dom.js";
import { get, nameOf, on } from "./twin.js";
import { boardChoice } from "./values.js";

const SHOWN = 400; // newest lines
const GAP_MS = 1000;

const open = new Set();
on("line", (line) => open.forEach((each) => each.add(line)));
on("messages", (fresh) => {
  for (const message of fresh) open.forEach((each) => each.add(lineOf(message)));
});
on("loaded", () => open.forEach((each) => each.again()));
on("registry", () => choices?.());
let choices = null;

function lineOf(message) {
  const kind = message.answers ? "answer" : message.direction === "up" ? "report" : "command";
  const text = [message.topic, message.summary, message.reason].filter(Boolean).join(" ");
  return { board: nameOf(message), ms: message.ms, side: "cloud", kind, text, message: message.id };
}

function entry(line, before, label) {
  const gap = before && line.ms - before.ms >= GAP_MS
    ? el("li", { class: "gap", "data-ms": line.ms }, span(line.ms - before.ms)) : null;
  const kind = line.message ? el("a", { href: `#messages?id=${line.message}` }, line.kind) : line.kind;
  const refused = /refus|reject/.test(line.kind) ? " bad" : "";
  return [gap, el("li", { "data-ms": line.ms, class: `${line.side === "board" ? "of-board" : "of-cloud"}${refused}` },
    el("time", {}, clock(line.ms)),
    el("div", {}, el("b", {}, `${line.side} `), line.side === "board" ? "" : el("span", { class: "muted" }, kind, " "),
      el("bdi", {}, visible(line.text.replace(label, "\u2026")))))];
}

export function timeline(main, board) {
  const said = el("p", { class: "muted", role: "status" });
  const list = el("ol", { class: "axis", "aria-label": "The board's log and the cloud's, oldest first" });
  main.append(said, el("div", { class: "axis-heads", "aria-hidden": "true" },
    el("span", {}, "the board prints"), el("span", {}, "time"), el("span", {}, "the cloud sees")), list);
  const label = board.slice(board.indexOf(" ") + 1); // known here: not in each line again
  let last = null;
  let total = 0;
  let fresh = true;

  let heard = null; // lines that came while all were asked for
  let known = { last_id: 0, now_ms: 0 }; // what was among those
  function put(line) {
    const early = last && line.ms < last.ms; // a message is told when it is on file, a little later
    const next = early ? [...list.children].find((each) => Number(each.dataset.ms) > line.ms) : null;
    const items = entry(line, early ? null : last, label).filter(Boolean);
    if (next) next.before(...items);
    else list.append(...items);
    if (!early) last = line;
    total += 1;
    while (list.children.length > SHOWN) list.firstChild.remove();
    said.textContent = total > SHOWN ? `the newest of ${count(total, "line")}` : "";
  }

  async function again() {
    const mine = heard = [];
    const found = await get("axis", { board }).catch(() => ({ lines: [], last_id: 0, now_ms: 0 }));
    if (!open.has(self) || mine !== heard) return;
    list.replaceChildren();
    last = null;
    total = Math.max(0, found.lines.length - SHOWN);
    found.lines.slice(-SHOWN).forEach(put);
    known = found;
    heard = null;
    mine.forEach(add);
    if (!total) said.textContent = "Nothing yet. What a board prints comes from a virtual board.";
    if (fresh) list.scrollTop = list.scrollHeight;
    fresh = false;
  }

  function add(line) {
    if (line.board !== board) return;
    if (heard) return void heard.push(line);
    if (line.message ? line.message <= known.last_id : line.ms <= known.now_ms) return;
    const end = list.scrollTop + list.clientHeight >= list.scrollHeight - 40;
    put(line);
    if (end) list.scrollTop = list.scrollHeight;
  }

  const self = { add, again };
  open.add(self);
  again();
  return { leave: () => open.delete(self) };
}

export function axis(main, query) {
  const place = el("div");
  let shown = null;
  const show = (id) => {
    shown?.leave();
    place.replaceChildren();
    shown = timeline(place, id);
  };
  const choice = boardChoice(query, "axis", show);
  main.append(
    el("div", { class: "bar" }, el("h2", {}, "Both sides on one axis"), el("label", { for: "of-board" }, "Board"), choice.select),
    place);
  show(choice.select.value);
  choices = () => {
    const before = choice.select.value;
    choice.fill();
    if (choice.select.value !== before) show(choice.select.value);
  };
  return { leave: () => { shown.leave(); choices = null; } };
}

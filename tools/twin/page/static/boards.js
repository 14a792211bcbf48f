// Which boards are there, how is each, and why was one refused?

import { boardActions } from "./do.js";
import { timeline } from "./axis.js";
import { ago, calmly, count, date, el, visible, when } from "./dom.js";
import { now, on, twin } from "./twin.js";

const SHOWN = 200; // rows at once; a filter finds the others

export const linkTo = (view, id) => `#${view}?${new URLSearchParams({ board: id })}`;
const title = (cloud) => twin.state.clouds[cloud]?.title ?? cloud;

function status(board) {
  const [word, kind] = board.online
    ? ["online", "ok"]
    : board.enabled === false
      ? ["denied", "bad"]
      : ["offline", "muted"];
  return el("span", { class: `status ${kind}` }, word);
}

const ways = (board) => (board.way ? [board.way, ...board.also].join(", ") : "");
const tls = (board) => (board.tls ? `${board.tls.version} ${board.tls.suite ?? ""}` : "");

function certificate(board) {
  const held = board.certificate;
  if (!held) return board.tls ? "none of its own" : "";
  const left = held.days_left;
  return el("span", {},
    visible(held.subject), " ",
    el("small", { class: left < 14 ? "bad" : "muted" },
      left < 0 ? `expired ${date(held.not_after_ms)}` : `${count(Math.floor(left), "day")} left`));
}

const seen = (board) => {
  if (!board.last_seen_ms) return "never";
  return twin.state.live ? ago(now() - board.last_seen_ms) : when(board.last_seen_ms);
};

function refusal(board) {
  if (!board.refusal) return null;
  const { ms, text, mend } = board.refusal;
  return el("p", { class: "refusal" },
    el("b", {}, `Refused ${when(ms)}: `), el("bdi", {}, visible(text)),
    mend ? el("span", { class: "mend" }, " ", visible(mend)) : null);
}

const COLUMNS = [
  ["Board", (b) => [
    el("a", { href: linkTo("board", b.id) }, el("bdi", {}, visible(b.label))),
    el("small", {}, `${title(b.cloud)}${b.kind === "device" ? "" : `, ${b.kind}`}${b.behind ? `, behind ${visible(b.behind)}` : ""}`)]],
  ["Status", (b) => [status(b)]],
  ["Way", (b) => [ways(b), el("small", {}, tls(b))]],
  ["Client id", (b) => [el("code", {}, visible(b.client_id ?? ""))]],
  ["Certificate", (b) => [certificate(b)]],
  ["Policy", (b) => [b.policy ?? ""]],
  ["Last seen", (b) => [el("span", { "data-seen": b.id }, seen(b))]],
  ["Reports", (b) => [String(b.reports)]],
  ["Reconnects", (b) => [String(b.reconnects)]],
  ["Outbox", (b) => [b.outbox === null || b.outbox === undefined ? "" : String(b.outbox)]],
];

function row(board) {
  const cells = COLUMNS.map(([name, content]) => {
    const inside = content(board);
    const empty = inside.every((part) => part === "" || part.textContent === "");
    return el("td", { role: "cell", "data-label": name, class: empty && "empty" }, inside);
  });
  const rows = [el("tr", { role: "row" }, cells)];
  const refused = refusal(board);
  if (refused) {
    rows.push(el("tr", { role: "row", class: "below" },
      el("td", { role: "cell", colspan: COLUMNS.length }, refused)));
  }
  return el("tbody", { role: "rowgroup", "data-board": board.id }, rows);
}

function each(boards) {
  for (const board of boards) {
    for (const said of document.querySelectorAll(`[data-seen="${CSS.escape(board.id)}"]`)) {
      said.textContent = seen(board);
    }
  }
}

function sorted() {
  return [...twin.boards.values()].sort(
    (a, b) => a.cloud.localeCompare(b.cloud) || a.label.localeCompare(b.label),
  );
}

export function boards(main, query) {
  const filter = el("input", {
    type: "search", id: "filter", value: query.get("text") ?? "", placeholder: "name, cloud, way",
    oninput: () => {
      const kept = new URLSearchParams(filter.value ? { text: filter.value } : {});
      history.replaceState(null, "", `#boards${filter.value ? `?${kept}` : ""}`);
      draw();
    },
  });
  const table = el("table", { role: "table", class: "boards" });
  const said = el("p", { class: "muted", role: "status" });
  const head = el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
    COLUMNS.map(([name]) => el("th", { role: "columnheader", scope: "col" }, name))));
  main.append(
    el("div", { class: "bar" }, el("h2", {}, "Boards"),
      el("label", { for: "filter" }, "Filter"), filter),
    table, said);
  table.append(head);
  const made = new Map(); // id -> [what it was made of, element]

  function draw() {
    const text = filter.value.toLowerCase();
    const chosen = sorted().filter((board) =>
      `${board.id} ${title(board.cloud)} ${ways(board)} ${board.client_id} ${board.online ? "online" : "offline"}`
        .toLowerCase().includes(text));
    const bodies = chosen.slice(0, SHOWN).map((board) => {
      const { last_seen_ms: _, ...lasting } = board;
      const content = JSON.stringify(lasting);
      if (made.get(board.id)?.[0] !== content) made.set(board.id, [content, row(board)]);
      return made.get(board.id)[1];
    });
    const now = [...table.tBodies];
    if (bodies.length !== now.length || bodies.some((body, at) => body !== now[at])) {
      const focused = document.activeElement?.closest("tbody")?.dataset.board;
      table.replaceChildren(head, ...bodies);
      if (focused) made.get(focused)?.[1].querySelector("a")?.focus();
    }
    each(chosen.slice(0, SHOWN));
    const rest = chosen.length - bodies.length;
    said.textContent = rest > 0
      ? `${count(rest, "more board")}: filter to see them`
      : chosen.length ? "" : "no board; add one under Do, or `signet twin device add`";
  }

  const later = calmly(draw);
  current = later;
  draw();
  const timer = setInterval(() => each([...twin.boards.values()].slice(0, SHOWN)), 1000);
  return { leave: () => { clearInterval(timer); current = null; } };
}

let current = null;
on("boards", () => current?.());

const code = (text) => (text ? el("code", {}, visible(text)) : "");

const FACTS = [
  ["Status", (b) => status(b)],
  ["Cloud", (b) => title(b.cloud)],
  ["Kind", (b) => b.kind + (b.behind ? ` behind ${visible(b.behind)}` : "")],
  ["Way", (b) => ways(b) || "none yet"],
  ["Client id", (b) => code(b.client_id)],
  ["From", (b) => code(b.peer)],
  ["TLS", (b) => (b.tls ? tls(b) : ["mqtt", "ws", "http", "coap"].includes(b.way) ? "none" : "")],
  ["Asked for", (b) => code(b.server_name)],
  ["Certificate", certificate],
  ["Serial", (b) => code(b.certificate?.serial)],
  ["Policy", (b) => b.policy ?? ""],
  ["Keep-alive", (b) => (b.keepalive_s ? `${b.keepalive_s} s` : "")],
  ["Session", (b) => (b.clean === null || b.clean === undefined ? "" : b.clean ? "clean" : "kept")],
  ["Since", (b) => (b.since_ms ? when(b.since_ms) : "")],
  ["Last seen", (b) => el("span", { "data-seen": b.id }, seen(b))],
  ["Reconnects", (b) => String(b.reconnects)],
  ["Reports", (b) => String(b.reports)],
  ["Commands", (b) => String(b.commands)],
  ["Outbox", (b) => (b.outbox === null || b.outbox === undefined ? "not reported" : String(b.outbox))],
];

export function board(main, query) {
  const id = query.get("board") ?? "";
  const facts = el("dl", { class: "facts" });
  const refused = el("div", { role: "status" });
  main.append(el("p", {}, el("a", { href: "#boards" }, "All boards")), el("h2", {}, visible(id)));
  if (!twin.boards.has(id)) {
    main.append(el("p", { role: "alert" }, "The twin knows no such board."));
    return {};
  }
  main.append(
    refused, facts,
    el("p", { class: "bar" },
      el("a", { href: linkTo("messages", id) }, "Its messages"),
      el("a", { href: linkTo("values", id) }, "Its values"),
      el("a", { href: linkTo("axis", id) }, "Its axis alone")));
  if (twin.state.live && twin.boards.get(id).kind !== "unknown") main.append(boardActions(id));
  main.append(el("h3", {}, "Both sides"));
  const line = timeline(main, id);
  let drawn = "";

  function draw() {
    const known = twin.boards.get(id);
    const { last_seen_ms: _, ...lasting } = known;
    const content = JSON.stringify(lasting);
    if (content !== drawn) {
      drawn = content;
      refused.replaceChildren(...[refusal(known)].filter(Boolean));
      facts.replaceChildren(...FACTS.flatMap(([name, of]) => {
        const value = of(known);
        return value === "" ? [] : [el("dt", {}, name), el("dd", {}, value)];
      }));
    }
    each([known]);
  }

  current = calmly(draw);
  draw();
  const timer = setInterval(() => each([twin.boards.get(id)]), 1000);
  return { leave: () => { clearInterval(timer); current = null; line.leave(); } };
}

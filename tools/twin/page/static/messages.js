// Which messages went by? A window of rows over all that are known, newest first.

import { calmly, clock, count, el, options, span, visible, visibleLines, when } from "./dom.js";
import { get, nameOf, on, twin } from "./twin.js";

const LONGEST = 100_000; // characters shown of one body
const DUMPED = 8; // bytes of a line of hex: as many as fit the width
const SPARE = 8; // rows beyond each edge of the window
const narrow = matchMedia("(max-width: 760px)");
const rowHeight = () => (narrow.matches ? 52 : 26);

const KINDS = { refused: "bad", rejected: "bad", stored: "ok", acked: "ok", answered: "ok" };

let current = null;
on("messages", (fresh) => current?.arrived(fresh));
on("loaded", () => current?.again());
on("registry", () => current?.choices());
on("marked", (mark) => current?.marked(mark));

function kindOf(message) {
  return KINDS[message.status] ?? "";
}

function row() {
  const part = (name) => el("span", { class: name });
  const parts = ["time", "way", "cloud", "board", "topic", "status", "took", "summary"].map(part);
  const element = el("div", { class: "message", role: "option" }, parts);
  return { element, parts };
}

function fill(row, message, selected) {
  const [time, way, cloud, board, topic, status, took, summary] = row.parts;
  row.element.id = `m${message.id}`;
  row.element.setAttribute("aria-selected", String(message.id === selected));
  time.textContent = clock(message.ms);
  way.textContent = message.direction === "up" ? "\u2191 up" : "\u2193 down";
  cloud.textContent = message.cloud;
  board.textContent = visible(message.device);
  topic.textContent = visible(message.topic.replace(message.device, "\u2026"));
  status.textContent = message.status;
  status.className = `status-word ${kindOf(message)}`;
  took.textContent = message.took_ms === null || message.took_ms === undefined ? "" : span(message.took_ms);
  summary.textContent = visible(message.reason || message.summary || "");
}

function dump(hex) {
  const lines = [];
  for (let at = 0; at < Math.min(hex.length, LONGEST); at += 2 * DUMPED) {
    const bytes = hex.slice(at, at + 2 * DUMPED).match(/../g) ?? [];
    const text = bytes.map((byte) => {
      const code = parseInt(byte, 16);
      return code >= 32 && code < 127 ? String.fromCharCode(code) : ".";
    });
    lines.push(`${(at / 2).toString(16).padStart(6, "0")}  ${bytes.join(" ").padEnd(3 * DUMPED - 1)}  ${text.join("")}`);
  }
  return lines.join("\n");
}

function body(title, text) {
  const cut = text.length > LONGEST;
  return [
    el("h4", {}, title),
    el("pre", { tabindex: "0", "aria-label": title }, visibleLines(cut ? text.slice(0, LONGEST) : text)),
    cut ? el("p", { class: "muted" }, `${count(text.length - LONGEST, "more character")} not shown`) : "",
  ];
}

function facts(message, open) {
  const pair = (id, name) =>
    id ? [el("dt", {}, name), el("dd", {},
      el("button", { type: "button", onclick: () => open(id) }, `message ${id}`))] : [];
  const fact = (name, value) =>
    value === null || value === undefined || value === "" ? [] : [el("dt", {}, name), el("dd", {}, value)];
  const coap = message.coap ?? {};
  return el("dl", { class: "facts" },
    fact("Time", when(message.ms)),
    fact("Board", el("bdi", {}, visible(nameOf(message)))),
    fact("Topic", el("code", {}, visible(message.topic))),
    fact("Status", el("span", { class: kindOf(message) }, message.status)),
    fact("Reason", message.reason && visible(message.reason)),
    fact("MQTT", message.coap ? "" : `QoS ${message.qos}${message.retain ? ", retained" : ""}${message.dup ? ", again (DUP)" : ""}`),
    fact("Size", count(message.size, "byte")),
    pair(message.reply, "Answered by"),
    pair(message.answers, "Answers"),
    fact("Took", message.took_ms === null || message.took_ms === undefined ? "" : span(message.took_ms)),
    fact("CoAP token", coap.token && el("code", {}, coap.token)),
    fact("CoAP message id", coap.mid === undefined ? "" : String(coap.mid ?? "")),
    fact("Sequence", coap.seq === undefined || coap.seq === null ? "" : String(coap.seq)),
    fact("Transmissions", coap.sent ? `${coap.sent}${coap.sent > 1 ? ", sent again" : ""}` : ""));
}

const isBelow = (topic, above) =>
  topic.startsWith(above) && (above.endsWith("/") || ["", "/", "?"].includes(topic.charAt(above.length)));

function tree(topics) {
  const root = { count: 0, below: new Map(), path: "" };
  for (const { topic, count: n } of topics) {
    let node = root;
    topic.split("/").forEach((level, at, levels) => {
      const path = levels.slice(0, at + 1).join("/") || "/";
      if (!node.below.has(level)) node.below.set(level, { count: 0, below: new Map(), path });
      node = node.below.get(level);
      node.count += n;
    });
  }
  return root;
}

function branches(node, choose, chosen) {
  return el("ul", {}, [...node.below.entries()].sort(([a], [b]) => a.localeCompare(b)).map(([name, below]) => {
    let label = name;
    let end = below;
    while (end.below.size === 1) { // a chain is one line
      const [[next, only]] = end.below;
      if (only.count !== end.count) break;
      label += `/${next}`;
      end = only;
    }
    const button = el("button", {
      type: "button", "data-path": end.path, "aria-pressed": String(chosen === end.path),
      onclick: () => choose(end.path),
    }, visible(label || "/"), " ", el("small", {}, String(end.count)));
    return el("li", {}, button, end.below.size ? branches(end, choose, chosen) : null);
  }));
}

export function messages(main, first) {
  let query = first;
  let chosen = [];
  let hits = new Set();
  let waiting = 0;
  let paused = false;
  let shown = null; // the message in the detail
  const board = el("select", { id: "of-board", onchange: () => set({ board: board.value }) });
  const cloud = el("select", { id: "of-cloud", onchange: () => set({ cloud: cloud.value, board: "", topic: "" }) });
  const text = el("input", {
    type: "search", id: "filter", placeholder: "topic, body, status",
    oninput: () => { set({ text: text.value }, true); ask(); },
  });
  const pause = el("button", { type: "button", "aria-pressed": "false", onclick: () => hold(!paused) }, "Pause");
  const said = el("span", { class: "muted", id: "how-many" });
  const topics = el("div", { class: "tree" });
  const space = el("div", { class: "space" });
  const list = el("div", {
    class: "list", role: "listbox", tabindex: "0", "aria-label": "Messages, newest first",
    onscroll: () => draw(), onkeydown: key,
  }, space);
  const detail = el("section", { class: "detail", "aria-label": "Message", tabindex: "-1", hidden: true });
  const label = (id, name, field) => [el("label", { for: id }, name), field];
  main.append(
    el("div", { class: "bar" }, el("h2", {}, "Messages"),
      label("of-cloud", "Cloud", cloud), label("of-board", "Board", board),
      label("filter", "Filter", text), pause, said),
    el("div", { class: "messages" },
      el("details", { class: "topics", open: !narrow.matches }, el("summary", {}, "Topics"), topics),
      list, detail));
  let pressed = null; // rows move as messages come: what was pressed counts
  list.addEventListener("pointerdown", (event) => {
    pressed = event.target.closest(".message")?.id;
  });
  list.addEventListener("click", (event) => {
    const id = pressed ?? event.target.closest(".message")?.id;
    pressed = null;
    if (id) open(Number(id.slice(1)));
  });
  detail.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  const rows = new Map(); // message id -> its row
  const pool = []; // rows without a message

  function set(changes, typing = false) {
    for (const [name, value] of Object.entries(changes)) {
      if (value === "" || value === null) query.delete(name);
      else query.set(name, value);
    }
    const kept = query.toString();
    history.replaceState(null, "", `#messages${kept ? `?${kept}` : ""}`);
    if (!("id" in changes)) {
      choose();
      list.scrollTop = 0;
      draw();
      if (!typing) sow();
      if ("board" in changes || "cloud" in changes) ask();
    }
  }

  function fits() {
    const inside = (query.get("text") ?? "").toLowerCase();
    const of = query.get("board");
    const ofCloud = query.get("cloud");
    const topic = query.get("topic");
    return (message) =>
      (!ofCloud || message.cloud === ofCloud) &&
      (!of || nameOf(message) === of) &&
      (!topic || isBelow(message.topic, topic)) &&
      (!inside || hits.has(message.id) ||
        `${message.topic} ${message.device} ${message.status} ${message.reason} ${message.summary}`
          .toLowerCase().includes(inside));
  }

  function choose() {
    chosen = twin.messages.filter(fits()); // oldest first, shown from its end
    waiting = 0;
  }

  function draw() {
    const height = rowHeight();
    space.style.height = `${chosen.length * height}px`;
    const begin = Math.max(0, Math.floor(list.scrollTop / height) - SPARE);
    const end = Math.min(chosen.length, Math.ceil((list.scrollTop + list.clientHeight) / height) + SPARE);
    const selected = Number(query.get("id"));
    const wanted = chosen.slice(chosen.length - end, chosen.length - begin).reverse();
    const ids = new Set(wanted.map((message) => message.id));
    for (const [id, each] of rows) {
      if (ids.has(id)) continue;
      rows.delete(id);
      each.element.hidden = true;
      each.element.removeAttribute("id");
      pool.push(each);
    }
    wanted.forEach((message, at) => {
      let each = rows.get(message.id) ?? pool.pop();
      if (!each) {
        each = row();
        space.append(each.element);
      }
      rows.set(message.id, each);
      fill(each, message, selected);
      each.element.hidden = false;
      each.element.style.transform = `translateY(${(begin + at) * height}px)`;
      each.element.setAttribute("aria-setsize", String(chosen.length));
      each.element.setAttribute("aria-posinset", String(begin + at + 1));
    });
    const active = selected && document.getElementById(`m${selected}`);
    if (active) list.setAttribute("aria-activedescendant", active.id);
    else list.removeAttribute("aria-activedescendant");
    said.textContent = waiting
      ? `${count(waiting, "new message")} not shown`
      : `${chosen.length.toLocaleString("en")} of ${count(twin.messages.length, "message")}`;
  }

  function hold(wanted) {
    paused = wanted;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
    if (!paused) again();
  }

  function key(event) {
    const at = chosen.findIndex((message) => message.id === Number(query.get("id")));
    const page = Math.max(1, Math.floor(list.clientHeight / rowHeight()) - 1);
    const steps = { ArrowDown: -1, ArrowUp: 1, PageDown: -page, PageUp: page };
    let to = null;
    if (event.key in steps) to = at < 0 ? chosen.length - 1 : at + steps[event.key];
    else if (event.key === "Home") to = chosen.length - 1;
    else if (event.key === "End") to = 0;
    else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      open(chosen[at].id);
      detail.focus();
    } else if (event.key === "Escape") close();
    if (to === null || !chosen.length) return;
    event.preventDefault();
    to = Math.min(chosen.length - 1, Math.max(0, to));
    set({ id: String(chosen[to].id) });
    const top = (chosen.length - 1 - to) * rowHeight();
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + rowHeight() > list.scrollTop + list.clientHeight) {
      list.scrollTop = top + rowHeight() - list.clientHeight;
    }
    draw();
    if (!detail.hidden) open(chosen[to].id);
  }

  async function open(id) {
    set({ id: String(id) });
    detail.hidden = false;
    draw();
    let message;
    try {
      message = await get(`messages/${id}`);
    } catch (error) {
      shown = null;
      detail.replaceChildren(el("p", { role: "alert" }, error.message));
      return;
    }
    if (Number(query.get("id")) !== id) return;
    shown = message;
    const { payload } = message;
    detail.replaceChildren(
      el("div", { class: "bar" }, el("h3", {}, `Message ${id}`),
        el("button", { type: "button", onclick: close }, "Close")),
      facts(message, open),
      ...(message.decoded === null || message.decoded === undefined
        ? [] : body(`Decoded: ${message.format}`, JSON.stringify(message.decoded, null, 2))),
      ...body("Raw", "text" in payload ? payload.text : dump(payload.hex)),
      ...(message.aes ? body("As it went over the wire, by AES", dump(message.aes.cipher_hex)) : []));
    detail.scrollTop = 0;
  }

  function close() {
    if (detail.hidden) return;
    detail.hidden = true;
    set({ id: "" });
    draw();
    list.focus();
  }

  let asked = 0;
  let timer = 0;
  // The bodies are the twin's: it looks into them. after: a message's id; without, into all.
  function ask(after = 0) {
    if (after) {
      if (timer) return; // which looks into that one, too
    } else {
      clearTimeout(timer);
      asked += 1;
      hits = new Set();
    }
    const mine = asked;
    timer = setTimeout(async () => {
      timer = 0;
      const wanted = { text: query.get("text"), cloud: query.get("cloud"), board: query.get("board"), after };
      if (!wanted.text) return;
      for (;;) {
        const found = await get("messages", wanted).catch(() => ({ messages: [] }));
        if (mine !== asked) return;
        for (const message of found.messages) hits.add(message.id);
        if (found.messages.length && !paused) again();
        if (!found.more || !found.messages.length) return;
        if (after) wanted.after = found.messages.at(-1).id;
        else wanted.before = found.messages[0].id;
      }
    }, after ? 500 : 200);
  }

  let sown = "";
  async function sow() {
    const wanted = { cloud: query.get("cloud"), board: query.get("board") };
    const found = await get("topics", wanted).catch(() => ({ topics: [] }));
    const chosenTopic = query.get("topic") ?? "";
    const content = JSON.stringify([found.topics, chosenTopic]);
    if (content === sown) return;
    sown = content;
    const focused = topics.contains(document.activeElement) ? document.activeElement.dataset.path : null;
    const pick = (path) => set({ topic: path === query.get("topic") ? "" : path });
    topics.replaceChildren(
      el("button", {
        type: "button", "data-path": "", "aria-pressed": String(!chosenTopic), onclick: () => set({ topic: "" }),
      }, "All topics"),
      branches(tree(found.topics), pick, chosenTopic));
    if (focused !== null) {
      topics.querySelector(`[data-path="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    }
  }

  function choices() {
    const names = new Set([...twin.boards.values()].map((each) => each.cloud));
    const clouds = [...names].sort().map((name) => [name, twin.state.clouds[name]?.title ?? name]);
    options(cloud, [["", "all"], ...clouds], query.get("cloud"));
    const ofCloud = query.get("cloud");
    const ids = [...twin.boards.values()].filter((each) => !ofCloud || each.cloud === ofCloud)
      .map((each) => [each.id, visible(each.id)]).sort(([a], [b]) => a.localeCompare(b));
    options(board, [["", "all"], ...ids], query.get("board"));
  }

  function again() {
    choose();
    draw();
  }

  const later = calmly(draw);
  function arrived(fresh) {
    const matching = fresh.filter(fits());
    if (matching.length < fresh.length && query.get("text")) ask(fresh[0].id - 1);
    if (paused) {
      waiting += matching.length;
      return later();
    }
    if (!fresh.length) choose(); // older ones
    else chosen.push(...matching);
    if (list.scrollTop > 0 && matching.length) list.scrollTop += matching.length * rowHeight();
    return later();
  }

  function marked(mark) {
    later();
    if (shown?.id !== mark.id || detail.hidden) return;
    Object.assign(shown, mark);
    detail.querySelector(".facts").replaceWith(facts(shown, open));
  }

  function restart(next) {
    query = next;
    text.value = query.get("text") ?? "";
    choices();
    again();
    if (text.value) ask();
    sow();
    const id = Number(query.get("id"));
    if (id) open(id);
    else if (!detail.hidden) close();
  }

  restart(first);
  current = { arrived, again, choices, marked };
  const size = new ResizeObserver(() => draw());
  size.observe(list);
  const sowing = setInterval(() => { if (!paused) sow(); }, 5000);
  return {
    leave: () => { current = null; size.disconnect(); clearInterval(sowing); clearTimeout(timer); asked += 1; },
    changed: (next) => { restart(next); return true; },
  };
}

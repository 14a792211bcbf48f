// Which view is shown? The fragment says it, so that a reload keeps it.

import { ago, count, visible, when } from "./dom.js";
import { now, on, start, twin } from "./twin.js";
import { axis } from "./axis.js";
import { board, boards } from "./boards.js";
import { actions } from "./do.js";
import { messages } from "./messages.js";
import { values } from "./values.js";

const VIEWS = { boards, board, messages, values, axis, do: actions };
const RECENT_MS = 10_000;
const main = document.getElementById("main");

let shown = null; // {name, leave, changed}

function place() {
  const [name, query = ""] = location.hash.slice(1).split("?");
  return { name: Object.hasOwn(VIEWS, name) ? name : "boards", query: new URLSearchParams(query) };
}

function show() {
  const { name, query } = place();
  for (const link of document.querySelectorAll("#views a")) {
    const current = link.hash === `#${name === "board" ? "boards" : name}`;
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (shown?.name === name && shown.changed?.(query)) return;
  shown?.leave?.();
  main.replaceChildren();
  shown = { name, ...VIEWS[name](main, query) };
  document.title = `${main.querySelector("h2")?.textContent ?? name} - signet twin`;
}

function summary() {
  const all = [...twin.boards.values()];
  const online = all.filter((each) => each.online);
  const recent = twin.arrivals.filter((ms) => ms > now() - RECENT_MS).length;
  const newest = twin.arrivals.at(-1);
  const refused = all.filter((each) => each.refusal);
  const last = refused.sort((a, b) => b.refusal.ms - a.refusal.ms)[0];
  const names = online.slice(0, 4).map((each) => visible(each.label)).join(", ");
  const more = online.length > 4 ? `, ${online.length - 4} more` : "";
  const live = twin.state?.live !== false;
  const reports = live
    ? `${recent} in the last 10 s${newest ? `, the newest ${ago(now() - newest)}` : ""}`
    : `${twin.arrivals.length} in this trace`;
  const say = (id, text, kind) => {
    const place = document.getElementById(id);
    if (place.textContent !== text) place.textContent = text;
    place.className = kind;
  };
  const known = all.filter((each) => each.kind !== "unknown").length;
  const who = `${online.length} of ${count(known, "board")}`;
  say("who", names ? `${who}: ${names}${more}` : who, online.length ? "ok" : "");
  say("reports", reports, recent ? "ok" : "");
  say("refusal", last
    ? `${visible(last.label)}, ${when(last.refusal.ms)}: ${visible(last.refusal.text)}`
    : "none", last ? "bad" : "");
}

function theme() {
  const select = document.getElementById("theme");
  const set = (value) => {
    document.documentElement.dataset.theme = value;
    select.value = value;
    window.dispatchEvent(new Event("theme"));
  };
  let kept = "";
  try {
    kept = localStorage.getItem("theme") ?? "";
  } catch {} // a browser that keeps nothing
  set(kept);
  select.addEventListener("change", () => {
    set(select.value);
    try {
      localStorage.setItem("theme", select.value);
    } catch {}
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    window.dispatchEvent(new Event("theme")),
  );
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment holds the view
  main.focus();
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    const filter = main.querySelector("input[type=search]");
    if (filter) {
      event.preventDefault();
      filter.focus();
    }
  }
});
on("connection", (text) => {
  const said = document.getElementById("connection");
  said.textContent = text;
  said.className = text === "live" || text === "a trace" ? "ok" : "bad";
});
on("state", (state) => {
  document.getElementById("title").textContent = visible(state.title);
  document.getElementById("link-do").hidden = !state.live;
  if (!shown) show();
  summary();
});
window.addEventListener("hashchange", show);
setInterval(summary, 500);
theme();
start();

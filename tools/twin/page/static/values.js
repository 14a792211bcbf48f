// How did the numbers that a board reports go? A plot for each, by uPlot, and a table of them all.

import { clock, date, el, options, visible, when } from "./dom.js";
import { get, nameOf, on, twin } from "./twin.js";

const POINTS = 5000; // as the twin keeps of each
const EVERY_MS = 500;
const ALONE_S = 5; // shown before and after a single point

let current = null;
on("messages", (fresh) => current?.arrived(fresh));
on("loaded", () => current?.again());
on("registry", () => current?.choices());
window.addEventListener("theme", () => current?.colour());

export function boardChoice(query, view, change) {
  const select = el("select", { id: "of-board", onchange: () => {
    history.replaceState(null, "", `#${view}?${new URLSearchParams({ board: select.value })}`);
    change(select.value);
  } });
  const fill = () => {
    const ids = [...twin.boards.values()]
      .sort((a, b) => b.reports - a.reports || a.id.localeCompare(b.id)).map((each) => each.id);
    const wanted = select.value || query.get("board") || ids[0] || "";
    // The order is kept once it is made: a list that moves cannot be chosen from.
    const known = [...select.options].map((option) => option.value);
    const order = [...known.filter((id) => ids.includes(id)), ...ids.filter((id) => !known.includes(id))];
    options(select, order.map((id) => [id, visible(id)]), wanted);
  };
  fill();
  return { select, fill };
}

function times(ticks) {
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 1;
  return ticks.map((tick) => (step >= 86_400 ? date(tick * 1000) : clock(tick * 1000).slice(0, step < 1 ? 12 : 8)));
}

const shortly = (value) => Number(value.toPrecision(6)).toString();

export function values(main, query) {
  const choice = boardChoice(query, "values", () => again());
  const note = el("p", { class: "note", role: "status" });
  const plots = el("div", { class: "plots" });
  const table = el("table", { class: "values" });
  main.append(
    el("div", { class: "bar" }, el("h2", {}, "Values"), el("label", { for: "of-board" }, "Board"), choice.select),
    note, plots, table);
  let series = new Map(); // name -> {points, plot, element}
  let library = null; // uPlot, false when there is none
  let alive = true;
  let heard = null; // messages that came while the numbers were asked for
  let last = 0; // the newest message whose numbers are among those

  async function load() {
    if (window.uPlot) return window.uPlot;
    try {
      await new Promise((done, failed) => {
        document.head.append(el("script", { src: "uPlot.iife.min.js", onload: done, onerror: failed }));
      });
      document.head.prepend(el("link", { rel: "stylesheet", href: "uPlot.min.css" }));
      return window.uPlot;
    } catch {
      const why = await fetch("uPlot.iife.min.js").then((answer) => answer.text()).catch(() => "");
      note.textContent = `No plots: ${visible(why.trim()) || "uPlot is not installed; run `make setup`"}`;
      return false;
    }
  }

  function colours(element) {
    const of = (name) => {
      element.dataset.colour = name;
      return getComputedStyle(element).color;
    };
    const found = { line: of("accent"), text: of("muted"), grid: of("line") };
    delete element.dataset.colour;
    return found;
  }

  function draw(name, each) {
    each.plot?.destroy();
    const ink = colours(each.element);
    const axis = { stroke: ink.text, grid: { stroke: ink.grid, width: 1 }, ticks: { stroke: ink.grid, width: 1 }, font: "11px system-ui, sans-serif" };
    each.plot = new library({
      width: Math.max(240, each.element.clientWidth),
      height: 150,
      legend: { show: false },
      cursor: { sync: { key: "time" }, drag: { x: true, y: false } },
      scales: { x: { time: true, range: ({ data: [at] }, least, most) =>
        (at.length === 1 ? [at[0] - ALONE_S, at[0] + ALONE_S] : [least, most]) } }, // uPlot's is 2.7 years
      axes: [
        { ...axis, values: (_, ticks) => times(ticks), space: 90 },
        { ...axis, size: 56, space: 24 },
      ],
      series: [{}, { stroke: ink.line, width: 1.5, points: { show: each.points.length < 100, size: 4 } }],
      hooks: { setCursor: [(plot) => {
        const at = plot.cursor.idx;
        each.said.textContent = at === null || at === undefined ? shortly(each.points.at(-1)[1])
          : `${shortly(each.points[at][1])} at ${when(each.points[at][0])}`;
      }] },
    }, columns(each), each.element);
  }

  function renew(each) {
    const { data: [before], scales: { x } } = each.plot;
    const closer = x.min > before[0] || x.max < before.at(-1); // somebody looks at a part
    each.plot.setData(columns(each), !closer);
    if (closer) each.plot.redraw();
  }

  const columns = ({ points }) => [points.map(([ms]) => ms / 1000), points.map(([, value]) => value)];

  function add(name, points) {
    const said = el("span", { class: "muted" });
    const element = el("div", { class: "plot" });
    const each = { points, element, said, plot: null };
    series.set(name, each);
    if (library) {
      plots.append(el("figure", { "aria-label": `${visible(name)} over time` },
        el("figcaption", {}, el("b", {}, visible(name)), " ", said), element));
      draw(name, each);
    }
    said.textContent = points.length ? shortly(points.at(-1)[1]) : "";
    return each;
  }

  function list() {
    const head = ["Value", "Last", "Least", "Most", "Points", "At"];
    const rows = [...series].map(([name, { points }]) => {
      const numbers = points.map(([, value]) => value);
      const cells = [shortly(numbers.at(-1)), shortly(numbers.reduce((a, b) => Math.min(a, b))),
        shortly(numbers.reduce((a, b) => Math.max(a, b))), String(points.length), when(points.at(-1)[0])];
      return el("tr", {}, el("th", { scope: "row" }, visible(name)), cells.map((cell) => el("td", {}, cell)));
    });
    table.replaceChildren(
      el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, rows));
    table.hidden = !rows.length;
    if (library) note.textContent = rows.length ? "" : "This board has reported no number yet.";
  }

  async function again() {
    const wanted = choice.select.value;
    const mine = heard = [];
    library ??= await load();
    const found = await get("values", { board: wanted }).catch(() => ({ series: [], last_id: 0 }));
    if (!alive || mine !== heard) return;
    for (const each of series.values()) each.plot?.destroy();
    plots.replaceChildren();
    series = new Map();
    for (const { name, points } of found.series) if (points.length) add(name, points);
    last = found.last_id;
    heard = null;
    arrived(mine);
    list();
  }

  const changed = new Set();
  function arrived(fresh) {
    if (heard) return void heard.push(...fresh);
    for (const message of fresh) {
      if (message.id <= last || nameOf(message) !== choice.select.value) continue;
      if (message.direction !== "up" || message.status !== "stored") continue;
      for (const [name, value] of Object.entries(message.values)) {
        const each = series.get(name) ?? add(name, []);
        const ms = message.times[name] ?? message.ms;
        const late = each.points.length && each.points.at(-1)[0] > ms;
        each.points.push([ms, value]);
        if (late) each.points.sort(([a], [b]) => a - b); // what waited on the board
        if (each.points.length > POINTS) each.points.shift();
        changed.add(name);
      }
    }
  }

  const timer = setInterval(() => {
    if (!changed.size) return;
    for (const name of changed) {
      const each = series.get(name);
      if (!each) continue;
      if (each.plot) renew(each);
      if ((each.plot?.cursor.idx ?? null) === null) each.said.textContent = shortly(each.points.at(-1)[1]);
    }
    changed.clear();
    list();
  }, EVERY_MS);
  const colour = () => {
    for (const [name, each] of series) if (each.plot) draw(name, each);
  };
  const size = new ResizeObserver(() => {
    for (const each of series.values()) {
      each.plot?.setSize({ width: Math.max(240, each.element.clientWidth), height: 150 });
    }
  });
  size.observe(plots);
  const choices = () => {
    const before = choice.select.value;
    choice.fill();
    if (choice.select.value !== before) again();
  };
  current = { arrived, again, choices, colour };
  again();
  return { leave: () => {
    alive = false;
    current = null;
    clearInterval(timer);
    size.disconnect();
    for (const each of series.values()) each.plot?.destroy();
  } };
}

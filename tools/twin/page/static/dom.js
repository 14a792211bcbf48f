// How are elements made, and how is text of a device shown? Never as markup: text nodes only.

export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// Control and direction characters would hide or turn what stands beside them.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const escaped = (c) => `\\u${c.codePointAt(0).toString(16).padStart(4, "0")}`;

export const visible = (text) => String(text).replace(UNSEEN, escaped);
export const visibleLines = (text) =>
  String(text).replace(UNSEEN, (c) => (c === "\n" || c === "\t" ? c : escaped(c)));

const two = (n) => String(n).padStart(2, "0");

export function clock(ms) {
  const at = new Date(ms);
  const seconds = `${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  return `${two(at.getHours())}:${two(at.getMinutes())}:${seconds}`;
}

export function date(ms) {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

// With its day, if that is another one than today: a trace may be old.
export const when = (ms) => (date(ms) === date(Date.now()) ? "" : `${date(ms)} `) + clock(ms);

export function span(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

export const ago = (ms) => (ms < 1000 ? "just now" : `${span(ms)} ago`);

export const count = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;

export function options(select, pairs, chosen) {
  const wanted = JSON.stringify(pairs);
  if (select.dataset.made !== wanted) {
    select.replaceChildren(...pairs.map(([value, text]) => el("option", { value }, text)));
    select.dataset.made = wanted;
  }
  select.value = chosen ?? "";
  if (select.selectedIndex < 0 && pairs.length) select.selectedIndex = 0;
}

// At most ten calls a second, each before a frame.
export function calmly(work) {
  let waiting = false;
  let last = -100;
  return () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => requestAnimationFrame(() => {
      waiting = false;
      last = performance.now();
      work();
    }), Math.max(0, last + 100 - performance.now()));
  };
}

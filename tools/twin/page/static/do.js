// What can one do to the clouds and their boards? Each form asks the twin, and says what it answered.

import { el, options, visible, visibleLines } from "./dom.js";
import { act, on, twin } from "./twin.js";

let numbered = 0;

function field(name, input, hint) {
  input.id = `field-${++numbered}`;
  return el("p", { class: "field" }, el("label", { for: input.id }, name), input,
    hint ? el("small", {}, hint) : null);
}

const text = (name, properties = {}) => el("input", { type: "text", name, autocomplete: "off", spellcheck: "false", ...properties });
const button = (label, properties = {}) => el("button", { type: "button", ...properties }, label);

// A form: its fields, a button or several ({label: ask}), and a line that says what came of it.
function form(title, hint, fields, label, ask, told) {
  const said = el("output", { role: "status" });
  const asks = typeof label === "string" ? { [label]: ask } : label;
  const buttons = Object.keys(asks).map((each) => el("button", { type: "submit", value: each }, each));
  let busy = false; // a button that is disabled would lose the focus
  return el("form", { class: "action", "aria-label": title, onsubmit: async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    said.className = "";
    said.textContent = "";
    const chosen = event.submitter?.value ?? buttons[0].value;
    try {
      const answer = await asks[chosen]();
      said.textContent = told?.(answer, chosen) ?? "done";
      said.className = "ok";
    } catch (error) {
      said.textContent = visible(error.message);
      said.className = "bad";
    }
    busy = false;
  } },
  el("h4", {}, title), hint ? el("p", { class: "muted" }, hint) : null, fields,
  el("p", {}, buttons.flatMap((each) => [each, " "]), said));
}

function boardsSelect() {
  const select = el("select", {});
  const fill = () => {
    const boards = [...twin.boards.values()].filter((board) => board.kind !== "unknown");
    const ids = boards.map((board) => [board.id, visible(board.id)]).sort(([a], [b]) => a.localeCompare(b));
    const first = boards.find((board) => board.online) ?? boards.find((board) => board.id === ids[0][0]);
    options(select, ids, select.value || first?.id);
  };
  filled(fill);
  return select;
}

const cloudOf = (id) => twin.state.clouds[twin.boards.get(id)?.cloud];

// What depends on which boards there are and which one is chosen.
const refills = new Set();
const refill = () => refills.forEach((fill) => fill());
on("registry", refill);

function filled(fill) {
  fill();
  refills.add(fill);
}

function json(source) {
  try {
    const data = JSON.parse(source || "{}");
    if (data && typeof data === "object" && !Array.isArray(data)) return data;
  } catch (error) {
    throw new Error(`the data is no JSON: ${error.message}`);
  }
  throw new Error('the data must be a JSON object, as {"led": 1}');
}

function command(board) {
  const name = text("name", { value: "set", required: true });
  const data = el("textarea", { rows: 3, spellcheck: "false", value: '{"led": 1}' });
  const hint = el("small");
  filled(() => { hint.textContent = cloudOf(board())?.command_help ?? ""; });
  return form("Command", "Goes down to the board as its cloud sends it.",
    [field("Name", name), hint, field("Data (JSON)", data)], "Send",
    () => act({ do: "command", board: board(), name: name.value, data: json(data.value) }),
    (answer) => `sent to ${answer.topic ?? "the board"}${answer.reply ? `; it answered ${visible(JSON.stringify(answer.reply)).slice(0, 200)}` : ""}`);
}

function connection(board) {
  return [
    form("Drop", "Ends its connection, as a network does.", [], "Drop",
      () => act({ do: "drop", board: board() }), () => "dropped"),
    form("Deny or allow", "A denied board is refused when it logs in.", [],
      { Deny: () => act({ do: "deny", board: board() }), Allow: () => act({ do: "allow", board: board() }) },
      null, (answer, label) => (label === "Deny" ? "denied" : "allowed")),
  ];
}

async function copy(source, said) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    said.textContent = "copied";
  } catch {
    getSelection().selectAllChildren(source);
    said.textContent = "selected: copy it with the keyboard";
  }
}

// Holds the secret, so it stands here only after it was asked for, and until it is hidden again.
function deviceJson(board) {
  const ways = () => Object.keys(cloudOf(board())?.ways ?? {});
  const way = el("select", {});
  filled(() => options(way, ways().map((each) => [each, each]), way.value));
  const place = el("div");
  const said = el("span", { role: "status" });
  const hide = () => place.replaceChildren();
  const made = form("device.json", "What the board needs to know, its secret among it.",
    [field("Way", way)], "Show device.json",
    async () => {
      const answer = await act({ do: "device_json", board: board(), way: way.value });
      const source = el("pre", { tabindex: "0", "aria-label": "device.json" }, visibleLines(JSON.stringify(answer.device_json, null, 2)));
      place.replaceChildren(source, el("p", {},
        button("Copy", { onclick: () => copy(source, said) }), " ",
        button("Hide", { onclick: hide }), " ", said),
      answer.behind
        ? el("p", { class: "muted" }, `For a device that logs in by itself. Where its gateway reports for it, it needs none: the gateway's is under ${visible(answer.behind)}.`) : "",
      answer.ca ? el("p", { class: "muted" }, "It needs the twin's CA beside it: `signet board deploy` copies both.") : "");
      return answer;
    }, () => "");
  made.append(place);
  made.shown = hide;
  return made;
}

function secret(board) {
  const place = el("code", { class: "secret" });
  const hide = button("Hide", { hidden: true, onclick: () => { place.textContent = ""; hide.hidden = true; } });
  const made = form("Secret", "Shown on this page only, until you hide it.", [], "Show the secret",
    () => act({ do: "secret", board: board() }),
    (answer) => { place.textContent = visible(answer.secret); hide.hidden = false; return ""; });
  made.append(el("p", {}, place, " ", hide));
  made.shown = () => hide.click();
  return made;
}

// What is done to one board, on its own page.
export function boardActions(id) {
  refills.clear();
  const board = () => id;
  const place = el("details", { class: "actions" }, el("summary", {}, "Do"),
    el("div", { class: "forms" }, command(board), connection(board), deviceJson(board), secret(board)));
  return place;
}

const someOrg = () => [...twin.boards.values()].find((board) => board.policy)?.label.split("/")[0] ?? "";

function policies() {
  const clouds = Object.entries(twin.state.clouds).filter(([, cloud]) => cloud.policies?.length);
  if (!clouds.length) return null;
  const product = text("product", { required: true, value: someOrg() });
  const type = text("type");
  const policy = el("select", {});
  options(policy, [...new Set(clouds.flatMap(([, cloud]) => cloud.policies))].map((name) => [name, name]));
  return form("Policy", `How devices of a type may log in, for ${clouds.map(([, cloud]) => cloud.title).join(", ")}.`,
    [field("Organization", product), field("Type", type, "empty: all types"), field("Policy", policy)], "Change",
    () => act({ do: "policy", product: product.value, policy: policy.value, ...(type.value ? { type: type.value } : {}) }),
    () => `${policy.value} now`);
}

function authority() {
  const org = text("org", { required: true, value: someOrg() });
  const pem = el("textarea", { rows: 4, spellcheck: "false", required: true, placeholder: "-----BEGIN CERTIFICATE-----" });
  return form("Register a CA", "Certificates that it signs are believed from then on.",
    [field("Organization", org), field("Certificate (PEM)", pem)], "Register",
    () => act({ do: "ca", org: org.value, pem: pem.value }), (answer) => `registered ${visible(answer.name ?? "")}`);
}

function adding(added) {
  const cloud = el("select", {});
  options(cloud, Object.entries(twin.state.clouds).map(([name, each]) => [name, each.title]));
  const kind = el("select", {});
  const product = text("product", { required: true });
  const name = text("name", { required: true });
  const hint = el("small");
  const named = field("Name", name);
  const behind = el("select", {});
  const gateway = field("Behind the gateway", behind);
  const fill = () => {
    const forms = twin.state.clouds[cloud.value]?.forms ?? {};
    const gateways = [...twin.boards.values()].filter((each) => each.cloud === cloud.value && each.kind === "gateway");
    options(behind, [["", "none"], ...gateways.map(({ label }) => [label, visible(label)])], behind.value);
    options(kind, Object.keys(forms).map((each) => [each, each]), kind.value);
    hint.textContent = `Product: ${forms[kind.value] ?? "product key"}`;
    named.hidden = name.disabled = kind.value === "application"; // the twin makes an API key
    gateway.hidden = behind.disabled = !("gateway" in forms) || kind.value !== "device";
  };
  cloud.addEventListener("change", fill);
  kind.addEventListener("change", fill);
  filled(fill);
  return form("Add a device", "The twin makes its secret.",
    [field("Cloud", cloud), field("Kind", kind), field("Product", product), hint, named, gateway], "Add",
    async () => {
      const answer = await act({
        do: "add", cloud: cloud.value, product: product.value, kind: kind.value,
        ...(name.disabled ? {} : { name: name.value }),
        ...(behind.disabled ? {} : { behind: behind.value }),
      });
      twin.boards.set(answer.board.id, answer.board);
      refill();
      added(answer.board.id);
      return answer;
    }, (answer) => `added ${visible(answer.board.id)}; its device.json is under "One board"`);
}

function everybody() {
  const lost = Math.round(100 * twin.state.faults.loss);
  const share = el("input", { type: "number", min: 0, max: 100, step: 1, required: true, value: lost || 30 });
  const what = el("select", {});
  options(what, [["pubacks", "PUBACKs"], ["replies", "replies by MQTT"], ["coap_replies", "replies by CoAP"]]);
  const many = el("input", { type: "number", min: 1, step: 1, required: true, value: 1 });
  return [
    form("Lose datagrams", "Of CoAP, in both directions. 0 ends it.", [field("Percent", share)], "Lose",
      async () => {
        await act({ do: "loss", share: Number(share.value) / 100 });
        twin.state.faults.loss = Number(share.value) / 100;
      }, () => `${share.value} % are lost`),
    form("Swallow", "The next ones are not sent: boards send their reports again.",
      [field("What", what), field("How many", many)], "Swallow",
      () => act({ do: "swallow", what: what.value, n: Number(many.value) }), () => `the next ${many.value} are swallowed`),
    form("Expire tokens", "Every token counts as expired: boards must log in anew.", [], "Expire",
      () => act({ do: "expire_tokens" }), () => "expired"),
    form("Drop all", "Ends every connection.", [], "Drop all", () => act({ do: "drop_all" }), () => "dropped"),
  ];
}

export function actions(main) {
  refills.clear();
  main.append(el("h2", {}, "Do"));
  if (!twin.state.live) {
    main.append(el("p", {}, "This is a trace: there is nothing to do to it."));
    return {};
  }
  const select = boardsSelect();
  const board = () => select.value;
  const shows = [deviceJson(board), secret(board)];
  select.addEventListener("change", () => {
    shows.forEach((each) => each.shown());
    refill();
  });
  const choose = (id) => {
    select.value = id;
    select.dispatchEvent(new Event("change"));
  };
  main.append(
    el("h3", {}, "One board"), field("Board", select),
    el("div", { class: "forms" }, command(board), connection(board), shows),
    el("h3", {}, "All boards"), el("div", { class: "forms" }, everybody()),
    el("h3", {}, "The registry"),
    el("div", { class: "forms" }, adding(choose), [policies(), authority()].filter(Boolean)));
  return { leave: () => refills.clear() };
}

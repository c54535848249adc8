// The columns of the table: how wide each is, its head with a menu, dragging to another place, and the list to choose from.

import { h, icon, put } from "./dom.js";
import { COUNTABLE, FIELDS, flatMetadata } from "./fields.js";
import { label, plain } from "./format.js";
import { attach } from "./popover.js";
import { change, DEFAULT_COLUMNS, state } from "./state.js";

const WIDTHS = "logmill-widths";
const STANDARD_PX = { timestamp: 168, level: 92, service: 150, status_code: 96, severity: 80, anomaly: 80, method: 80, priority: 80, response_time_ms: 130, path: 220, trace_id: 250, id: 330 };
const OTHER_PX = 150;
const ELASTIC_PX = 280;
const [MIN_PX, MAX_PX] = [48, 1200];

function widths() {
  try {
    const kept = JSON.parse(localStorage.getItem(WIDTHS) ?? "{}");
    return typeof kept === "object" && kept !== null ? kept : {};
  } catch {
    return {};
  }
}

/** Give a table the widths of its columns; the message, else the last one, takes what is left. */
export function layOut(table, columns) {
  const kept = widths();
  const elastic = columns.includes("message") ? "message" : columns.at(-1);
  const sizes = columns.map((name) => (name === elastic ? ELASTIC_PX : Math.max(MIN_PX, Math.min(MAX_PX, Number(kept[name]) || STANDARD_PX[name] || OTHER_PX))));
  table.style.setProperty("--columns", sizes.map((px, at) => (columns[at] === elastic ? `minmax(${px}px, 1fr)` : `${px}px`)).join(" "));
  // The same for all rows, whatever they hold, or the table would change its width as one scrolls.
  table.style.setProperty("--least", `${sizes.reduce((sum, px) => sum + px, 4)}px`);
}

const set = (columns) => change({ columns: columns.length ? columns : DEFAULT_COLUMNS });

/** Show or hide a column. */
export function toggleColumn(name) {
  const { columns } = state();
  set(columns.includes(name) ? columns.filter((one) => one !== name) : [...columns.filter((one) => one !== "message"), name, ...columns.filter((one) => one === "message")]);
}

function move(name, step) {
  const columns = [...state().columns];
  const at = columns.indexOf(name);
  const to = at + step;
  if (to < 0 || to >= columns.length) return;
  [columns[at], columns[to]] = [columns[to], columns[at]];
  set(columns);
}

function moveBefore(name, before) {
  if (name === before || !state().columns.includes(name)) return;
  const columns = state().columns.filter((one) => one !== name);
  const wasLeft = state().columns.indexOf(name) < state().columns.indexOf(before);
  columns.splice(columns.indexOf(before) + (wasLeft ? 1 : 0), 0, name);
  set(columns);
}

/** The heads of the columns, for the first row of the table; `resized` is called while one is drawn wider. */
export function heads(columns, resized) {
  return columns.map((name) => (state().columns.includes(name) ? head(name, resized) : h("div", { role: "columnheader", class: "cell head" }, h("span", { class: "head-button" }, label(name)))));
}

function head(name, resized) {
  const { columns } = state();
  const at = columns.indexOf(name);
  const button = h("button", { type: "button", class: "head-button", "aria-label": `Column ${plain(name)}: move, remove`, title: plain(name) }, label(name));
  const item = (what, onclick, disabled) => h("button", { type: "button", role: "menuitem", disabled, onclick: () => (close(), onclick()) }, what);
  const menu = h(
    "div",
    { role: "menu", "aria-label": `Column ${plain(name)}` },
    item("Move left", () => move(name, -1), at === 0),
    item("Move right", () => move(name, 1), at === columns.length - 1),
    COUNTABLE.includes(name) && item("Colour the histogram by it", () => change({ by: name })),
    item("Remove", () => toggleColumn(name), columns.length === 1),
  );
  const close = attach(button, menu);
  const grip = h("span", { class: "grip", "aria-hidden": "true", onpointerdown: (event) => resize(event, name, resized) });
  return h(
    "div",
    {
      role: "columnheader",
      class: "cell head",
      draggable: "true",
      "data-column": name,
      ondragstart: (event) => event.dataTransfer.setData("text/plain", name),
      ondragover: (event) => event.preventDefault(),
      ondrop: (event) => (event.preventDefault(), moveBefore(event.dataTransfer.getData("text/plain"), name)),
    },
    button,
    menu,
    name !== "message" && grip,
  );
}

function resize(event, name, resized) {
  event.preventDefault();
  const from = event.clientX;
  const was = event.target.parentElement.offsetWidth;
  const follow = ({ clientX }) => {
    localStorage.setItem(WIDTHS, JSON.stringify({ ...widths(), [name]: Math.max(MIN_PX, Math.min(MAX_PX, was + clientX - from)) }));
    resized();
  };
  const stop = () => removeEventListener("pointermove", follow);
  addEventListener("pointermove", follow);
  addEventListener("pointerup", stop, { once: true });
}

/** A button with the list of all columns; `loaded()` gives the logs, whose metadata are columns too. */
export function columnChooser(loaded) {
  const button = h("button", { type: "button", class: "tool" }, icon("column"), "Columns");
  const wanted = h("input", { type: "search", placeholder: "Find a field", "aria-label": "Find a field", autofocus: true, oninput: () => list() });
  const box = h("div", { class: "column-list" });
  const panel = h("div", { role: "dialog", "aria-label": "Columns", class: "column-panel" }, wanted, box, h("button", { type: "button", class: "plain", onclick: () => (set(DEFAULT_COLUMNS), list()) }, "As at first"));
  const list = () => {
    const { columns } = state();
    const paths = new Set(loaded().flatMap((log) => flatMetadata(log).map(([path]) => path)));
    const names = [...new Set([...columns, ...Object.keys(FIELDS), ...[...paths].sort(), "id"])];
    const found = names.filter((name) => name.toLowerCase().includes(wanted.value.toLowerCase())).slice(0, 200);
    put(box, found.map((name) => h("label", {}, h("input", { type: "checkbox", checked: columns.includes(name), onchange: () => toggleColumn(name) }), h("span", {}, label(name)), h("small", {}, FIELDS[name]?.[1] ?? "metadata"))));
  };
  attach(button, panel, { align: "right", onOpen: () => ((wanted.value = ""), list()) });
  return h("span", {}, button, panel);
}

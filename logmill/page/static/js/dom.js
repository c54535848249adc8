// Makes elements. Text only ever becomes text nodes, so nothing that came from a log can run as script.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (`onclick`), CSS variables (`vars`) and children (nodes, text, null for none). */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** As `h`, for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "vars") for (const [key, to] of Object.entries(value)) element.style.setProperty(key, to);
    else if (name === "value" && "value" in element) element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Put these children in place of those that are there. */
export function put(element, ...children) {
  element.replaceChildren(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The element with this id; the page has it. */
export const byId = (id) => document.getElementById(id);

/** An icon of the page's own set, hidden from screen readers: the control that has it has a name. */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

/** A button with an icon only; `label` is its name and its tooltip. */
export function iconButton(name, label, onclick, attributes = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...attributes }, icon(name));
}

/** Say something to screen readers that those who see notice by themselves. */
export function announce(text) {
  byId("announcer").textContent = text;
}

/** A line at the foot of the page for a few seconds: something was done, or could not be. */
export function toast(text, kind = "info") {
  const line = h("div", { class: `toast ${kind}` }, text);
  byId("toasts").append(line);
  setTimeout(() => line.remove(), kind === "error" ? 8000 : 3000);
}

const ICONS = {
  add: "M8 2.5v11M2.5 8h11",
  remove: "M2.5 8h11",
  close: "M3.5 3.5l9 9m0-9l-9 9",
  copy: "M5.5 5.5v-3h8v8h-3m-8-5h8v8h-8z",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  down: "M3 6l5 5 5-5",
  up: "M3 10l5-5 5 5",
  column: "M2.5 3h11v10h-11zM6 3v10M10 3v10",
  pause: "M5 3v10M11 3v10",
  play: "M4.5 2.5l8 5.5-8 5.5z",
  refresh: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
  link: "M7 9l5-5m-3.500-.500h4v4M11 9.500v3.500H3V5h3.500",
  clock: "M8 2.500a5.500 5.500 0 1 0 .01 0M8 5v3.300l2.300 1.500",
  theme: "M8 2.500a5.500 5.500 0 1 0 0 11zM8 2.500a5.500 5.500 0 0 1 0 11",
  help: "M6 6a2 2 0 1 1 2.800 1.900c-.6.3-.8.6-.8 1.300M8 11.500v.6M8 1.800a6.200 6.200 0 1 0 .01 0",
  exclude: "M8 2.500a5.500 5.500 0 1 0 .01 0M5 8h6",
  include: "M8 2.500a5.500 5.500 0 1 0 .01 0M5 8h6M8 5v6",
  filter: "M2 3h12l-4.500 5.500V13l-3-1.500v-3z",
  download: "M8 2.500v7m-3-3l3 3 3-3M3 13h10",
  zoomout: "M7 3a4 4 0 1 0 .01 0M10 10l3.500 3.500M5 7h4",
  search: "M7 3a4 4 0 1 0 .01 0M10 10l3.500 3.500",
  wrap: "M2 4h12M2 8h9.500a2 2 0 0 1 0 4H8m1.500-1.800L7.700 12l1.800 1.800M2 12h3",
};

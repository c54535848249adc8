// Light and dark: as the system says until the button is pressed, then as chosen, kept in this browser.

const KEY = "logmill-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = [];

/** "light" or "dark". */
export const theme = () => document.documentElement.dataset.theme;

/** Hear of each change, to draw anew what is drawn on a canvas. */
export const onTheme = (listener) => listeners.push(listener);

/** The other theme, from now on. */
export function toggleTheme() {
  localStorage.setItem(KEY, theme() === "dark" ? "light" : "dark");
  apply();
}

/** The value of a colour of css/base.css in the theme in force. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function apply() {
  document.documentElement.dataset.theme = localStorage.getItem(KEY) || (system.matches ? "dark" : "light");
  for (const listener of listeners) listener();
}

system.addEventListener("change", apply);

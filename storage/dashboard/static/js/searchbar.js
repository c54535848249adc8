// The search bar: a search text with completion, and its errors at the place where they are.

import { isAborted } from "./api.js";
import { suggestions } from "./completion.js";
import { announce, byId, h, icon, put } from "./dom.js";
import { label, plain } from "./format.js";
import { refusalOf } from "./questions.js";
import { change, state } from "./state.js";

const WAIT_MS = 80;
const PLACEHOLDER = "Search: words, level:error, service:pay*, status_code:>=500, \"timed out\" …";

/** The bar in `element`; `loaded()` gives the logs on the page, whose metadata is completed from; `submit` searches again. */
export function searchBar(element, { loaded, submit }) {
  const mirror = h("div", { class: "mirror", "aria-hidden": "true" });
  const input = h("input", {
    id: "search",
    type: "text",
    role: "combobox",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    maxlength: 8192,
    placeholder: PLACEHOLDER,
    "aria-label": "Search text",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": "completions",
    "aria-describedby": "search-pending search-error",
  });
  const list = h("ul", { id: "completions", class: "completions", role: "listbox", "aria-label": "Completions", hidden: true });
  const error = h("div", { id: "search-error", class: "search-error", role: "alert", hidden: true });
  const pending = h("span", { id: "search-pending", class: "pending", hidden: true }, "not applied");
  const clear = h("button", { type: "button", class: "icon-button clear", "aria-label": "Clear the search text", title: "Clear" }, icon("close"));
  const form = h(
    "form",
    { role: "search", class: "searchbar" },
    h("span", { class: "lens" }, icon("search")),
    h("div", { class: "field" }, mirror, input),
    pending,
    clear,
    h("button", { type: "submit", class: "primary" }, "Search"),
    list,
  );
  put(element, form, error);

  let found = null;
  let active = -1;
  let asking = new AbortController();
  let timer = 0;
  // The last text that was not taken along, and what the server said of it.
  let refused = { text: null, problem: null };
  let isTaking = false;

  const close = () => {
    clearTimeout(timer);
    asking.abort();
    found = null;
    active = -1;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  const show = () => {
    active = -1;
    const options = found.items.map((item, at) =>
      h("li", { role: "option", id: `completion-${at}`, "aria-selected": "false", onmousedown: (event) => event.preventDefault(), onclick: () => accept(at) },
        h("span", { class: "what" }, label(item.label)), h("span", { class: "help" }, item.help)));
    put(list, options);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    input.removeAttribute("aria-activedescendant");
  };

  const look = async () => {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    try {
      const answer = await suggestions(input.value, input.selectionStart, state(), loaded(), signal);
      if (signal.aborted || document.activeElement !== input) return;
      found = answer;
      if (found) show();
      else close();
    } catch (problem) {
      // Completion helps; where it cannot, the search itself will say what is wrong.
      if (!isAborted(problem)) close();
    }
  };

  const lookSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(look, WAIT_MS);
  };

  const choose = (at) => {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = (at + found.items.length) % found.items.length;
    const option = list.children[active];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", option.id);
  };

  const accept = (at) => {
    const { start, end, items } = found;
    const { insert, again } = items[at];
    const rest = input.value.slice(end);
    const text = insert.endsWith(" ") && rest.startsWith(" ") ? insert.slice(0, -1) : insert;
    input.value = input.value.slice(0, start) + text + rest;
    const caret = start + insert.length;
    input.setSelectionRange(caret, caret);
    close();
    edited();
    if (again) look();
  };

  const edited = () => {
    clear.hidden = !input.value;
    error.hidden = true;
    input.removeAttribute("aria-invalid");
    put(mirror);
    compare();
  };

  /** Whether the text is another than the one in force. */
  const isPending = () => input.value.trim() !== state().q.trim();

  /** Say so where it is; an empty bar tells which one is in force instead. */
  const compare = () => {
    const { q } = state();
    const is = isPending();
    pending.hidden = !is;
    pending.title = q.trim() ? `In force: ${plain(q)}` : "No search text is in force";
    input.placeholder = is && !input.value.trim() ? `still in force: ${plain(q)}` : PLACEHOLDER;
  };

  /** Show what the server could not read, at its place. */
  const mark = (problem, ...words) => {
    const at = Math.min(problem.position ?? 0, input.value.length);
    input.setAttribute("aria-invalid", "true");
    put(mirror, input.value.slice(0, at), h("span", { class: "wrong" }, input.value.slice(at, at + 1) || " "), input.value.slice(at + 1));
    mirror.scrollLeft = input.scrollLeft;
    put(error, words);
    error.hidden = false;
    announce(error.textContent);
    return at;
  };

  const send = () => {
    close();
    edited();
    if (input.value === state().q) submit();
    else change({ q: input.value, row: "" });
  };

  input.addEventListener("input", () => (edited(), lookSoon()));
  input.addEventListener("click", lookSoon);
  input.addEventListener("blur", close);
  input.addEventListener("scroll", () => (mirror.scrollLeft = input.scrollLeft));
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !found) look();
    else if (step) choose(active < 0 && step < 0 ? -1 : active + step);
    else if (event.key === "Enter" && found && active >= 0) accept(active);
    else if (event.key === "Tab" && !event.shiftKey && found) accept(Math.max(0, active));
    else if (event.key === "Escape" && found) close();
    else if (event.key === "Escape") input.blur();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  form.addEventListener("submit", (event) => (event.preventDefault(), send()));
  clear.addEventListener("click", () => {
    input.value = "";
    edited();
    send();
    input.focus();
  });

  input.value = state().q;
  edited();
  return {
    /** Show the text in force: where the change was about it, else what is being typed stays. */
    follow(isSearch) {
      if (isSearch && !isTaking && input.value !== state().q) {
        input.value = state().q;
        edited();
      }
      compare();
    },
    focus: () => (input.focus(), input.select()),
    isPending,
    /**
     * Have what was typed in force. What cannot be read stays in the bar with its error, and the text before it in force;
     * so it does where the server does not say, since whatever is asked next will show why.
     */
    async take({ signal, replace }) {
      const text = input.value;
      if (isTaking || !isPending()) return;
      try {
        if (refused.text !== text) refused = { text, problem: await refusalOf(text, signal) };
      } catch {
        return;
      }
      // Somebody else asks by now, with what is in the bar by now.
      if (signal.aborted) return;
      const { problem } = refused;
      // What was typed on meanwhile waits for the next time.
      isTaking = true;
      if (!problem) change({ q: text }, { replace });
      else if (input.value === text) mark(problem, h("b", {}, "Not applied: "), `${problem.message}. `, state().q.trim() ? ["Still in force: ", h("code", {}, label(state().q))] : "No search text is in force.");
      isTaking = false;
    },
    /** Show what the server could not read of the text in force; false where another is in the bar, which has no such place. */
    fail(problem) {
      if (isPending()) return false;
      const at = mark(problem, problem.message);
      if (document.activeElement === input || document.activeElement === document.body) {
        input.focus();
        input.setSelectionRange(at, Math.min(at + 1, input.value.length));
      }
      return true;
    },
  };
}

/** Whether the keyboard is in a field where letters are text. */
export const isTyping = () => /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "") || byId("completions")?.contains(document.activeElement);

// Panels that open below a button: one at a time, closed by Escape or a click elsewhere.

/** Have `button` open and close `panel`; `onOpen` is called before it is shown. Returns a function that closes it. */
export function attach(button, panel, { onOpen, align = "left" } = {}) {
  panel.setAttribute("popover", "auto");
  panel.classList.add("panel");
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-haspopup", panel.getAttribute("role") === "menu" ? "menu" : "dialog");
  button.popoverTargetElement = panel;
  panel.addEventListener("beforetoggle", (event) => {
    button.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState === "open") onOpen?.();
  });
  panel.addEventListener("toggle", (event) => {
    if (event.newState !== "open") return;
    place(button, panel, align);
    panel.querySelector("[autofocus], button, input, select, a")?.focus();
  });
  panel.addEventListener("keydown", (event) => {
    if (panel.getAttribute("role") === "menu") moveInMenu(event, panel);
  });
  return () => panel.isConnected && panel.matches(":popover-open") && panel.hidePopover();
}

function place(button, panel, align) {
  const at = button.getBoundingClientRect();
  const width = panel.offsetWidth;
  const wanted = align === "right" ? at.right - width : at.left;
  panel.style.left = `${Math.max(8, Math.min(wanted, innerWidth - width - 8))}px`;
  panel.style.top = `${Math.min(at.bottom + 4, Math.max(8, innerHeight - panel.offsetHeight - 8))}px`;
}

function moveInMenu(event, panel) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const items = [...panel.querySelectorAll("[role^=menuitem]:not([disabled])")];
  items[(items.indexOf(document.activeElement) + step + items.length) % items.length]?.focus();
  event.preventDefault();
}

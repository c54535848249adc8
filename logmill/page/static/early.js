// Before the first paint: the chosen theme, so that the page does not flash in the other. No module, since those wait.
document.documentElement.dataset.theme =
  localStorage.getItem("logmill-theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

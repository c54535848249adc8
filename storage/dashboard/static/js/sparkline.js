// A small picture of numbers over time, without axes.

import { svg } from "./dom.js";

const [WIDTH, HEIGHT] = [120, 24];

/** Bars of these numbers; `label` says in words what they are. */
export function sparkline(numbers, label) {
  const most = Math.max(1, ...numbers);
  const step = WIDTH / Math.max(1, numbers.length);
  const bars = numbers.map((number, at) => {
    // What is there at all is seen, however little it is.
    const height = number ? Math.max(1.5, (HEIGHT * number) / most) : 0;
    return svg("rect", { x: (at * step).toFixed(2), y: (HEIGHT - height).toFixed(2), width: Math.max(0.5, step - 0.8).toFixed(2), height: height.toFixed(2) });
  });
  return svg("svg", { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, bars);
}

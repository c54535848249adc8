// Charts on uPlot: stacked bars and lines over time, in the colours of the theme, with a tooltip that is text.

import uPlot from "../vendor/uPlot.esm.js";
import { h, put } from "./dom.js";
import { time, zone } from "./format.js";
import { colour, onTheme } from "./theme.js";

const MIN_DRAG_PX = 6;
const FONT = '11px system-ui, -apple-system, "Segoe UI", sans-serif';
const charts = new Set();

onTheme(() => {
  for (const chart of charts) chart.draw();
});

/** A chart in `element` that follows its width and the theme. */
class Chart {
  constructor(element, height) {
    this.element = element;
    this.height = height;
    this.box = h("div", { class: "chart-box" });
    this.tip = h("div", { class: "tooltip", hidden: true, role: "presentation" });
    element.append(this.box, this.tip);
    this.given = null;
    this.plot = null;
    this.dragging = false;
    this.observer = new ResizeObserver(() => {
      const width = this.box.clientWidth;
      if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: this.height });
      else if (!this.plot && width) this.draw();
    });
    this.observer.observe(this.box);
    addEventListener("mouseup", () => (this.dragging = false));
    charts.add(this);
  }

  /** Show these data, unless a range is being drawn just now: the next will do. */
  show(given) {
    if (this.dragging) return;
    this.given = given;
    this.draw();
  }

  draw() {
    const width = this.box.clientWidth;
    if (!this.given || !width) return;
    this.plot?.destroy();
    const { options, data } = this.build(this.given);
    this.plot = new uPlot({ width, height: this.height, ...common(), ...options }, data, put(this.box));
    this.plot.over.addEventListener("mousedown", () => (this.dragging = true));
  }

  /** Put the tooltip beside the pointer, or hide it where there is nothing to say. */
  point(plot, rows) {
    const { left } = plot.cursor;
    this.tip.hidden = !rows || left < 0;
    if (this.tip.hidden) return;
    put(this.tip, rows);
    const at = left + plot.over.offsetLeft;
    const width = this.tip.offsetWidth;
    this.tip.style.left = `${at + 14 + width > this.box.clientWidth ? Math.max(0, at - width - 14) : at + 14}px`;
  }

  clear() {
    this.given = null;
    this.plot?.destroy();
    this.plot = null;
    this.tip.hidden = true;
    put(this.box);
  }
}

function common() {
  return {
    tzDate: (at) => (zone() === "utc" ? uPlot.tzDate(new Date(at * 1000), "Etc/UTC") : new Date(at * 1000)),
    legend: { show: false },
    padding: [8, 20, 0, 0],
  };
}

/** A moment at the axis (seconds): the time of day, the date where another day begins or a step is a day. */
function axisTime(at, before, step) {
  const text = time(at * 1000);
  const [day, clock] = [text.slice(0, text.lastIndexOf(" ")), text.slice(text.lastIndexOf(" ") + 1)];
  if (step >= 86400) return day;
  if (before !== null && !time(before * 1000).startsWith(`${day} `) && clock.startsWith("00:00:00")) return day;
  return step >= 60 ? clock.slice(0, 5) : step >= 1 ? clock.slice(0, 8) : clock;
}

function axes(values) {
  const line = { stroke: colour("--muted"), font: FONT, grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false } };
  return [
    { ...line, grid: { show: false }, space: 70, size: 24, gap: 5, values: (_, splits, __, ___, step) => splits.map((at, number) => axisTime(at, number ? splits[number - 1] : null, step)) },
    { ...line, size: 46, gap: 4, space: 28, values: (_, splits) => splits.map(values) },
  ];
}

/** Stacked bars. Data: {starts (seconds), width (seconds), end, stacks: [{name, colour, values}] from the bottom, tip(at)}. */
export class Bars extends Chart {
  constructor(element, { height, onZoom, values }) {
    super(element, height);
    this.onZoom = onZoom;
    this.values = values;
  }

  build({ starts, width, end, stacks, tip }) {
    const sums = [];
    const total = new Array(starts.length).fill(0);
    for (const { values } of stacks) {
      values.forEach((value, at) => (total[at] += value));
      sums.push([...total]);
    }
    const bars = uPlot.paths.bars({ size: [1, Infinity], align: 1, gap: 1 });
    // The tallest is drawn first, and the lower ones over it.
    const order = stacks.map((_, at) => at).reverse();
    const series = order.map((at) => ({ label: stacks[at].name, fill: colour(stacks[at].colour), width: 0, paths: bars, points: { show: false } }));
    return {
      data: [starts, ...order.map((at) => sums[at])],
      options: {
        series: [{}, ...series],
        axes: axes(this.values),
        scales: { x: { time: true, range: [starts[0], end] }, y: { range: (_, __, high) => [0, Math.max(1, high * 1.05)] } },
        cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: MIN_DRAG_PX } },
        hooks: {
          setCursor: [(plot) => {
            const at = Math.floor((plot.posToVal(plot.cursor.left, "x") - starts[0]) / width);
            this.point(plot, plot.cursor.left >= 0 && at >= 0 && at < starts.length ? tip(at) : null);
          }],
          setSelect: [(plot) => {
            const { left, width: wide } = plot.select;
            if (wide < MIN_DRAG_PX) return;
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            this.onZoom(plot.posToVal(left, "x") * 1000, plot.posToVal(left + wide, "x") * 1000);
          }],
        },
      },
    };
  }
}

/** Lines. Data: {times (seconds), lines: [{name, colour, values}], tip(at)}. */
export class Lines extends Chart {
  constructor(element, { height, values }) {
    super(element, height);
    this.values = values;
  }

  build({ times, lines, tip }) {
    const series = lines.map(({ name, colour: tone, dash }) => ({
      label: name, stroke: colour(tone), width: 2 / devicePixelRatio + 0.6, dash, points: { show: false }, spanGaps: false,
      fill: lines.length === 1 ? `${colour(tone)}22` : undefined,
    }));
    return {
      data: [times, ...lines.map(({ values }) => values)],
      options: {
        series: [{}, ...series],
        axes: axes(this.values),
        scales: { x: { time: true }, y: { range: (_, __, high) => [0, Math.max(1, (high ?? 0) * 1.1)] } },
        cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
        hooks: { setCursor: [(plot) => this.point(plot, plot.cursor.idx === null || plot.cursor.left < 0 ? null : tip(plot.cursor.idx))] },
      },
    };
  }
}

/** The inside of a tooltip: a heading, and rows of [colour, name, value]. */
export const tipRows = (heading, rows) => [
  h("div", { class: "tip-heading" }, heading),
  ...rows.map(([tone, name, value]) => h("div", { class: "tip-row" }, h("i", { class: "swatch", vars: { "--tone": `var(${tone})` } }), h("span", {}, name), h("b", {}, value))),
];

// The pipeline itself: what comes in and is stored, what waits in each lane, the workers, the disk, dead letters, settings.

import { getJson } from "./api.js";
import { card, keyOf, table, tile } from "./cards.js";
import { Lines, tipRows } from "./chart.js";
import { configuration } from "./configuration.js";
import { DeadLetters } from "./deadletters.js";
import { h, put } from "./dom.js";
import { ago, bytes, compact, count, counted, decimal, duration, label, time } from "./format.js";
import { Polling } from "./polling.js";

const CHART_PX = 150;
const LANES = ["urgent", "normal", "bulk"];
const CONTENTS = { level: "Level", service: "Service", host: "Host", tags: "Tag" };

/** The view; it asks every few seconds while it is shown. */
export class PipelineView {
  constructor({ fail }) {
    this.polling = new Polling({ ask: (signal) => this.ask(signal), failing: (sentence) => this.failing(sentence), fail });
    this.isKnown = false;
    this.warning = h("div", { class: "pipeline-warning", role: "status" });
    this.tiles = h("div", { class: "tiles" });
    this.rates = card("Logs a second", "chart");
    this.waiting = card("Messages waiting, by lane", "chart");
    this.rateChart = new Lines(this.rates.body, { height: CHART_PX, values: (at) => decimal(at, 2) });
    // Half a message does not wait.
    this.waitChart = new Lines(this.waiting.body, { height: CHART_PX, values: (at) => (Number.isInteger(at) ? compact(at) : "") });
    this.lanes = card("Lanes", "half");
    this.processors = card("Processors", "half");
    this.disk = card("Storage", "half tall");
    this.content = card("Contents", "contents whole");
    this.rejected = card("Rejected", "half");
    this.dead = new DeadLetters();
    this.settings = card("Configuration");
    this.configured = "";
    this.element = h(
      "div",
      { class: "pipeline-view scroller" },
      this.warning,
      this.tiles,
      h("div", { class: "cards" }, [this.rates, this.waiting, this.content, this.disk, this.processors, this.lanes, this.rejected].map(({ element }) => element)),
      this.dead.element,
      this.settings.element,
    );
  }

  /** Ask and show, then again every few seconds. Problems that asking again cannot mend are thrown. */
  async load(signal) {
    await this.dead.load(await this.polling.start(signal));
  }

  async ask(signal) {
    this.show(await getJson("pipeline", null, { signal }));
    this.element.classList.remove("stale");
  }

  failing(sentence) {
    this.element.classList.add("stale");
    put(this.warning, h("p", { class: "problem" }, sentence(this.isKnown ? "these are the last figures known" : "nothing is known yet")));
  }

  stop() {
    this.polling.stop();
  }

  show(found) {
    this.isKnown = true;
    const { producer } = found;
    const away = !producer.reachable ? `The producer at ${producer.url} cannot be reached: ${producer.reason}. Rates of acceptance, queues and dead letters are unknown.` : !producer.ready ? `The producer is not ready: ${producer.reason}` : "";
    put(this.warning, away && h("p", { class: "problem" }, away));
    this.showTiles(found);
    this.showCharts(found.history);
    this.showLanes(found);
    this.showProcessors(found.processors);
    this.showDisk(found.storage);
    this.showContent(found.content);
    this.showRejected(found.rejected);
    this.dead.counted(found.dead?.count ?? null);
    // It changes with a restart only; what somebody looks for in it is not to be lost every few seconds.
    const configured = JSON.stringify(found.configuration);
    if (configured !== this.configured) put(this.settings.body, configuration(found.configuration));
    this.configured = configured;
  }

  showTiles({ rates, lag, lanes, dead, storage }) {
    const waiting = lanes?.reduce((sum, { messages }) => sum + (messages ?? 0), 0);
    const isLate = (lag?.p99_s ?? 0) > 5;
    put(
      this.tiles,
      tile("Accepted", `${decimal(rates.accepted_per_s)}`, "logs/s"),
      tile("Stored", `${decimal(rates.stored_per_s)}`, "logs/s"),
      tile("Lag, median", duration(lag?.p50_s), "until searchable"),
      tile("Lag, 99 %", duration(lag?.p99_s), `at most ${duration(lag?.max_s)}`, isLate ? "warn" : ""),
      tile("Waiting", waiting === undefined ? "–" : compact(waiting), waiting === 1 ? "message" : "messages"),
      tile("Dead letters", dead?.count === null || dead?.count === undefined ? "–" : count(dead.count), "", dead?.count ? "bad" : ""),
      tile("Logs", compact(storage.logs), storage.bytes_per_log ? `${decimal(storage.bytes_per_log)} B each` : ""),
      tile("Disk", bytes(storage.bytes), `${bytes(storage.free_bytes)} free`, storage.days_until_full !== null && storage.days_until_full < 7 ? "warn" : ""),
    );
  }

  showCharts({ step_s: step, stored, accepted, waiting }) {
    const now = Date.now() / 1000;
    const timesOf = (values) => values.map((_, at) => now - (values.length - 1 - at) * step);
    const draw = (chart, lines) => {
      const known = lines.filter(({ values }) => values?.length);
      if (!known.length) return;
      const times = timesOf(known[0].values);
      const tip = (at) => tipRows(time(times[at] * 1000, { ms: false }), known.map(({ name, colour, values }) => [colour, name, values[at] === null ? "–" : decimal(values[at])]));
      chart.show({ times, lines: known, tip });
    };
    const perSecond = (logs) => logs?.map((number) => (number === null ? null : number / step));
    draw(this.rateChart, [{ name: "accepted", colour: "--series-2", values: perSecond(accepted), dash: [5, 4] }, { name: "stored", colour: "--series-1", values: perSecond(stored) }]);
    draw(this.waitChart, LANES.map((lane) => ({ name: lane, colour: `--lane-${lane}`, values: waiting?.[lane] })));
    put(this.rates.note, keyOf([["--series-2", "accepted"], ["--series-1", "stored"]]));
    put(this.waiting.note, keyOf(LANES.map((lane) => [`--lane-${lane}`, lane])));
  }

  showLanes({ lanes }) {
    const rows = (lanes ?? []).map(({ lane, messages, bytes: held }) => [lane, count(messages ?? 0), held === null || held === undefined ? "–" : bytes(held)]);
    put(this.lanes.body, rows.length ? table(["Lane", "Messages", "Size"], rows) : h("p", { class: "hint" }, "unknown while the producer is away"));
  }

  showProcessors(processors) {
    const rows = processors.map((one) => [label(one.processor_id), compact(one.logs), decimal(one.logs_per_s), ago(one.last_seen)]);
    put(this.processors.body, rows.length ? table(["Processor", "Logs", "Logs/s", "Last seen"], rows) : h("p", { class: "hint" }, "none has stored anything lately"));
  }

  showDisk(storage) {
    const { retention } = storage;
    const full = storage.days_until_full;
    const rows = [
      ["On disk", `${bytes(storage.bytes)} in ${counted(storage.parts, "part")}`],
      ["Free", bytes(storage.free_bytes)],
      ["Full in", retention?.makes_room ? "never: the oldest days are deleted first" : full === null ? "–" : `${decimal(full)} ${decimal(full) === "1" ? "day" : "days"} at this rate`],
      ["Oldest", storage.oldest ? `${time(storage.oldest, { ms: false })} (${ago(storage.oldest)})` : "–"],
      ["Newest", storage.newest ? `${time(storage.newest, { ms: false })} (${ago(storage.newest)})` : "–"],
      ["In memory", `${compact(storage.memory_logs)} newest ${storage.memory_logs === 1 ? "log" : "logs"}`],
      ...retained(retention),
    ];
    const problem = retention?.error && h("p", { class: "problem" }, `Old days cannot be deleted: ${retention.error}`);
    put(this.disk.body, problem, table(null, rows));
  }

  showContent(content) {
    put(this.content.note, content && `since ${time(content.since, { ms: false })}`);
    const lists = Object.entries(CONTENTS).map(([field, title]) => table([title, "Logs"], (content?.[field] ?? []).map(({ value, count: logs }) => [value === "" ? h("em", {}, "none") : label(value), compact(logs)])));
    put(this.content.body, content ? lists : h("p", { class: "hint" }, "unknown"));
  }

  showRejected(rejected) {
    const rows = (rejected ?? []).map(({ code, count: number }) => [label(code), count(number)]);
    put(this.rejected.body, rows.length ? table(["Fault", "Logs or batches"], rows) : h("p", { class: "hint" }, rejected ? "nothing was rejected" : "unknown"));
  }
}

/** What becomes of old logs, as rows of a table. */
function retained(retention) {
  if (!retention) return [["Kept", "for ever"]];
  const { days, max_bytes: most, archive } = retention;
  const bounds = [days && `for ${counted(days, "day")} after their own`, most && `at most ${bytes(most)}`].filter(Boolean);
  const doing = retention.doing === "archiving" ? `archiving ${retention.day}: ${compact(retention.archived)} logs so far` : retention.doing && `${retention.doing} ${retention.day}`;
  const next = doing || (retention.drops_on ? `${retention.oldest_day} goes on ${retention.drops_on}` : "");
  return [
    ["Kept", bounds.join(", ") || "for ever"],
    most > 0 && retention.over_bytes > 0 && ["Beyond that", `${bytes(retention.over_bytes)}; today's logs are kept`],
    next && ["Next", next],
    retention.dropped_through && ["Deleted", `${counted(retention.dropped_days, "day")}, ${compact(retention.dropped_logs)} logs, up to ${retention.dropped_through}`],
    retention.expired_logs > 0 && ["Came too late", `${count(retention.expired_logs)} logs of deleted days`],
    archive && ["Archive", `${archive.files === null ? "–" : counted(archive.files, "file")}, ${bytes(archive.bytes)}${archive.max_bytes ? ` of ${bytes(archive.max_bytes)}` : ""}, in ${archive.folder}`],
    archive?.pruned_files > 0 && ["Pruned", `${counted(archive.pruned_files, "file")} of the archive, ${bytes(archive.pruned_bytes)}`],
  ].filter(Boolean);
}

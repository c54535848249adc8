// Puts the collector's page together: asks for the figures every other second and hands each to the part that shows it.

import { getJson, onUnauthorized } from "./api.js";
import { tile } from "./cards.js";
import { configuration } from "./configuration.js";
import { byId, h, iconButton, put } from "./dom.js";
import { FaultsCard, RefusalsCard } from "./faults.js";
import { FilesCard } from "./files.js";
import { bytes, compact, count, decimal, duration, plain, time, visible } from "./format.js";
import { askForKey } from "./login.js";
import { Polling } from "./polling.js";
import { RateChart } from "./rates.js";
import { SharesCard } from "./shares.js";
import { Quiet } from "./quiet.js";
import { toggleTheme } from "./theme.js";

const EVERY_MS = 2000;

const warning = h("div", { class: "warning", role: "status" });
const tiles = h("div", { class: "tiles" });
const chart = new RateChart();
const levels = new SharesCard("Levels");
const shares = { formats: new SharesCard("Formats"), tags: new SharesCard("Tags"), services: new SharesCard("Services") };
const files = new FilesCard();
const faults = new FaultsCard();
const refusals = new RefusalsCard();
const settings = new Quiet("Configuration");
const parts = h(
  "div",
  {},
  warning,
  tiles,
  h("div", { class: "cards" }, chart.element, levels.element, Object.values(shares).map(({ element }) => element)),
  [files, faults, refusals, settings].map(({ element }) => element),
);
let isKnown = false;

const polling = new Polling({ ask, failing, fail, every: EVERY_MS });

async function ask(signal) {
  show(await getJson("status.json", null, { signal }));
  parts.classList.remove("stale");
}

function failing(sentence) {
  light("unknown", "off");
  parts.classList.add("stale");
  put(warning, h("p", { class: "problem" }, sentence(isKnown ? "these are the last figures known" : "nothing is known yet")));
}

/** Asking again would not mend it. A key that is wanted is asked for by a dialog. */
function fail(error) {
  light("unknown", "off");
  put(warning, h("p", { class: "problem" }, error.message));
}

function show(found) {
  isKnown = true;
  const { producer, ready } = found;
  put(byId("host"), visible(found.host), h("small", {}, ` since ${time(found.started_at, { ms: false })}`));
  document.title = `Collector on ${plain(found.host)} – Logmill`;
  light(ready === "ready" ? "ready" : "not ready", ready === "ready" ? "on" : "off");
  const amiss = producer.state ? [`The producer at ${producer.url} has taken nothing for ${duration(producer.away_s)}: `, visible(producer.state), ". Reading waits until it does."] : "";
  put(warning, amiss && h("p", { class: "problem" }, amiss));
  showTiles(found);
  chart.show(found.history);
  levels.show(found.levels, { isLevel: true });
  for (const [name, part] of Object.entries(shares)) part.show(found[name]);
  files.show(found.files, found.lag.files);
  faults.show(found.faults, found.totals.faults);
  refusals.show(found);
  settings.show(found.configuration, configuration);
}

function showTiles({ rates, totals, lag, in_flight: flight }) {
  put(
    tiles,
    tile("Read", decimal(rates.records_per_s), `logs/s, ${bytes(rates.read_bytes_per_s)}/s`),
    tile("Accepted", decimal(rates.accepted_per_s), `logs/s, ${bytes(rates.accepted_bytes_per_s)}/s sent`),
    tile("Lag", bytes(lag.bytes), `${count(lag.files)} ${lag.files === 1 ? "file" : "files"}`),
    tile("In flight", `${flight.batches} of ${flight.most}`, flight.batches ? `oldest ${duration(flight.oldest_s)}` : "batches", flight.oldest_s > 10 ? "warn" : ""),
    tile("Parse errors", compact(totals.faults), totals.faults ? "sent as plain text" : "", totals.faults ? "warn" : ""),
    tile("Refused", compact(totals.refused), totals.refused ? "by the producer, for good" : "", totals.refused ? "bad" : ""),
    tile("Left out", compact(totals.filtered), totals.filtered ? "by filters" : ""),
    tile("Logs", compact(totals.accepted), `accepted of ${compact(totals.records)}`),
  );
}

function light(words, kind) {
  const place = byId("state");
  place.className = `light ${kind}`;
  if (place.textContent !== words) place.textContent = words;
}

function begin() {
  polling.start(new AbortController().signal).catch(fail);
}

put(byId("content"), parts);
put(byId("tools"), iconButton("theme", "Light or dark", toggleTheme));
onUnauthorized(() => askForKey(begin));
begin();

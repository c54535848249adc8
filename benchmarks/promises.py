"""`make bench-promises`: what the promises cost and how well errors first holds, on both brokers."""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from benchmarks import backlog, outage, scenarios
from benchmarks.records import bodies
from benchmarks.report import fill_document
from tests.support.pipeline import Pipeline

PER_REQUEST = 1000
BROKERS = ("rabbitmq", "embedded")
MEASUREMENTS = ("errors_first", "starvation", "poison", "deduplication", "outages")
# The queues hold the whole backlog, and no message in them is given up for lost while processors are stopped.
SETTINGS = {"queue_max_messages": 2_000_000, "queue_max_bytes": 8 * 1024**3}
# CRITICAL logs in a request, by the name of the run.
PER_URGENT_REQUEST = {"alone": 0, "ones": 1, "tens": 10}
console = Console()


def errors_first(broker: str, logs: int, rounds: int, progress: Progress) -> dict[str, Any]:
    """A backlog drained alone and while CRITICAL logs come behind it, one a request and ten, in turns."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in PER_URGENT_REQUEST}
    for number in range(rounds):
        for name, per_request in PER_URGENT_REQUEST.items():
            title = f"{broker}: backlog, urgent a request: {per_request}, {number + 1} of {rounds}"
            with _pipeline(broker) as pipeline:
                runs[name].append(_shown(progress, title, backlog.drain, pipeline, logs, per_request))
    rates = {name: [one["logs_per_s"] for one in found] for name, found in runs.items()}
    return {
        "backlog": logs,
        "logs_per_s": rates,
        "share": {name: round(median(rates[name]) / median(rates["alone"]), 3) for name in ("ones", "tens")},
        "urgent": {name: round(median(one["urgent"] for one in runs[name])) for name in ("ones", "tens")},
        "searchable_ms": {name: [one["searchable_ms"] for one in runs[name]] for name in ("ones", "tens")},
    }


def starvation(broker: str, logs: int, _rounds: int, progress: Progress) -> dict[str, Any]:
    """DEBUG logs waiting while CRITICAL ones come as fast as they are taken."""
    with _pipeline(broker) as pipeline:
        return _shown(progress, f"{broker}: bulk beside a stream of urgent", backlog.starve, pipeline, logs // 4, 10.0)


def poison(broker: str, logs: int, rounds: int, progress: Progress) -> dict[str, Any]:
    """One good message a log, with and without a tenth of undecodable ones among them."""
    good = logs // 10
    clean, mixed = [], []
    for number in range(rounds):
        for bad, found in ((0, clean), (good // 10, mixed)):
            title = f"{broker}: {good:,} messages with {bad:,} poisoned, {number + 1} of {rounds}"
            with _pipeline(broker) as pipeline:
                found.append(_shown(progress, title, backlog.poison, pipeline, good, bad))
    rates = {name: median(one["messages_per_s"] for one in runs) for name, runs in (("clean", clean), ("mixed", mixed))}
    return {
        "good": good,
        "poisoned": good // 10,
        "clean_messages_per_s": rates["clean"],
        "mixed_messages_per_s": rates["mixed"],
        "share": round(rates["mixed"] / rates["clean"], 3),
        "dead": mixed[-1]["dead"],
        "reasons": mixed[-1]["reasons"],
    }


def deduplication(broker: str, logs: int, rounds: int, progress: Progress) -> dict[str, Any]:
    """The end-to-end measurement with and without looking for what was stored before, in pairs.

    The share is the median of those of the pairs: the speed of a shared machine drifts by more than what is looked for,
    and two runs beside each other see nearly the same of it.
    """
    prepared = list(bodies(seed=1, requests=logs // 2 // PER_REQUEST, per_request=PER_REQUEST))
    runs: dict[bool, list[Any]] = {True: [], False: []}
    pairs = 2 * rounds + 1
    for number in range(pairs):
        # The order changes, so that a machine that grows slower does not favour one of them.
        for on in (True, False) if number % 2 else (False, True):
            with _pipeline(broker, deduplicate=on) as pipeline:
                arguments = (PER_REQUEST, 4)
                scenarios.end_to_end(pipeline, prepared[:50], *arguments, lambda _share: None)
                title = f"{broker}: {'with' if on else 'without'} deduplication, {number + 1} of {pairs}"
                runs[on].append(_shown(progress, title, scenarios.end_to_end, pipeline, prepared, *arguments))
    found: dict[str, Any] = {}
    for name, service in (("cpu_us_per_log", "all"), ("storage_cpu_us_per_log", "storage")):
        cost = {on: [run["cpu_us_per_log"][service] for run in some] for on, some in runs.items()}
        found[name] = _compared(cost[True], cost[False])
    found["logs_per_s"] = _compared(*([run["logs_per_s"] for run in runs[on]] for on in (True, False)))
    return found


def _compared(having: list[float], lacking: list[float]) -> dict[str, Any]:
    shares = [round(one / other, 3) for one, other in zip(having, lacking, strict=True)]
    return {"with": median(having), "without": median(lacking), "share": median(shares), "shares": shares}


def outages(broker: str, seconds: float, progress: Progress) -> list[dict[str, Any]]:
    """RabbitMQ and storage away for a long time, under load; the embedded broker cannot be away.

    Side by side, each on a pipeline of its own: none of them is busy, and memory is what is looked at.
    """

    def away(of: str) -> dict[str, Any]:
        with _pipeline(broker) as pipeline:
            found: dict[str, Any] = _shown(progress, f"{broker}: outage of {of}", outage.outage, pipeline, of, seconds)
            return found

    kinds = ("broker", "hanging broker", "storage") if broker == "rabbitmq" else ("storage",)
    with ThreadPoolExecutor(len(kinds)) as pool:
        return list(pool.map(away, kinds))


def _pipeline(broker: str, **overrides: Any) -> Any:
    folder = tempfile.TemporaryDirectory(prefix="logmill-bench-")
    return _Owned(folder, Pipeline(Path(folder.name), broker, **{**SETTINGS, **overrides}))


class _Owned:
    """A pipeline and its folder, which goes with it."""

    def __init__(self, folder: tempfile.TemporaryDirectory[str], pipeline: Pipeline) -> None:
        self._folder, self._pipeline = folder, pipeline

    def __enter__(self) -> Pipeline:
        return self._pipeline.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._pipeline.__exit__(*error)
        self._folder.cleanup()


def _shown(progress: Progress, title: str, scenario: Any, *arguments: Any) -> Any:
    task = progress.add_task(title, total=1.0)
    if not progress.console.is_terminal:  # where no bar is drawn
        progress.console.print(f"{title} …")
    value = scenario(*arguments, lambda share: progress.update(task, completed=share))
    progress.update(task, completed=1.0)
    return value


def table(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Broker, measurement and value."""
    found = []
    for broker, measured in result["brokers"].items():
        if first := measured.get("errors_first"):
            alone = median(first["logs_per_s"]["alone"])
            for sent, words in (("ones", "one"), ("tens", "ten")):
                waits = [one["p99"] for one in first["searchable_ms"][sent]]
                halves = [one["p50"] for one in first["searchable_ms"][sent]]
                what = f"{first['urgent'][sent]:,} CRITICAL, {words} a request"
                name = f"{first['backlog']:,} waiting, {what}: answer to searchable, ms"
                found.append((broker, name, f"p50 {median(halves):.0f}, p99 {median(waits):.0f} (rounds: {waits})"))
                rates = f"{alone:,.0f} without, {median(first['logs_per_s'][sent]):,.0f} while they come"
                found.append((broker, "the backlog drains, logs/s", f"{rates}: {first['share'][sent]:.0%}"))
        if starve := measured.get("starvation"):
            value = f"{starve['urgent_per_s']:,} urgent, {starve['bulk_per_s']:,} bulk"
            found.append((broker, "stored while CRITICAL logs come without end, logs/s", value))
        if bad := measured.get("poison"):
            rates = f"{bad['clean_messages_per_s']:,.0f} without, {bad['mixed_messages_per_s']:,.0f} with"
            name = f"{bad['good']:,} messages of one log, {bad['poisoned']:,} undecodable among them, messages/s"
            found.append((broker, name, f"{rates}: {bad['share']:.0%}; {bad['dead']:,} dead letters"))
        if cost := measured.get("deduplication"):
            for key, name, form in (
                ("cpu_us_per_log", "deduplication, CPU per log of all services, µs", ",.2f"),
                ("storage_cpu_us_per_log", "the same, of storage alone", ",.2f"),
                ("logs_per_s", "the same, logs/s", ",.0f"),
            ):
                one = cost[key]
                value = f"{one['with']:{form}} with, {one['without']:{form}} without: {one['share'] - 1:+.1%}"
                found.append((broker, name, f"{value} (median of {len(one['shares'])} pairs)"))
        for one in measured.get("outages", ()):
            grown = ", ".join(f"{name} {m['first']} to {m['last']}" for name, m in one["memory_mib"].items())
            answers = ", ".join(f"{count:,} times {answer}" for answer, count in one["answers"].items())
            slowest = max(one["slowest_s"].values())
            name = f"{of_words(one['of'])} away for {one['seconds']:,} s under load: answers"
            found.append((broker, name, f"{answers}; the slowest took {slowest:.2f} s"))
            found.append((broker, "its memory from a fifth of the time to the end, MiB", grown))
            stored = f"{one['accepted']:,} and {one['stored']:,}; 201 again after {one['accepted_again_after_s']} s"
            found.append((broker, "accepted and stored afterwards", stored))
    return found


def of_words(of: str) -> str:
    """What was away, for people."""
    return {"broker": "RabbitMQ (killed)", "hanging broker": "RabbitMQ (stopped)", "storage": "storage (stopped)"}[of]


@click.command()
@click.option("--broker", "brokers", multiple=True, type=click.Choice(BROKERS), help="Default: both.")
@click.option("--logs", default=1_000_000, show_default=True, help="Size of the backlog; the others follow from it.")
@click.option("--rounds", default=3, show_default=True, help="Runs of each kind; medians are reported.")
@click.option("--seconds", default=600.0, show_default=True, help="Length of each outage.")
@click.option("--only", multiple=True, type=click.Choice(MEASUREMENTS), help="Default: all.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmarks/results/promises.json"))
@click.option("--write-docs", is_flag=True, help="Fill the table of docs/reliability.md.")
def main(
    brokers: tuple[str, ...],
    logs: int,
    rounds: int,
    seconds: float,
    only: tuple[str, ...],
    output: Path,
    *,
    write_docs: bool,
) -> None:
    """Measure what the promises cost: errors first under a backlog, poison among good messages, deduplication."""
    functions = {
        "errors_first": errors_first,
        "starvation": starvation,
        "poison": poison,
        "deduplication": deduplication,
    }
    result: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "brokers": {}}
    with Progress(console=console) as progress:
        for broker in brokers or BROKERS:
            wanted = only or MEASUREMENTS
            measured: dict[str, Any] = {
                name: function(broker, logs, rounds, progress) for name, function in functions.items() if name in wanted
            }
            if "outages" in wanted:
                measured["outages"] = outages(broker, seconds, progress)
            result["brokers"][broker] = measured
    for row in table(result):
        console.print(" | ".join(row))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"written to {output}")
    if write_docs:
        fill_document(Path("docs/reliability.md"), "promises", f"Measured {result['at'][:10]}.", table(result))


if __name__ == "__main__":
    main()

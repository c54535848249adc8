"""`make bench-patterns`: how well patterns fit the true templates of samples of Loghub, beside drain3."""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

import click
import polars as pl
from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig
from rich.console import Console
from rich.table import Table

from benchmarks.report import fill_document
from processor.stages.fingerprint import add_fingerprint, mask
from storage.clustering.clusters import clusters
from tests.support.loghub import DATA, NAMES, grouping_accuracy, truth

# Each sample is 2,000 lines; so often they are gone through where time is measured.
TIMES = 10
# Each way is measured so often; the least counts.
ROUNDS = 3
MILLION = 1_000_000
# What drain3's README gives as an example of its masking: addresses and whole numbers.
_EDGES = r"((?<=[^A-Za-z0-9])|^)({})((?=[^A-Za-z0-9])|$)"
MASKS = ((_EDGES.format(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"), "IP"), (_EDGES.format(r"[\-\+]?\d+"), "NUM"))
HEADINGS = (
    *("data set", "true templates", "fingerprints"),
    *("patterns", "accuracy", "drain3: templates", "accuracy", "drain3 with masks: templates", "accuracy"),
    *("CPU s per million lines (of it clustering, once)", "drain3", "drain3 with masks"),
)
console = Console(width=200)
Groups = list[Hashable]


def ours(messages: Sequence[str]) -> Groups:
    """The pattern of each message."""
    masked = mask(pl.Series(messages)).to_list()
    distinct = list(dict.fromkeys(masked))
    pattern = {distinct[at]: number for number, (_, members) in enumerate(clusters(distinct).found) for at in members}
    return [pattern[text] for text in masked]


def drain3(messages: Sequence[str], masks: Sequence[tuple[str, str]] = ()) -> Groups:
    """The cluster that drain3 puts each message into as it comes; defaults, but for these masks."""
    config = TemplateMinerConfig()
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in masks]
    miner = TemplateMiner(config=config)
    return [miner.add_log_message(message)["cluster_id"] for message in messages]


def compare(name: str, folder: Path = DATA, *, is_timed: bool = False) -> dict[str, Any]:
    """Accuracy and number of templates of one data set; with `is_timed` also CPU seconds per million lines."""
    messages, true = truth(name, folder)
    ways: dict[str, Callable[[Sequence[str]], Groups]] = {
        "logmill": ours,
        "drain3": drain3,
        "drain3_masks": lambda lines: drain3(lines, MASKS),
    }
    found: dict[str, Any] = {"name": name, "true": len(set(true)), "lines": len(messages)}
    found["fingerprints"] = mask(pl.Series(messages)).n_unique()
    for way, group in ways.items():
        groups = group(messages)
        found[way] = {"accuracy": grouping_accuracy(groups, true), "templates": len(set(groups))}
    if is_timed:
        lines = messages * TIMES
        found["logmill"] |= _our_seconds(lines)
        for way in ("drain3", "drain3_masks"):
            found[way]["s_per_million"] = _seconds(lambda way=way: ways[way](lines)) / len(lines) * MILLION
    return found


def _our_seconds(lines: Sequence[str]) -> dict[str, float]:
    """What each line costs in the processor, and what the distinct messages cost when they are asked for."""
    frame = pl.DataFrame({"message": lines})
    distinct = mask(frame["message"]).unique().to_list()
    each_s = _seconds(lambda: add_fingerprint(frame))
    clustering_s = _seconds(lambda: clusters(distinct))
    return {"clustering_s": clustering_s, "s_per_million": each_s / len(lines) * MILLION + clustering_s}


def _seconds(work: Callable[[], object]) -> float:
    """CPU time of the whole process, all threads: what else runs on the machine does not count."""

    def once() -> float:
        started_s = time.process_time()
        work()
        return time.process_time() - started_s

    return min(once() for _ in range(ROUNDS))


def averages(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A row as those of the data sets, of means and, where they are counted, sums."""
    return {
        "name": "average; of counts, sum",
        **{name: sum(one[name] for one in found) for name in ("true", "fingerprints")},
        **{
            way: {key: (sum if key == "templates" else mean)([one[way][key] for one in found]) for key in found[0][way]}
            for way in ("logmill", "drain3", "drain3_masks")
        },
    }


def row(one: dict[str, Any]) -> tuple[str, ...]:
    """A data set as cells under HEADINGS."""
    ways = [one[way] for way in ("logmill", "drain3", "drain3_masks")]
    scores = [cell for way in ways for cell in (str(way["templates"]), f"{way['accuracy']:.3f}")]
    mine, *others = (f"{way['s_per_million']:.2f}" for way in ways)
    mine += f" ({one['logmill']['clustering_s']:.3f})"
    return (one["name"], str(one["true"]), str(one["fingerprints"]), *scores, mine, *others)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=DATA, help="Where NAME_2k.log_structured.csv lie.")
@click.option("--every", is_flag=True, help="All data sets of the folder, not only the usual six.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmarks/results/patterns.json"))
@click.option("--write-docs", is_flag=True, help="Fill docs/performance.md from the result.")
def main(folder: Path, output: Path, *, every: bool, write_docs: bool) -> None:
    """Compare patterns with drain3's clusters by grouping accuracy, one after the other on the same lines."""
    logging.disable()
    found = sorted(path.name.split("_2k")[0] for path in folder.glob("*_2k.log_structured.csv"))
    names = found if every else [name for name in NAMES if name in found]
    if not names:
        raise click.ClickException(f"there are no samples of Loghub in {folder}; see docs/testing.md")
    measured = [compare(name, folder, is_timed=True) for name in names]
    measured.append(averages(measured))
    table = Table(*HEADINGS, title="Grouping accuracy, 2,000 lines each")
    for one in measured:
        table.add_row(*row(one))
    console.print(table)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "sets": measured,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"written to {output}")
    if write_docs:
        heading = f"Measured {result['at'][:10]} on {result['cores']} cores, Python {result['python']}."
        fill_document(Path("docs/performance.md"), "patterns", heading, [row(one) for one in measured], HEADINGS)
        console.print("docs/performance.md is filled")


if __name__ == "__main__":
    main()

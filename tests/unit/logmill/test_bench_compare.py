"""Two results of the load test side by side, and the file that a result is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from logmill.bench.compare import compared, differences, shown, unjudged
from logmill.bench.counts import Counts, Times
from logmill.bench.latencies import Latencies
from logmill.bench.report import is_well, report
from logmill.bench.result import (
    KIND,
    SCHEMA_VERSION,
    Asked,
    Load,
    Result,
    Searchable,
    Stored,
    Timing,
    check_place,
    read,
    write,
)
from logmill.cli import main
from logmill.errors import ConfigError, Undecodable


def times(latencies_ms: list[float], **counts: int) -> Times:
    found = Times()
    found.counts = Counts(**{"ok": len(latencies_ms), **counts})
    for latency_ms in latencies_ms:
        found.latency.note(latency_ms / 1000)
        found.service.note(latency_ms / 2000)
    return found


def load(latencies_ms: list[float], *, logs_per_s: float | None = 1000.0, **counts: int) -> Load:
    return Load(
        asked_per_s=10.0,
        kept_per_s=10.0,
        logs_per_s=logs_per_s,
        elapsed_s=10.0,
        total=Asked.of(times(latencies_ms, **counts)),
        behind=Timing.of(Latencies()),
        failures={},
        by_name={} if logs_per_s is not None else {"newest": Asked.of(times(latencies_ms))},
    )


def result(**more: Any) -> Result:
    values: dict[str, Any] = {
        "kind": KIND, "schema_version": SCHEMA_VERSION, "run": "bench-test", "started_at": "2026-01-31T12:00:00Z",
        "ended_early": False,
        "configuration": {"duration_s": 10.0, "warm_up_s": 1.0, "processes": 2, "connections": 8, "batch": 100,
                          "rate": 1000.0},
        "machine": {"cores": 2},
    }  # fmt: skip
    return Result(**{**values, **more})


def worse(a: Result, b: Result, percent: float) -> set[str]:
    return {line.name for line in compared(a, b) if line.is_worse(percent / 100)}


EVEN = [float(number) for number in range(1, 2001)]
SLOWER = [latency_ms * 1.3 for latency_ms in EVEN]


def test_a_result_is_no_worse_than_itself() -> None:
    one = result(
        ingest=load(EVEN),
        query=load(EVEN, logs_per_s=None),
        stored=Stored(accepted=5, rejected=0, refused=0, unsure=0, stored=5, waited_s=1.0, is_final=True),
    )
    assert worse(one, one, 0.0) == set()
    assert differences(one, one) == []


def test_what_is_slower_by_more_is_worse_and_what_is_slower_by_less_is_not() -> None:
    a, b = result(ingest=load(EVEN)), result(ingest=load(SLOWER))
    kinds = {f"ingest: {kind}, {which}, ms" for kind in ("latency", "service time") for which in ("p50", "p90", "p99")}
    assert worse(a, b, 25) == kinds
    assert worse(a, b, 35) == set()
    assert worse(b, a, 0) == set()
    lines = shown(compared(a, b), 0.25)
    assert any(line.split()[-1] == "WORSE" and "1.30" in line and "latency, p99, ms" in line for line in lines)


def test_a_percentile_with_too_few_values_beyond_it_is_shown_and_not_judged() -> None:
    few = [float(number) for number in range(1, 101)]
    a, b = result(ingest=load(few)), result(ingest=load([latency_ms * 5 for latency_ms in few]))
    assert worse(a, b, 10) == {
        f"ingest: {kind}, {which}, ms" for kind in ("latency", "service time") for which in ("p50", "p90")
    }
    assert any("latency, p99, ms" in line and "too few to judge" in line for line in shown(compared(a, b), 0.1))


def test_fewer_logs_a_second_are_worse() -> None:
    a, b = result(ingest=load(EVEN)), result(ingest=load(EVEN, logs_per_s=800.0))
    assert worse(a, b, 20) == {"ingest: logs/s"}
    assert worse(a, b, 26) == set()
    assert worse(a, result(ingest=load(EVEN, logs_per_s=0.0)), 1000) == {"ingest: logs/s"}


@pytest.mark.parametrize("ending", ["refused", "failed", "dropped"])
def test_requests_that_were_not_answered_well_are_worse_but_not_one_of_many(ending: str) -> None:
    a = result(ingest=load(EVEN))
    assert worse(a, result(ingest=load(EVEN, **{ending: 200})), 50) == {"ingest: not answered well"}
    assert worse(a, result(ingest=load(EVEN, **{ending: 2})), 50) == set()


def test_logs_that_are_missing_are_worse_however_few() -> None:
    def stored(count: int, *, is_final: bool = True) -> Result:
        return result(
            ingest=load(EVEN),
            stored=Stored(accepted=9, rejected=0, refused=0, unsure=0, stored=count, waited_s=1.0, is_final=is_final),
        )

    assert worse(stored(9), stored(8), 1e6) == {"accepted and missing"}
    assert worse(stored(9), stored(8, is_final=False), 0) == set()
    assert not is_well(stored(8))
    assert is_well(stored(9))
    assert "MISSING: 1 " in report(stored(8))
    assert not is_well(stored(10))
    assert "TOO MANY: 1 " in report(stored(10))


def test_questions_and_probes_are_compared_by_name() -> None:
    found = times(EVEN)
    probes = Searchable(Asked.of(found).requests, Timing.of(found.latency), Timing.of(found.service))
    slow = times(SLOWER)
    slower = Searchable(Asked.of(slow).requests, Timing.of(slow.latency), Timing.of(slow.service))
    a = result(query=load(EVEN, logs_per_s=None), searchable=probes)
    b = result(query=load(SLOWER, logs_per_s=None), searchable=slower)
    assert {"question newest, p50, ms", "question newest, p99, ms", "searchable, p99, ms"} <= worse(a, b, 25)


def test_results_of_different_things_cannot_be_compared_and_what_differs_is_said() -> None:
    a, b = result(ingest=load(EVEN)), result(query=load(EVEN, logs_per_s=None))
    with pytest.raises(ConfigError, match="nothing in common"):
        compared(a, b)
    other = msgspec.structs.replace(
        a, configuration={**a.configuration, "rate": None, "seed": 4}, machine={"cores": 8}, ended_early=True
    )
    assert differences(a, other) == [
        "rate: 1000 in A, max in B", "cores: 2 in A, 8 in B", "B ended early"
    ]  # fmt: skip


def test_a_result_is_the_same_after_it_was_written_and_read(tmp_path: Path) -> None:
    one = result(ingest=load(EVEN), query=load(EVEN, logs_per_s=None))
    path = tmp_path / "result.json"
    path.write_text("an older one")
    check_place(path)
    write(one, path)
    assert read(path) == one
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]
    assert one.ingest is not None
    assert one.ingest.total.latency.latencies().at() == pytest.approx([1.0, 1.8, 1.98, 1.998, 2.0], rel=0.001)


def test_a_histogram_that_cannot_be_read_is_refused() -> None:
    one = result(ingest=load(EVEN))
    assert one.ingest is not None
    broken = msgspec.structs.replace(one.ingest.total, latency=Timing(1, 1, 1, 1, 1, 1, 1, "HISTnone"))
    with pytest.raises(Undecodable):
        compared(one, result(ingest=msgspec.structs.replace(one.ingest, total=broken)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no result"),
        ("[]", "no result"),
        ('{"kind": "other"}', "kind 'other'"),
        (f'{{"kind": "{KIND}", "schema_version": 99}}', "schema_version 99"),
        (f'{{"kind": "{KIND}", "schema_version": {SCHEMA_VERSION}}}', "no result.*run"),
    ],
)
def test_a_file_that_is_no_result_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read(path)


def test_a_place_that_cannot_be_written_is_refused_before_the_load(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "result.json"):
        with pytest.raises(ConfigError, match="--output"):
            check_place(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "none.json")


def compare(tmp_path: Path, a: Result, b: Result, *more: str) -> tuple[int, str, str]:
    """Exit code, what is shown, and what is told, of the command."""
    for name, one in (("a.json", a), ("b.json", b)):
        write(one, tmp_path / name)
    done = CliRunner().invoke(main, ["bench", "compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"), *more])
    return done.exit_code, done.stdout, done.stderr


def test_what_is_too_little_to_judge_does_not_pass(tmp_path: Path) -> None:
    few, enough = result(ingest=load(EVEN[:19])), result(ingest=load(EVEN[:20]))
    assert compare(tmp_path, enough, enough, "--fail-above", "20") == (0, compare(tmp_path, enough, enough)[1], "")
    for a, b in ((few, few), (few, enough), (enough, few)):
        code, said, told = compare(tmp_path, a, b, "--fail-above", "20")
        assert (code, "too few to judge" in said) == (1, True)
        assert told == "not judged: ingest: too few answers for any percentile; the median needs 20 in both\n"
    # Nothing was to be judged.
    assert compare(tmp_path, few, few)[0] == 0


def test_a_part_of_the_load_that_only_one_result_has_does_not_pass(tmp_path: Path) -> None:
    both = result(ingest=load(EVEN), query=load(EVEN, logs_per_s=None))
    one = result(ingest=load(EVEN))
    assert unjudged(both, both, compared(both, both)) == []
    code, _, told = compare(tmp_path, both, one, "--fail-above", "20")
    assert (code, told) == (1, "not judged: query: only A has it\n")
    code, _, told = compare(tmp_path, one, both, "--fail-above", "20")
    assert (code, told) == (1, "not judged: query: only B has it\n")


def test_logs_that_only_the_first_result_counted_do_not_pass() -> None:
    counted = Stored(accepted=5, rejected=0, refused=0, unsure=0, stored=5, waited_s=1.0, is_final=True)
    a, b = result(ingest=load(EVEN), stored=counted), result(ingest=load(EVEN))
    early = result(ingest=load(EVEN), stored=msgspec.structs.replace(counted, is_final=False))
    assert unjudged(a, b, compared(a, b)) == ["accepted and missing: not counted to the end in B"]
    assert unjudged(a, early, compared(a, early)) == ["accepted and missing: not counted to the end in B"]
    assert unjudged(b, a, compared(b, a)) == []

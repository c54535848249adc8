"""The examples of docs/alerts.md are as storage takes them, and its check of a signature is right."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from logmill.rules.ruleset import load
from storage.alerting.book import KnownPatterns
from storage.alerting.compiling import compiled
from storage.alerting.file import StateFile
from storage.alerting.webhook import signature

PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"
KINDS = {"threshold", "burst", "spike", "silence", "new_pattern"}


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_each_kind_of_detector_has_an_example_that_storage_takes(tmp_path):
    whole = "detectors:\n  rules:\n"
    rules = "".join(example.removeprefix(whole) for example in examples("yaml"))
    path = tmp_path / "rules.yaml"
    path.write_text(whole + rules)
    found = compiled(load(str(path)).detectors, KnownPatterns(StateFile(tmp_path)), 0)
    named = set(re.findall(r"name: (\w+)", rules))
    kinds = {one.rule.__struct_config__.tag for one in found if one.rule.name in named}
    assert len(named) >= len(KINDS)
    assert kinds == KINDS


def test_its_check_takes_what_is_genuine_and_fresh_and_nothing_else():
    (code,) = examples("python")
    names: dict[str, Any] = {}
    exec(code, names)  # what readers are told to do
    check = names["is_genuine"]
    now, old = str(int(time.time())), str(int(time.time()) - 3600)
    for timestamp, body, is_genuine in ((now, b"{}", True), (now, b"{ }", False), (old, b"{}", False)):
        headers = {"Logmill-Timestamp": timestamp, "Logmill-Signature": signature("key", timestamp, b"{}")}
        assert check("key", headers, body) is is_genuine

"""Rules become detectors, or errors that name their line."""

from __future__ import annotations

import pytest

from logmill.errors import ConfigError
from logmill.rules.ruleset import load
from storage.alerting.book import KnownPatterns
from storage.alerting.compiling import compiled
from storage.alerting.file import StateFile


@pytest.mark.parametrize(
    ("rule", "line", "says"),
    [
        ("kind: threshold\n      q: 'level:('\n      when: count > 1", 5, "bracket"),
        ("kind: threshold\n      when: count is large", 5, "comparison"),
        ("kind: threshold\n      when: count > 1\n      group_by: [nothing]", 6, "nothing"),
        ("kind: threshold\n      when: avg(service) > 1", 5, "number"),
        ("kind: threshold\n      when: count > 1\n      window: 3w", 6, "window"),
        ("kind: threshold\n      when: count < 1\n      group_by: [service]", 5, "group_by"),
        ("kind: threshold\n      q: 'timestamp:>now-1h'\n      when: count > 1", 5, "time"),
        ("kind: spike\n      measure: count\n      bucket: 7m", 6, "divide"),
        ("kind: spike\n      measure: count\n      group_by: metadata.x", 6, "metadata"),
        ("kind: spike\n      measure: speed", 5, "speed"),
        ("kind: burst\n      q: a\n      per: user\n      at_least: 0", 7, ">= 1"),
        ("kind: nothing", 4, "nothing"),
    ],
)
def test_a_rule_that_cannot_be_names_its_line(tmp_path, rule, line, says):
    path = tmp_path / "rules.yaml"
    path.write_text(f"detectors:\n  rules:\n    - name: mine\n      {rule}\n")
    with pytest.raises(ConfigError) as caught:
        compiled(load(str(path)).detectors, KnownPatterns(StateFile(tmp_path)), 0)
    assert f"rules.yaml, line {line}" in str(caught.value)
    assert says in str(caught.value)


def test_own_detectors_join_the_shipped_ones_replace_them_by_name_or_switch_them_off(tmp_path):
    path = tmp_path / "rules.yaml"
    own = "{name: silence, kind: silence, at_least: 1h}"
    path.write_text(f"detectors:\n  without: [log_volume]\n  rules:\n    - {own}\n")
    names = [placed.rule.name for placed in load(str(path)).detectors]
    assert names[-1] == "silence"
    assert names.count("silence") == 1
    assert "log_volume" not in names
    assert "error_rate" in names
    path.write_text(f"detectors:\n  rules:\n    - {own}\n    - {own}\n")
    load.cache_clear()
    with pytest.raises(ConfigError, match=r"line 4.*another detector"):
        load(str(path))

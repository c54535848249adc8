"""Conditions of rules: each looks at what it names, all of one must hold, wrong ones are errors with their place."""

from __future__ import annotations

import polars as pl
import pytest

from logmill.errors import ConfigError
from logmill.rules.conditions import checked, expression, with_text
from logmill.rules.ruleset import Placed, load
from logmill.rules.sections import Condition, TagRule
from logmill.settings import Settings
from processor.redaction.text import Redactor
from processor.stages import make_stages

FRAME = pl.DataFrame(
    {
        "level": pl.Series(["INFO", "ERROR"], dtype=pl.Enum(["INFO", "ERROR", "CRITICAL"])),
        "service": ["web", "pay"],
        "message": ["GET ok", "card refused"],
        "path": ["/a", ""],
        "method": ["GET", ""],
        "metadata": ["{}", '{"a":1}'],
        "error_code": ["", "E7"],
        "status_code": pl.Series([200, 503], dtype=pl.UInt16),
        "response_time_ms": pl.Series([None, 2000.0], dtype=pl.Float32),
    }
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition(level=["ERROR", "CRITICAL"]), [False, True]),
        (Condition(service=["web"]), [True, False]),
        (Condition(method=["GET"]), [True, False]),
        (Condition(text="^GET ok web /a$"), [True, False]),
        (Condition(message="(?i)CARD"), [False, True]),
        (Condition(path="a"), [True, False]),
        (Condition(metadata='"a":'), [False, True]),
        (Condition(error_code="."), [False, True]),
        (Condition(error_code="E[0-9]"), [False, True]),
        (Condition(status_from=200, status_to=299), [True, False]),
        (Condition(response_ms_from=1500), [False, True]),
        (Condition(slow=True), [False, True]),
        (Condition(level=["INFO"], service=["pay"]), [False, False]),
    ],
)
def test_a_condition_looks_at_what_it_names(condition, expected):
    assert with_text(FRAME).select(expression(condition, 1000.0)).to_series().to_list() == expected


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (Condition(), "at least one"),
        (Condition(text="(a"), "text: unclosed group"),
        (Condition(path=r"(?=a)"), "path: look-around"),
        (Condition(message=r"(a)\1"), "message: backreferences"),
    ],
)
def test_a_condition_that_cannot_be_used_is_an_error_with_its_place(condition, says):
    with pytest.raises(ConfigError) as caught:
        checked(Placed(TagRule(tag="a", when=condition), "rules.yaml, line 3"), condition, 1000.0)
    assert str(caught.value).startswith("rules.yaml, line 3: ")
    assert says in str(caught.value)


def test_a_label_of_several_rules_is_given_where_one_of_them_holds(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(
        "tags:\n  defaults: false\n  rules:\n"
        "  - {tag: odd, when: {service: [pay]}}\n  - {tag: even, when: {service: [none]}}\n"
        "  - {tag: odd, when: {path: a}}\n"
    )
    stages = dict(make_stages(Settings(), load(str(path)), Redactor([], b"")))
    assert stages["tags"](FRAME)["tags"].to_list() == [["odd"], ["odd"]]

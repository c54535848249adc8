"""How well redaction finds what is sensitive in real logs with made-up persons' data, kind by kind."""

from __future__ import annotations

import pytest

from benchmarks.redaction import LOGHUB, scores
from benchmarks.sensitive import corpus, real_messages
from logmill.settings import in_ci


@pytest.fixture(scope="module")
def found():
    if not LOGHUB.exists():
        (pytest.fail if in_ci() else pytest.skip)("the Loghub samples are missing; see docs/testing.md")
    return scores(list(corpus(real_messages(LOGHUB), seed=5, count=30_000)))[0]


@pytest.mark.parametrize(
    "kind", ["email", "phone", "card", "iban", "national_id", "jwt", "token", "password", "private_key"]
)
def test_each_kind_is_found_and_little_else_is_taken_for_it(found, kind):
    score = found[kind]
    assert score.labels > 1000
    assert score.recall >= 0.99
    assert score.precision >= 0.98


def test_only_these_kinds_are_redacted_unless_others_are_chosen(found):
    assert len(found) == 9

"""What holds of recording whatever comes: no event is lost, none changes its place, and the producer takes all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.parsing import SAMPLES
from collector.records.declared import NAMES
from collector.records.made import Source
from logmill.submitted import Limits
from tests.support.recording import SOURCE, made, recorder, taken

LIMITS = Limits(max_message_bytes=200, max_metadata_bytes=100)
PATTERN = r"(?P<level>\w+)[ =](?P<message>.*)"
samples = st.sampled_from(sorted(SAMPLES)).flatmap(lambda name: st.integers(0, 10**6).map(SAMPLES[name]))
events = (
    st.binary(max_size=40)
    | st.text(max_size=40).map(str.encode)
    | samples.map(str.encode)
    | st.tuples(samples, st.integers(0, 200)).map(lambda pair: pair[0].encode()[: pair[1]])
)
forms = st.sampled_from([name for name in NAMES if name != "pattern"])


def cut(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode("utf-8", "ignore")


@given(st.lists(events, max_size=12), forms)
def test_every_event_that_is_not_blank_is_a_record_in_its_place(given_events, form):
    one = made(*given_events, limits=LIMITS, form=form)
    texts = [event.decode("utf-8", "replace") for event in given_events]
    wanted = [cut(text, LIMITS.max_message_bytes) for text in texts if text.strip()]
    records = taken(one, LIMITS)
    assert [record.message for record in records] == wanted
    assert one.count == len(wanted) == sum(one.levels.values()) == sum(one.formats.values())
    assert {(record.service, record.host, record.file) for record in records} <= {("app", "web-1", "/var/log/app.log")}
    assert one.fault_count <= one.count


@given(st.lists(events, max_size=12))
def test_filters_part_the_events_in_two(given_events):
    whole, kept, left = (
        made(*given_events, limits=LIMITS, **options) for options in ({}, {"keep": ["[0-4]"]}, {"drop": ["[0-4]"]})
    )
    assert kept.count + left.count == whole.count == kept.count + kept.filtered == left.count + left.filtered
    assert sorted(kept.body.splitlines() + left.body.splitlines()) == sorted(whole.body.splitlines())


@given(st.lists(events, max_size=8))
def test_the_fields_of_a_pattern_are_taken_whatever_it_finds(given_events):
    one = made(*given_events, limits=LIMITS, pattern=PATTERN, tags=["t"])
    assert len(taken(one, LIMITS)) == one.count


@given(st.lists(st.lists(events, max_size=4), max_size=5), forms)
def test_sources_do_not_mix(parts, form):
    one = recorder(LIMITS, form=form, drop=["7"])
    given_parts = [(Source(f"/{number}", f"s{number}", SOURCE.host), part) for number, part in enumerate(parts)]
    assert one.make_all(given_parts) == [one.make(source, part) for source, part in given_parts]

"""JUnit XML: what tools write, what breaks it, and what attacks a parser."""

from __future__ import annotations

import time

import pytest

from logmill.results.model import FileResults, Outcome, Result
from logmill.results.reading import read


def of(xml: str, **names: str) -> FileResults:
    return read(xml.encode(), **names)


def case(inner: str = "", attributes: str = 'name="a" classname="c"') -> Outcome:
    found = of(f'<testsuite name="s"><testcase {attributes}>{inner}</testcase></testsuite>')
    assert found.problem_count == 0
    return found.outcomes[0]


@pytest.mark.parametrize(
    ("inner", "result", "message", "details"),
    [
        ("", Result.PASSED, "", ""),
        ('<failure message="no">at 3</failure>', Result.FAILED, "no", "at 3"),
        ("<failure>\n first line\n second</failure>", Result.FAILED, "first line", "first line\n second"),
        ('<failure type="AssertionError"/>', Result.FAILED, "AssertionError", ""),
        ('<error message="boom">x</error>', Result.ERROR, "boom", "x"),
        ('<skipped message="not now"/>', Result.SKIPPED, "not now", ""),
        ("<skipped/>", Result.SKIPPED, "", ""),
        ('<failure message="a"/><error message="b"/>', Result.ERROR, "b", ""),
        ("<system-out>failure</system-out><properties/>", Result.PASSED, "", ""),
        ("<failure><![CDATA[<b> & ]]></failure>", Result.FAILED, "<b> &", "<b> &"),
    ],
)
def test_what_stands_in_a_test_case_is_its_result(inner: str, result: Result, message: str, details: str):
    found = case(inner)
    assert (found.result, found.message, found.details) == (result, message, details)


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ('name="adds" classname="com.acme.CartTest"', "com.acme.CartTest.adds"),
        ('name="adds"', "s.adds"),
        ('name="adds" classname="test"', "s.adds"),
        ('name="adds" classname=""', "adds"),
        ('name="test_xf" classname="test_x"', "test_x.test_xf"),
        ('name="Cart adds" classname="Cart"', "Cart adds"),
        ('name="Cart adds" classname="Cart adds"', "Cart adds"),
        ('name="" classname="only.Class"', "only.Class"),
        ('name="a&#10;b  c"', "s.a b c"),
    ],
)
def test_a_test_is_named_by_its_class_and_its_name(attributes: str, name: str):
    assert case(attributes=attributes).test == name


def test_tests_without_a_class_are_those_of_their_suites():
    inner = '<testsuite name="empty"><testcase name="adds" classname="test"/></testsuite>'
    found = of(
        f'<testsuites><testsuite name="A">{inner}</testsuite><testsuite name="B">{inner}</testsuite></testsuites>'
    )
    assert [one.test for one in found.outcomes] == ["A.empty.adds", "B.empty.adds"]


def test_a_failure_that_is_of_no_test_case_is_told():
    found = of('<testsuite name="s">\n<error message="no database"/><testcase name="a"/></testsuite>')
    assert [(one.line, one.message) for one in found.problems] == [(2, "'error' outside of a test case")]
    assert len(found.outcomes) == 1


def test_suites_say_when_and_cases_how_long_and_where():
    found = of(
        '<testsuites><testsuite name="outer" timestamp="2026-01-31T12:00:00+01:00"><testsuite name="inner">'
        '<testcase name="a" time="1,234.5" file="src/a.ts" line="7"/></testsuite>'
        '<testcase name="b" time="nonsense"/></testsuite>'
        '<testsuite name="naive" timestamp="2026-01-31T12:00:00"><testcase name="c" time="-1"/></testsuite>'
        "</testsuites>"
    )
    a, b, c = found.outcomes
    assert found.name == "outer"
    assert (a.suite, a.duration_s, a.location, a.timestamp_us) == ("inner", 1234.5, "src/a.ts:7", 1_769_857_200_000_000)
    assert (b.suite, b.duration_s, b.timestamp_us) == ("outer", None, 1_769_857_200_000_000)
    # Nobody knows in which zone that was.
    assert (c.suite, c.duration_s, c.timestamp_us) == ("naive", None, None)


def test_runs_that_surefire_repeated_are_counted():
    flaky = case('<flakyFailure message="1"/><flakyError message="2"/>')
    broken = case('<failure message="no"/><rerunFailure message="no"/>')
    assert (flaky.result, flaky.reruns, broken.result, broken.reruns) == (Result.PASSED, 2, Result.FAILED, 1)


def test_tests_that_googletest_did_not_run_are_skipped():
    assert case(attributes='name="a" status="notrun" result="suppressed"').result is Result.SKIPPED


def test_the_line_of_each_case_is_told_also_behind_blank_lines():
    found = of('\n\n<?xml version="1.0"?>\n<testsuite>\n<testcase name="a"/>\n\n<testcase name="b"/></testsuite>')
    assert [(one.test, one.line) for one in found.outcomes] == [("a", 5), ("b", 7)]


def test_xml_of_other_encodings_is_read():
    xml = '<?xml version="1.0" encoding="{}"?><testsuite><testcase name="café"/></testsuite>'
    for encoding in ("iso-8859-1", "utf-16"):
        assert [one.test for one in read(xml.format(encoding).encode(encoding)).outcomes] == ["café"]


def test_a_suite_without_tests_is_a_whole_file():
    found = of('<testsuite name="s" tests="0"/>')
    assert (found.outcomes, found.is_readable) == ([], True)


def test_what_stands_before_a_fault_counts_and_the_fault_is_told_with_its_line():
    found = of('<testsuite>\n<testcase name="a"/>\n<testcase name="b"><failure>half')
    assert [one.test for one in found.outcomes] == ["a"]
    assert [(one.line, one.message) for one in found.problems] == [
        (3, "this is no valid XML: no element found"),
        (3, "test case 'b' has no end"),
    ]


@pytest.mark.parametrize(
    ("xml", "says"),
    [
        ("<html><body/></html>", "the outermost element is 'html'"),
        ("<", "no valid XML"),
        ("<a><b></a>", "'a'"),
        ('<?xml version="1.0" encoding="klingon"?><testsuite/>', "no valid XML"),
        ("<testsuite><testcase/></testsuite>", "without a name"),
    ],
)
def test_what_is_no_file_of_results_cannot_be_read_and_says_why(xml: str, says: str):
    found = of(xml)
    assert not found.is_readable
    assert says in found.problems[0].message


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/evil.dtd">',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        "<!DOCTYPE a>",
    ],
)
def test_document_types_and_entities_are_not_taken(doctype: str):
    found = of(
        f'<?xml version="1.0"?>{doctype}<testsuite><testcase name="a"><failure>&x;</failure></testcase></testsuite>'
    )
    assert found.outcomes == []
    assert "what is not taken" in found.problems[0].message


@pytest.mark.parametrize(
    "xml",
    [
        "<testsuite>" * 300_000,
        "<testsuite><testcase name='a'>" + "<x>" * 300_000,
        "<testsuite " + " ".join(f"a{n}='1'" for n in range(100_000)) + "/>",
        "<testsuite name='" + "a" * 3_000_000 + "'/>",
        "<testsuite><testcase name='a'><failure>" + "b" * 3_000_000 + "</failure></testcase></testsuite>",
        "<testsuite>" + "<testcase name='a'><failure message='m'>x</failure></testcase>" * 20_000 + "</testsuite>",
    ],
    ids=["suites", "elements", "attributes", "name", "text", "cases"],
)
def test_hostile_xml_is_read_in_a_time_that_grows_with_its_length(xml: str):
    started_s = time.process_time()
    found = of(xml)
    assert time.process_time() - started_s < 5
    assert all(len(one.details) < 20_000 for one in found.outcomes)
    assert len(found.name) < 1100

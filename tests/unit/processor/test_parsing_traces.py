"""Stack traces of Python, Java and Go: one record, its parts as fields."""

from __future__ import annotations

import traceback

import pytest

from tests.support.parsing import one


def trace_of(raising) -> str:
    try:
        raising()
    except BaseException as error:  # noqa: BLE001 - a group of any
        return "".join(traceback.format_exception(error))
    raise AssertionError


def exception(text: str, **more) -> dict:
    """The fields `exception.…` by the rest of their names; message and record stay as they are."""
    found = one(text, **more)
    assert (found.parsed_as, found.message) == ("trace", text)
    return {name.removeprefix("exception."): value for name, value in found.metadata.items()}


def inner():
    raise ValueError("bad: value\nof two lines")


def test_a_traceback_of_python_itself():
    text = trace_of(inner)
    found = exception("Job failed\n" + text)
    assert (found["language"], found["type"], found["message"]) == (
        "python", "ValueError", "bad: value\nof two lines",
    )  # fmt: skip
    assert (found["innermost.function"], found["outermost.function"]) == ("inner", "trace_of")
    assert found["innermost.file"] == __file__
    assert found["innermost.line"] == inner.__code__.co_firstlineno + 1
    assert found["frame_count"] == len(found["frames"]) == 2
    assert one(text).level == "ERROR"
    assert one(text, level="CRITICAL").level == "CRITICAL"


def test_chained_exceptions_are_causes_the_nearest_first():
    def chained():
        try:
            try:
                inner()
            except ValueError as error:
                raise KeyError("k") from error
        except KeyError:
            raise RuntimeError  # noqa: B904 - the context is what is tested

    found = exception(trace_of(chained))
    assert (found["type"], "message" in found) == ("RuntimeError", False)
    assert found["causes"] == [
        {"type": "KeyError", "message": "'k'"}, {"type": "ValueError", "message": "bad: value\nof two lines"},
    ]  # fmt: skip
    assert [frame["function"] for frame in found["frames"]] == ["chained", "trace_of"]


def test_a_group_names_its_members():
    def grouped():
        errors = []
        for raising in (inner, lambda: 1 / 0, lambda: {}[1]):
            try:
                raising()
            except Exception as error:  # noqa: BLE001
                errors.append(error)
        nested = ExceptionGroup("nested", [errors.pop(), OSError(5, "x")])
        raise ExceptionGroup("many", [*errors, nested])

    found = exception(trace_of(grouped))
    assert (found["type"], found["message"]) == ("ExceptionGroup", "many (3 sub-exceptions)")
    assert [frame["function"] for frame in found["frames"]] == ["grouped", "trace_of"]
    assert [member["type"] for member in found["members"]] == ["ValueError", "ZeroDivisionError", "ExceptionGroup"]
    assert found["members"][0]["message"] == "bad: value\nof two lines"
    assert found["members"][2]["message"] == "nested (2 sub-exceptions)"


def test_deep_recursion_is_bounded():
    def deep(number):
        return deep(number - 1) if number else inner()

    text = trace_of(lambda: deep(90))
    found = exception(text)
    assert len(found["frames"]) <= 30
    assert found["frames"][-1]["line"] == found["outermost.line"]


def test_a_syntax_error_and_a_class_within_a_function():
    class LocalError(Exception):
        pass

    def raising():
        raise LocalError("x")

    assert exception(trace_of(lambda: compile("a b", "f.py", "exec")))["type"] == "SyntaxError"
    assert exception(trace_of(raising))["type"].endswith(".<locals>.LocalError")


JAVA = """2026-01-31 12:00:00,123 ERROR [main] c.e.App - Request failed
com.example.HighLevelException: com.example.MidLevelException: it: went
wrong
\tat com.example.Junk.a(Junk.java:13) ~[junk.jar:1.0]
\tat java.base/java.lang.Thread.run(Thread.java:829)
\tat com.example.Junk$Inner.<init>(Unknown Source)
\tat jdk.internal.reflect.NativeMethodAccessorImpl.invoke0(Native Method)
\tSuppressed: java.io.IOException: close failed
\t\tat com.example.Junk.close(Junk.java:99)
\t\t... 3 more
\tCaused by: java.lang.Error: within
Caused by: com.example.MidLevelException: LowLevelException
\tat com.example.Junk.c(Junk.java:23)
\t... 1 more
Caused by: com.example.LowLevelException
\tat com.example.Junk.e(Junk.java:30)
\t... 3 more"""


def test_a_trace_of_java_with_causes_and_what_was_suppressed():
    found = exception(JAVA)
    assert (found["language"], found["type"]) == ("java", "com.example.HighLevelException")
    assert found["message"] == "com.example.MidLevelException: it: went\nwrong"
    assert found["frames"][0] == {"function": "com.example.Junk.a", "file": "Junk.java", "line": 13}
    assert (found["innermost.function"], found["innermost.line"]) == ("com.example.Junk.a", 13)
    assert found["frames"][1:] == [
        {"function": "java.lang.Thread.run", "file": "Thread.java", "line": 829},
        {"function": "com.example.Junk$Inner.<init>"},
        {"function": "jdk.internal.reflect.NativeMethodAccessorImpl.invoke0"},
    ]
    assert found["causes"] == [
        {"type": "com.example.MidLevelException", "message": "LowLevelException"},
        {"type": "com.example.LowLevelException"},
    ]
    assert found["suppressed"] == [{"type": "java.io.IOException", "message": "close failed"}]
    assert one(JAVA.replace("\n", "\r\n")).metadata["exception.type"] == "com.example.HighLevelException"


@pytest.mark.parametrize(
    ("head", "kind", "message", "thread"),
    [
        ('Exception in thread "main" java.lang.RuntimeException: no', "java.lang.RuntimeException", "no", "main"),
        ("12:00 ERROR Failed: java.io.IOException: no: way", "java.io.IOException", "no: way", None),
        ("MyException", "MyException", None, None),
        ("kotlin.KotlinNullPointerException", "kotlin.KotlinNullPointerException", None, None),
    ],
)
def test_the_exception_of_java_is_found_where_loggers_put_it(head, kind, message, thread):
    found = exception(f"{head}\n\tat a.B.c(B.java:1)")
    assert (found["type"], found.get("message"), found.get("thread")) == (kind, message, thread)


PANIC = """panic: runtime error: index out of range [5] with length 3 [recovered]
\tpanic: again

goroutine 1 [running]:
main.(*T).f(0xc000012345, {0x1, 0x2})
\t/app/x.go:12 +0x5
main.main()
\t/app/y.go:8 +0x1d
created by main.start in goroutine 7
\t/app/z.go:3 +0x1

goroutine 18 [chan receive, 2 minutes]:
main.g()
\t/app/g.go:1 +0x1
exit status 2"""


def test_a_panic_of_go():
    found = exception(PANIC)
    assert (found["language"], found["type"], found["message"]) == ("go", "panic", "again")
    assert found["causes"] == [{"type": "panic", "message": "runtime error: index out of range [5] with length 3"}]
    assert found["frames"] == [
        {"function": "main.(*T).f", "file": "/app/x.go", "line": 12},
        {"function": "main.main", "file": "/app/y.go", "line": 8},
        {"function": "main.start", "file": "/app/z.go", "line": 3},
    ]
    assert (found["goroutine"], found["goroutine_state"], found["goroutine_count"]) == (1, "running", 2)
    assert one(PANIC).level == "ERROR"


def test_a_fatal_error_of_go_and_a_dump_that_is_none():
    text = (
        "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\t/x.go:5 +0x2"
    )
    found = exception(text)
    assert (found["type"], found["message"]) == ("fatal error", "all goroutines are asleep - deadlock!")
    dump = text.partition("\n\n")[2]
    found = exception(dump)
    assert ("type" in found, found["goroutine_state"], one(dump).level) == (False, "chan receive", "INFO")


@pytest.mark.parametrize(
    "text",
    [
        "Traceback (most recent call last):", "Traceback (most recent call last):\n  no more", "a\nb\nc",
        "we meet\n at noon (sharp)", "Error: x\n    at fn (file.js:1:2)\n    at Object.<anonymous> (/a.js:3:4)",
        "goroutine 1 [running]:", "\n at a.b(c", "x\n\tat a.b.C(D.java:1)",
        "Traceback (most recent call last):\nnot a type at all\n", "Traceback (most recent call last):\n" * 30_000,
    ],
)  # fmt: skip
def test_what_only_looks_like_a_trace_stays(text):
    found = one(text)
    assert (found.parsed_as, found.message, found.metadata, found.level) == ("", text, {}, "INFO")

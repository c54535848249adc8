"""`logmill collect` as people run it, before a real producer, processors and storage."""

import gzip
import json
import re
import signal
import socket
import subprocess
import time

import pytest
import requests

from logmill.settings import child_environment, load
from logmill.supervisor import python_command
from tests.support.pipeline import Pipeline
from tests.support.ports import free_port
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    with Pipeline(tmp_path_factory.mktemp("collecting"), "embedded", processors=1) as running:
        yield running


@pytest.fixture
def logs(tmp_path):
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


class Collector:
    """`logmill collect` in a folder of its own; what it collects is told apart by its service."""

    def __init__(self, pipeline, folder, *arguments, **settings):
        self.pipeline = pipeline
        self.folder = folder
        self.arguments = [str(argument) for argument in arguments]
        mine = {
            "data_dir": str(folder / "data"),
            "producer_url": pipeline.producer_url,
            "collect_port": free_port(),
            "collect_service": folder.name,
            "collect_batch_interval_s": 0.2,
            "collect_poll_interval_s": 0.2,
        }
        self.settings = load({}, **{**mine, **settings})
        self.process = None

    def run(self, *arguments, given=b""):
        """To its end."""
        return subprocess.run(
            [*python_command("collect"), *self.arguments, *map(str, arguments)],
            env=child_environment(self.settings),
            input=given,
            capture_output=True,
            timeout=60,
        )

    def __enter__(self):
        with (self.folder / "collector.log").open("ab") as output:
            self.process = subprocess.Popen(
                [*python_command("collect"), *self.arguments],
                env=child_environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def stored(self):
        """The messages of all logs of this collector, oldest first."""
        url = f"{self.pipeline.storage_url}/logs/export"
        answer = requests.get(url, params={"service": self.settings.collect_service, "format": "ndjson"}, timeout=30)
        answer.raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]

    def wait_stored(self, count):
        """Wait for so many, and a moment for more than that."""
        wait_until(lambda: len(self.stored()) >= count, 40, f"{count} logs")
        return self.stored()


def test_files_are_read_to_their_ends_and_become_records(pipeline, logs, tmp_path):
    (logs / "shop.log").write_text("2026-01-31 12:00:00 ERROR it broke\nplain\n\nlast without an end")
    (logs / "shop.log.1.gz").write_bytes(gzip.compress(b'{"level":"warn","msg":"of before","order":7}\n'))
    collector = Collector(pipeline, tmp_path, logs / "*", "--tag", "mine", "--host", "here")
    done = collector.run("--once")
    assert done.returncode == 0, done.stdout
    found = {log["message"]: log for log in collector.wait_stored(4)}
    assert set(found) == {"2026-01-31 12:00:00 ERROR it broke", "plain", "last without an end", "of before"}
    levels = {message: log["level"] for message, log in found.items()}
    assert [levels["plain"], levels["of before"]] == ["INFO", "WARNING"]
    assert levels["2026-01-31 12:00:00 ERROR it broke"] == "ERROR"
    assert found["of before"]["metadata"]["order"] == 7
    assert found["plain"]["source"]["file"] == str(logs / "shop.log")
    assert {log["source"]["host"] for log in found.values()} == {"here"}
    assert all("mine" in log["tags"] for log in found.values())


def test_one_name_with_a_space_in_it_is_one_file(pipeline, logs, tmp_path):
    (logs / "my app.log").write_text("from a name with a space\n")
    (logs / "my other.log").write_text("left out\n")
    collector = Collector(pipeline, tmp_path, "--exclude", "my other*", logs / "my *.log")
    assert collector.run("--once").returncode == 0
    assert [log["message"] for log in collector.wait_stored(1)] == ["from a name with a space"]


def test_what_was_sent_is_not_sent_by_the_next_one(pipeline, logs, tmp_path):
    (logs / "a.log").write_text("one\n")
    collector = Collector(pipeline, tmp_path, logs / "*.log", "--once")
    assert collector.run().returncode == 0
    with (logs / "a.log").open("a") as file:
        file.write("two\n")
    assert collector.run().returncode == 0
    assert collector.run().returncode == 0
    assert sorted(log["message"] for log in collector.wait_stored(2)) == ["one", "two"]


def test_what_a_program_prints_is_sent_and_the_collector_ends_with_it(pipeline, tmp_path):
    collector = Collector(pipeline, tmp_path, "-")
    done = collector.run(given=b"first\nWARN second\n" + "dritte ü".encode())
    assert done.returncode == 0, done.stdout
    assert {log["message"] for log in collector.wait_stored(3)} == {"first", "WARN second", "dritte ü"}
    assert {log["source"]["file"] for log in collector.stored()} == {"-"}


def test_it_follows_through_rotations_a_kill_and_a_stop(pipeline, logs, tmp_path):
    path = logs / "app.log"
    written = []

    def write(count):
        with path.open("a") as file:
            for _ in range(count):
                written.append(f"line {len(written)}")
                file.write(written[-1] + "\n")

    write(100)
    collector = Collector(pipeline, tmp_path, path)
    with collector:
        collector.wait_stored(100)
        write(50)
        path.rename(logs / "app.log.1")
        write(50)
        collector.wait_stored(200)
        write(500)
        collector.process.kill()
    path.rename(logs / "app.log.1")
    write(30)
    with collector:
        collector.wait_stored(730)
        write(20)
        collector.wait_stored(750)
        assert collector.stop() == 0
    write(10)
    with collector:
        found = collector.wait_stored(760)
        assert collector.stop() == 0
    assert sorted(log["message"] for log in found) == sorted(written)


def test_a_new_file_is_seen_at_once(pipeline, logs, tmp_path):
    collector = Collector(pipeline, tmp_path, logs / "*.log", collect_poll_interval_s=30.0)
    with collector:
        (logs / "first.log").write_text("here\n")
        collector.wait_stored(1)
        started = time.monotonic()
        (logs / "second.log").write_text("there\n")
        collector.wait_stored(2)
        assert time.monotonic() - started < 8  # neither polling nor the scan of each ten seconds found it


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to collect"),
        (("x.log", "--multiline", "("), "--multiline"),
        (("x.log", "--filter", "("), "--filter"),
        (("x.log", "--format", "pattern"), "pattern"),
        (("x.log", "--batch-lines", "0"), "--batch-lines: "),
    ],
)
def test_what_cannot_be_used_is_named(pipeline, tmp_path, arguments, words):
    done = Collector(pipeline, tmp_path, *arguments).run()
    assert done.returncode == 2, done.stdout
    assert words in done.stderr.decode()


def test_two_collectors_need_two_data_folders(pipeline, logs, tmp_path):
    collector = Collector(pipeline, tmp_path, logs / "*.log")
    with collector:
        wait_until((tmp_path / "data" / "collector" / "checkpoint.sqlite3").exists)
        done = Collector(pipeline, tmp_path, logs / "*.log").run()
    assert done.returncode == 3
    assert "in use by another collector" in done.stderr.decode()
    assert "give this one a folder of its own with --data-dir" in done.stderr.decode()


def test_a_port_in_use_is_told_with_the_option_that_chooses_another(pipeline, logs, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = Collector(pipeline, tmp_path, logs / "*.log", collect_port=taken.getsockname()[1]).run()
    assert done.returncode == 3
    assert "--port (LOGMILL_COLLECT_PORT) chooses another port" in done.stderr.decode()


def test_in_the_end_people_are_told_in_words_what_was_collected(pipeline, logs, tmp_path):
    (logs / "a.log").write_text("one\ntwo\nthree, left out\n")
    done = Collector(pipeline, tmp_path, logs / "a.log", "--once", "--drop", "left out").run()
    last = done.stderr.decode().splitlines()[-1]
    assert re.fullmatch(r"collected 2 logs of 1 file: 2 accepted, 0 refused, 1 left out; [0-9.]+ s", last)
    assert [json.loads(line) for line in done.stdout.splitlines()]


def test_the_last_line_tells_this_run_from_what_an_earlier_one_left(pipeline, logs, tmp_path):
    (logs / "a.log").write_text("".join(f"{number}\n" for number in range(12)))
    (logs / "b.log").write_text("b\n")
    away = f"http://127.0.0.1:{free_port()}"
    options = {"producer_url": away, "drain_timeout_s": 0.2, "collect_batch_lines": 5, "collect_max_in_flight": 9}
    with Collector(pipeline, tmp_path, logs / "*.log", "--once", **options) as collector:
        output = tmp_path / "collector.log"
        wait_until(lambda: "collector started" in output.read_text(), 30, "the collector")
        url = f"http://127.0.0.1:{collector.settings.collect_port}/status.json"
        wait_until(lambda: requests.get(url, timeout=30).json()["totals"]["records"] == 13, 30, "all to be read")
        assert collector.stop() != 0
    words = next(line for line in output.read_text().splitlines() if line.startswith("collected "))
    assert words.startswith("collected 13 logs of 2 files: 0 accepted, 0 refused, 13 not accepted yet; ")
    with (logs / "a.log").open("a") as log:
        log.write("new\n")
    done = Collector(pipeline, tmp_path, logs / "*.log", "--once").run()
    assert (
        done.stderr.decode()
        .splitlines()[-1]
        .startswith(
            "collected 1 log of 1 file: 1 accepted, 0 refused; and of an earlier run 13 logs: 13 accepted, 0 refused; "
        )
    )
    again = Collector(pipeline, tmp_path, logs / "*.log", "--once").run()
    assert again.stderr.decode().splitlines()[-1].startswith("collected 0 logs of 0 files: 0 accepted, 0 refused; ")


def test_lines_of_a_container_are_joined_and_have_their_time(pipeline, logs, tmp_path):
    time_and_stream = "2026-01-31T12:00:00.5Z stdout"
    (logs / "0.log").write_text(f"{time_and_stream} P first half, \n{time_and_stream} F second half\n")
    done = Collector(pipeline, tmp_path, logs / "0.log", "--once", "--format", "cri").run()
    assert done.returncode == 0
    assert b"are not joined" not in done.stdout
    (log,) = Collector(pipeline, tmp_path).wait_stored(1)
    assert (log["message"], log["timestamp"][:21]) == ("first half, second half", "2026-01-31T12:00:00.5")
    assert log["metadata"]["stream"] == "stdout"


@pytest.mark.parametrize("multiline", ["none", "^2026"])
def test_parts_of_a_container_that_nobody_joins_are_told_of_at_the_start(pipeline, logs, tmp_path, multiline):
    time_and_stream = "2026-01-31T12:00:00.5Z stdout"
    (logs / "0.log").write_text(f"{time_and_stream} P first half, \n{time_and_stream} F second half\n")
    arguments = ["--once", "--format", "cri", "--multiline", multiline]
    done = Collector(pipeline, tmp_path, logs / "0.log", *arguments).run()
    assert done.returncode == 0
    (warning,) = [line for line in map(json.loads, done.stdout.splitlines()) if line["level"] == "warning"]
    assert "are not joined: --format cri does that with --multiline auto alone" in warning["message"]
    assert warning["multiline"] == multiline
    found = Collector(pipeline, tmp_path).wait_stored(2)
    assert sorted(log["message"] for log in found) == ["first half, ", "second half"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.log", "--output-type", "csv"], "give --output PATH too"),
        (["a.log", "--output", "a.log"], "is also to be collected"),
        (["./*.log", "b.log", "--output", "link.log"], "is also to be collected"),
        (["a.log", "--output", "b.log"], "is no copy that the collector wrote, and --output-type is jsonl"),
    ],
)
def test_a_copy_that_cannot_be_is_told_before_anything_is_collected(pipeline, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text("one\n")
    (tmp_path / "link.log").symlink_to("b.log")
    done = Collector(pipeline, tmp_path, *arguments, "--once").run()
    assert done.returncode == 2
    assert words in " ".join(done.stderr.decode().split())
    assert [(tmp_path / name).read_text() for name in ("a.log", "b.log")] == ["one\n"] * 2


def test_a_file_that_cannot_be_read_is_told_of_and_stops_nothing(pipeline, logs, tmp_path):
    (logs / "broken.log").symlink_to("/proc/self/mem")  # also root gets an error where nothing is mapped
    (logs / "open.log").write_text("open\n")
    collector = Collector(pipeline, tmp_path, logs / "*.log", "--once")
    done = collector.run()
    assert done.returncode == 1
    assert b"Input/output error" in done.stdout
    assert [log["message"] for log in collector.wait_stored(1)] == ["open"]


def test_a_path_without_a_file_and_a_folder_are_told_of(pipeline, logs, tmp_path):
    (logs / "here.log").write_text("here\n")
    collector = Collector(pipeline, tmp_path, logs / "here.log", logs / "nosuch.log", logs, "--once")
    done = collector.run()
    assert done.returncode == 1
    assert b"there is no such file" in done.stdout
    assert b"it is a folder; name the files in it" in done.stdout
    assert [log["message"] for log in collector.wait_stored(1)] == ["here"]

"""What `logmill bench` does not do, and how it says so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from logmill.supervisor import python_command
from tests.support.answering_server import AnsweringServer, Reply
from tests.support.bench_command import environment, run
from tests.support.ports import free_port

NOWHERE = f"http://127.0.0.1:{free_port()}"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--storage", NOWHERE, "--mode", "query"], 1, "is not ready: not running"),
        (["--producer", "http://203.0.113.7:5000"], 2, "not on this machine: http://203.0.113.7:5000"),
        (["--producer", "ftp://127.0.0.1"], 2, "--producer: an address is"),
        (["--storage", "http://user:word@127.0.0.1"], 2, "--storage: the address has a user"),
        (["--rate", "0"], 2, "neither max nor a number"),
        (["--rate", "nan"], 2, "neither max nor a number"),
        (["--duration", "inf"], 2, "--duration"),
        (["--batch", "0"], 2, "--batch"),
        (["--key", "a\nb"], 2, "--key"),
        (["--queries", "/dev/null", "--mode", "query"], 2, "--queries"),
        (["--output", "/nowhere/result.json"], 2, "--output"),
        (["compare", "/nowhere/a.json", "/nowhere/b.json"], 2, "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(words: list[str], code: int, said: str) -> None:
    done = run(*words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "word" not in done.stderr


def test_a_wrong_key_is_told_before_anything_is_sent() -> None:
    with AnsweringServer(lambda number: Reply(200 if number == 0 else 401, b'{"status": "ready"}')) as server:
        done = run("--mode", "query", "--storage", server.url, "--key", "wrong")
        assert (done.returncode, len(server.arrived_s)) == (1, 2)
    assert "does not take the key" in done.stderr
    assert "wrong" not in done.stderr


def test_without_its_packages_it_says_how_to_get_them(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in {'hdrh', 'rich'}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without())\n"
    )
    done = subprocess.run(
        python_command("bench", "--mode", "query"),
        env=environment(PYTHONPATH=str(tmp_path)), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'logmill[generator]'" in done.stderr

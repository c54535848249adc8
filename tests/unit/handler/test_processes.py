"""The handler in processes that fork, end and are killed: each log is sent once, by one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
import requests

from logmill.settings import Settings, child_environment
from tests.support.odd_taker import Taker, running
from tests.support.ports import free_port
from tests.support.service_process import ROOT
from tests.support.waiting import wait_until

TIMEOUT_S = 60
# What `requests` itself needs.
REQUESTS = ("requests", "urllib3", "idna", "certifi", "charset-normalizer")
PREAMBLE = """
import atexit, logging, os, signal, sys, threading, time
from logmill.handler import LogmillHandler
url, folder = sys.argv[1:3]
logger = logging.getLogger("shop")
logger.setLevel(logging.INFO)
handler = LogmillHandler(url, service="shop", spill_dir=folder, interval_s=0.2, spill_after_s=0.3)
logger.addHandler(handler)
"""
UNTIL_ALL_IS_SENT = "while any(files for _, _, files in os.walk(folder)): time.sleep(0.05)"


@pytest.fixture
def taker() -> Iterator[Taker]:
    with running() as server:
        yield server


def start(script: str, url: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PREAMBLE + textwrap.dedent(script), url, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(script: str, url: str, folder: Path, code: int = 0) -> str:
    """What the script wrote to standard error; it must end with this code."""
    process = start(script, url, folder)
    _out, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == code, said
    return said


def spilled(folder: Path) -> list[Path]:
    return list(folder.glob("*/*.spill"))


def test_a_script_that_logs_and_ends_loses_nothing(taker: Taker, tmp_path: Path):
    assert run("for n in range(1000): logger.info('order %d', n)", taker.url, tmp_path) == ""
    assert taker.messages() == [f"order {number}" for number in range(1000)]
    assert not spilled(tmp_path)


def test_logs_of_other_functions_at_exit_are_sent_too(taker: Taker, tmp_path: Path):
    assert run("atexit.register(logger.info, 'good bye')", taker.url, tmp_path) == ""
    assert taker.messages() == ["good bye"]


@pytest.mark.parametrize("ending", ["raise SystemExit(3)", "raise ValueError('bad')"])
def test_a_process_that_fails_sends_what_it_logged(taker: Taker, tmp_path: Path, ending: str):
    run(f"logger.info('order 1')\n{ending}", taker.url, tmp_path, code=3 if "Exit" in ending else 1)
    assert taker.messages() == ["order 1"]


def test_what_could_not_be_sent_is_left_for_the_next_process(taker: Taker, tmp_path: Path):
    taker.answer = (503, b"", {})
    assert run("for n in range(100): logger.info('order %d', n)", taker.url, tmp_path) == ""
    assert spilled(tmp_path)
    taker.answer = None
    assert run(UNTIL_ALL_IS_SENT, taker.url, tmp_path) == ""
    assert taker.messages() == [f"order {number}" for number in range(100)]


def test_kill_9_in_an_outage_loses_and_doubles_nothing_that_is_in_files(taker: Taker, tmp_path: Path):
    taker.answer = (503, b"", {})
    script = """
    for n in range(2000):
        logger.info('order %d', n)
    while handler.status().spilled < 2000:
        time.sleep(0.01)
    print('spilled', flush=True)
    time.sleep(60)
    """
    process = start(script, taker.url, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "spilled\n"
    process.kill()
    process.communicate(timeout=TIMEOUT_S)
    assert spilled(tmp_path)
    taker.answer = None
    assert run("logger.info('order 2000')\nhandler.flush(30.0)", taker.url, tmp_path) == ""
    assert run(UNTIL_ALL_IS_SENT, taker.url, tmp_path) == ""
    assert Counter(taker.messages()) == Counter(f"order {number}" for number in range(2001))


def test_kill_9_while_logs_are_sent_doubles_nothing(taker: Taker, tmp_path: Path):
    script = """
    n = 0
    while True:
        logger.info('order %d', n)
        n += 1
        time.sleep(0.0005)
    """
    process = start(script, taker.url, tmp_path)
    wait_until(lambda: len(taker.logs()) > 500, 30.0)
    process.kill()
    process.communicate(timeout=TIMEOUT_S)
    numbers = [int(message.split()[1]) for message in taker.messages()]
    assert numbers == list(range(len(numbers)))


def test_a_child_sends_its_own_logs_and_not_those_of_its_parent(taker: Taker, tmp_path: Path):
    script = """
    for n in range(1000): logger.info('parent %d', n)
    pids = []
    for child in range(3):
        pid = os.fork()
        if pid == 0:
            for n in range(200): logger.info('child %d %d', child, n)
            assert handler.flush(20.0)
            os._exit(0)
        pids.append(pid)
    for n in range(1000, 1500): logger.info('parent %d', n)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in pids)
    """
    assert run(script, taker.url, tmp_path) == ""
    expected = [f"parent {number}" for number in range(1500)]
    expected += [f"child {child} {number}" for child in range(3) for number in range(200)]
    assert Counter(taker.messages()) == Counter(expected)
    assert len({log["metadata"]["pid"] for log in taker.logs()}) == 4


def test_a_fork_while_many_threads_log_blocks_nobody(taker: Taker, tmp_path: Path):
    script = """
    stop = threading.Event()
    counts = [0] * 4
    def work(place):
        while not stop.is_set():
            logger.info('parent %d %d', place, counts[place])
            counts[place] += 1
            time.sleep(0.0002)
    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads: thread.start()
    for child in range(20):
        pid = os.fork()
        if pid == 0:
            logger.info('child %d', child)
            os._exit(0 if handler.flush(20.0) else 1)
        assert os.waitpid(pid, 0)[1] == 0
    stop.set()
    for thread in threads: thread.join()
    print(sum(counts))
    """
    process = start(script, taker.url, tmp_path)
    out, said = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, said) == (0, "")
    messages = Counter(taker.messages())
    assert max(messages.values()) == 1
    assert sum(message.startswith("parent") for message in messages) == int(out)
    assert sum(message.startswith("child") for message in messages) == 20


def test_the_parents_files_stay_the_parents(taker: Taker, tmp_path: Path):
    script = """
    for n in range(100): logger.info('parent %d', n)
    while handler.status().spilled < 100: time.sleep(0.01)
    pid = os.fork()
    if pid == 0:
        for n in range(100): logger.info('child %d', n)
        while handler.status().spilled < 100: time.sleep(0.01)
        handler.close()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    print('ready', flush=True)
    assert handler.flush(30.0)
    time.sleep(0.1)
    """
    taker.answer = (503, b"", {})
    process = start(script, taker.url, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert len(spilled(tmp_path)) == 2
    taker.answer = None
    _out, said = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, said) == (0, "")
    assert run(UNTIL_ALL_IS_SENT, taker.url, tmp_path) == ""
    expected = [f"{who} {number}" for who in ("parent", "child") for number in range(100)]
    assert Counter(taker.messages()) == Counter(expected)
    keys = [headers["Idempotency-Key"] for _method, _path, headers, _body in taker.seen]
    assert len(taker.taken) <= len(set(keys))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_flush_before_they_end(taker: Taker, tmp_path: Path, method: str):
    script = f"""
    import logging, multiprocessing, sys
    from logmill.handler import LogmillHandler

    def work(child, url, folder):
        logger = logging.getLogger("shop")
        if not logger.handlers:
            logger.addHandler(LogmillHandler(url, service="shop", spill_dir=folder))
            logger.setLevel(logging.INFO)
        for n in range(100):
            logger.info("child %d %d", child, n)

    if __name__ == "__main__":
        url, folder = sys.argv[1:3]
        logging.getLogger("shop").addHandler(LogmillHandler(url, service="shop", spill_dir=folder))
        logging.getLogger("shop").setLevel(logging.INFO)
        logging.getLogger("shop").info("parent")
        context = multiprocessing.get_context("{method}")
        children = [context.Process(target=work, args=(child, url, folder)) for child in range(3)]
        for child in children: child.start()
        for child in children: child.join(50)
        assert [child.exitcode for child in children] == [0, 0, 0]
    """
    file = tmp_path / "app.py"
    file.write_text(textwrap.dedent(script))
    done = subprocess.run(
        [sys.executable, str(file), taker.url, str(tmp_path)],
        env=child_environment(Settings(), PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = ["parent", *(f"child {child} {number}" for child in range(3) for number in range(100))]
    assert Counter(taker.messages()) == Counter(expected)


def test_workers_of_gunicorn_that_were_forked_from_a_loaded_application(taker: Taker, tmp_path: Path):
    port = free_port()
    (tmp_path / "shop.py").write_text(
        textwrap.dedent(f"""
        import logging, os
        from logmill.handler import LogmillHandler
        logging.getLogger().addHandler(LogmillHandler({taker.url!r}, service="shop", spill_dir={str(tmp_path)!r}))
        logging.getLogger().setLevel(logging.INFO)
        logging.info("loaded")

        def app(environ, start_response):
            logging.info("request %s of %d", environ["PATH_INFO"], os.getpid())
            start_response("200 OK", [("Content-Length", "0")])
            return []
        """)
    )
    arguments = [
        "--preload",
        "--workers",
        "2",
        "--threads",
        "4",
        "--bind",
        f"127.0.0.1:{port}",
        "--chdir",
        str(tmp_path),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "shop:app", *arguments],
        env=child_environment(Settings(), PYTHONPATH=str(ROOT)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/first"), 30.0)
        for number in range(100):
            assert requests.get(f"http://127.0.0.1:{port}/{number}", timeout=10).ok
        process.terminate()
        process.wait(30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
    counted = Counter(message.split()[1] if message.startswith("request") else message for message in taker.messages())
    assert {f"/{number}": 1 for number in range(100)}.items() <= counted.items()
    assert counted["loaded"] == 1


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def test_it_works_with_nothing_but_requests_installed(taker: Taker, tmp_path: Path):
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=TIMEOUT_S)
    (packages,) = (environment / "lib").glob("python3*/site-packages")
    for name in REQUESTS:
        for file in distribution(name).files or []:
            if ".." not in file.parts:
                target = packages / file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(file.locate())
    (packages / "logmill").symlink_to(ROOT / "logmill")
    script = PREAMBLE + textwrap.dedent("""
    for foreign in ("msgspec", "structlog", "zstandard", "click", "yaml"):
        try:
            __import__(foreign)
        except ImportError:
            continue
        raise SystemExit(f"{foreign} is there after all")
    logger.info("order 1")
    assert handler.flush(20.0)
    print(*sorted(name for name in sys.modules if name.startswith("logmill") and "handler" not in name))
    """)
    done = subprocess.run(
        [str(environment / "bin" / "python"), "-I", "-c", script, taker.url, str(tmp_path / "spill")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert taker.messages() == ["order 1"]
    assert done.stdout.split() == ["logmill", "logmill.backoff", "logmill.http_client", "logmill.ids"]


def test_where_files_cannot_be_locked_memory_is_all_there_is(taker: Taker, tmp_path: Path):
    script = """
    import sys
    sys.modules["fcntl"] = None
    import logging
    from logmill.handler import LogmillHandler
    try:
        LogmillHandler(sys.argv[1], service="shop", spill_dir="x")
    except ValueError as error:
        assert "file locks" in str(error)
    handler = LogmillHandler(sys.argv[1], service="shop")
    logging.getLogger().addHandler(handler)
    logging.warning("order 1")
    assert handler.flush(20.0)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), taker.url], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert taker.messages() == ["order 1"]

"""Each service by itself: started before what it needs; stopped in order, at once, and too late; its exit codes."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from logmill.broker import Message, broker_of
from logmill.errors import ExitCode
from logmill.record import Lane
from logmill.settings import Settings
from tests.support.ports import free_port
from tests.support.rabbitmq_node import RabbitNode
from tests.support.service_process import ServiceProcess
from tests.support.waiting import wait_until

WEB = ["producer", "storage"]
LOG = json.dumps({"message": "m"}).encode()


def half_a_request(service: ServiceProcess) -> socket.socket:
    """A request that keeps a thread busy: its body does not come."""
    client = socket.create_connection(("127.0.0.1", service.port), timeout=40)
    head = ["Host: localhost", "Content-Type: application/json", f"Content-Length: {len(LOG)}"]
    client.sendall("\r\n".join(["POST /logs HTTP/1.1", *head, "", ""]).encode() + LOG[:1])
    time.sleep(0.3)
    return client


# Start in any order


def test_a_producer_waits_for_its_broker_and_says_so(tmp_path: Path, rabbit_node: RabbitNode):
    rabbit_node.stop()
    with ServiceProcess("producer", tmp_path, broker_url=rabbit_node.url) as producer:
        wait_until(lambda: '"message": "waiting"' in producer.said)
        status, words = producer.readiness()
        assert (status, words.strip() != "") == (503, True)
        answer = requests.post(
            f"{producer.url}/logs", data=LOG, headers={"Content-Type": "application/json"}, timeout=30
        )
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        time.sleep(2)
        assert producer.said.count('"message": "waiting"') == 1
        assert "guest:guest" not in producer.said
        rabbit_node.start()
        producer.wait_ready()
        wait_until(lambda: '"message": "ready"' in producer.said)
        producer.send(signal.SIGTERM)
        assert producer.end() == ExitCode.STOPPED


def test_a_processor_waits_for_its_broker_then_for_storage_and_says_so(tmp_path: Path, rabbit_node: RabbitNode):
    rabbit_node.stop()
    port = free_port()
    away = {"broker_url": rabbit_node.url, "storage_url": f"http://127.0.0.1:{port}"}
    with ServiceProcess("processor", tmp_path, **away) as processor:
        wait_until(lambda: '"waits_for": "the broker"' in processor.said)
        assert processor.readiness()[0] == 503
        assert "broker" in processor.readiness()[1]
        time.sleep(2)
        assert processor.said.count('"waits_for": "the broker"') == 1
        rabbit_node.start()
        wait_until(lambda: '"waits_for": "storage"' in processor.said)
        status, words = processor.readiness()
        assert (status, "storage" in words) == (503, True)
        assert "guest:guest" not in processor.said
        with ServiceProcess("storage", tmp_path, storage_port=port):
            processor.wait_ready()


def test_storage_waits_for_nothing(tmp_path: Path):
    with ServiceProcess("storage", tmp_path, broker_url="amqp://guest:guest@127.0.0.1:1/") as storage:
        storage.wait_ready()
        wait_until(lambda: '"message": "ready"' in storage.said)


# Stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", ["producer", "processor", "storage"])
def test_the_first_signal_stops_a_service_in_order(tmp_path: Path, name: str, number: signal.Signals):
    with ServiceProcess(name, tmp_path) as service:
        if name == "processor":
            wait_until(lambda: '"waits_for": "storage"' in service.said)
        else:
            service.wait_ready()
        service.send(number)
        assert service.end() == ExitCode.STOPPED
        assert service.group() == []
        assert "Traceback" not in service.said


@pytest.mark.parametrize("name", WEB)
def test_a_stopping_service_answers_what_it_has_and_closes_kept_connections(tmp_path: Path, name: str):
    with ServiceProcess(name, tmp_path) as service, requests.Session() as kept:
        service.wait_ready()
        silent = socket.create_connection(("127.0.0.1", service.port), timeout=20)
        assert kept.get(f"{service.url}/health", timeout=10).headers.get("Connection") != "close"
        with silent, half_a_request(service) as begun:
            service.send(signal.SIGTERM)
            time.sleep(0.5)
            assert kept.get(f"{service.url}/health", timeout=10).headers["Connection"] == "close"
            silent.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = silent.recv(10_000)
            assert answer.startswith(b"HTTP/1.1 200 OK")
            assert b"Connection: close" in answer
            begun.sendall(LOG[1:])
            assert begun.recv(10_000).startswith(b"HTTP/1.1 201")
        assert service.end() == ExitCode.STOPPED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", WEB)
def test_the_second_signal_ends_a_web_service_at_once(tmp_path: Path, name: str, number: signal.Signals):
    with ServiceProcess(name, tmp_path) as service, half_a_request(service.wait_ready()):
        service.send(signal.SIGTERM)
        with pytest.raises(TimeoutError):
            wait_until(lambda: service.process.poll() is not None, 1.5)
        service.send(number)
        assert service.end(5) == 128 + number
        wait_until(lambda: service.group() == [], 5)


@pytest.mark.parametrize("name", WEB)
def test_a_web_service_that_is_not_done_at_the_drain_limit_says_so_by_its_exit_code(tmp_path: Path, name: str):
    with ServiceProcess(name, tmp_path, drain_timeout_s=1) as service, half_a_request(service.wait_ready()):
        service.send(signal.SIGTERM)
        assert service.end(15) == ExitCode.DRAIN_LIMIT
        wait_until(lambda: service.group() == [], 5)


@contextmanager
def storage_that_takes_nothing() -> Iterator[str]:
    """A storage that is ready, but answers 503 to every block; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, b'{"status": "ready"}')

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(503, b'{"message": "no room"}')

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def publish_one(settings: Settings) -> None:
    broker = broker_of(settings)
    broker.declare(10)
    publisher = broker.publisher()
    publisher.publish(Message(LOG, Lane.NORMAL, "m1", "application/json")).result(10)
    publisher.close(5)


@pytest.mark.parametrize(
    ("drain_timeout_s", "signals", "code"),
    [(60, (signal.SIGTERM, signal.SIGTERM), 143), (60, (signal.SIGINT, signal.SIGINT), 130), (1, (signal.SIGTERM,), 4)],
)
def test_a_processor_with_work_in_hand_ends_at_the_second_signal_or_at_the_drain_limit(
    tmp_path: Path, drain_timeout_s: int, signals: tuple[signal.Signals, ...], code: int
):
    with (
        storage_that_takes_nothing() as url,
        ServiceProcess("processor", tmp_path, storage_url=url, drain_timeout_s=drain_timeout_s) as processor,
    ):
        publish_one(processor.settings)
        wait_until(lambda: "no room" in processor.said)
        processor.send(*signals)
        assert processor.end(15) == code


# Start that fails


def test_a_data_folder_or_a_port_in_use_is_3(tmp_path: Path):
    with ServiceProcess("storage", tmp_path) as first:
        first.wait_ready()
        with ServiceProcess("storage", tmp_path) as second:
            assert second.end() == ExitCode.IN_USE
            assert "data is in use by another storage" in second.said
        for name in WEB:
            with ServiceProcess(name, tmp_path, **{f"{name}_port": first.port}) as third:
                assert third.end() == ExitCode.IN_USE
                assert f"cannot listen on 127.0.0.1:{first.port}" in third.said


def test_a_wrong_setting_is_2_also_where_only_a_worker_finds_it(tmp_path: Path):
    (tmp_path / "data").write_text("a file, where a folder should be")
    with ServiceProcess("storage", tmp_path) as storage:
        assert storage.end() == ExitCode.USAGE
        assert "cannot be used" in storage.said
        assert "Traceback" not in storage.said
    with ServiceProcess("producer", tmp_path, broker_url="mysql://x") as producer:
        assert producer.end() == ExitCode.USAGE
        assert "unknown scheme 'mysql'" in producer.said


def test_a_worker_that_dies_is_replaced_and_the_service_goes_on(tmp_path: Path):
    with ServiceProcess("producer", tmp_path, producer_workers=2) as producer:
        producer.wait_ready()
        workers = wait_until(
            lambda: found if len(found := set(producer.group()) - {producer.process.pid}) == 2 else None
        )
        os.kill(min(workers), signal.SIGKILL)
        wait_until(lambda: len(producer.group()) == 3 and set(producer.group()) != workers | {producer.process.pid})
        producer.wait_ready()
        producer.send(signal.SIGTERM)
        assert producer.end() == ExitCode.STOPPED

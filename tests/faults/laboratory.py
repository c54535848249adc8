"""The laboratory: a whole Logmill as processes on a broker of its own, with proxies on every way between them."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from logmill.broker import open_broker
from logmill.errors import LogmillError
from logmill.settings import child_environment, load
from tests.faults.services import Service
from tests.support.http_proxy import HttpProxy
from tests.support.ports import free_port
from tests.support.rabbitmq_node import RabbitNode
from tests.support.small_disk import SmallDisk, can_mount
from tests.support.tcp_proxy import TcpProxy

START_TIMEOUT_S = 60.0
# So that the broker takes the messages of a stopped processor away within a round.
HEARTBEAT_S = 4
# So that a processor gives up on a storage that hangs within a round.
STORAGE_TIMEOUT_S = 8
DRAIN_TIMEOUT_S = 10
STORAGE_DISK_BYTES = 1280 * 1024 * 1024
BROKER_DISK_BYTES = 192 * 1024 * 1024
_TEND_S = 0.2
# RabbitMQ tells how much is unacknowledged with a delay; at 5 s, its default, "empty" may be an old truth.
TICK_MS = 250
_LOOK_S = 0.25
PAGE = 10_000


class Laboratory:
    """Use it as a context manager; everything runs and is ready inside.

    Args:
        folder: an empty folder.
        broker: "rabbitmq" or "embedded".
        overrides: more settings by field name.

    Attributes:
        services: by name: producer, processor-1, processor-2, storage.
        node: the RabbitMQ node, None with the embedded broker.
        proxies: by the way they stand on: client, publisher, consumer (RabbitMQ only), storage.
        disks: those of storage and of the embedded broker's file, where this process may mount.
    """

    def __init__(self, folder: Path, broker: str, **overrides: object) -> None:
        self.folder = folder
        self.broker = broker
        self.node: RabbitNode | None = None
        self.proxies: dict[str, TcpProxy] = {}
        self.disks: dict[str, SmallDisk] = {}
        self.services: dict[str, Service] = {}
        self._overrides = overrides
        self._broker_url = ""
        self._over = threading.Event()
        self._tender = threading.Thread(target=self._tend, name="tender", daemon=True)
        self._http = requests.Session()

    @property
    def storage_proxy(self) -> HttpProxy:
        """The one between processors and storage."""
        proxy = self.proxies["storage"]
        assert isinstance(proxy, HttpProxy)
        return proxy

    @property
    def producer_port(self) -> int:
        """Where records are sent to."""
        return self.proxies["client"].port

    def __enter__(self) -> Laboratory:
        try:
            self._build()
            for service in self.services.values():
                service.start()
            self._tender.start()
            self.wait_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._tender.is_alive():
            self._tender.join(10.0)
        for service in self.services.values():
            service.kill()
        if self.node is not None:
            self.node.close()
        for proxy in self.proxies.values():
            proxy.close()
        for disk in self.disks.values():
            disk.close()
        self._http.close()

    def _build(self) -> None:
        for name in ("storage", "broker", "rabbitmq", "output"):
            (self.folder / name).mkdir()
        if can_mount():
            self.disks["storage"] = SmallDisk(self.folder / "storage", STORAGE_DISK_BYTES)
            if self.broker == "embedded":
                self.disks["broker"] = SmallDisk(self.folder / "broker", BROKER_DISK_BYTES)
        ports = {name: free_port() for name in ("producer", "storage", "processor-1", "processor-2")}
        self.proxies["client"] = TcpProxy(free_port(), ports["producer"])
        self.proxies["storage"] = HttpProxy(free_port(), ports["storage"])
        urls = self._make_broker()
        # Records are random letters, which may look like anything: whether they are altered is what is looked at here.
        rules = self.folder / "rules.yaml"
        rules.write_text('redaction: {mode: "off"}\n')
        for name, port in ports.items():
            kind = name.partition("-")[0]
            settings = load(
                {},
                broker_url=urls["publisher" if kind == "producer" else "consumer"],
                data_dir=str(self.folder / "storage" / "data"),
                storage_url=f"http://127.0.0.1:{self.proxies['storage'].port}",
                storage_timeout_s=STORAGE_TIMEOUT_S,
                recent_max_records=20_000,
                drain_timeout_s=DRAIN_TIMEOUT_S,
                producer_port=ports["producer"],
                storage_port=ports["storage"],
                processor_metrics_port=port,
                processor_id=name,
                rules_file=str(rules),
                **self._overrides,
            )
            url = f"http://127.0.0.1:{port}"
            self.services[name] = Service(name, kind, url, child_environment(settings), self.folder / "output")

    def _make_broker(self) -> dict[str, str]:
        if self.broker == "embedded":
            self._broker_url = f"sqlite:///{self.folder / 'broker' / 'broker.sqlite3'}"
            return dict.fromkeys(("publisher", "consumer"), self._broker_url)
        self.node = node = RabbitNode(self.folder / "rabbitmq", tick_ms=TICK_MS)
        node.start()
        self._broker_url = node.url
        for name in ("publisher", "consumer"):
            self.proxies[name] = TcpProxy(free_port(), node.port)
        return {
            name: f"amqp://guest:guest@127.0.0.1:{self.proxies[name].port}/%2F?heartbeat={HEARTBEAT_S}"
            for name in ("publisher", "consumer")
        }

    def _tend(self) -> None:
        while not self._over.wait(_TEND_S):
            for service in self.services.values():
                service.tend()

    def wait_ready(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until every service says that it is ready.

        Raises:
            TimeoutError: names those that do not.
        """
        self._wait(lambda: [s.name for s in self.services.values() if not s.is_ready()], timeout_s, "not ready")

    def wait_ready_of(self, name: str) -> None:
        """The same for one service."""
        self._wait(lambda: [] if self.services[name].is_ready() else [name], START_TIMEOUT_S, "not ready")

    def restart_with(self, environment: Mapping[str, str], *names: str) -> None:
        """Start services again, in order, with more in their environment than they had at first."""
        for name in names:
            self.services[name].stop()
            self.services[name].preload = environment
            self.services[name].start()
        self.wait_ready()

    def _wait(self, missing: Callable[[], Sequence[str]], timeout_s: float, complaint: str) -> None:
        deadline_s = time.monotonic() + timeout_s
        while waits_for := missing():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{complaint} after {timeout_s:g} s: {', '.join(waits_for)}")
            time.sleep(_LOOK_S)

    def tails(self) -> str:
        """The ends of all outputs."""
        return "\n".join(f"--- {service.name}\n{service.tail()}" for service in self.services.values())

    def wait_drained(self, timeout_s: float) -> None:
        """Wait until no queue holds anything, unacknowledged messages included, and every service is ready.

        Raises:
            TimeoutError: as in `wait_ready`.
        """
        deadline_s = time.monotonic() + timeout_s
        self.wait_ready(timeout_s)
        # What was published a moment ago is among the counts after a tick, and nothing leaves them unacknowledged.
        time.sleep(3 * TICK_MS / 1000)
        self._wait(self._waiting, max(0.0, deadline_s - time.monotonic()), "not drained")

    def _waiting(self) -> list[str]:
        """What lies in which queue, in words; dead letters are not counted."""
        try:
            depths = open_broker(self._broker_url).depths()
        except LogmillError as error:
            return [str(error)]
        counts = {lane: depth.ready + (depth.unacknowledged or 0) for lane, depth in depths.items()}
        if self.node is not None and not any(count for lane, count in counts.items() if lane != "dead"):
            # AMQP does not tell of what is unacknowledged.
            lines = self.node.ctl("list_queues", "name", "messages", "--no-table-headers").splitlines()
            counts = {name: int(count) for name, count in (line.split() for line in lines)}
        return [f"{count} in {name}" for name, count in counts.items() if count and not name.endswith("dead")]

    def shorten_log(self) -> None:
        """Have the embedded broker's write-ahead log copied back and cut, as far as nobody uses it."""
        with closing(sqlite3.connect(self._broker_url.removeprefix("sqlite:///"), timeout=2.0)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def dead_letters(self) -> int:
        """How many messages lie among the dead letters."""
        return open_broker(self._broker_url).depths()["dead"].ready

    def unplanned_ends(self) -> list[str]:
        """Services that ended by themselves since this was asked last, and how often."""
        found = [f"{service.name} {service.ends}x" for service in self.services.values() if service.ends]
        for service in self.services.values():
            service.ends = 0
        return found

    def stored(self, services: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Every log that storage holds of these services."""
        return {name: self._get("/logs", service=name, limit=str(PAGE))["logs"] for name in services}

    def newest(self, service: str, level: str, limit: int) -> list[str]:
        """The ids of the newest logs of a service and a level, newest first."""
        logs = self._get("/logs", service=service, level=level, limit=str(limit))["logs"]
        return [log["id"] for log in logs]

    def stored_counts(self) -> dict[str, int]:
        """How many logs storage counts of each service."""
        counts: dict[str, int] = self._get("/logs/stats")["by_service"]
        return counts

    def _get(self, path: str, **params: str) -> dict[str, Any]:
        response = self._http.get(self.services["storage"].url + path, params=params, timeout=60.0)
        if not response.ok:
            raise requests.HTTPError(f"storage answered {response.status_code} to {path}: {response.text[:300]}")
        found: dict[str, Any] = response.json()
        return found

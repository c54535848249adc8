"""The laboratory: a whole Logmill on the embedded broker as processes, and a collector that follows a folder."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from logmill.broker import open_broker
from logmill.settings import child_environment, load
from tests.faults.services import Service
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from tests.torture.watch import Stored, Watch
from tests.torture.writers import ARCHIVE, EXACT, LIVE, SCRATCH, SHORT

START_TIMEOUT_S = 60.0
EXPORT_TIMEOUT_S = 600.0
# Far longer than writers pause within a line, so that none is taken for whole on a machine that is busy.
PARTIAL_TIMEOUT_S = 2.5
BATCH_INTERVAL_S = 0.2
_TEND_S = 0.2
# Nothing is made of what the messages say: whether they are altered is what is looked at.
_RULES = """
redaction: {mode: "off"}
parsing:
  formats:
    {json: false, logfmt: false, access: false, error: false, syslog: false, trace: false, cri: false, time: false}
"""


class Laboratory:
    """Use it as a context manager; everything runs and is ready inside.

    Args:
        folder: an empty folder.
        multiline: how the collector joins lines.
        more: more arguments of the collector.

    Attributes:
        logs: the folder of the logs.
        context: makes processes that share `watch`.
        watch: what they know of the collector.
        services: by name: storage, processor, producer, collector.
    """

    def __init__(self, folder: Path, multiline: str, more: Sequence[str] = ()) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.context = multiprocessing.get_context("spawn")
        self.watch = Watch(self.context)
        self.services: dict[str, Service] = {}
        self._broker_url = f"sqlite:///{folder / 'broker.sqlite3'}"
        self._over = threading.Event()
        self._tender = threading.Thread(target=self._tend, name="tender", daemon=True)
        self._build(multiline, more)
        self.stored = Stored(self.storage_url)

    @property
    def collector(self) -> Service:
        """What is proved here."""
        return self.services["collector"]

    @property
    def storage_url(self) -> str:
        """Where storage is."""
        return self.services["storage"].url

    def __enter__(self) -> Laboratory:
        try:
            for service in self.services.values():
                service.start()
            self._tender.start()
            for name in self.services:
                self.wait_ready(name)
            self.note_collector()
            self.stored.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.stored.stop()
        if self._tender.is_alive():
            self._tender.join(10.0)
        for service in self.services.values():
            service.kill()

    def wait_ready(self, name: str) -> None:
        """Wait until a service says that it is ready.

        Raises:
            TimeoutError: it does not.
        """
        service = self.services[name]
        try:
            wait_until(service.is_ready, START_TIMEOUT_S, f"{name} ready")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{service.tail()}") from None

    def note_collector(self) -> None:
        """Tell the writers where the collector is now."""
        self.watch.collector_pid = self.collector.pid if self.collector.running else 0

    def collect_once(self) -> int:
        """Run the collector over everything once more, with `--once`; its exit code. It must not run beside that."""
        once = Service("collector-once", [*self._collect, "--once", "--port", "0"], "", self._environment, self.folder)
        once.start()
        return once.wait(START_TIMEOUT_S)

    def status(self) -> dict[str, Any]:
        """What the collector says of itself."""
        answer = requests.get(f"{self.collector.url}/status.json", timeout=10.0)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def export(self) -> Iterator[dict[str, Any]]:
        """Every log that storage holds."""
        fields = {"format": "ndjson", "fields": "id,service,level,message,source"}
        url = f"{self.storage_url}/logs/export"
        with requests.get(url, fields, stream=True, timeout=EXPORT_TIMEOUT_S) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines(chunk_size=1 << 16, delimiter=b"\n"):
                if line:
                    yield json.loads(line)

    def dead_letters(self) -> int:
        """How many messages lie among the dead letters."""
        return open_broker(self._broker_url).depths()["dead"].ready

    def unplanned_ends(self) -> list[str]:
        """Services that ended by themselves, and how often."""
        return [f"{service.name} ended {service.ends}x by itself" for service in self.services.values() if service.ends]

    def tails(self) -> str:
        """The ends of all outputs."""
        return "\n".join(f"--- {service.name}\n{service.tail()}" for service in self.services.values())

    def _build(self, multiline: str, more: Sequence[str]) -> None:
        for name in (LIVE, EXACT, ARCHIVE, SHORT, SCRATCH):
            (self.logs / name).mkdir(parents=True)
        rules = self.folder / "rules.yaml"
        rules.write_text(_RULES)
        ports = {name: free_port() for name in ("storage", "processor", "producer", "collector")}
        settings = load(
            {},
            broker_url=self._broker_url,
            data_dir=str(self.folder / "data"),
            storage_url=f"http://127.0.0.1:{ports['storage']}",
            producer_url=f"http://127.0.0.1:{ports['producer']}",
            producer_port=ports["producer"],
            storage_port=ports["storage"],
            processor_metrics_port=ports["processor"],
            rules_file=str(rules),
            recent_max_records=20_000,
            alert_interval_s=0,
        )
        self._environment = child_environment(settings)
        globs = {LIVE: "**/*.log*", EXACT: "*.log", ARCHIVE: "**/*.log*", SHORT: "**/*.log"}
        patterns = [f"{self.logs / name}/{pattern}" for name, pattern in globs.items()]
        self._collect = [
            "collect", *patterns,
            "--producer", settings.producer_url, "--data-dir", str(self.folder / "collector"), "--from", "start",
            "--multiline", multiline, "--multiline-timeout", str(PARTIAL_TIMEOUT_S),
            "--batch-interval", str(BATCH_INTERVAL_S), "--partial-timeout", str(PARTIAL_TIMEOUT_S), *more,
        ]  # fmt: skip
        commands: dict[str, str | list[str]] = {name: name for name in ("storage", "processor", "producer")}
        commands["collector"] = [*self._collect, "--port", str(ports["collector"])]
        for name, command in commands.items():
            url = f"http://127.0.0.1:{ports[name]}"
            self.services[name] = Service(name, command, url, self._environment, self.folder)

    def _tend(self) -> None:
        while not self._over.wait(_TEND_S):
            for service in self.services.values():
                service.tend()

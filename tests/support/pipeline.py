"""The whole pipeline as real processes, on ports and in a folder of its own; reads what it costs in CPU."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

import requests

from logmill.running import RunFolder
from logmill.settings import Settings, child_environment, load
from logmill.supervisor import python_command
from tests.support.ports import free_port, free_ports
from tests.support.process_figures import cpu_of, descendants
from tests.support.rabbitmq_node import RabbitNode

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 90.0


class Pipeline:
    """`logmill up` as a child process, with a RabbitMQ node beside it where `broker` is "rabbitmq".

    Args:
        folder: an empty folder.
        broker: "rabbitmq" or "embedded".
        overrides: settings by field name.
    """

    def __init__(self, folder: Path, broker: str, **overrides: object) -> None:
        self._folder = folder
        self._node: RabbitNode | None = None
        if broker == "rabbitmq":
            (folder / "rabbitmq").mkdir()
            self._node = RabbitNode(folder / "rabbitmq")
        self._broker = broker
        self._overrides = overrides
        self._process: subprocess.Popen[bytes] | None = None
        self.settings: Settings = Settings()

    def __enter__(self) -> Pipeline:
        if self._node is not None:
            self._node.start()
        data = self._folder / "data"
        storage_port = free_port()
        url = self._node.url if self._node else f"sqlite:///{data / 'broker.sqlite3'}"
        mine = {
            "broker_url": url,
            "data_dir": str(data),
            "producer_port": free_port(),
            "storage_port": storage_port,
            "storage_url": f"http://127.0.0.1:{storage_port}",
        }
        asked = {**mine, **self._overrides}
        # Each processor listens on a port of its own, and these follow each other.
        asked.setdefault("processor_metrics_port", free_ports(load({}, **asked).processors))
        self.settings = load({}, **asked)
        with (self._folder / "logmill.log").open("wb") as output:
            self._process = subprocess.Popen(
                python_command("up"), env=child_environment(self.settings), stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not all(_ready(url) for url in (self.producer_url, self.storage_url)):
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.__exit__(None, None, None)
                raise RuntimeError(f"the pipeline did not start:\n{self.said[-3000:]}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
        if self._node is not None:
            self._node.close()

    @property
    def producer_url(self) -> str:
        """Where logs are sent."""
        return f"http://127.0.0.1:{self.settings.producer_port}"

    @property
    def storage_url(self) -> str:
        """Where logs are found."""
        return self.settings.storage_url

    @property
    def said(self) -> str:
        """Everything that it and its services wrote."""
        return (self._folder / "logmill.log").read_text(errors="replace")

    def pids(self) -> dict[str, int]:
        """The process of each service that runs now, by name: producer, processor-1, …, storage."""
        return {name: one.pid for name, one in RunFolder(Path(self.settings.data_dir)).services().items()}

    def restart(self, *names: str) -> str:
        """Restart services in order and return once they are ready again; what the command said."""
        done = subprocess.run(
            python_command("restart", *names),
            env=child_environment(self.settings),
            capture_output=True,
            text=True,
            timeout=STOP_TIMEOUT_S,
        )
        if done.returncode:
            raise RuntimeError(f"not restarted: {done.stderr}\n{self.said[-3000:]}")
        return done.stdout

    def processor_count(self, metric: str) -> float:
        """A counter of the processors that run now, summed over them and over its labels."""
        total = 0.0
        for number in range(self.settings.processors):
            url = f"http://127.0.0.1:{self.settings.processor_metrics_port + number}/metrics"
            for line in requests.get(url, timeout=60).text.splitlines():
                name, _, value = line.rpartition(" ")
                if name.partition("{")[0] == metric:
                    total += float(value)
        return total

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far, by service and "broker" where that is a process of its own."""
        seconds: dict[str, float] = {}
        if self._process is not None:
            for pid in descendants(self._process.pid):
                name = _service_of(pid)
                seconds[name] = seconds.get(name, 0.0) + cpu_of(pid)
        if self._node is not None:
            seconds["broker"] = sum(cpu_of(pid) for pid in [self._node.pid, *descendants(self._node.pid)])
        return seconds

    @property
    def node(self) -> RabbitNode:
        """Its RabbitMQ."""
        if self._node is None:
            raise RuntimeError("this pipeline has no RabbitMQ")
        return self._node

    def processes(self) -> list[tuple[str, int]]:
        """Service and id of each of its processes."""
        if self._process is None:
            return []
        return [(_service_of(pid), pid) for pid in descendants(self._process.pid)]

    def signal(self, service: str, number: signal.Signals) -> None:
        """Send a signal to every process of a service: producer, processor or storage."""
        for name, pid in self.processes():
            if name == service:
                os.kill(pid, number)

    def stored_logs(self) -> int:
        """Logs that storage says it has stored since its start; costs it nothing, where counting costs a query."""
        text = requests.get(f"{self.storage_url}/metrics", timeout=60).text
        line = next(line for line in text.splitlines() if line.startswith("logmill_storage_logs_total "))
        return int(float(line.split()[1]))

    def total_logs(self) -> int:
        """Logs that storage holds, counted by a query."""
        response = requests.get(f"{self.storage_url}/logs/stats", timeout=60)
        response.raise_for_status()
        return int(response.json()["total_logs"])


def _ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/ready", timeout=2).ok
    except requests.RequestException:
        return False


def _service_of(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return "ended"
    return next((name for name in ("producer", "processor", "storage") if f"{name}" in words), "other")

"""A RabbitMQ node of one's own, from Debian's package, in a folder of its own: to be filled, starved and killed."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.ports import free_port

# /usr/sbin/rabbitmq-server is a wrapper that changes the user by su; the script behind it runs as whoever calls it.
_DEBIAN_SCRIPTS = Path("/usr/lib/rabbitmq/bin")
# Busy-waiting schedulers would take a core each from the tests; distribution listens on loopback only.
_ERLANG_ARGUMENTS = "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"


def scripts_folder() -> Path | None:
    """Where `rabbitmq-server` and `rabbitmqctl` are, or None where RabbitMQ is not installed."""
    if (_DEBIAN_SCRIPTS / "rabbitmq-server").exists():
        return _DEBIAN_SCRIPTS
    found = shutil.which("rabbitmq-server")
    return Path(found).parent if found else None


class RabbitNode:
    """One node with its own epmd; `start` and `kill9` may alternate, its data stays in `folder`.

    Args:
        folder: an existing, empty folder.
        config: more lines of rabbitmq.conf.
        tick_ms: how often quorum queues tell `rabbitmqctl list_queues` how much they hold; 5,000 unless told.
    """

    def __init__(self, folder: Path, config: str = "", *, tick_ms: int | None = None) -> None:
        scripts = scripts_folder()
        if scripts is None:
            raise FileNotFoundError("rabbitmq-server is not installed; on Debian: apt-get install rabbitmq-server")
        self._scripts = scripts
        self._folder = folder
        self.port = free_port()
        self._epmd_port = free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._name = f"logmill-{secrets.token_hex(4)}@localhost"
        cookie = folder / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        (folder / "enabled_plugins").write_text("[].\n")
        (folder / "rabbitmq.conf").write_text(f"disk_free_limit.absolute = 100MB\n{config}\n")
        # A clean environment: settings of a RabbitMQ that runs on this machine must not reach this node.
        self._environment = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_BASE": str(folder),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG_ARGUMENTS
            + (f" -rabbit quorum_tick_interval {tick_ms}" if tick_ms else ""),
            # As under systemd the script becomes the server, so that our child is the Erlang process itself.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    @property
    def running(self) -> bool:
        """Whether the server's process is there."""
        return self._server is not None and self._server.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._server is None:
            raise RuntimeError("the node is not running")
        return self._server.pid

    def start(self, timeout_s: float = 60.0) -> None:
        """Start the node and wait until it takes connections.

        Raises:
            RuntimeError: when it ends or is not there in time; carries the end of its log.
        """
        if self._epmd is None:
            epmd = shutil.which("epmd", path=os.defpath) or next(iter(_erlang_programs("epmd")), "epmd")
            self._epmd = subprocess.Popen(
                [epmd, "-port", str(self._epmd_port), "-address", "127.0.0.1"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            _wait_for(lambda: _listens(self._epmd_port), 10.0, "epmd does not listen")
        atexit.register(self.kill9)
        with (self._folder / "stdout.log").open("ab") as output:
            self._server = subprocess.Popen(
                [self._scripts / "rabbitmq-server"],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait_for(self._answers, timeout_s, "the node does not answer")
        except RuntimeError as error:
            self.close()
            log = (self._folder / "stdout.log").read_text(errors="replace")
            raise RuntimeError(f"{error}\n{log[-3000:]}") from None

    def _answers(self) -> bool:
        """Whether the node speaks AMQP (its listener is the last thing it starts)."""
        if self._server is not None and self._server.poll() is not None:
            raise RuntimeError(f"rabbitmq-server ended with {self._server.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as client:
                client.sendall(b"AMQP\x00\x00\x09\x01")
                return client.recv(1) == b"\x01"
        except OSError:
            return False

    def stop(self, timeout_s: float = 30.0) -> None:
        """Shut the node down in order; it can be started again."""
        self._end(signal.SIGTERM, timeout_s)

    def kill9(self) -> None:
        """End the node as a power cut of its process would; it can be started again."""
        self._end(signal.SIGKILL, 10.0)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the server's process."""
        os.kill(self.pid, number)

    def _end(self, signal_number: signal.Signals, timeout_s: float) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.send_signal(signal_number)
            try:
                server.wait(timeout_s)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(10.0)
        # With its node, so that nothing is left over by whoever forgets `close`.
        epmd, self._epmd = self._epmd, None
        if epmd is not None:
            epmd.kill()
            epmd.wait(10.0)

    def close(self) -> None:
        """End the node for good."""
        self.kill9()
        atexit.unregister(self.kill9)

    def ctl(self, *arguments: str, timeout_s: float = 30.0) -> str:
        """The output of `rabbitmqctl` with these arguments on this node.

        Raises:
            subprocess.CalledProcessError: when it fails.
        """
        done = subprocess.run(
            [self._scripts / "rabbitmqctl", "--quiet", *arguments],
            env=self._environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        return done.stdout

    def __enter__(self) -> RabbitNode:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RabbitContainer:
    """RabbitMQ in Docker, for tests that only need its address."""

    def __init__(self) -> None:
        # Not installed everywhere, and slow to import.
        from testcontainers.rabbitmq import RabbitMqContainer

        self._container = RabbitMqContainer("rabbitmq:4")

    @property
    def url(self) -> str:
        """Where clients connect to."""
        parameters = self._container.get_connection_params()
        return f"amqp://guest:guest@{parameters.host}:{parameters.port}/%2F"

    def __enter__(self) -> RabbitContainer:
        self._container.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._container.stop()


def docker_works() -> bool:
    """Whether a Docker engine answers."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        return subprocess.run([docker, "info"], capture_output=True, check=False, timeout=10.0).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _erlang_programs(name: str) -> list[str]:
    return sorted(str(path) for path in Path("/usr/lib/erlang").glob(f"erts-*/bin/{name}"))


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _wait_for(condition: Callable[[], bool], timeout_s: float, complaint: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{complaint} after {timeout_s:g} s")
        time.sleep(0.02)

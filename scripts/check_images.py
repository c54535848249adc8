"""Do without Docker what the Dockerfiles do: install each service from its lock, copy what is copied, start its CMD.

For every service: an empty virtual environment gets the locked requirements by hash, exactly the files that the
Dockerfile copies go to an empty folder, and the Dockerfile's CMD is started there with its ENV, on loopback and on the
embedded broker. It must answer /health, and end with code 0 on SIGTERM. One line a service; code 1 if one failed.
Not checked: the base image, the user, and whatever else only an engine can do.
"""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from scripts.dockerfiles import Dockerfile, parse

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("collector", "generator", "producer", "processor", "storage")
# The `logmill` commands of services that are not named as they are.
COMMANDS = {"collector": "collect", "generator": "generate"}
# The settings of the address that a service listens on, where they do not have its name.
ADDRESSES = {
    "collector": ("LOGMILL_COLLECT_LISTEN_HOST", "LOGMILL_COLLECT_PORT"),
    "processor": ("LOGMILL_PROCESSOR_METRICS_HOST", "LOGMILL_PROCESSOR_METRICS_PORT"),
}
# What a service must answer beside /health.
PAGES = {"collector": "/", "storage": "/"}
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 40.0


class CheckError(Exception):
    """A service did not do what its image must do; the message says what, and shows its output."""


def read(service: str) -> Dockerfile:
    """The Dockerfile of a service."""
    return parse((ROOT / service / "Dockerfile").read_text(encoding="utf-8"))


def install(service: str, folder: Path) -> Path:
    """An empty virtual environment with the service's lock in it; its folder of programs."""
    run([sys.executable, "-m", "venv", str(folder)])
    requirements = ROOT / service / "requirements.txt"
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run([*pip, "install", "--require-hashes", "--only-binary", ":all:", "-r", str(requirements)])
    run([*pip, "check"])
    return folder / "bin"


def run(command: list[str]) -> None:
    """Run to the end.

    Raises:
        CheckError: it failed; with its output.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own commands
    if done.returncode != 0:
        raise CheckError(f"{shlex.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")


def copy(dockerfile: Dockerfile, image: Path) -> None:
    """Put into `image` what the Dockerfile copies, without what .dockerignore leaves out everywhere."""
    for source, destination in dockerfile.copies:
        here, there = ROOT / source, inside(image, destination)
        if here.is_dir():
            shutil.copytree(here, there, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(here, there)


def inside(image: Path, path: str) -> Path:
    """Where an absolute path of the image lies here."""
    return image / path.lstrip("/")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def local_environment(dockerfile: Dockerfile, service: str, programs: Path, image: Path, port: int) -> dict[str, str]:
    """The image's ENV, with its folders and addresses moved to this machine."""
    moved = {
        name: str(inside(image, value)) if value.startswith("/") else value
        for name, value in dockerfile.environment.items()
    }
    named = (f"LOGMILL_{service.upper()}_HOST", f"LOGMILL_{service.upper()}_PORT")
    names = ADDRESSES.get(service, named) if dockerfile.last("EXPOSE") else ()
    # nobody is there, and /health does not mind
    nobody = f"http://127.0.0.1:{free_port()}"
    return {
        **moved,
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(image),
        "LANG": "C.UTF-8",
        **dict(zip(names, ("127.0.0.1", str(port)), strict=False)),
        "LOGMILL_BROKER_URL": f"sqlite:///{image}/broker.sqlite3",
        "LOGMILL_STORAGE_URL": nobody,
        "LOGMILL_PRODUCER_URL": nobody,
    }


def wait_for_health(process: subprocess.Popen[bytes], is_well: Callable[[], bool]) -> None:
    """Wait until it is well.

    Raises:
        CheckError: the process ended, or was not in time.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CheckError(f"it ended with code {process.returncode} instead of starting")
        if is_well():
            return
        time.sleep(0.1)
    raise CheckError(f"it was not healthy within {START_TIMEOUT_S:.0f} s")


def answers(port: int) -> bool:
    """Whether /health answers 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def passes(command: list[str], programs: Path, environment: dict[str, str]) -> bool:
    """Whether the health check of an image that listens nowhere ends well."""
    path = str(programs / command[0])
    done = subprocess.run([path, *command[1:]], env=environment, capture_output=True, timeout=30, check=False)  # noqa: S603 - of our own Dockerfile
    return done.returncode == 0


def check_page(port: int, path: str | None) -> None:
    """See that a page and all that it loads are there.

    Raises:
        CheckError: one is not.
    """
    if path is None:
        return
    address = f"http://127.0.0.1:{port}{path}"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            page = answer.read(1_000_000).decode()
        for name in re.findall(r'(?:href|src)="(static/[^"]+)"', page):
            with urllib.request.urlopen(f"{address}{name}", timeout=10):  # noqa: S310 - our own
                pass
    except OSError as error:
        raise CheckError(f"{path} does not show its page: {error}") from None


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it by SIGTERM.

    Raises:
        CheckError: it did not end in time, or not with code 0.
    """
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise CheckError(f"it did not end within {STOP_TIMEOUT_S:.0f} s of SIGTERM") from None
    if code != 0:
        raise CheckError(f"it ended with code {code} on SIGTERM")


def start_and_stop(dockerfile: Dockerfile, service: str, programs: Path, image: Path) -> None:
    """Start the CMD, wait for its health, end it by SIGTERM.

    Raises:
        CheckError: with the service's output.
    """
    for folder in ("tmp", "data"):
        inside(image, folder).mkdir(exist_ok=True)
    port = free_port()
    command = [str(programs / dockerfile.command[0]), *dockerfile.command[1:]]
    output = image / "output.log"
    environment = local_environment(dockerfile, service, programs, image, port)

    def is_well() -> bool:
        return answers(port) if dockerfile.last("EXPOSE") else passes(dockerfile.health_check, programs, environment)

    with output.open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603 - the command of our own Dockerfile
            command,
            cwd=inside(image, dockerfile.last("WORKDIR")),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for_health(process, is_well)
            check_page(port, PAGES.get(service))
            stop(process)
        except CheckError as error:
            raise CheckError(f"{error}\n{tail(output)}") from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def tail(output: Path) -> str:
    """The last of what a service wrote."""
    return "".join(output.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)[-40:])


def check(service: str) -> str:
    """Check one service; what was done, in a few words.

    Raises:
        CheckError: what went wrong.
    """
    dockerfile = read(service)
    with tempfile.TemporaryDirectory(prefix=f"logmill-{service}-") as name:
        folder = Path(name)
        started = time.monotonic()
        programs = install(service, folder / "venv")
        installed = time.monotonic()
        image = folder / "image"
        copy(dockerfile, image)
        start_and_stop(dockerfile, service, programs, image)
        return f"installed in {installed - started:.0f} s, healthy and stopped in {time.monotonic() - installed:.1f} s"


def main(names: list[str]) -> int:
    """Check the services named, or all; the exit code."""
    unknown = set(names) - set(SERVICES)
    if unknown:
        sys.stderr.write(f"no such service: {', '.join(sorted(unknown))}; there are {', '.join(SERVICES)}\n")
        return 2
    failed = False
    for service in names or SERVICES:
        try:
            line = f"{service:10} ok      {check(service)}"
        except CheckError as error:
            failed = True
            line = f"{service:10} FAILED  {error}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What the Dockerfiles promise, read from the files: no engine is needed."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from logmill.settings import load
from scripts.check_images import COMMANDS, SERVICES, read
from scripts.dockerfiles import parse

# It writes to a file how it is going, which its health check looks at.
LISTENS_NOWHERE = {"generator"}
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_holds_the_core_its_service_and_the_lock_and_nothing_else(service):
    assert read(service).copies == [
        (f"{service}/requirements.txt", f"/app/{service}/requirements.txt"),
        ("logmill/", "/app/logmill/"),
        (f"{service}/", f"/app/{service}/"),
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_dockerfile_copies_is_not_ignored(service):
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    assert {f"!{source.split('/')[0]}/" for source, _ in read(service).copies} <= set(ignored)


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_installs_by_hash_and_compiles_nothing(service):
    runs = " ".join(read(service).all("RUN"))
    assert f"--require-hashes --only-binary :all: -r /app/{service}/requirements.txt" in runs
    assert "apt-get" not in runs


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_starts_its_service(service):
    dockerfile = read(service)
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", dockerfile.last("FROM"))
    assert dockerfile.command == ["python", "-m", "logmill", COMMANDS.get(service, service)]
    assert (ROOT / "logmill" / "__main__.py").is_file()
    assert dockerfile.last("STOPSIGNAL") == "SIGTERM"
    assert dockerfile.environment["PYTHONUNBUFFERED"] == "1"
    assert dockerfile.environment["PYTHONPATH"] == "/app"
    assert dockerfile.last("WORKDIR") == "/app"


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_sets_settings_that_exist_and_the_port_it_exposes(service):
    dockerfile = read(service)
    logmill = {name: value for name, value in dockerfile.environment.items() if name.startswith("LOGMILL_")}
    load(logmill)
    if service in LISTENS_NOWHERE:
        assert not dockerfile.all("EXPOSE")
        return
    assert dockerfile.last("EXPOSE") in logmill.values()
    assert f"127.0.0.1:{dockerfile.last('EXPOSE')}/" in dockerfile.last("HEALTHCHECK")


def test_the_generator_is_well_while_its_file_is_fresh(tmp_path: Path):
    command = read("generator").health_check
    file = tmp_path / "status.json"

    def is_well() -> bool:
        environment = {"LOGMILL_GENERATE_STATUS_FILE": str(file)}
        return subprocess.run([sys.executable, *command[1:]], env=environment, capture_output=True).returncode == 0

    assert not is_well()
    file.write_text("{}")
    assert is_well()
    os.utime(file, (time.time() - 60, time.time() - 60))
    assert not is_well()


def test_instructions_over_several_lines_are_read_as_one():
    dockerfile = parse('FROM a\n# comment\nENV A=1 \\\n    B="x y"\nenv C=3\nCMD ["p", "q"]\n')
    assert dockerfile.environment == {"A": "1", "B": "x y", "C": "3"}
    assert dockerfile.command == ["p", "q"]
    assert dockerfile.last("USER") == ""

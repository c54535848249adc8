"""What the locks of requirements promise: hashes, no index, one version in all of them, and no more than is needed."""

import re
from pathlib import Path

import pytest

from scripts.check_images import SERVICES

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements-dev.txt", "requirements-run.txt", *(f"{service}/requirements.txt" for service in SERVICES))


def pins(lock):
    """Package -> the versions that the lock allows, by marker."""
    found = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_for_every_package_and_names_no_index(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^--(index|extra-index|find-links|trusted)", text, re.MULTILINE)
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_what_is_tested_is_what_runs(lock):
    """Every lock has the versions of the development lock."""
    tested = pins("requirements-dev.txt")
    assert {name: versions for name, versions in pins(lock).items() if tested.get(name) != versions} == {}


@pytest.mark.parametrize(
    ("service", "needed", "foreign"),
    [
        (
            "collector",
            {"polars", "watchdog", "requests"},
            {"chdb", "chdb-core", "flask", "gunicorn", "pika", "pyarrow"},
        ),
        (
            "generator",
            {"msgspec", "pika", "requests", "hdrhistogram", "rich"},
            {"chdb", "chdb-core", "flask", "gunicorn", "polars", "pyarrow", "numpy", "pandas", "prometheus-client"},
        ),
        ("producer", {"flask", "gunicorn", "pika"}, {"chdb", "chdb-core", "polars", "pyarrow", "numpy", "pandas"}),
        ("processor", {"polars", "pika", "requests"}, {"chdb", "chdb-core", "flask", "gunicorn", "pandas"}),
        ("storage", {"flask", "gunicorn", "chdb", "pyarrow"}, {"pika", "polars"}),
    ],
)
def test_a_service_carries_what_it_needs_and_not_what_others_need(service, needed, foreign):
    locked = pins(f"{service}/requirements.txt").keys()
    assert needed <= locked
    assert not foreign & locked
    # `hdrhistogram` is built with pbr and asks for it where it runs too, and pbr asks for setuptools.
    allowed = {"setuptools"} if "pbr" in locked else set()
    assert not ({"pytest", "mypy", "ruff", "uv", "setuptools"} - allowed) & locked


def test_one_machine_gets_all_services_and_what_installs_logmill():
    together = set().union(*(pins(f"{service}/requirements.txt") for service in SERVICES))
    assert pins("requirements-run.txt").keys() == together | {"setuptools"}

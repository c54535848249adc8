"""/docs in a real browser: Swagger UI shows every operation and breaks no rule of its page."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

from tests.support.service_process import ServiceProcess

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# As root it needs --no-sandbox; the others keep it from talking to its maker.
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"),
    *("--virtual-time-budget=20000", "--dump-dom"),
)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium: apt-get install chromium")
def test_the_page_shows_every_operation_and_breaks_no_rule_of_its_own(tmp_path: Path) -> None:
    with ServiceProcess("producer", tmp_path, api_key="a-key").wait_ready() as service:
        document = requests.get(f"{service.url}/openapi.json", timeout=10).json()
        done = subprocess.run(
            [str(BROWSER), *OPTIONS, f"--user-data-dir={tmp_path / 'browser'}", f"{service.url}/docs"],
            capture_output=True,
            text=True,
            timeout=90,
        )
    shown = set(re.findall(r'<div[^>]* id="operations-[^"]*-([a-z_]+)"', done.stdout))
    described = {one["operationId"] for methods in document["paths"].values() for one in methods.values()}
    assert shown == described, done.stderr[-3000:]
    assert "Authorize" in done.stdout
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert complaints == []

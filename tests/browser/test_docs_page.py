"""/docs: Swagger UI shows every operation and asks them with the key that it is given, breaking no rule of its page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.support.service_process import ServiceProcess

KEY = "a-key"


@pytest.fixture(params=["producer", "storage"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service that asks for a key."""
    with ServiceProcess(request.param, tmp_path, api_key=KEY) as running:
        yield running.wait_ready()


def test_the_page_shows_every_operation(page, service):
    outside = []
    page.on("request", lambda request: outside.append(request.url) if not _is_own(request.url, service) else None)
    page.goto(f"{service.url}/docs")
    document = requests.get(f"{service.url}/openapi.json", timeout=30).json()
    described = [one for methods in document["paths"].values() for one in methods.values()]
    expect(page.locator(".opblock")).to_have_count(len(described))
    for one in described:
        tag = one["tags"][0].replace(" ", "_")
        expect(page.locator(f"#operations-{tag}-{one['operationId']}")).to_contain_text(one["summary"])
    assert outside == []


def test_an_operation_is_asked_with_the_key_that_the_page_was_given(page, watch, service):
    watch.expected = {401}
    page.goto(f"{service.url}/docs")
    metrics = page.locator("#operations-State-metrics")
    metrics.locator(".opblock-summary-control").click()
    metrics.get_by_role("button", name="Try it out").click()
    metrics.get_by_role("button", name="Execute").click()
    status = metrics.locator(".live-responses-table tbody .response-col_status")
    expect(status).to_contain_text("401")
    page.locator(".auth-wrapper > button.authorize").click()
    page.get_by_label("auth-bearer-value").fill(KEY)
    page.locator(".auth-container").filter(has_text="http, Bearer").get_by_role("button", name="Apply").click()
    page.locator(".auth-container").first.get_by_role("button", name="Close").click()
    metrics.get_by_role("button", name="Execute").click()
    expect(status).to_contain_text("200")
    expect(metrics.locator(".live-responses-table")).to_contain_text(re.compile("logmill_(producer|storage)_"))


def _is_own(url: str, service: ServiceProcess) -> bool:
    return url.startswith((f"{service.url}/", "data:"))

"""Asks services whether they are ready, as a person would: over HTTP."""

from __future__ import annotations

import requests

from logmill import http_client
from logmill.settings import Settings

PROBE_TIMEOUT_S = 3.0


def url_of(host: str, port: int) -> str:
    """Where this machine reaches what listens on `host`."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def addresses(settings: Settings) -> dict[str, str]:
    """The URL of each service that people talk to, by name."""
    return {
        "producer": url_of(settings.producer_host, settings.producer_port),
        "storage": url_of(settings.storage_host, settings.storage_port),
    }


def probe(url: str, timeout_s: float = PROBE_TIMEOUT_S) -> tuple[bool, str]:
    """Whether this URL answers well, and what it says."""
    try:
        with http_client.session() as session:
            response = session.get(url, timeout=timeout_s)
    except requests.ConnectionError:
        return False, "not running"
    except requests.Timeout:
        return False, "it does not answer yet"
    except requests.RequestException as error:
        return False, type(error).__name__
    try:
        body = response.json()
    except ValueError:
        body = {}
    return response.ok, str(body.get("message", body.get("status", response.reason)))

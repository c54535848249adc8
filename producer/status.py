"""Asks storage what became of a log."""

from __future__ import annotations

import threading

import msgspec
import requests

from logmill import http_client
from logmill.settings import Settings

TIMEOUT_S = (1.0, 5.0)


class Status(msgspec.Struct, frozen=True):
    """What storage knows of a log: `state` is stored, rejected or unknown."""

    state: str
    log: msgspec.Raw = msgspec.Raw(b"null")
    reason: str = ""


class StatusClient:
    """One kept connection a thread, since a `requests.Session` is for one thread only."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.storage_url.rstrip("/")
        self._api_key = settings.api_key
        self._local = threading.local()

    def of(self, log_id: str) -> Status:
        """The state of one log.

        Raises:
            requests.RequestException: storage is away or answered an error.
        """
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = http_client.session(self._api_key)
        response = session.get(f"{self._base}/logs/{log_id}/status", timeout=TIMEOUT_S)
        response.raise_for_status()
        return msgspec.json.decode(response.content, type=Status)

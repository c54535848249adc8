"""The installation that is put under load: whether it can be, what it holds, and what of a run has arrived."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import requests

from logmill import http_client
from logmill.bench import questions
from logmill.bench.plan import Part, Question
from logmill.errors import LogmillError
from logmill.probing import probe
from logmill.storage_client import Answered, StorageClient
from logmill.urls import without_credentials

_TIMEOUT_S = 15.0
# Between two counts, and at least so many times as long as the last one took, so that counting is no load.
_COUNT_EVERY_S = 0.5
_COUNT_REST = 3
_EARLIER_S = 3600
_OK = 200


class _Value(msgspec.Struct):
    value: str | None
    count: int


class _Facets(msgspec.Struct):
    facets: dict[str, list[_Value]]


class _Log(msgspec.Struct):
    message: str = ""


class _Logs(msgspec.Struct):
    logs: list[_Log]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many logs storage counted.

    Attributes:
        logs: None where it could not be asked.
        waited_s: how long it took.
    """

    logs: int | None
    waited_s: float


class Target:
    """One installation.

    Args:
        producer_url: of its producer.
        storage_url: of its storage.
        key: the API key of both, "" for none.
    """

    def __init__(self, producer_url: str, storage_url: str, key: str) -> None:
        self._producer_url = producer_url
        self._storage_url = storage_url
        self._key = key
        self._storage = StorageClient(storage_url, key)
        self._since = str(int(time.time()) - _EARLIER_S)

    def check(self, parts: tuple[Part, ...]) -> None:
        """See that it is there, ready, and takes the key.

        Raises:
            LogmillError: says what is wrong, and with which address.
        """
        services = {"storage": self._storage_url}
        if Part.INGEST in parts:
            services["producer"] = self._producer_url
        for name, url in services.items():
            ready, words = probe(f"{url}/ready", _TIMEOUT_S)
            if not ready:
                raise LogmillError(f"the {name} at {without_credentials(url)} is not ready: {words}")
            self._check_key(name, url)

    def questions(self) -> tuple[Question, ...]:
        """The built-in questions, for what it holds.

        Raises:
            LogmillError: storage cannot be asked.
        """
        found = self._storage.ask("/logs/facets", [("field", "service"), ("size", "5")], _Facets)
        services = [value.value for value in found.facets.get("service", []) if value.value]
        logs = self._storage.ask("/logs", [("limit", "100"), ("fields", "message")], _Logs).logs
        return questions.built_in(services, [log.message for log in logs])

    def count(self, run: str) -> int:
        """How many logs of a run are stored.

        Raises:
            LogmillError: storage cannot be asked.
        """
        params = [("q", f'bench_run:"{run}"'), ("field", "level"), ("size", "100"), ("since", self._since)]
        found = self._storage.ask("/logs/facets", params, _Facets)
        return sum(value.count for value in found.facets["level"])

    def wait_stored(
        self,
        run: str,
        accepted: int,
        limit_s: float,
        rest: Callable[[float], bool],
        told: Callable[[int], None],
    ) -> Counted:
        """Count the logs of a run until all that were accepted are there.

        Args:
            run: its name.
            accepted: how many there must be.
            limit_s: for how long at most.
            rest: waits so many seconds, and says whether to wait no longer.
            told: told each count.
        """
        began_s = time.monotonic()
        count: int | None = None
        while True:
            asked_s = time.monotonic()
            try:
                count = self.count(run)
            except LogmillError as error:
                if isinstance(error, Answered) and error.status < 500:  # noqa: PLR2004 - asking again changes nothing
                    return Counted(None, time.monotonic() - began_s)
            now_s = time.monotonic()
            if count is not None:
                told(count)
                if count >= accepted:
                    return Counted(count, now_s - began_s)
            if now_s - began_s > limit_s:
                return Counted(count, now_s - began_s)
            if rest(max(_COUNT_EVERY_S, _COUNT_REST * (now_s - asked_s))):
                return Counted(count, time.monotonic() - began_s)

    def _check_key(self, name: str, url: str) -> None:
        """Ask for something that needs the key, and that only Logmill answers."""
        where = f"the {name} at {without_credentials(url)}"
        try:
            with http_client.session(self._key) as session:
                answer = session.get(f"{url}/pipeline", timeout=_TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            raise LogmillError(f"{where} does not answer: {type(error).__name__}") from None
        if answer.status_code in {401, 403}:
            raise LogmillError(f"{where} does not take the key: --key, or LOGMILL_API_KEY")
        if answer.status_code != _OK:
            raise LogmillError(f"{where} is no {name} of Logmill: GET /pipeline is answered by {answer.status_code}")

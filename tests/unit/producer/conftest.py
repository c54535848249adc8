"""A producer whose broker is a publisher that the test holds."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

import producer.app
from logmill.settings import load
from tests.support.held_publisher import HeldPublisher


@pytest.fixture
def publisher() -> HeldPublisher:
    return HeldPublisher(confirms=True)


@pytest.fixture
def started(publisher: HeldPublisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Starts a producer with these settings, on the same files each time."""

    class Broker:
        def publisher(self) -> HeldPublisher:
            return publisher

    monkeypatch.setattr(producer.app, "broker_of", lambda settings: Broker())
    with ExitStack() as running:

        def start(**settings: object):
            mine = {"data_dir": str(tmp_path / "data"), "producer_pin_cores": False, "confirm_timeout_s": 0.3}
            app = producer.app.create_app(load({}, **{**mine, **settings}))
            running.callback(app.extensions["logmill_close"])
            return app.test_client()

        yield start


@pytest.fixture
def client(started):
    return started()

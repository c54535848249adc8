"""What all tests share: servers of their own for those that need one, and how patient Hypothesis is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

from logmill.settings import in_ci
from tests.support.broker_client import Client
from tests.support.broker_places import EmbeddedPlace, Place, RabbitPlace
from tests.support.rabbitmq_node import RabbitContainer, RabbitNode, docker_works, scripts_folder

# How long an example takes says more of what else the machine does than of the code; pytest's timeout bounds the whole.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def _missing(what: str) -> NoReturn:
    """Fail where everything must be there, else skip and say how to get it."""
    if in_ci():
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def rabbit_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode | RabbitContainer]:
    """A RabbitMQ for the whole session: a node of our own, or a container where there is only Docker."""
    if scripts_folder() is not None:
        with RabbitNode(tmp_path_factory.mktemp("rabbitmq")) as node:
            yield node
    elif docker_works():
        with RabbitContainer() as container:
            yield container
    else:
        _missing("RabbitMQ is not installed; on Debian: apt-get install rabbitmq-server; elsewhere run Docker")


@pytest.fixture
def rabbit_node(rabbit_server: RabbitNode | RabbitContainer) -> Iterator[RabbitNode]:
    """The session's node, running and empty, for tests that stop, starve or kill it; it is started again after them."""
    if not isinstance(rabbit_server, RabbitNode):
        _missing("this test kills its RabbitMQ node, so it needs a local one: apt-get install rabbitmq-server")
    _emptied(rabbit_server)
    yield rabbit_server
    _emptied(rabbit_server)


def _emptied(server: RabbitNode | RabbitContainer) -> None:
    if isinstance(server, RabbitNode) and not server.running:
        server.start()
    RabbitPlace(server).broker().purge()


@pytest.fixture(params=["rabbitmq", "embedded"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each broker in turn, empty, with the means to take it away and to crash it."""
    if request.param == "embedded":
        yield EmbeddedPlace(tmp_path / "broker")
        return
    server = request.getfixturevalue("rabbit_server")
    _emptied(server)
    yield RabbitPlace(server)
    _emptied(server)


@pytest.fixture
def killable(place: Place) -> Place:
    """As `place`, for tests that take it away or crash it."""
    if not place.killable:
        _missing("this test kills its RabbitMQ node, so it needs a local one: apt-get install rabbitmq-server")
    return place


@pytest.fixture
def client(place: Place) -> Iterator[Client]:
    """Publishers and consumers at `place`, closed after the test."""
    with Client(place.broker()) as client:
        yield client

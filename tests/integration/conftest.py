"""The whole pipeline on each broker, started once for the tests of this folder that need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from logmill.settings import in_ci
from tests.support.pipeline import Pipeline
from tests.support.rabbitmq_node import scripts_folder


@pytest.fixture(scope="session", params=["rabbitmq", "embedded"])
def pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Producer, two processors and storage as `logmill up` runs them, on RabbitMQ and on the embedded broker."""
    if request.param == "rabbitmq" and scripts_folder() is None:
        message = "no RabbitMQ: apt-get install rabbitmq-server"
        (pytest.fail if in_ci() else pytest.skip)(message)
    folder: Path = tmp_path_factory.mktemp(f"pipeline-{request.param}")
    with Pipeline(folder, request.param, max_decoded_bytes=8 * 1024 * 1024) as running:
        yield running

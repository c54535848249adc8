"""The settings as they are shown: what is hidden in them, and which are defaults."""

from __future__ import annotations

from typing import get_type_hints

import msgspec
import pytest

from logmill.configuration import shown
from logmill.settings import Settings, environment, load
from logmill.settings_table import table
from logmill.urls import without_credentials


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("amqp://user:s3cret@host:5672/%2F", "amqp://host:5672/%2F"),
        ("amqps://user:s3@cret@host/v", "amqps://host/v"),
        ("amqp://user:s3/cret@host/v", "amqp://host/v"),
        ("amqp://user:s3?cret@host/v", "amqp://…"),
        ("amqp://user:s3://cret@host/v", "amqp://host/v"),
        ("amqps://host/v?ssl_options={'password': 's3cret'}", "amqps://host/v?…"),
        ("https://host/?token=s3@cret", "https://…"),
        ("user:s3cret@host", "host"),
        ("http://127.0.0.1:5002", "http://127.0.0.1:5002"),
        ("http://[::1]:5002", "http://[::1]:5002"),
        ("sqlite:////srv/logs@home/broker.sqlite3", "sqlite:////srv/logs@home/broker.sqlite3"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_credentials_and_parameters(url: str, seen: str) -> None:
    assert without_credentials(url) == seen


def test_no_secret_is_among_what_is_shown() -> None:
    settings = load(
        {},
        api_key="s3cret",
        broker_url="amqp://u:s3cret@h/",
        storage_url="http://u:s3cret@h:1",
        producer_url="http://h:2/?key=s3cret",
    )
    rows = shown(settings)
    assert b"s3cret" not in msgspec.json.encode(rows)
    found = {row.name: row for row in rows}
    assert (found["LOGMILL_API_KEY"].value, found["LOGMILL_API_KEY"].is_default) == ("…", False)
    assert found["LOGMILL_BROKER_URL"].value == "amqp://h/"
    assert found["LOGMILL_PRODUCER_URL"].value == "http://h:2/?…"


def test_every_setting_is_shown_with_value_unit_and_help() -> None:
    settings = load({}, producer_port=6000, allow_no_key=True)
    rows = shown(settings)
    assert [(row.name, row.unit, row.help) for row in rows] == [(row.name, row.unit, row.help) for row in table()]
    found = {row.name: row for row in rows}
    assert (found["LOGMILL_PRODUCER_PORT"].value, found["LOGMILL_ALLOW_NO_KEY"].value) == (6000, True)
    changed = {row.name for row in rows if not row.is_default}
    assert changed == {"LOGMILL_PRODUCER_PORT", "LOGMILL_ALLOW_NO_KEY"}, "an address that follows is no change"


def test_what_a_child_process_is_given_in_full_are_still_defaults() -> None:
    assert all(row.is_default for row in shown(load(environment(load({})))))
    assert not shown(load({}, broker_url="amqp://h/"))[0].is_default


def test_a_text_that_is_called_a_secret_is_marked_as_one() -> None:
    kinds = get_type_hints(Settings)
    for row in table():
        field = row.name.removeprefix("LOGMILL_").lower()
        is_called_one = bool({"key", "password", "secret", "token"} & set(field.split("_")))
        # Whoever knows the address of a webhook may post to it.
        is_called_one = is_called_one or field == "alert_webhook_url"
        assert row.is_secret == (is_called_one and kinds[field] is str), row.name

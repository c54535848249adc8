"""Settings: where they come from and what is said of wrong ones."""

from __future__ import annotations

import msgspec
import pytest

from logmill.errors import ConfigError
from logmill.settings import Settings, environment, load, with_plain_names
from logmill.settings_table import table


def test_defaults_hold_where_the_environment_says_nothing():
    followed = {
        "broker_url": "sqlite:///data/broker.sqlite3",
        "storage_url": "http://127.0.0.1:5002",
        "producer_url": "http://127.0.0.1:5000",
    }
    assert load({}) == msgspec.structs.replace(Settings(), **followed)
    assert load({"PATH": "/bin", "LOGMILL_PRODUCER_PORT": ""}) == load({})


def test_the_embedded_broker_and_the_addresses_of_services_follow_what_they_belong_to():
    moved = load({"LOGMILL_DATA_DIR": "/srv/logs", "LOGMILL_STORAGE_PORT": "6002", "LOGMILL_PRODUCER_PORT": "6000"})
    assert moved.producer_url == "http://127.0.0.1:6000"
    assert moved.broker_url == "sqlite:////srv/logs/broker.sqlite3"
    assert moved.storage_url == "http://127.0.0.1:6002"
    assert load({"LOGMILL_DATA_DIR": "a"}, data_dir="b").broker_url == "sqlite:///b/broker.sqlite3"
    named = {
        "LOGMILL_BROKER_URL": "amqp://h/",
        "LOGMILL_STORAGE_URL": "https://s:1",
        "LOGMILL_PRODUCER_URL": "https://p",
    }
    kept = load({**named, "LOGMILL_DATA_DIR": "a", "LOGMILL_STORAGE_PORT": "6002"})
    assert (kept.broker_url, kept.storage_url, kept.producer_url) == ("amqp://h/", "https://s:1", "https://p")


def test_the_environment_wins_over_defaults_and_overrides_over_both():
    assert load({"LOGMILL_PRODUCER_PORT": "6000"}).producer_port == 6000
    assert load({"LOGMILL_PRODUCER_PORT": "6000"}, producer_port=7000, data_dir=None).producer_port == 7000
    assert load({"LOGMILL_ALLOW_NO_KEY": "yes"}).allow_no_key is True
    assert load({"LOGMILL_ALLOW_NO_KEY": "false"}).allow_no_key is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOGMILL_PRODUCER_PORT", "abc"), ("LOGMILL_PRODUCER_PORT", "0"), ("LOGMILL_PRODUCER_PORT", "70000"),
        ("LOGMILL_ALLOW_CLEAR", "perhaps"), ("LOGMILL_LOG_LEVEL", "LOUD"), ("LOGMILL_PRODUCR_PORT", "5000"),
        ("LOGMILL_ALLOW_NO_KEY", "maybe"), ("LOGMILL_STORAGE_URL", "nonsense"),
        ("LOGMILL_PRODUCER_URL", "file:///etc/passwd"),
    ],
)  # fmt: skip
def test_a_wrong_or_unknown_variable_is_an_error_that_names_it(name, value):
    with pytest.raises(ConfigError, match=name):
        load({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("LOGMILL_ALERT_WEBHOOK_URL", "ftp://bob:hunter2@example.com"), ("LOGMILL_REDACTION_KEY", "hunter2")],
)
def test_an_error_does_not_quote_a_secret(name, value):
    with pytest.raises(ConfigError, match=name) as caught:
        load({name: value})
    assert "hunter2" not in str(caught.value)


def test_settings_survive_the_way_to_a_child_process():
    settings = load({}, producer_port=6001, allow_no_key=True, broker_url="amqp://u:p@h/%2F")
    assert load(environment(settings)) == settings


def test_every_setting_has_a_help_text():
    assert all(row.help.endswith((".", "…")) for row in table())


def test_plain_names_stand_for_ours_where_ours_are_not_set():
    plain = {"LOG_FREQUENCY": "2.5", "LOG_LEVEL": "warn", "LOG_FILE": "a.log", "LOGMILL_GENERATE_FILE": "b.log"}
    found = load(with_plain_names({**plain, "LOGMILL_GENERATE_LEVEL": "", "LOG_FORMAT": ""}))
    assert (found.generate_frequency_s, found.generate_level, found.generate_file) == (2.5, "warn", "b.log")
    assert found.generate_format == "json"
    # They are common names, so nobody else is to stumble over them.
    assert load({**plain, "LOG_FREQUENCY": "often"}).generate_frequency_s == 5.0
    with pytest.raises(ConfigError, match="LOGMILL_GENERATE_FREQUENCY_S"):
        load(with_plain_names({"LOG_FREQUENCY": "often"}))

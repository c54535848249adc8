"""What docker-compose.yml promises, read from the file: no engine is needed."""

import re
from pathlib import Path

import pytest
import yaml

from generator.options import Asked, plan_of
from logmill.settings import Settings, load
from logmill.settings_table import table
from scripts.check_images import SERVICES, read
from scripts.dockerfiles import parse

ROOT = Path(__file__).resolve().parents[2]
# It writes to a file how it is going, which its health check looks at.
LISTENS_NOWHERE = {"generator"}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
ALL = ("rabbitmq", *SERVICES)
SETTINGS = {row.name for row in table()}


def interpolate(text, **variables):
    """Compose's `${NAME:-default}`."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda m: variables.get(m[1]) or m[2], text)


def environment(service, **variables):
    return {
        name: interpolate(value, **variables) for name, value in COMPOSE["services"][service]["environment"].items()
    }


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


def test_the_services_are_those_of_the_pipeline():
    assert sorted(COMPOSE["services"]) == sorted(ALL)


@pytest.mark.parametrize("service", ALL)
def test_ports_are_published_on_loopback_only(service):
    for port in COMPOSE["services"][service].get("ports", []):
        assert isinstance(port, str)
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_the_ports_people_know_are_published():
    published = {port.split(":")[1] for service in ALL for port in COMPOSE["services"][service].get("ports", [])}
    assert published == {"5000", "5002", "5201", "5672", "15672"}


@pytest.mark.parametrize("service", ALL)
def test_it_comes_back_after_a_crash(service):
    assert COMPOSE["services"][service]["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", ALL)
def test_it_has_a_health_check_with_a_timeout(service):
    check = COMPOSE["services"][service]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert seconds(check["timeout"]) <= seconds(check["interval"])


@pytest.mark.parametrize("service", ALL)
def test_it_has_no_fixed_name_so_that_scale_works(service):
    assert "container_name" not in COMPOSE["services"][service]


def test_the_processor_can_be_scaled():
    """Replicas cannot share a published port, a host name or a worker's name."""
    processor = COMPOSE["services"]["processor"]
    assert not {"ports", "hostname", "container_name"} & processor.keys()
    assert environment("processor")["LOGMILL_PROCESSOR_ID"] == ""


def test_the_broker_is_a_4_x_with_its_management_page_and_a_lasting_name():
    rabbitmq = COMPOSE["services"]["rabbitmq"]
    assert re.fullmatch(r"rabbitmq:4\.\d+-management", rabbitmq["image"])
    assert rabbitmq["hostname"]


def test_what_must_last_is_on_named_volumes():
    every = [mount for service in ALL for mount in COMPOSE["services"][service].get("volumes", [])]
    mounts = {mount for mount in every if isinstance(mount, str)}
    lasting = ("collector", "producer", "storage")
    assert mounts == {"rabbitmq-data:/var/lib/rabbitmq", *(f"{service}-data:/data" for service in lasting)}
    assert {mount.split(":")[0] for mount in mounts} == COMPOSE["volumes"].keys()
    for service in lasting:
        assert f"{service}-data:/data" in COMPOSE["services"][service]["volumes"]
        assert environment(service)["LOGMILL_DATA_DIR"] == read(service).environment["LOGMILL_DATA_DIR"] == "/data"
        # a new volume takes owner and mode from the folder in the image
        assert "install --directory --owner=10001 --group=10001 --mode=0750 /data" in " ".join(read(service).all("RUN"))


def test_a_folder_of_this_machine_is_mounted_for_the_collector_only_and_read_only():
    folders = {
        service: [mount for mount in COMPOSE["services"][service].get("volumes", []) if not isinstance(mount, str)]
        for service in ALL
    }
    (logs,) = folders.pop("collector")
    assert not any(folders.values())
    assert (logs["type"], logs["target"], logs["read_only"]) == ("bind", "/logs", True)
    assert interpolate(logs["source"]) == "/var/log"
    assert interpolate(logs["source"], LOGS_FOLDER="/srv/logs") == "/srv/logs"
    # a misspelt folder is an error, and is not made
    assert logs["bind"] == {"create_host_path": False}
    for patterns in (
        environment("collector")["LOGMILL_COLLECT_FILES"],
        read("collector").environment["LOGMILL_COLLECT_FILES"],
    ):
        assert all(pattern.startswith("/logs/") for pattern in patterns.split())


def test_collector_and_generator_have_to_be_asked_for():
    profiles = {service: COMPOSE["services"][service].get("profiles", []) for service in ALL}
    asked_for = {"collector": ["collector"], "generator": ["demo"]}
    assert profiles == {**{service: [] for service in ALL}, **asked_for}


def test_the_generator_sends_to_the_producer_and_its_incidents_exist():
    values = environment("generator")
    assert values["LOGMILL_GENERATE_PRODUCER_URL"] == "http://producer:5000"
    incidents = values["LOGMILL_GENERATE_INCIDENTS"].split()
    plan = plan_of(Asked(rate="10", format="json", incidents=incidents))
    assert [incident.kind.name for incident in plan.incidents] == ["payment-outage", "login-attack"]
    assert environment("generator", LOGMILL_GENERATE_INCIDENTS="x")["LOGMILL_GENERATE_INCIDENTS"] == "x"


@pytest.mark.parametrize("service", ALL)
def test_it_can_gain_no_privileges(service):
    spec = COMPOSE["services"][service]
    assert spec["cap_drop"] == ["ALL"]
    assert spec["security_opt"] == ["no-new-privileges:true"]
    assert not spec.get("privileged", False)


@pytest.mark.parametrize("service", SERVICES)
def test_its_root_file_system_is_read_only_with_room_for_temporary_files(service):
    spec = COMPOSE["services"][service]
    assert spec["read_only"] is True
    assert [mount.split(":")[0] for mount in spec["tmpfs"]] == ["/tmp"]


def test_nothing_runs_as_root():
    assert COMPOSE["services"]["rabbitmq"]["user"] == "rabbitmq"
    for service in SERVICES:
        assert read(service).last("USER") == "10001:10001"
        assert "user" not in COMPOSE["services"][service]


@pytest.mark.parametrize("service", ALL)
def test_it_may_stop_longer_than_it_drains(service):
    assert seconds(COMPOSE["services"][service]["stop_grace_period"]) > Settings().drain_timeout_s


@pytest.mark.parametrize("service", ALL)
def test_its_memory_and_its_own_logs_are_bounded(service):
    spec = COMPOSE["services"][service]
    assert re.fullmatch(r"\d+g", spec["mem_limit"])
    assert {"max-size", "max-file"} <= spec["logging"]["options"].keys()


def test_storage_may_use_more_memory_than_one_query():
    limit = int(COMPOSE["services"]["storage"]["mem_limit"].removesuffix("g")) * 2**30
    assert limit > Settings().engine_memory_bytes


def test_services_wait_for_what_they_need():
    needs = {service: COMPOSE["services"][service].get("depends_on", {}) for service in SERVICES}
    healthy = {"condition": "service_healthy"}
    assert needs == {
        "collector": {"producer": healthy},
        "generator": {"producer": healthy},
        "producer": {"rabbitmq": healthy},
        "processor": {"rabbitmq": healthy, "storage": healthy},
        "storage": {},
    }


def test_credentials_come_from_env_with_guest_as_the_default():
    assert environment("rabbitmq") == {"RABBITMQ_DEFAULT_USER": "guest", "RABBITMQ_DEFAULT_PASS": "guest"}
    mine = {"RABBITMQ_USER": "mill", "RABBITMQ_PASSWORD": "s3cret"}
    assert environment("rabbitmq", **mine) == {"RABBITMQ_DEFAULT_USER": "mill", "RABBITMQ_DEFAULT_PASS": "s3cret"}
    for service in ("producer", "processor"):
        assert environment(service, **mine)["LOGMILL_BROKER_URL"] == "amqp://mill:s3cret@rabbitmq:5672/%2F"


@pytest.mark.parametrize("service", ["collector", "generator", "storage"])
def test_who_knows_no_broker_gets_no_credentials_of_it(service):
    """Those of .env are blanked, and no address carries them."""
    values = environment(service, RABBITMQ_USER="mill", RABBITMQ_PASSWORD="s3cret")
    assert not any("s3cret" in value for value in values.values())
    assert values["RABBITMQ_PASSWORD"] == values["LOGMILL_BROKER_URL"] == ""


@pytest.mark.parametrize("service", SERVICES)
def test_its_environment_is_valid(service):
    """`load` refuses names that do not exist and values of the wrong kind."""
    logmill = {name: value for name, value in environment(service).items() if name.startswith("LOGMILL_")}
    assert logmill.keys() <= SETTINGS
    load(logmill)


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_of_env_reaches_it(service):
    assert COMPOSE["services"][service]["env_file"] == [{"path": ".env", "required": False}]


@pytest.mark.parametrize("service", SERVICES)
def test_it_listens_inside_its_network_and_takes_a_key_when_one_is_set(service):
    settings = load(environment(service, LOGMILL_API_KEY="k"))
    if service not in LISTENS_NOWHERE:
        assert listening_host(service, settings) == "0.0.0.0"
    assert settings.allow_no_key
    assert settings.api_key == "k"
    assert settings.storage_url == "http://storage:5002"
    assert settings.producer_url == "http://producer:5000"


def listening_host(service: str, settings: Settings) -> str:
    return {
        "collector": settings.collect_listen_host,
        "producer": settings.producer_host,
        "processor": settings.processor_metrics_host,
        "storage": settings.storage_host,
    }[service]


def test_clearing_is_on_by_default_and_can_be_switched_off():
    assert load(environment("storage")).allow_clear == "true"
    assert load(environment("storage", LOGMILL_ALLOW_CLEAR="false")).allow_clear == "false"


@pytest.mark.parametrize("service", SERVICES)
def test_it_is_built_from_the_repository_root_by_its_own_dockerfile(service):
    assert COMPOSE["services"][service]["build"] == {"context": ".", "dockerfile": f"{service}/Dockerfile"}
    assert (ROOT / service / "Dockerfile").is_file()


def test_compose_and_images_ask_for_health_the_same_way():
    for service in SERVICES:
        image = parse(f"CMD {read(service).last('HEALTHCHECK').split(' CMD ')[1]}")
        assert COMPOSE["services"][service]["healthcheck"]["test"] == ["CMD", *image.command]

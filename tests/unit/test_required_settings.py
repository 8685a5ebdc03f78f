"""Production refuses to start when a setting is missing or weak, and says everything at once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from sim_casework.settings.required import REQUIRED, read_required

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

"""What an installation must set before it starts, and what counts as too weak. Read by production settings only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


def _strong_secret(value: str) -> str:
    if len(value) < 50 or len(set(value)) < 10:
        return "needs at least 50 characters, 10 of them different"
    return ""


def _real_password(value: str) -> str:
    if len(value) < 16:
        return "needs at least 16 characters"
    return ""


def _hosts(value: str) -> str:
    if any(not host.strip() or host.strip() in {"*", "."} for host in value.split(",")):
        return "must list host names, separated by commas, without '*'"
    return ""


def _https_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.path:
        return "must be an address like https://casework.example.org, without a path"
    return ""


def _broker(value: str) -> str:
    if not value.startswith(("redis://", "rediss://", "redis+socket://")):
        return "must begin with redis://, rediss:// or redis+socket://"
    return ""


def _anything(value: str) -> str:
    return ""


REQUIRED: Mapping[str, Callable[[str], str]] = {
    "SECRET_KEY": _strong_secret,
    "ALLOWED_HOSTS": _hosts,
    "SERVICE_URL": _https_address,
    "OPERATOR_NAME": _anything,
    "DATABASE_HOST": _anything,
    "DATABASE_PASSWORD": _real_password,
    "BROKER_URL": _broker,
    "EMAIL_HOST": _anything,
    "DEFAULT_FROM_EMAIL": _anything,
}


SECRETS = ("SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_PASSWORD", "BROKER_URL", "EMAIL_HOST_PASSWORD")


def with_secrets_from_files(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, each secret taken from the file that ``<NAME>_FILE`` names, where there is one.

    So a vault, systemd's credentials or a container's secrets can hand them over without an environment that every child process
    inherits. Raises ImproperlyConfigured for a file that cannot be read, or a secret given both ways.
    """
    found = dict(environment)
    for name in SECRETS:
        path = environment.get(f"{name}_FILE", "")
        if path and environment.get(name):
            raise ImproperlyConfigured(f"{name} is given twice: by itself and by {name}_FILE.")
        if path:
            try:
                found[name] = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ImproperlyConfigured(f"{name}_FILE cannot be read ({type(error).__name__}).") from None
    return found


def read_required(environment: Mapping[str, str]) -> dict[str, str]:
    """The required settings, checked. Raises ImproperlyConfigured with every fault at once, and no value in it."""
    faults = []
    for name, find_fault in REQUIRED.items():
        value = environment.get(name, "")
        fault = find_fault(value) if value else "is missing"
        if not fault and value.lower().startswith("change"):
            fault = "still has its example value"
        if fault:
            faults.append(f"  {name} {fault}")
    if environment.get("DATABASE_USER", "sim_app") in {"postgres", "root"}:
        faults.append("  DATABASE_USER must not be a superuser")
    breached = environment.get("BREACHED_PASSWORDS_FILE", "")
    if breached and not Path(breached).is_file():
        faults.append("  BREACHED_PASSWORDS_FILE is no file that can be read")
    if faults:
        raise ImproperlyConfigured(
            "The application was not started. Put these settings right (docs/operations/README.md):\n"
            + "\n".join(faults)
        )
    return {name: environment[name] for name in REQUIRED}

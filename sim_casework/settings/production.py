"""Real data: everything comes from the environment, and a start with anything missing or weak is refused."""

import os
from typing import Any

from sim_casework.settings.base import *  # noqa: F403
from sim_casework.settings.required import read_required, with_secrets_from_files

_environment = with_secrets_from_files(os.environ)
_required = read_required(_environment)

SECRET_KEY = _required["SECRET_KEY"]
SECRET_KEY_FALLBACKS = [k for k in _environment.get("SECRET_KEY_FALLBACKS", "").split(",") if k]
ALLOWED_HOSTS = _required["ALLOWED_HOSTS"].split(",")
SERVICE_URL = _required["SERVICE_URL"]
OPERATOR_NAME = _required["OPERATOR_NAME"]
CSRF_TRUSTED_ORIGINS = [SERVICE_URL]
CELERY_BROKER_URL = _required["BROKER_URL"]

DATABASES["default"].update(  # noqa: F405
    HOST=_required["DATABASE_HOST"],
    PASSWORD=_required["DATABASE_PASSWORD"],
)
if os.environ.get("DATABASE_SSLMODE"):
    _options: dict[str, Any] = DATABASES["default"]["OPTIONS"]  # type: ignore[assignment]  # noqa: F405
    _options["sslmode"] = os.environ["DATABASE_SSLMODE"]

EMAIL_HOST = _required["EMAIL_HOST"]
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = _environment.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("EMAIL_USE_TLS", "yes") == "yes"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = _required["DEFAULT_FROM_EMAIL"]

# The proxy in front ends TLS and says so in this header; it must overwrite what a caller sends.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
TRUSTED_PROXY_COUNT = int(os.environ.get("TRUSTED_PROXY_COUNT", "1"))
SECURE_SSL_REDIRECT = True
REQUESTS_PER_MINUTE = int(os.environ.get("REQUESTS_PER_MINUTE", "240"))
# The container's own health check speaks plain HTTP on loopback.
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-session"
CSRF_COOKIE_NAME = "__Host-csrf"

# Whether the domain goes onto browsers' preload lists is the operator's decision, and can't be taken back quickly.
SILENCED_SYSTEM_CHECKS = [*SILENCED_SYSTEM_CHECKS, "security.W021"]  # noqa: F405

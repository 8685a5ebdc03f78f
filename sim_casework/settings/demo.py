"""The demo: embedded services in STATE_DIR, invented people, bound to loopback. Never for real data."""

import os

from sim_casework.devstack.paths import StackPaths
from sim_casework.settings.base import *  # noqa: F403

DEMO = True
STACK = StackPaths.from_environment()
SECRET_KEY = STACK.secret_key()

ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
OPERATOR_NAME = "Demonstration with invented people"

DATABASES["default"]["HOST"] = str(STACK.sockets)  # noqa: F405
CELERY_BROKER_URL = f"redis+socket://{STACK.valkey_socket}"

ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True

EMAIL_BACKEND = "reminders.outbox.FolderEmailBackend"
EMAIL_FILE_PATH = STACK.outbox
REMINDER_DIGEST_HOUR = None
SERVICE_URL = f"http://localhost:{os.environ.get('PORT') or '8000'}"

# Straight from the source folders: nothing to collect before the first page.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_USE_FINDERS = True
ALLOW_TEST_NHS_NUMBERS = True

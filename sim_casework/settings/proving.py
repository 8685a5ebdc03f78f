"""The walk of ``manage.py prove_trail``: a database of its own in a temporary folder, and no way to any other."""

import os
import secrets
from pathlib import Path

from sim_casework.devstack.paths import StackPaths
from sim_casework.proving.scratch import DATABASE, STATE_VARIABLE
from sim_casework.settings.base import *  # noqa: F403

# Without the variable there is no folder, and so no database: only scratch_database() sets it.
STACK = StackPaths(Path(os.environ[STATE_VARIABLE]))
PROVING = True
SECRET_KEY = secrets.token_urlsafe(50)
ALLOWED_HOSTS = ["localhost", "testserver"]

DATABASES["default"] |= {  # noqa: F405
    "NAME": DATABASE,
    "HOST": str(STACK.sockets),
    "PASSWORD": "",
    "PORT": "",
    "OPTIONS": {},
}
# Nobody listens: nothing that must not be lost goes through the broker.
CELERY_BROKER_URL = "redis+socket:///nonexistent/valkey.sock"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
REMINDER_DIGEST_HOUR = None
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
ALLOW_TEST_NHS_NUMBERS = True

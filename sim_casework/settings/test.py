"""The test suite: real services started by tests/services.py, durability off, nothing shared with the demo."""

import os

from sim_casework.settings.base import *  # noqa: F403

SECRET_KEY = "only-for-tests"  # noqa: S105
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
CELERY_BROKER_URL = os.environ.get("BROKER_URL", "redis://localhost:1/0")
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
# Cheap hashes: hundreds of sign-ins are made in a run.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
REMINDER_DIGEST_HOUR = None
DATABASES["default"]["OPTIONS"] = {}  # noqa: F405
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
ALLOW_TEST_NHS_NUMBERS = True
# Static files come from the apps' folders: nothing is collected for a test run.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True

"""What holds everywhere. Nothing here knows a password, a host or a folder of one installation."""

import os
from datetime import date, timedelta
from pathlib import Path

from csp.constants import NONE, SELF

BASE_DIR = Path(__file__).resolve().parent.parent.parent

DEBUG = False
DEMO = False
ALLOWED_HOSTS: list[str] = []

# Names shown on pages, in e-mails and to authenticator apps.
SERVICE_NAME = os.environ.get("SERVICE_NAME", "SIM Casework")
OPERATOR_NAME = os.environ.get("OPERATOR_NAME", "Your organisation")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "guardian",
    "csp",
    "django_htmx",
    # Ours, lowest first; imports run from the end of this list towards its start.
    "core",
    "audit",
    "accounts",
    "cases",
    "crisis_plans",
    "reminders",
    "sim_casework",
    # Last: audit's refusals take the place of its commands that empty or rewrite the trail.
    "auditlog",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Above whitenoise, so that style sheets and scripts carry the policy too.
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.middleware.NoStoreMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.SessionUserMiddleware",
    "accounts.middleware.SessionLimitsMiddleware",
    # Everything below runs inside the transaction whose commit needs the trail entry.
    "audit.middleware.TrailMiddleware",
    "core.middleware.KnownMethodsMiddleware",
    "accounts.pace.PaceMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
    "accounts.middleware.StepUpMiddleware",
    "core.middleware.DomainErrorMiddleware",
]

ROOT_URLCONF = "sim_casework.urls"
WSGI_APPLICATION = "sim_casework.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "NAME": "jinja",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "environment": "sim_casework.jinja2_env.environment",
            "context_processors": [
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
    {
        # allauth's e-mail texts and guardian look for Django templates.
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
FORM_RENDERER = "core.form_rendering.NhsFormRenderer"

# One engine everywhere. The user named here is the application's role, which owns nothing;
# migrations run with DATABASE_USER set to the owner's role.
DATABASE_OWNER_ROLE = "sim_owner"
DATABASE_APPLICATION_ROLE = "sim_app"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("DATABASE_NAME", "sim_casework"),
        "USER": os.environ.get("DATABASE_USER", DATABASE_APPLICATION_ROLE),
        "PASSWORD": os.environ.get("DATABASE_PASSWORD", ""),
        "HOST": os.environ.get("DATABASE_HOST", ""),
        "PORT": os.environ.get("DATABASE_PORT", ""),
        "CONN_MAX_AGE": 0,
        # A connection that a restarted database has closed must not cost anybody a page.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 8, "timeout": 10}},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Sign-in throttles live in PostgreSQL, so that a stopped Redis neither locks people out nor lets guessing in.
CACHES = {
    "default": {
        "BACKEND": "core.table_cache.TableCache",
        "LOCATION": "core_cache",
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.password_rules.OurWordsValidator"},
    {"NAME": "accounts.password_rules.PaddedPasswordValidator"},
    {"NAME": "accounts.password_rules.BreachedPasswordValidator"},
]
# A sorted list of SHA-1 digests on this machine's disk, if the installation has one (docs/operations).
BREACHED_PASSWORDS_FILE = os.environ.get("BREACHED_PASSWORDS_FILE", "")
# A link to set a new password works for an hour; the second factor is asked for all the same.
PASSWORD_RESET_TIMEOUT = 3600
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"

ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_TEMPLATE_EXTENSION = "jinja"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_FORMS = {"reset_password": "accounts.entrance_forms.PasswordResetForm"}
# How long a second factor counts for what asks for it again (docs/adr/0015); in seconds.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https"
ACCOUNT_EMAIL_SUBJECT_PREFIX = f"{SERVICE_NAME}: "
ACCOUNT_LOGOUT_REDIRECT_URL = "signed_out"
# Five wrong passwords or codes shut an account for a quarter of an hour; one address may be a whole hospital's.
ACCOUNT_RATE_LIMITS = {"login_failed": "100/m/ip,5/900s/key", "login": "200/m/ip"}
MFA_FORMS = {
    "authenticate": "accounts.entrance_forms.CodeForm",
    "reauthenticate": "accounts.entrance_forms.CodeAgainForm",
    "add_webauthn": "accounts.entrance_forms.AddPasskeyForm",
    "authenticate_webauthn": "accounts.entrance_forms.PasskeyForm",
    "login_webauthn": "accounts.entrance_forms.PasskeyAloneForm",
    "reauthenticate_webauthn": "accounts.entrance_forms.PasskeyAgainForm",
}
MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = SERVICE_NAME
MFA_TOTP_TOLERANCE = 1
MFA_ALLOW_UNVERIFIED_EMAIL = True
# A passkey alone signs in, so it has to know its owner: by fingerprint, face or PIN.
MFA_WEBAUTHN_USER_VERIFICATION = "required"

# Sessions with a user column, so that they can be listed and ended; last seen is written once a minute.
SESSION_ENGINE = "accounts.session_store"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_IDLE_LIMIT = timedelta(minutes=int(os.environ.get("SESSION_IDLE_MINUTES", "15")))
SESSION_ABSOLUTE_LIMIT = timedelta(hours=float(os.environ.get("SESSION_ABSOLUTE_HOURS", "13")))
SESSION_WARNING_SECONDS = 120
# How often one account may ask in a minute, counted by each web process; 0 is without limit (demo and tests).
REQUESTS_PER_MINUTE = 0
# Never in a cookie, Django's first choice: messages name people, and a cookie outlives the sign-out.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_COOKIE_HTTPONLY = True
CSRF_USE_SESSIONS = False
CSRF_FAILURE_VIEW = "sim_casework.pages.errors.csrf_failure"

AUDITLOG_LOGENTRY_MODEL = "audit.LogEntry"
AUDITLOG_USE_BASE_MANAGER = False
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_RAISE_403 = False
ANONYMOUS_USER_NAME = None

# Why somebody opens a page, by the namespace of its URL or, for pages where apps meet and for those that serve another
# purpose than their neighbours, by its name; written into each trail entry.
ACCESS_PURPOSES = {
    "home": "direct care",
    "caseload": "direct care",
    "patient_record": "direct care",
    "cases": "direct care",
    "cases:break_glass_reviews": "information governance",
    "cases:break_glass_review": "information governance",
    "crisis_plans": "direct care",
    "reminders": "direct care",
    "audit": "information governance",
    "accounts": "administration",
}

CELERY_BROKER_URL = os.environ.get("BROKER_URL", "redis://localhost:6379/0")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 240
CELERY_TASK_SOFT_TIME_LIMIT = 200
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Above the hard limit, or a running task would be handed out a second time.
    "visibility_timeout": 600,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
}
# Nothing that must not be lost goes through the broker, so a page never waits for it.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
REMINDER_TICK_SECONDS = 30

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "casework@example.org")
# Working-day hour (Europe/London) of the one reminder digest; None sends with the next tick (demo and tests).
REMINDER_DIGEST_HOUR: int | None = 8

# Bank holidays that a proclamation adds after this version was made, as 2029-05-08,2029-06-01; the usual ones are known.
EXTRA_BANK_HOLIDAYS = [
    date.fromisoformat(on) for on in os.environ.get("EXTRA_BANK_HOLIDAYS", "").replace(",", " ").split()
]

# How long mentors may still read a record after its case closed, for the step-down (S30).
CLOSED_CASE_READ_DAYS = 28
# The furthest a plan's review may lie ahead; it may be lowered, never raised (S01).
PLAN_REVIEW_MAX_MONTHS = int(os.environ.get("PLAN_REVIEW_MAX_MONTHS", "6"))

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Europe/London"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS: list[Path] = []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Our files are for our pages alone.
WHITENOISE_ALLOW_ALL_ORIGINS = False

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

# One megabyte of text in a form, and room for the other fields around it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 400
# Nothing here takes a file yet. Otherwise anybody could fill the disk: Django reads a form before it knows its sender.
DATA_UPLOAD_MAX_NUMBER_FILES = 0

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "core.log_lines.LogLines"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # Request lines carry URLs; paths name no person, but the trail is the place for them.
    "loggers": {"django.request": {"level": "ERROR"}},
}

# Whom to ring when nothing can be shown: a number or a sentence, on the pages of 500 and 503.
OUTAGE_CONTACT = os.environ.get("OUTAGE_CONTACT", "")
# Answered without a record when the trail cannot be written.
FAIL_CLOSED_VIEW = "sim_casework.pages.errors.service_unavailable"
# Routes that show nothing about anybody and are fetched by pages themselves.
TRAIL_QUIET_ROUTES = {"healthz", "help", "accounts:session"}
# How many reverse proxies of our own stand before the web process.
TRUSTED_PROXY_COUNT = int(os.environ.get("TRUSTED_PROXY_COUNT", "0"))
# guardian would have its backend installed; cases.permissions alone decides (see there).
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
# Where people reach this installation; e-mails lead here.
SERVICE_URL = os.environ.get("SERVICE_URL", "http://localhost:8000")
# NHS numbers of the 999 range belong to nobody; only a demonstration or a test takes them.
ALLOW_TEST_NHS_NUMBERS = False

"""Production's settings on the benchmark's own embedded database. Everything an installation would set is set here."""

import os
from pathlib import Path

from benchmarks.cluster import DATABASE, state_of

STATE = state_of(os.environ["BENCH_SIZE"])
HOST = "casework.example.org"

# Invented values of the strength that production asks for; the database trusts whoever may enter its socket folder.
os.environ |= {
    "SECRET_KEY": "only-for-benchmarks-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG",
    "ALLOWED_HOSTS": HOST,
    "SERVICE_URL": f"https://{HOST}",
    "OPERATOR_NAME": "Benchmark with invented people",
    "DATABASE_NAME": DATABASE,
    "DATABASE_HOST": os.environ["BENCH_SOCKETS"],
    "DATABASE_PASSWORD": "trusted-by-the-socket-folder",
    # Counted as ever, and never reached: a benchmark asks faster than people do.
    "REQUESTS_PER_MINUTE": "1000000000",
    # Nothing listens there: no hot page waits for the broker.
    "BROKER_URL": "redis://localhost:1/0",
    "EMAIL_HOST": "localhost",
    "DEFAULT_FROM_EMAIL": "casework@example.org",
}

from sim_casework.settings.production import *  # noqa: E402, F403

STATIC_ROOT = Path(STATE.state) / "static"
# A run may take longer than an idle session lives.
SESSION_IDLE_LIMIT = SESSION_ABSOLUTE_LIMIT  # noqa: F405

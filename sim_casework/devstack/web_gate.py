"""gunicorn's configuration in the demo: it loads the application while the database is made, and opens its port afterwards."""

import os
import time
from pathlib import Path
from typing import Any

GATE_VARIABLE = "DEMO_WEB_GATE"


def on_starting(_server: Any) -> None:
    """Called by gunicorn when the application is loaded and before it listens."""
    gate = Path(os.environ[GATE_VARIABLE])
    while not gate.exists():
        time.sleep(0.02)

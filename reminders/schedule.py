"""What beat sends and how often. Read while settings are still being loaded, so it imports neither models nor settings."""

from __future__ import annotations

from typing import Any

# As in settings.REMINDER_TICK_SECONDS (a test holds them equal).
TICK_SECONDS = 30
FROM_BEAT = "from_beat"

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "tick": {
        "task": "reminders.tick",
        "schedule": TICK_SECONDS,
        # A tick that waited longer is as good as none: the next one does the same.
        "options": {"expires": TICK_SECONDS, "headers": {FROM_BEAT: True}},
    }
}

"""Django's sessions in the database, with the columns that let somebody see and end their own."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from accounts import session_clock


class SessionStore(DatabaseStore):
    """The engine named in settings.SESSION_ENGINE; Django looks for this class by its name."""

    @classmethod
    def get_model_class(cls) -> Any:
        from accounts.models import Session

        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row: Any = super().create_model_instance(data)
        user_id = data.get(SESSION_KEY)
        if user_id is not None:
            row.user_id = int(user_id)
            row.signed_in_at = session_clock.moment(data.get(session_clock.SIGNED_IN_AT))
            row.last_seen_at = session_clock.moment(data.get(session_clock.LAST_SEEN_AT))
            row.device = str(data.get(session_clock.DEVICE, ""))
        return row

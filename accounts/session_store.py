"""Django's sessions in the database, with the columns that let somebody see and end their own."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import DatabaseError

from accounts import session_clock


class SessionStore(DatabaseStore):
    """The engine named in settings.SESSION_ENGINE; Django looks for this class by its name.

    The row comes with its user and what roles they hold, in one statement: every page needs all three.
    """

    # Whose session was loaded, with the memberships of today; accounts.middleware decides whether they are signed in.
    user_of_row: Any = None

    @classmethod
    def get_model_class(cls) -> Any:
        from accounts.models import Session

        return Session

    def _get_session_from_db(self) -> Any:
        from accounts.selectors import session_with_user

        row = session_with_user(self.session_key) if self.session_key else None
        if row is None:
            self._session_key = None
        else:
            self.user_of_row = row.user
        return row

    def save(self, must_create: bool = False) -> None:
        """Django takes every failure for a session that was ended elsewhere, which is answered with 400.

        Raises: the database's own error where it went away or refused, for the answer to be 503.
        """
        try:
            super().save(must_create)
        except UpdateError as error:
            reason = error.__context__
            # A row that is not there any more is told by the bare class.
            if isinstance(reason, DatabaseError) and type(reason) is not DatabaseError:
                raise reason from error
            raise

    def flush(self) -> None:
        self.user_of_row = None
        super().flush()

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row: Any = super().create_model_instance(data)
        user_id = data.get(SESSION_KEY)
        if user_id is not None:
            row.user_id = int(user_id)
            row.signed_in_at = session_clock.moment(data.get(session_clock.SIGNED_IN_AT))
            row.last_seen_at = session_clock.moment(data.get(session_clock.LAST_SEEN_AT))
            row.device = str(data.get(session_clock.DEVICE, ""))
        return row

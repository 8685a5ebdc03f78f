"""The trail: one table of entries, one row per patient an entry is about. Rows are inserted by audit.writing only.

Both tables are partitioned by month; see migration 0001 for what the database itself holds and refuses. The write
backstop's tables (0003) are written by the database alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any, ClassVar, NoReturn

from auditlog.models import AbstractLogEntry, LogEntryManager
from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from audit.alerts.models import Alert, AlertEntry, AlertPutBefore, AlertStep, Bookmark
from core.access_guard import require_recorder
from core.models import BaseModel, GuardedModel, GuardedQuerySet

__all__ = [
    "Alert",
    "AlertEntry",
    "AlertPutBefore",
    "AlertStep",
    "Bookmark",
    "Comparison",
    "EntrySubject",
    "LogEntry",
    "RowChange",
    "UnexplainedChange",
]


class EntryManager(LogEntryManager.from_queryset(GuardedQuerySet)):  # type: ignore[misc]
    """Hands auditlog's change entries to the access context, which writes them before the commit."""

    def create(self, **fields: Any) -> LogEntry:
        entry = LogEntry(**fields)
        require_recorder().noted_change(entry)  # type: ignore[attr-defined]
        return entry


class LogEntry(GuardedModel, AbstractLogEntry):
    """One line of the trail. Everything but actor and content type is a plain value, independent of live data."""

    class Action(AbstractLogEntry.Action):
        """The kinds of entry; numbers 0 to 3 are auditlog's."""

        SEARCH = 4
        EXPORT = 5
        SIGN_IN = 6
        SIGN_OUT = 7
        # The second factor given again in the middle of a session, and the request that had to wait for it.
        CONFIRM = 8
        ASKED = 9

        words: ClassVar[dict[int, str]] = {
            0: "create",
            1: "update",
            2: "delete",
            3: "access",
            4: "search",
            5: "export",
            6: "sign in",
            7: "sign out",
            8: "confirm",
            9: "asked to confirm",
        }

    class Outcome(models.TextChoices):
        OK = "ok", "Done"
        DENIED = "denied", "Denied"
        NOT_FOUND = "not found", "Not found"
        ERROR = "error", "Failed"

    # Fields of the abstract entry without its ten indexes, and without its cascades.
    content_type = models.ForeignKey(
        "contenttypes.ContentType",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    object_pk = models.CharField(max_length=255, default="")
    object_id = models.BigIntegerField(null=True)
    object_repr = models.TextField(default="")
    action = models.PositiveSmallIntegerField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    cid = models.CharField(max_length=255, null=True)  # noqa: DJ001  (auditlog writes None)
    # The database's clock; the application has no right to set it.
    timestamp = models.DateTimeField(db_default=Now())

    actor_name = models.CharField(max_length=150, default="")
    on_behalf_of = models.CharField(max_length=150, default="")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.OK)
    role = models.CharField(max_length=40, default="")
    team = models.CharField(max_length=120, default="")
    organisation = models.CharField(max_length=120, default="")
    relationship = models.CharField(max_length=200, default="")
    purpose = models.CharField(max_length=60, default="")
    reason = models.TextField(default="")
    route = models.CharField(max_length=120, default="")
    request_id = models.UUIDField()
    session_ref = models.CharField(max_length=16, default="")
    epoch = models.PositiveIntegerField(db_default=1)
    xid = models.BigIntegerField(db_default=0)
    row_mac = models.CharField(max_length=64)
    writer = models.UUIDField()
    writer_sequence = models.BigIntegerField()

    objects: ClassVar[EntryManager] = EntryManager()

    class Meta(GuardedModel.Meta):
        managed = True
        ordering = ["-timestamp", "-id"]
        verbose_name = "entry"
        verbose_name_plural = "entries"

    @property
    def patient_keys(self) -> Collection[uuid.UUID]:
        return ()  # whom an entry is about stands in its subject rows

    @property
    def action_word(self) -> str:
        return self.Action.words[self.action]

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Entries are inserted by audit.writing and never saved.")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Entries are never deleted.")


class EntrySubject(GuardedModel):
    """One patient an entry is about, and whether their record was opened or they merely stood in a list."""

    pk = models.CompositePrimaryKey("patient_id", "at", "entry_id")
    patient_id = models.UUIDField()
    at = models.DateTimeField()
    entry_id = models.BigIntegerField()
    patient_reference = models.CharField(max_length=12)
    is_opened = models.BooleanField()
    relationship = models.CharField(max_length=60, default="")
    # Key and time together, as in the partitioned table's own primary key; the database holds no constraint for it,
    # because both rows come from one statement and neither is ever deleted alone.
    entry = models.ForeignObject(
        LogEntry,
        from_fields=["entry_id", "at"],
        to_fields=["id", "timestamp"],
        on_delete=models.DO_NOTHING,
        related_name="+",
    )

    class Meta(GuardedModel.Meta):
        verbose_name = "entry subject"

    def __str__(self) -> str:
        return self.patient_reference

    @property
    def patient_keys(self) -> Collection[uuid.UUID]:
        return (self.patient_id,)

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Subjects are inserted by audit.writing and never saved.")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Subjects are never deleted.")


class Operation(models.TextChoices):
    """What was done to a row of a watched table."""

    INSERT = "insert", "Added"
    UPDATE = "update", "Changed"
    DELETE = "delete", "Removed"
    TRUNCATE = "truncate", "All rows removed"


class NotedByDatabase(GuardedModel):
    """A line that triggers and functions of the database write; the application reads it."""

    at = models.DateTimeField()
    table_name = models.CharField(max_length=63)
    row_key = models.CharField(max_length=255)
    operation = models.CharField(max_length=8, choices=Operation.choices)
    xid = models.BigIntegerField()
    database_role = models.CharField(max_length=63)
    request_id = models.UUIDField(null=True)
    patient_id = models.UUIDField(null=True)

    class Meta(GuardedModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return f"{self.operation} in {self.table_name}"

    @property
    def patient_keys(self) -> Collection[uuid.UUID]:
        return ()  # a key is no record; selectors name the patients whose trail the reader may read

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("The database itself writes these rows.")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("These rows are never deleted.")


class RowChange(NotedByDatabase):
    """One change of one row, noted by its table's trigger: the trail's second witness."""

    # Made by another trigger, in the wake of a change that is noted as well.
    is_derived = models.BooleanField()

    class Meta(NotedByDatabase.Meta):
        verbose_name = "row change"


class UnexplainedChange(NotedByDatabase):
    """A change without its entry on the trail, or an entry without its change; see migration 0003 for the rule."""

    class Kind(models.TextChoices):
        NO_ENTRY = "no entry", "No entry on the trail"
        MAINTENANCE = "maintenance", "Migration or maintenance"
        NO_CHANGE = "no change", "Entry without a change"

    found_at = models.DateTimeField()
    kind = models.CharField(max_length=20, choices=Kind.choices)
    # The row of RowChange, or of LogEntry where there was no change.
    source_id = models.BigIntegerField()

    class Meta(NotedByDatabase.Meta):
        verbose_name = "unexplained change"


class Comparison(BaseModel):
    """How far changes and entries have been compared; one row, moved by ``audit_compare()`` alone."""

    id = models.SmallIntegerField(primary_key=True)
    started_at = models.DateTimeField()
    ran_at = models.DateTimeField()
    compared_until = models.DateTimeField()
    xid = models.BigIntegerField()

    def __str__(self) -> str:
        return f"Compared until {self.compared_until}"

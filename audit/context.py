"""The access context: who is at work, why, and everything they have seen or changed so far.

It lives for one request, task or command. ``audit.writing`` turns it into entries.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction

from core.access_guard import current_recorder
from core.acting import Acting
from core.errors import NotAllowed, NotVisible

if TYPE_CHECKING:
    from audit.models import LogEntry
    from audit.providers import Relationship
    from core.models import GuardedModel


# The relationship of whoever a registration or an edit matched. Officers who do not review that person are not told,
# or the trail would say what the pages hide: that somebody is known elsewhere (S27, S28).
DUPLICATE_CHECK = "duplicate check"


@dataclass(slots=True)
class PendingEntry:
    """An entry noted during the work: a change, a sign-in, a search. ``actor`` overrides the context's."""

    action: int
    subjects: Collection[uuid.UUID] = ()
    actor: Any = None
    outcome: str = "ok"
    reason: str = ""
    content_type_id: int | None = None
    object_pk: str = ""
    object_repr: str = ""
    changes: dict[str, Any] | None = None
    additional_data: dict[str, Any] | None = None
    actor_name: str = ""
    # For changes: stands in the transaction's list of callbacks for as long as no savepoint undid the change.
    mark: Callable[[], None] | None = None

    @property
    def is_undone(self) -> bool:
        """Whether the change was rolled back although the work around it went on."""
        if self.mark is None:
            return False
        return all(registered[1] is not self.mark for registered in connection.run_on_commit)


@dataclass(frozen=True, slots=True)
class LookUp:
    """Why a patient stands on the entry who was matched but not shown, and which rows matching them may load."""

    relationship: str
    kinds: frozenset[str] = frozenset()


@dataclass(slots=True)
class AccessContext:
    """Collects what one request, task or command sees; see ``core.access_guard.Recorder``."""

    actor: Any = None
    actor_name: str = ""
    on_behalf_of: str = ""
    route: str = ""
    method: str = ""
    purpose: str = ""
    reason: str = ""
    remote_addr: str | None = None
    session_ref: str = ""
    request_id: uuid.UUID = field(default_factory=uuid.uuid4)
    # The patient named in the URL: seen through it, a record counts as opened, any other as listed.
    asked_for: uuid.UUID | None = None
    is_system: bool = False
    seen: dict[uuid.UUID, set[str]] = field(default_factory=dict)
    clinical_seen: set[uuid.UUID] = field(default_factory=set)
    opened: set[uuid.UUID] = field(default_factory=set)
    kinds_seen: Counter[str] = field(default_factory=Counter)
    queries: list[str] = field(default_factory=list)
    written: dict[str, set[str]] = field(default_factory=dict)
    looked_up: dict[uuid.UUID, LookUp] = field(default_factory=dict)
    explained: dict[uuid.UUID, Relationship] = field(default_factory=dict)
    pending: list[PendingEntry] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    action: int = 3
    # The running numbers its entries were given; they are taken back if the transaction comes to nothing.
    numbers: list[tuple[uuid.UUID, int]] = field(default_factory=list)

    def saw(self, instance: GuardedModel) -> None:
        self.kinds_seen[instance._meta.label] += 1
        for key in instance.patient_keys:
            self.seen.setdefault(key, set()).add(instance._meta.label)
            if instance.is_clinical_only:
                self.clinical_seen.add(key)

    def noted_query(self, reason: str) -> None:
        self.queries.append(reason)

    def noted_write(self, table: str, reason: str) -> None:
        self.written.setdefault(table, set()).add(reason)

    def noted_change(self, entry: LogEntry) -> None:
        """Take over a change entry that auditlog has worked out."""
        from audit.tracking import real_changes, subjects_of

        def mark() -> None:
            """Does nothing; a rollback to a savepoint takes it off the list (see PendingEntry.is_undone)."""

        is_in_transaction = connection.in_atomic_block
        transaction.on_commit(mark)
        self.pending.append(
            PendingEntry(
                action=entry.action,
                subjects=subjects_of(entry),
                content_type_id=entry.content_type_id,
                object_pk=str(entry.object_pk),
                object_repr=entry.object_repr,
                changes=real_changes(entry.changes),
                mark=mark if is_in_transaction else None,
            )
        )

    def open(self, patient: uuid.UUID) -> None:
        """Count this patient's record as opened although the URL does not name it (a command, an export)."""
        self.seen.setdefault(patient, set())
        self.opened.add(patient)

    def concerns(self, patient: uuid.UUID, *, relationship: str, may_load: Collection[str] = ()) -> None:
        """Put a patient on the entry who was matched without being shown (a duplicate check, a denied attempt).

        ``may_load`` names the kinds of rows ("cases.Patient") the matching itself had to load; others are refused.
        """
        self.looked_up[patient] = LookUp(relationship, frozenset(may_load))

    def explain(self, relationships: Mapping[uuid.UUID, Relationship]) -> None:
        """Use relationships that a provider has just found, instead of asking again before the entry is written.

        Found again for other kinds of rows, one relationship covers both.
        """
        for key, relationship in relationships.items():
            known = self.explained.get(key)
            self.explained[key] = known.joined_with(relationship) if known else relationship

    def lists(self, patients: Collection[uuid.UUID], kind: str) -> None:
        """Count these patients as seen through rows that a recorded query read ("audit.EntrySubject")."""
        self.kinds_seen[kind] += len(patients)
        for key in patients:
            self.seen.setdefault(key, set()).add(kind)

    def note(self, pending: PendingEntry) -> None:
        """Add an entry of its own to what this context writes."""
        self.pending.append(pending)

    @property
    def acting(self) -> Acting:
        """Who is at work, as the database's row policies are told."""
        return Acting(
            user=self.actor.pk if self.actor is not None else None,
            is_system=self.is_system,
            request=self.request_id,
        )

    @property
    def has_something_to_tell(self) -> bool:
        return bool(self.seen or self.pending or self.queries or self.looked_up)


def current_context() -> AccessContext:
    """The context of the running request, task or command. Raises LookupError where there is none."""
    recorder = current_recorder.get()
    if not isinstance(recorder, AccessContext):
        raise LookupError("No access context is open.")
    return recorder


@contextmanager
def access_context(
    *,
    route: str,
    actor: Any = None,
    actor_name: str = "",
    on_behalf_of: str = "",
    purpose: str = "",
    reason: str = "",
    is_system: bool = False,
) -> Iterator[AccessContext]:
    """Open a context for a task or a command: one transaction, whose commit needs the entries.

    ``actor`` is the user whose rights it runs with; ``on_behalf_of`` names who asked for it where that is somebody
    else. A task of the system itself passes ``is_system=True`` instead, and its subjects stand with the relationship
    "system". Nothing is written when nothing was seen or changed. An attempt that fails is rolled back and recorded
    as denied, not found or failed. Inside an open context (a service called by a page) the outer one goes on
    collecting, under its own name and with its own rights.

    Raises: ValueError when it is neither somebody's work nor the system's, or would pass for somebody else's inside
    an open context; whatever writing the trail raises, after rolling everything back.
    """
    if current_recorder.get() is not None:
        outer = current_context()
        if actor is not None and outer.actor is not None and outer.actor != actor:
            raise ValueError("An open context cannot change hands.")
        yield outer
        return
    if actor is None and not is_system:
        raise ValueError("Somebody has to be at work: pass actor or is_system.")
    from audit.writing import recorded_transaction, try_to_write_refusal

    context = AccessContext(
        actor=actor,
        actor_name=actor_name or ("system" if is_system else ""),
        on_behalf_of=on_behalf_of,
        route=route,
        purpose=purpose,
        reason=reason,
        is_system=is_system,
    )
    token = current_recorder.set(context)
    try:
        with recorded_transaction(context) as write:
            yield context
            if context.has_something_to_tell or actor is not None:
                write()
    except Exception as error:
        if context.has_something_to_tell or actor is not None:
            try_to_write_refusal(context, outcome=_outcome_of(error))
        raise
    finally:
        current_recorder.reset(token)


def _outcome_of(error: Exception) -> str:
    if isinstance(error, NotVisible):
        return "not found"
    return "denied" if isinstance(error, NotAllowed | PermissionDenied) else "error"

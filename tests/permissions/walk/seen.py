"""What each person really sees: by both rules of the product, and row by row as the database hands it out."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

from accounts.models import User
from accounts.roles import Act
from audit.context import AccessContext
from cases.permissions import can, visible_patients
from cases.selectors.access import find_access
from core.access_guard import current_recorder, permit_statements
from core.acting import Acting, acting

# As whoever asks: SECURITY INVOKER, so the policies bind it like any statement of the application. One call asks for
# several people, each under their own setting; the ORM and its filters have no part in it.
WHAT_IS_SEEN = """
CREATE FUNCTION tests_what_is_seen(people bigint[], keys uuid[])
RETURNS TABLE (person bigint, asked text, patients uuid[]) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    before text := current_setting('sim.user', true);
    system_before text := current_setting('sim.system', true);
    one bigint;
BEGIN
    PERFORM set_config('sim.system', '', true);
    FOREACH one IN ARRAY people LOOP
        PERFORM set_config('sim.user', one::text, true);
        RETURN QUERY VALUES
            (one, 'may_read_patient', ARRAY(SELECT k FROM unnest(keys) k WHERE may_read_patient(k))),
            (one, 'may_read_clinical', ARRAY(SELECT k FROM unnest(keys) k WHERE may_read_clinical(k))),
            (one, 'may_write_patient', ARRAY(SELECT k FROM unnest(keys) k WHERE may_write_patient(k))),
            (one, 'may_write_clinical', ARRAY(SELECT k FROM unnest(keys) k WHERE may_write_clinical(k))),
            (one, 'search', ARRAY(SELECT lookup_patients('{WALKER}', NULL, NULL, NULL, 100))),
            (one, 'cases_patient', ARRAY(SELECT id FROM cases_patient)),
            (one, 'cases_case', ARRAY(SELECT DISTINCT patient_id FROM cases_case)),
            (one, 'cases_contact', ARRAY(SELECT DISTINCT patient_id FROM cases_contact)),
            (one, 'cases_contactclinicalnote', ARRAY(SELECT DISTINCT patient_id FROM cases_contactclinicalnote));
    END LOOP;
    PERFORM set_config('sim.user', before, true), set_config('sim.system', system_before, true);
END $$;
"""
READING = ("may_read_patient", "search", "cases_case", "cases_contact")
CLINICAL_READING = ("may_read_clinical", "cases_contactclinicalnote")


def install(superuser: psycopg.Connection) -> None:
    superuser.execute(WHAT_IS_SEEN)
    superuser.commit()


def uninstall(superuser: psycopg.Connection) -> None:
    superuser.execute("DROP FUNCTION tests_what_is_seen(bigint[], uuid[])")
    superuser.commit()


@contextmanager
def blind(who: Acting) -> Iterator[None]:
    """A context that is never written: looking must not lengthen the trail that is compared."""
    token = current_recorder.set(AccessContext(is_system=who.is_system))
    try:
        with acting(who):
            yield
    finally:
        current_recorder.reset(token)


def forget_roles(user: User) -> User:
    """As a new request would load them: roles are remembered on the object."""
    vars(user).pop("_current_memberships", None)
    return user


def listed(user: User, act: Act) -> set[uuid.UUID]:
    """The first rule alone: asked as the system, which no policy binds."""
    return {patient.pk for patient in visible_patients(user, act).only("id")}


def asked(user: User, act: Act, patients: Collection[uuid.UUID]) -> set[uuid.UUID]:
    return {key for key in patients if can(user, act, key)}


def found_acts(user: User, key: uuid.UUID, acts: Sequence[Act]) -> set[Act]:
    """The rule in the shape that the hot pages use: of these acts, what it finds for one patient."""
    access = find_access(user, key)
    return set() if access is None else {act for act in acts if act in access.acts}


def rows_seen(people: Sequence[int], keys: Sequence[uuid.UUID]) -> dict[int, dict[str, set[uuid.UUID]]]:
    """The second lock alone, by person and question."""
    seen: dict[int, dict[str, set[uuid.UUID]]] = {person: {} for person in people}
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM tests_what_is_seen(%s, %s)", [list(people), list(keys)])
        for person, question, found in cursor.fetchall():
            seen[person][question] = set(found)
    return seen


NEW_ENTRIES = """
SELECT e.id, e.action, e.outcome, e.actor_id, coalesce(t.app_label || '.' || t.model, ''),
    coalesce((SELECT jsonb_object_agg(s.patient_id, s.relationship) FROM audit_entrysubject s WHERE s.entry_id = e.id), '{}')
FROM audit_logentry e LEFT JOIN django_content_type t ON t.id = e.content_type_id
WHERE e.id > %s ORDER BY e.id
"""


def entries_after(last: int) -> list[tuple[Any, ...]]:
    """Number, action, outcome, actor, kind of the object and {patient: relationship} of each entry since."""
    with permit_statements(), connection.cursor() as cursor:
        cursor.execute(NEW_ENTRIES, [last])
        # Django's cursors hand over JSON as text.
        return [(*row[:5], json.loads(row[5])) for row in cursor.fetchall()]

"""Nothing leaves a guarded table unseen, whichever way the ORM or the driver is asked."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, connections, models
from django.db.models import Count, Exists, F, Max, OuterRef, Prefetch, Subquery, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Concat, Upper
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from accounts.models import Membership, Organisation, Team, User
from audit.context import AccessContext, access_context, current_context
from audit.models import EntrySubject, LogEntry
from cases.models import Case, Contact, ContactClinicalNote, Patient, RelatedPerson
from core.access_guard import UnrecordedAccess, current_recorder, recorded_query, refuse_unpermitted
from core.acting import Acting, acting
from core.prepared import Prepared, read_together
from tests.people import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def access(cast: Cast) -> Iterator[AccessContext]:
    """An open context whose entries nobody writes."""
    access = AccessContext()
    token = current_recorder.set(access)
    # The guard is asked here, not the row policies behind it.
    with acting(Acting(is_system=True)):
        yield access
    current_recorder.reset(token)


REFUSED: dict[str, Callable[[], Any]] = {
    "values": lambda: list(Patient.objects.values("family_name")),
    "values_list": lambda: list(Patient.objects.values_list("family_name", flat=True)),
    "values_list through a relation": lambda: list(Case.objects.values_list("patient__family_name")),
    "values of an unguarded model, through a relation": lambda: list(
        Team.objects.values_list("patients__family_name")
    ),
    "values of users, through two relations": lambda: list(
        User.objects.values("clinical_cases__patient__family_name")
    ),
    "count": lambda: Patient.objects.count(),
    "aggregate": lambda: Patient.objects.aggregate(Max("family_name")),
    "aggregate of an unguarded model": lambda: Team.objects.aggregate(Count("patients")),
    "dates": lambda: list(Patient.objects.dates("date_of_birth", "year")),
    "explain": lambda: Patient.objects.explain(analyze=True),
    "update": lambda: Patient.objects.update(given_name="X"),
    "delete of a query": lambda: Case.objects.all().delete(),
    "bulk_create": lambda: RelatedPerson.objects.bulk_create([RelatedPerson(kind="GP", name="X")]),
    "bulk_update": lambda: Patient.objects.bulk_update(list(Patient.objects.all()), ["given_name"]),
    "raw": lambda: list(Patient.objects.raw("SELECT * FROM cases_patient")),
    "extra": lambda: list(Patient.objects.extra(select={"x": "family_name"})),
    "raw SQL as an annotation": lambda: list(
        Patient.objects.annotate(x=RawSQL("(SELECT max(account) FROM cases_contact)", []))
    ),
    "union of values": lambda: list(
        Patient.objects.values_list("family_name").union(Patient.objects.values_list("given_name"))
    ),
    "in_bulk of values": lambda: Patient.objects.values("family_name").first(),
    "text carried by an unguarded object": lambda: list(
        Team.objects.annotate(name_of_somebody=F("patients__family_name"))
    ),
    "text carried by a prepared query": lambda: read_together(
        Prepared(lambda: Team.objects.annotate(name_of_somebody=F("patients__family_name")))()
    ),
    "a count carried by an unguarded object": lambda: list(Team.objects.annotate(n=Count("patients"))),
    "a date of birth carried by an unguarded object": lambda: list(
        Team.objects.annotate(
            x=Subquery(Patient.objects.filter(team=OuterRef("pk")).values("date_of_birth")[:1])
        )
    ),
    "clinical text carried by its contact": lambda: list(
        Contact.objects.annotate(text=F("clinical_note__text"))
    ),
    "clinical text carried in disguise": lambda: list(
        Contact.objects.annotate(
            text=Upper(Concat(Value("x"), F("clinical_note__text"), output_field=models.TextField()))
        )
    ),
    "clinical text carried by a subquery": lambda: list(
        Patient.objects.annotate(
            x=Subquery(ContactClinicalNote.objects.filter(patient=OuterRef("pk")).values("text")[:1])
        )
    ),
    "clinical text carried by a query that is not called a subquery": lambda: list(
        Patient.objects.annotate(
            x=ContactClinicalNote.objects.filter(patient=OuterRef("pk")).values("text")[:1]
        )
    ),
    "clinical dates carried by a subquery": lambda: list(
        Patient.objects.annotate(
            x=Subquery(ContactClinicalNote.objects.filter(patient=OuterRef("pk")).values("created_at")[:1])
        )
    ),
    "text of another table carried by a patient": lambda: list(
        Patient.objects.annotate(account=F("contacts__account"))
    ),
    "subjects of the trail": lambda: list(EntrySubject.objects.values_list("patient_reference")),
    "count of the trail": lambda: LogEntry.objects.count(),
}


@pytest.mark.parametrize("way", REFUSED)
def test_what_makes_no_recorded_object_is_refused(access: AccessContext, way: str) -> None:
    with pytest.raises(UnrecordedAccess):
        REFUSED[way]()


STATEMENTS = [
    "SELECT family_name FROM cases_patient",
    "SELECT family_name FROM CASES_PATIENT",
    'select family_name from public."cases_patient"',
    "WITH p AS (TABLE Cases_Patient) SELECT * FROM p",
    "COPY cases_patient TO STDOUT",
    "PREPARE q AS SELECT * FROM cases_patient",
    "DECLARE c CURSOR FOR SELECT * FROM cases_patient",
    'SELECT * FROM U&"cases\\005fpatient"',
    "SELECT query_to_xml($$select * from cases_$$ || 'patient', true, true, '')",
    "UPDATE cases_patient SET given_name = 'X'",
    "DELETE FROM cases_contact",
    "TRUNCATE cases_patient",
    "SELECT * FROM audit_logentry_default",
    "SELECT * FROM audit_entrysubject_2026_11",
]


def _execute(cursor: Any, statement: str) -> None:
    with cursor:
        cursor.execute(statement)


SENDERS: dict[str, Callable[[Any], Any]] = {
    "cursor": lambda statement: connection.cursor().execute(statement),
    "executemany": lambda statement: connection.cursor().executemany(statement, [()]),
    "the driver's cursor": lambda statement: connection.cursor().cursor.execute(statement),
    "the driver's connection": lambda statement: connection.connection.execute(statement),
    "a new cursor of the driver": lambda statement: connection.connection.cursor().execute(statement),
    "executemany of the driver": lambda statement: connection.connection.cursor().executemany(
        statement, [()]
    ),
    "a named cursor of the driver": lambda statement: _execute(connection.connection.cursor("x"), statement),
    "server-side cursor": lambda statement: _execute(connection.chunked_cursor(), statement),
    "COPY": lambda statement: connection.cursor().copy(statement).__enter__(),
    "a stream": lambda statement: list(connection.cursor().stream(statement)),
    "bytes": lambda statement: connection.connection.execute(statement.encode()),
    "composed SQL": lambda statement: connection.connection.execute(sql.SQL(statement)),
}


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_that_names_a_guarded_table_is_refused(
    access: AccessContext, statement: str, sender: str
) -> None:
    with pytest.raises(UnrecordedAccess):
        SENDERS[sender](statement)


def test_a_function_called_by_a_composed_name_is_refused(access: AccessContext) -> None:
    with pytest.raises(UnrecordedAccess):
        connection.cursor().callproc("cases_patient")


@given(
    table=st.sampled_from(["cases_patient", "cases_contact", "audit_logentry"]),
    flips=st.lists(st.booleans(), min_size=40, max_size=40),
    before=st.sampled_from([" ", '"', ".", "\n", "(", "/**/"]),
    after=st.sampled_from([" ", '"', ".", "\n", ")", ";", ""]),
)
def test_no_way_of_writing_a_table_name_slips_through(
    table: str, flips: list[bool], before: str, after: str
) -> None:
    written = "".join(c.upper() if flip else c for c, flip in zip(table, flips, strict=False))
    with pytest.raises(UnrecordedAccess):
        refuse_unpermitted(f"SELECT 1 FROM{before}{written}{after}")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "SELECT * FROM accounts_user",
        "INSERT INTO core_cache VALUES (1) ON CONFLICT DO NOTHING",
        "SELECT * FROM cases_patients_of_nobody",
    ],
)
def test_other_statements_pass(statement: str) -> None:
    refuse_unpermitted(statement)


def test_outside_of_a_context_nothing_is_loaded_written_or_queried(cast: Cast) -> None:
    nora = cast.nora
    for attempt in (
        lambda: Patient.objects.get(pk=nora.pk),
        lambda: nora.refresh_from_db(),
        lambda: nora.save(),
        lambda: nora.delete(),
        lambda: list(Case.objects.select_related("patient")),
        lambda: list(Team.objects.prefetch_related("patients")),
        lambda: list(Patient.objects.iterator()),
        lambda: recorded_query("a count").__enter__(),
    ):
        # Even a row that the policies let through is not loaded.
        with acting(Acting(is_system=True)), pytest.raises(UnrecordedAccess):
            attempt()


def test_outside_of_a_context_saving_and_deleting_send_nothing(cast: Cast) -> None:
    """Refused before the first statement, not after the row was written."""
    fresh = RelatedPerson(patient_id=cast.nora.pk, kind="GP", name="X")
    for attempt in (fresh.save, cast.nora.save, cast.nora.delete):
        with CaptureQueriesContext(connection) as sent, pytest.raises(UnrecordedAccess):
            attempt()
        assert not sent.captured_queries


LOADED: dict[str, Callable[[Cast], Any]] = {
    "get": lambda cast: Patient.objects.get(pk=cast.nora.pk),
    "first": lambda cast: Patient.objects.filter(pk=cast.nora.pk).first(),
    "in_bulk": lambda cast: Patient.objects.in_bulk([cast.nora.pk]),
    "iterator": lambda cast: list(Patient.objects.filter(pk=cast.nora.pk).iterator(chunk_size=1)),
    "only": lambda cast: list(Patient.objects.filter(pk=cast.nora.pk).only("reference")),
    "select_related": lambda cast: list(
        Case.objects.filter(patient=cast.nora).select_related("patient", "team")
    ),
    "select_related from users": lambda cast: list(Case.objects.filter(patient=cast.nora)),
    "prefetch_related": lambda cast: list(
        Team.objects.filter(pk=cast.north.pk).prefetch_related(
            Prefetch("patients", Patient.objects.order_by("pk"))
        )
    ),
    "reverse relation": lambda cast: list(Team.objects.get(pk=cast.north.pk).patients.all()),
    "Exists": lambda cast: list(
        Patient.objects.filter(Exists(Case.objects.filter(patient=OuterRef("pk"), team=cast.north)))
    ),
    "union": lambda cast: list(
        Patient.objects.filter(pk=cast.nora.pk).union(Patient.objects.filter(pk=cast.nora.pk))
    ),
    "annotated with a date": lambda cast: list(
        Patient.objects.filter(pk=cast.nora.pk).annotate(opened=Max("cases__opened_on"), n=Count("cases"))
    ),
    "annotated with its own text": lambda cast: list(
        Patient.objects.filter(pk=cast.nora.pk).annotate(name=Upper("family_name"))
    ),
}


@pytest.mark.parametrize("way", LOADED)
def test_each_way_of_loading_tells_the_recorder_whose_row_it_was(
    cast: Cast, access: AccessContext, way: str
) -> None:
    LOADED[way](cast)
    assert set(access.seen) == {cast.nora.pk}


def test_a_deferred_field_is_loaded_under_the_recorder(cast: Cast, access: AccessContext) -> None:
    patient = Patient.objects.only("reference").get(pk=cast.nora.pk)
    access.seen.clear()
    assert patient.family_name == "Quill"
    assert set(access.seen) == {cast.nora.pk}


def test_a_row_that_does_not_say_whose_it_is_fails_loudly(cast: Cast, access: AccessContext) -> None:
    with pytest.raises(KeyError):
        list(Case.objects.only("opened_on"))


def test_clinical_only_rows_are_told_apart(cast: Cast, access: AccessContext) -> None:
    ContactClinicalNote.from_db(
        "default", ["id", "patient_id", "text"], [uuid.uuid4(), cast.nora.pk, "Clinical words"]
    )
    assert access.clinical_seen == {cast.nora.pk}


def test_exists_answers_without_loading(cast: Cast, access: AccessContext) -> None:
    assert Patient.objects.filter(pk=cast.nora.pk).exists()
    assert not access.seen


def test_a_recorded_query_passes_and_leaves_its_reason(cast: Cast, access: AccessContext) -> None:
    with recorded_query("people in all"):
        assert Patient.objects.count() == 2
    assert access.queries == ["people in all"]
    with pytest.raises(UnrecordedAccess):
        Patient.objects.count()


def test_a_permit_is_closed_again_while_the_caller_walks_the_rows(cast: Cast, access: AccessContext) -> None:
    for _ in Patient.objects.all():
        with pytest.raises(UnrecordedAccess):
            Patient.objects.count()


def test_a_permit_is_closed_while_rows_are_walked_one_by_one(cast: Cast, access: AccessContext) -> None:
    for _ in Patient.objects.iterator(chunk_size=1):
        with pytest.raises(UnrecordedAccess):
            Patient.objects.count()


def test_a_permit_is_closed_while_signal_receivers_run(cast: Cast, access: AccessContext) -> None:
    refused: list[bool] = []

    def peek(**kwargs: object) -> None:
        try:
            Patient.objects.count()
        except UnrecordedAccess:
            refused.append(True)

    for signal in (models.signals.pre_save, models.signals.post_save):
        signal.connect(peek, sender=Patient)
    try:
        patient = Patient.objects.get(pk=cast.nora.pk)
        patient.preferred_name = "Norrie"
        patient.save()
    finally:
        for signal in (models.signals.pre_save, models.signals.post_save):
            signal.disconnect(peek, sender=Patient)
    assert refused == [True, True]


def test_another_thread_has_neither_the_context_nor_an_unguarded_connection(
    cast: Cast, access: AccessContext
) -> None:
    raised: list[type[BaseException]] = []

    def work() -> None:
        for attempt in (
            lambda: Patient.objects.first(),
            lambda: connection.cursor().execute("SELECT * FROM cases_patient"),
        ):
            try:
                attempt()
            except BaseException as error:
                raised.append(type(error))
        connections.close_all()

    thread = threading.Thread(target=work)
    with recorded_query("open in the first thread only"):
        thread.start()
        thread.join()
    # The other thread's database holds no uncommitted patient, so only the second attempt reaches a statement.
    assert raised[-1] is UnrecordedAccess


def test_a_nested_context_collects_into_the_outer_one(cast: Cast) -> None:
    with access_context(route="outer", is_system=True) as outer:
        with access_context(route="inner", actor=cast["sol"]) as inner:
            assert inner is outer
        assert current_context() is outer
    assert current_recorder.get() is None


def test_an_open_context_cannot_pass_for_somebody_else(cast: Cast) -> None:
    with access_context(route="outer", actor=cast["amira"]) as outer:
        with pytest.raises(ValueError, match="change hands"), access_context(route="i", actor=cast["sol"]):
            pass
        with access_context(route="inner", is_system=True) as inner:
            assert not inner.is_system
            assert inner is outer


def test_a_context_belongs_to_somebody(db: None) -> None:
    with pytest.raises(ValueError, match="Somebody"), access_context(route="x"):
        pass


def test_unguarded_models_are_read_as_ever(cast: Cast) -> None:
    assert Organisation.objects.count() == 5
    assert Membership.objects.filter(user__username="amira").values_list("role", flat=True)[0]
    User.objects.filter(username="odd").update(first_name="Odd")

"""The write backstop: whatever changes a watched row without an entry is found, once; ordinary work leaves nothing to find."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Barrier, Thread

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, User
from audit import reconciliation
from audit.context import PendingEntry, access_context, current_context
from audit.models import Comparison, LogEntry, RowChange, UnexplainedChange
from audit.reconciliation import compare_changes
from cases.models import OtherName, Patient
from core.access_guard import current_recorder, permit_statements, recorded_query
from core.due import Due, announce, settle
from reminders import ticks
from reminders.models import Reminder
from sim_casework.proving.addresses import every_route
from tests.audit_trail.conftest import Blind
from tests.contact_log import logged
from tests.people import Cast, make_cast
from tests.permissions.everything import Everything, make_everything
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db(transaction=True)

Found = Callable[[], list[tuple[str, str, str]]]


@pytest.fixture
def cast(transactional_db: None, superuser_connection: psycopg.Connection) -> Cast:
    made = make_cast()
    forget_setting_up(superuser_connection)
    return made


def forget_setting_up(superuser: psycopg.Connection) -> None:
    """The cast is made in bulk, which the backstop finds like any other."""
    in_bulk = {
        "accounts_user",
        "accounts_membership",
        "accounts_staffcheck",
        "accounts_professionalregistration",
    }
    assert {each.table_name for each in findings()} == in_bulk
    superuser.execute("DELETE FROM audit_unexplainedchange")
    superuser.execute("DELETE FROM audit_rowchange WHERE table_name = ANY(%s)", [list(in_bulk)])


def findings() -> list[UnexplainedChange]:
    assert compare_changes(60)
    token = current_recorder.set(Blind())
    try:
        return list(UnexplainedChange.objects.order_by("pk"))
    finally:
        current_recorder.reset(token)


def told(found: list[UnexplainedChange]) -> list[tuple[str, str, str]]:
    return [(each.kind, each.table_name, each.operation) for each in found]


@contextmanager
def hidden(cast: Cast) -> Iterator[None]:
    """Work of Amira's that goes past auditlog, as a recorded query lets it."""
    with access_context(route="tests", actor=cast["amira"]), recorded_query("tests"):
        yield


def run(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def other_name(cast: Cast, name: str) -> OtherName:
    return OtherName(
        patient=cast.nora,
        kind=OtherName.Kind.ALIAS,
        name=name,
        controller=cast.north.trust,
        regime=cast.north.trust.regime,
        created_by=cast["amira"],
    )


def update(cast: Cast) -> None:
    Patient.objects.filter(pk=cast.nora.pk).update(phone="01632 960555")


def bulk_create(cast: Cast) -> None:
    OtherName.objects.bulk_create([other_name(cast, "Nell")])


def bulk_update(cast: Cast) -> None:
    patient = Patient.objects.get(pk=cast.nora.pk)
    patient.address = "1 Example Street"
    Patient.objects.bulk_update([patient], ["address"])


def raw_sql(cast: Cast) -> None:
    run("UPDATE cases_case SET opened_on = opened_on - 1 WHERE patient_id = %s", cast.nora.pk)


def raw_delete(cast: Cast) -> None:
    run("DELETE FROM cases_patientgroupobjectpermission WHERE content_object_id = %s", cast.nora.pk)


def many_to_many(cast: Cast) -> None:
    cast["amira"].groups.add(Group.objects.get(name="team South team"))


def rights(cast: Cast) -> None:
    Membership.objects.filter(user=cast["sol"]).update(team=cast.north)


def account(cast: Cast) -> None:
    User.objects.filter(pk=cast["sol"].pk).update(is_active=False)


@pytest.mark.parametrize(
    ("way", "table", "operation"),
    [
        (update, "cases_patient", "update"),
        (bulk_create, "cases_othername", "insert"),
        (bulk_update, "cases_patient", "update"),
        (raw_sql, "cases_case", "update"),
        (raw_delete, "cases_patientgroupobjectpermission", "delete"),
        (many_to_many, "accounts_user_groups", "insert"),
        (rights, "accounts_membership", "update"),
        (account, "accounts_user", "update"),
    ],
)
def test_a_change_that_auditlog_does_not_see_is_found_once(
    cast: Cast, way: Callable[[Cast], None], table: str, operation: str
) -> None:
    with hidden(cast):
        way(cast)
        request = current_context().request_id
    (found,) = findings()
    assert told([found]) == [("no entry", table, operation)]
    assert (found.database_role, found.request_id) == ("sim_app", request)
    assert found.patient_id == (cast.nora.pk if table.startswith("cases_") else None)
    assert len(findings()) == 1


@pytest.mark.parametrize("replica", [False, True], ids=["plainly", "with triggers turned off"])
def test_sql_of_a_superuser_is_found(
    cast: Cast, superuser_connection: psycopg.Connection, replica: bool
) -> None:
    if replica:
        superuser_connection.execute("SET session_replication_role = replica")
    superuser_connection.execute(
        "UPDATE cases_patient SET phone = '01632 960666' WHERE id = %s", [cast.nora.pk]
    )
    (found,) = findings()
    assert told([found]) == [("no entry", "cases_patient", "update")]
    assert found.database_role == "postgres"


@pytest.mark.parametrize(
    ("statement", "operation"),
    [
        ("INSERT INTO accounts_user_groups (user_id, group_id) SELECT max(u.id), max(g.id) FROM accounts_user u, auth_group g", "insert"),
        ("TRUNCATE accounts_user_groups", "truncate"),
    ],
)  # fmt: skip
def test_sql_of_the_owner_outside_of_a_request_is_listed_as_maintenance(
    cast: Cast, owner_connection: psycopg.Connection, statement: str, operation: str
) -> None:
    owner_connection.execute(statement)
    (found,) = findings()
    assert told([found]) == [("maintenance", "accounts_user_groups", operation)]
    assert found.database_role == "sim_owner"


def test_an_update_beside_a_save_of_the_same_row_is_found(cast: Cast) -> None:
    with access_context(route="tests", actor=cast["amira"]):
        patient = Patient.objects.get(pk=cast.nora.pk)
        patient.phone = "01632 960777"
        patient.save()
        with recorded_query("tests"):
            Patient.objects.filter(pk=cast.nora.pk).update(address="2 Example Street")
    assert told(findings()) == [("no entry", "cases_patient", "update")]


def test_each_row_of_a_bulk_change_is_found_in_bounded_steps(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "CHANGES_AT_ONCE", 2)
    for number in range(4):
        with hidden(cast):
            OtherName.objects.bulk_create([other_name(cast, f"N{number}{letter}") for letter in "abc"])
    found = findings()
    assert told(found) == [("no entry", "cases_othername", "insert")] * 12
    assert len({each.row_key for each in found}) == 12
    assert len({each.xid for each in found}) == 4


def test_what_a_savepoint_undid_is_no_change(cast: Cast) -> None:
    def save_and_fail() -> None:
        with transaction.atomic():
            patient = Patient.objects.get(pk=cast.nora.pk)
            patient.phone = "01632 960888"
            patient.save()
            with recorded_query("tests"):
                raw_sql(cast)
            raise ZeroDivisionError

    with access_context(route="tests", actor=cast["amira"]):
        with pytest.raises(ZeroDivisionError):
            save_and_fail()
        other_name(cast, "Nell").save()
    assert findings() == []


def test_a_statement_that_changes_nothing_is_no_change(cast: Cast) -> None:
    with access_context(route="tests", actor=cast["amira"]):
        Patient.objects.get(pk=cast.nora.pk).save()
        run_count = Membership.objects.filter(user=cast["sol"]).update(team=cast.south)
    assert run_count == 1
    assert findings() == []


def test_a_transaction_still_running_is_compared_when_it_is_over(
    cast: Cast, superuser_connection: psycopg.Connection
) -> None:
    with superuser_connection.transaction():
        superuser_connection.execute("UPDATE accounts_user SET phone = '01632 960999'")
        with hidden(cast):
            update(cast)
        # Amira's change lies above the running one, so it waits as well; neither is lost.
        assert findings() == []
        people = User.objects.count()
    found = findings()
    assert told(found).count(("no entry", "accounts_user", "update")) == people
    assert told(found).count(("no entry", "cases_patient", "update")) == 1
    assert len(found) == people + 1


def test_two_comparisons_at_once_find_each_change_once(cast: Cast) -> None:
    for _ in range(20):
        with hidden(cast):
            Patient.objects.filter(pk=cast.nora.pk).update(address=uuid.uuid4().hex)
    start = Barrier(4)

    def compare() -> None:
        start.wait()
        compare_changes(30)
        connection.close()

    threads = [Thread(target=compare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(findings()) == 20


def test_an_entry_without_its_change_is_found(cast: Cast) -> None:
    kind = ContentType.objects.get_for_model(Patient)
    with access_context(route="tests", actor=cast["amira"]) as context:
        context.note(
            PendingEntry(
                action=LogEntry.Action.UPDATE,
                content_type_id=kind.pk,
                object_pk=str(cast.nora.pk),
                changes={},
            )
        )
    (found,) = findings()
    assert told([found]) == [("no change", "cases_patient", "update")]
    assert found.row_key == str(cast.nora.pk)


# Recorded queries that may write.


def remind(cast: Cast, *names: str) -> Reminder:
    subject = f"tests.fact:{uuid.uuid4()}"
    with access_context(route="tests", is_system=True):
        announce(
            Due(
                kind="tests",
                subject=subject,
                at=timezone.now() - dt.timedelta(minutes=1),
                recipients=[cast[name] for name in names],
                text="Ring the GP",
                link="/",
                patient_id=cast.nora.pk,
            )
        )
    with access_context(route="tests", is_system=True):
        return Reminder.objects.filter(subject=subject)[0]


def test_the_life_of_a_reminder_is_explained_by_the_queries_its_model_lists(cast: Cast) -> None:
    reminder = remind(cast, "amira", "sol")  # Sol may not see the patient: withdrawn
    assert ticks.send_due() == 1
    with access_context(route="tests", is_system=True):
        settle(kind=reminder.kind, subject=reminder.subject)
    assert findings() == []
    token = current_recorder.set(Blind())
    assert RowChange.objects.filter(table_name="reminders_reminder").exists()
    current_recorder.reset(token)


def test_what_writes_reminders_explains_no_other_table(cast: Cast) -> None:
    with access_context(route="tests", is_system=True), recorded_query("reminder sent", writes=Reminder):
        update(cast)
    assert told(findings()) == [("no entry", "cases_patient", "update")]


def test_a_reminder_changed_by_any_other_query_or_removed_is_found(cast: Cast) -> None:
    reminder = remind(cast, "amira")
    with access_context(route="tests", is_system=True), recorded_query("tests"):
        Reminder.objects.filter(pk=reminder.pk).update(text="Ring nobody")
    with (
        access_context(route="tests", is_system=True),
        recorded_query("reminder withdrawn", writes=Reminder),
    ):
        run("DELETE FROM reminders_reminder WHERE id = %s", reminder.pk)
    assert told(findings()) == [
        ("no entry", "reminders_reminder", "update"),
        ("no entry", "reminders_reminder", "delete"),
    ]


def test_a_model_has_to_list_what_may_write_its_rows(cast: Cast) -> None:
    with (
        access_context(route="tests", is_system=True),
        pytest.raises(ValueError, match="does not list"),
        recorded_query("reminder sent", writes=Patient),
    ):
        pass


# Ordinary work.


@pytest.fixture
def everything(transactional_db: None, superuser_connection: psycopg.Connection) -> Everything:
    made = make_everything()
    forget_setting_up(superuser_connection)
    return made


def test_no_page_of_the_product_leaves_a_change_without_its_entry(everything: Everything) -> None:
    """Each address, looked at and sent an empty form by everybody who can do something there."""
    for name in ("amira", "cal", "lena", "tess", "oona", "ivy"):
        for route in every_route():
            if route in (
                "healthz",
                "mfa_add_webauthn",
            ):  # the first asks machines; the second needs a real passkey
                continue
            client = sign_in(Client(), everything.cast[name])
            client.get(everything.address(route))
            client.post(everything.address(route), {})
    assert told(findings()) == []
    token = current_recorder.set(Blind())
    changed = {change.table_name for change in RowChange.objects.all()}
    current_recorder.reset(token)
    assert changed >= {
        "cases_patient",
        "cases_contact",
        "cases_draft",
        "crisis_plans_planversion",
        "accounts_user",
    }


def test_a_logged_contact_is_noted_row_by_row_and_explained(cast: Cast) -> None:
    contact = logged(cast["amira"], cast.nora, clinical_text="A note")
    assert findings() == []
    token = current_recorder.set(Blind())
    (noted,) = RowChange.objects.filter(table_name="cases_contact")
    entry = LogEntry.objects.get(object_pk=str(contact.pk))
    current_recorder.reset(token)
    assert (noted.row_key, noted.operation, noted.patient_id) == (str(contact.pk), "insert", cast.nora.pk)
    assert (noted.xid, noted.request_id) == (entry.xid, entry.request_id)


# What the database holds.


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_rowchange (table_name, row_key, operation, is_derived) VALUES ('x', '1', 'insert', false)",
        "UPDATE audit_rowchange SET row_key = ''",
        "DELETE FROM audit_rowchange",
        "TRUNCATE audit_rowchange",
        "SELECT * FROM audit_rowchange_default",
        "SELECT nextval('audit_rowchange_id_seq')",
        "UPDATE audit_comparison SET xid = xid + 1000000",
        "DELETE FROM audit_comparison",
        "UPDATE audit_unexplainedchange SET kind = 'maintenance'",
        "DELETE FROM audit_unexplainedchange",
        "INSERT INTO audit_unexplainedchange (kind, at, table_name, row_key, operation, xid, database_role, source_id)"
        " VALUES ('maintenance', now(), 'x', '1', 'insert', 1, 'sim_owner', 1)",
        "ALTER TABLE cases_patient DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_note_row ON cases_patient",
        "SET session_replication_role = replica",
        "SELECT audit_watch('cases_patient', 'id', NULL, '{}')",
        "SELECT audit_unwatch('cases_patient')",
        "SELECT audit_keep_unexplained(0, 1, NULL)",
    ],
)
def test_the_applications_role_can_neither_forge_nor_silence_the_backstop(statement: str) -> None:
    with (
        permit_statements(),
        transaction.atomic(),
        pytest.raises(DatabaseError, match=r"permission denied|must be owner"),
    ):
        run(statement)


def test_the_application_cannot_borrow_a_noting_function_for_a_table_of_its_own() -> None:
    with permit_statements(), transaction.atomic():
        with transaction.atomic():
            run("CREATE TEMPORARY TABLE mine (id uuid, patient_id uuid)")
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            run(
                "CREATE TRIGGER note AFTER INSERT ON mine FOR EACH ROW"
                " EXECUTE FUNCTION public.audit_note_cases_draft()"
            )


def test_a_request_cannot_name_its_change_into_maintenance(cast: Cast) -> None:
    with hidden(cast):
        run("SELECT set_config('sim.request', '', true)")
        update(cast)
    (found,) = findings()
    assert (found.kind, found.request_id) == ("no entry", None)


def test_after_a_restore_into_another_server_old_numbers_explain_nothing(
    cast: Cast, superuser_connection: psycopg.Connection
) -> None:
    """What the backup held uncompared is compared, and then the changes of the new server, whose numbers are lower."""
    assert findings() == []
    with hidden(cast):
        update(cast)
    # As if all that happened so far had come with the backup of a server with higher numbers.
    for table in ("audit_rowchange", "audit_logentry"):
        superuser_connection.execute(f"UPDATE {table} SET xid = xid + 1000000")  # noqa: S608
    superuser_connection.execute("UPDATE audit_comparison SET xid = xid + 1000000, cluster = 1")
    assert told(findings()) == [("no entry", "cases_patient", "update")]
    # An old entry of the same number does not explain a new change.
    with hidden(cast):
        bulk_create(cast)
    superuser_connection.execute(
        "UPDATE audit_logentry SET xid = (SELECT max(xid) FROM audit_rowchange WHERE table_name = 'cases_othername'),"
        " object_pk = (SELECT row_key FROM audit_rowchange WHERE table_name = 'cases_othername'),"
        " content_type_id = (SELECT id FROM django_content_type WHERE app_label = 'cases' AND model = 'othername'),"
        " action = 0 WHERE id = (SELECT min(id) FROM audit_logentry)"
    )
    assert told(findings())[1:] == [("no entry", "cases_othername", "insert")]


def test_the_bookmark_tells_until_when_changes_are_compared(cast: Cast) -> None:
    before = Comparison.objects.get()
    findings()
    after = Comparison.objects.get()
    assert after.started_at == before.started_at
    assert after.xid > before.xid
    assert after.compared_until == after.ran_at > before.ran_at

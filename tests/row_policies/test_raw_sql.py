"""The second lock alone: raw SQL as the application's role, with every filter of the code gone."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from importlib import import_module

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.utils import timezone

from accounts.models import Membership, User
from accounts.roles import ACTS_OF_ROLE, Act, Role
from audit.alerts.models import AlertPutBefore
from audit.context import access_context
from cases.models import Case, PatientUserObjectPermission
from core.access_guard import permit_statements
from core.acting import Acting, acting
from core.due import Due, announce
from reminders.selectors import team_overdue_tasks
from sim_casework.devstack.postgres import PostgresServer
from tests import services
from tests.alerts import asked_alert, closed_alert
from tests.contact_log import logged
from tests.people import Cast, clear, make_cast, make_patient
from tests.row_policies.test_catalogue import EXCUSED, domain_tables

pytestmark = pytest.mark.django_db
READABLE: str = import_module("cases.migrations.0011_human_reader").READABLE
TRAIL: str = import_module("cases.migrations.0016_reader_without_trail").TRAIL
# What a human reader may read a row of: how the service is set up.
SET_UP = {
    "accounts_organisation",
    "accounts_team",
    "accounts_membership",
    "core_heartbeat",
    "django_migrations",
}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def seen(user: User | None, table: str = "cases_patient", column: str = "id") -> set[object]:
    """What is left of the whole table for somebody, past the ORM."""
    with acting(Acting(user=user.pk if user else None)), permit_statements(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")  # noqa: S608  (names of this test)
        return {row[0] for row in cursor.fetchall()}


WHO_SEES = {
    "amira": {"nora"},
    "cal": {"nora"},
    "pete": {"nora"},
    "pru": {"nora"},
    "lena": {"nora"},
    "dev": {"nora"},
    "tess": set(),
    "sol": {"sam"},
    "saul": {"sam"},
    "sia": {"sam"},
    "stan": set(),
    # Officers find the person a trail is about, and nothing of the record (below).
    "ivy": {"nora"},
    "igor": {"nora"},
    "iris": {"sam"},
    "rhea": set(),
    "oona": set(),
    "odd": set(),
}


@pytest.mark.parametrize("name", WHO_SEES)
def test_a_query_without_any_filter_finds_what_the_person_may_see(cast: Cast, name: str) -> None:
    keys = {"nora": cast.nora.pk, "sam": cast.sam.pk}
    assert seen(cast[name]) == {keys[who] for who in WHO_SEES[name]}
    record = WHO_SEES[name] if name not in {"ivy", "igor", "iris"} else set()
    assert seen(cast[name], "cases_case", "patient_id") == {keys[who] for who in record}


def test_everybody_of_the_cast_is_asked(cast: Cast) -> None:
    assert set(WHO_SEES) == set(cast.people)


@pytest.mark.parametrize("table", sorted(domain_tables() - {"cases_searchname"}))
def test_without_a_user_there_are_no_rows_in_any_table(cast: Cast, table: str) -> None:
    logged(cast["amira"], cast.nora, clinical_text="text")
    assert seen(None, table, "1") == set()
    assert seen(cast["odd"], table, "1") == set()


def test_an_alert_and_its_words_are_read_by_officers_in_scope_and_by_the_worker_who_was_asked(
    cast: Cast,
) -> None:
    """Cal was asked about Nora's record; the rest of the matrix is in test_alerts."""
    alert = asked_alert(cast)
    for name in WHO_SEES:
        read = {alert.pk} if name in {"cal", "ivy", "igor"} else set()
        assert seen(cast[name], "audit_alert") == read, name
        assert seen(cast[name], "audit_alertstep", "alert_id") == read, name
        assert seen(cast[name], "audit_alertentry", "alert_id") == read, name


@pytest.mark.parametrize("name", ["pete", "pru"])
def test_clinical_only_rows_stay_in_the_database_for_police(cast: Cast, name: str) -> None:
    logged(cast["amira"], cast.nora, clinical_text="text")
    assert len(seen(cast["cal"], "cases_contactclinicalnote")) == 1
    assert seen(cast[name], "cases_contactclinicalnote") == set()
    assert len(seen(cast[name], "cases_contact")) == 1


def test_a_reminder_about_nobody_is_its_recipients_and_that_of_leads_who_may_do_it_in_its_team(
    cast: Cast,
) -> None:
    long_ago = timezone.now() - dt.timedelta(days=3)
    with access_context(route="tests", is_system=True):
        Membership.objects.create(
            user=cast["tess"],
            role=Role.CLINICAL_MENTOR,
            team=cast.south,
            organisation=cast.south.trust,
            starts_on=dt.date(2024, 1, 1),
        )
        for team, act in itertools.product((None, cast.north, cast.south), ("", *Act)):
            if act or team is None:
                announce(
                    Due(
                        kind="tests",
                        subject=f"{team}:{act}",
                        at=long_ago,
                        recipients=[cast["tess"]],
                        text=f"{team}:{act}",
                        link="",
                        team=team.pk if team else None,
                        act=act,
                    )
                )
    for name, team in (("lena", cast.north), ("dev", cast.north), ("sia", cast.south)):
        with access_context(route="tests", actor=cast[name]):
            listed = {task.text for task in team_overdue_tasks(cast[name])}
        assert listed == {f"{team}:{act}" for act in ACTS_OF_ROLE[Role.CLINICAL_LEAD]}, name
        assert seen(cast[name], "reminders_reminder", "text") == listed
    assert len(seen(cast["tess"], "reminders_reminder", "text")) == 3 * len(Act) + 1
    for name in ("amira", "pete", "ivy", "oona", "odd"):
        assert seen(cast[name], "reminders_reminder", "text") == set(), name
    with access_context(route="tests", is_system=True):
        clear(cast["lena"], timezone.localdate() - dt.timedelta(days=1))
        Membership.objects.filter(user=cast["dev"]).update(ended_at=timezone.now(), ended_by=cast["tess"])
    for name in ("lena", "dev"):
        assert seen(cast[name], "reminders_reminder", "text") == set(), name


def test_a_closed_case_is_read_for_28_days_and_written_no_more(cast: Cast) -> None:
    with access_context(route="t", is_system=True):
        case = Case.objects.get(patient=cast.nora)
        case.opened_on = timezone.localdate() - dt.timedelta(days=90)
        case.closed_on, case.closed_by, case.next_service = timezone.localdate(), cast["lena"], "GP"
        case.save()
    assert seen(cast["amira"]) == {cast.nora.pk}
    assert written(cast["amira"], cast) == 0
    with access_context(route="t", is_system=True):
        case.closed_on = timezone.localdate() - dt.timedelta(days=29)
        case.save()
    assert seen(cast["amira"]) == set()


def written(user: User, cast: Cast) -> int:
    """How many rows an UPDATE without any filter changes."""
    with (
        transaction.atomic(),
        acting(Acting(user=user.pk)),
        permit_statements(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE cases_patient SET pronouns = 'they'")
        transaction.set_rollback(True)
        return cursor.rowcount


@pytest.mark.parametrize(("name", "rows"), [("amira", 1), ("pete", 1), ("sol", 1), ("ivy", 0), ("odd", 0)])
def test_an_update_without_any_filter_stays_in_the_team(cast: Cast, name: str, rows: int) -> None:
    assert written(cast[name], cast) == rows


def test_a_row_for_another_teams_patient_is_refused(cast: Cast) -> None:
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
        access_context(route="t", actor=cast["amira"]),
    ):
        Case.objects.create(
            patient=cast.sam,
            team=cast.north,
            clinical_mentor=cast["cal"],
            police_mentor=cast["pru"],
            controller=cast.north.trust,
            regime=cast.north.trust.regime,
            created_by=cast["amira"],
        )


def test_an_exception_opens_one_record_until_it_expires(cast: Cast) -> None:
    sol = cast["sol"]
    with access_context(route="t", is_system=True):
        row = PatientUserObjectPermission(
            user=sol,
            permission=_view_patient(),
            content_object=cast.nora,
            reason="stands in",
            granted_by=cast["lena"],
            expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
        )
        row.save()
    assert seen(sol) == {cast.sam.pk, cast.nora.pk}
    with access_context(route="t", is_system=True):
        row.expires_at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
        row.save()
    assert seen(sol) == {cast.sam.pk}


def _view_patient() -> Permission:
    return Permission.objects.get(codename="view_patient", content_type__app_label="cases")


def test_the_settings_end_with_the_context_and_do_not_outlive_a_savepoint(cast: Cast) -> None:
    amira = cast["amira"]
    with access_context(route="t", is_system=True):
        assert asked("core_is_system()") is True
        with acting(Acting(user=amira.pk)):
            assert (asked("core_is_system()"), asked("core_acting_user()")) == (False, amira.pk)
        assert (asked("core_is_system()"), asked("core_acting_user()")) == (True, None)
        with pytest.raises(ValueError, match="undone"), transaction.atomic(), acting(Acting(user=amira.pk)):
            raise ValueError("undone")
        assert asked("core_is_system()") is True
    assert (asked("core_is_system()"), asked("core_acting_user()")) == (False, None)


def asked(expression: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression}")
        return cursor.fetchone()[0]


def server() -> PostgresServer:
    return services.postgres_of(services.test_paths())


@pytest.mark.django_db(transaction=True)
def test_ten_thousand_alternating_users_on_one_connection_never_meet_each_others_rows(db_name: str) -> None:
    """As a pool hands one connection from user to user; every third transaction is rolled back, some set nothing."""
    cast = make_cast()
    names = ["amira", "sol", "pete", "odd", "saul", "tess", None]
    people = {name: cast[name].pk for name in names if name}
    expected = {"amira": cast.nora.pk, "pete": cast.nora.pk, "sol": cast.sam.pk, "saul": cast.sam.pk}
    crossed = 0
    with server().connect(db_name, user="sim_app") as pooled:
        for turn, name in zip(range(10_000), itertools.cycle(names), strict=False):
            try:
                with pooled.transaction():
                    if name:
                        pooled.execute("SELECT set_config('sim.user', %s, true)", [str(people[name])])
                    found = {key for (key,) in pooled.execute("SELECT id FROM cases_patient")}
                    crossed += found != ({expected[name]} if name in expected else set())
                    if turn % 3 == 0:
                        raise psycopg.Rollback
            except psycopg.Rollback:
                pass
    assert crossed == 0


def rows_in(connection: psycopg.Connection, table: str) -> object:
    (row,) = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()  # noqa: S608
    return row[0]


READABLE_BY_ME = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
  AND has_any_column_privilege(oid, 'SELECT')
"""
# Functions that run with somebody else's rights; those of triggers cannot be called.
CALLABLE_BY_ME = """
SELECT proname FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prosecdef AND prorettype <> 'trigger'::regtype
  AND has_function_privilege(oid, 'EXECUTE')
"""
# Written by ticks that have not run.
NOTHING_YET = {"audit_bookmark", "audit_comparison", "audit_unexplainedchange"}


def names(tables: str) -> set[str]:
    return {table.strip() for table in tables.split(",")}


@pytest.mark.django_db(transaction=True)
def test_the_owner_and_a_human_reader_see_no_record(
    owner_connection: psycopg.Connection, superuser_connection: psycopg.Connection, db_name: str
) -> None:
    cast = make_cast()
    for table in sorted(domain_tables()):
        assert rows_in(owner_connection, table) == 0, table
    with owner_connection.transaction():
        owner_connection.execute("SELECT set_config('sim.system', 'on', true)")
        assert owner_connection.execute("SELECT count(*) FROM cases_patient").fetchone() == (2,)
    alert = closed_alert(cast)
    AlertPutBefore.objects.create(alert=alert, officer=cast["ivy"], day=alert.day, number=1)
    for table in EXCUSED:
        # There is something to see.
        assert rows_in(superuser_connection, table) or table in NOTHING_YET, table
    superuser_connection.execute("CREATE ROLE sim_test_human LOGIN IN ROLE sim_reader")
    try:
        with server().connect(db_name, user="sim_test_human") as human:
            assert human.execute("SELECT count(*) FROM accounts_team").fetchone() == (2,)
            human.execute("SELECT set_config('sim.system', 'on', false)")
            human.execute("SELECT set_config('sim.user', '1', false)")
            readable = {str(table) for (table,) in human.execute(READABLE_BY_ME)}
            assert readable == names(READABLE) - names(TRAIL)
            for table in sorted(readable - SET_UP):
                assert rows_in(human, table) == 0, table
            assert human.execute(CALLABLE_BY_ME).fetchall() == []
            for secret in (
                "accounts_session",
                "mfa_authenticator",
                "accounts_user",
                "cases_searchname",
                "audit_alert",
                *EXCUSED,
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    rows_in(human, secret)
    finally:
        superuser_connection.execute("DROP ROLE sim_test_human")


def test_each_patient_stands_in_the_search_index_with_all_their_names(
    cast: Cast, superuser_connection: psycopg.Connection
) -> None:
    with access_context(route="t", is_system=True):
        patient = make_patient(
            cast.north, cast["amira"], cast["pete"], given_name="Zoë", family_name="Abel", preferred_name="Zo"
        )
        patient.othernames.create(
            kind="alias",
            name="Zed",
            controller=patient.controller,
            regime=patient.regime,
            created_by=cast["amira"],
        )
    names = search_names(patient.pk)
    assert names == {"ZOË", "ABEL", "ZO", "ZED"}
    with access_context(route="t", is_system=True):
        patient.family_name = "Baker"
        patient.save()
        patient.othernames.get().delete()
    assert search_names(patient.pk) == {"ZOË", "BAKER", "ZO"}
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        seen(cast["amira"], "cases_searchname", "name")


def search_names(patient: uuid.UUID) -> set[str]:
    """The test's own transaction holds the rows, so the look-up role is borrowed inside it by nobody: ask by search."""
    found = set()
    for word in ("ZOË", "ABEL", "BAKER", "ZO", "ZED"):
        with acting(Acting(user=_amira())), permit_statements(), connection.cursor() as cursor:
            cursor.execute("SELECT lookup_patients(%s::text[], null, null, null, 26)", [[word]])
            if (patient,) in cursor.fetchall():
                found.add(word)
    return found


def _amira() -> int:
    return int(User.objects.get(username="amira").pk)

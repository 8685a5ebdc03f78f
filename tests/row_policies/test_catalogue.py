"""What the database's own catalogue says: every table about a patient is locked, and the application owns nothing."""

from __future__ import annotations

import psycopg
import pytest
from django.apps import apps
from django.conf import settings

from accounts.roles import Act, roles_that_may
from core.models import GuardedModel

pytestmark = pytest.mark.django_db
APPLICATION = "sim_app"
# Tables of the trail without policies, and why. In none that names a person may the application change a row.
EXCUSED = {
    "audit_logentry": "says who did what and masks what was written; who may read it is one of its own entries",
    "audit_entrysubject": "keys, references and relationships of patients: read by officers alone, each look an entry",
    "audit_rowchange": "table, key and transaction of each change, written by triggers in everybody's transactions",
    "audit_unexplainedchange": "the same of changes without an entry, found by the comparison",
    "audit_comparison": "how far the comparison has come; about nobody",
    "audit_bookmark": "how far the detectors have read; about nobody",
    "audit_alertputbefore": "which officer was shown which alert on which day, by key; no patient and no words",
}
# Their rows belong to a row of another table, whose own policies hold inside of theirs.
BELONGS_TO = {"audit_alertstep": "audit_alert", "audit_alertentry": "audit_alert"}


def domain_tables() -> set[str]:
    """Tables of guarded models, of the trail, and of every other model or table without one that names a patient."""
    guarded = {model._meta.db_table for model in apps.get_models() if issubclass(model, GuardedModel)}
    pointing = {
        model._meta.db_table
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.related_model is not None and field.related_model._meta.label == "cases.Patient"
    }
    trail = {model._meta.db_table for model in apps.get_app_config("audit").get_models()}
    return (guarded | pointing | trail) - set(EXCUSED) | {"cases_searchname"}


def ask(connection: psycopg.Connection, question: str) -> list[tuple[object, ...]]:
    return connection.execute(question.encode()).fetchall()


def test_every_domain_table_has_forced_policies_for_each_kind_of_statement(
    superuser_connection: psycopg.Connection,
) -> None:
    forced = {
        name
        for (name,) in ask(
            superuser_connection,
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity",
        )
    }
    tables = domain_tables()
    assert len(tables) >= 25
    assert tables <= forced, f"without policies: {sorted(tables - forced)}"
    held = {
        (table, command)
        for table, command in ask(
            superuser_connection, "SELECT tablename, cmd FROM pg_policies WHERE 'sim_app' = ANY (roles)"
        )
    }
    # Nobody but the look-up role reads the index that search walks.
    wanted = {
        (table, command)
        for table in tables - {"cases_searchname"}
        for command in ("SELECT", "INSERT", "UPDATE", "DELETE")
    }
    assert wanted <= held, sorted(wanted - held)
    assert not any(table == "cases_searchname" for table, _ in held)


def test_each_excuse_is_of_a_table_that_is_there_and_has_no_policies(
    superuser_connection: psycopg.Connection,
) -> None:
    bare = {
        name
        for (name,) in ask(
            superuser_connection,
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relrowsecurity",
        )
    }
    assert set(EXCUSED) <= bare
    may = ask(
        superuser_connection,
        "SELECT t, p FROM unnest(ARRAY['audit_logentry', 'audit_entrysubject', 'audit_rowchange',"
        " 'audit_unexplainedchange', 'audit_alertputbefore']) t,"
        " unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) p WHERE has_table_privilege('sim_app', t, p)",
    )
    assert may == []


def test_no_policy_lets_everybody_pass(superuser_connection: psycopg.Connection) -> None:
    conditions = ask(
        superuser_connection,
        "SELECT tablename, policyname, coalesce(qual, with_check) FROM pg_policies WHERE schemaname = 'public'",
    )
    assert len(conditions) > 100
    for table, policy, condition in conditions:
        asks_who = "acting" in str(condition) or "may_" in str(condition) or "leads_" in str(condition)
        belongs = table in BELONGS_TO and f"FROM {BELONGS_TO[str(table)]} a" in str(condition)
        assert asks_who or belongs or str(condition) in {"core_is_system()", "(core_is_system() OR false)"}, (
            table,
            policy,
            condition,
        )


def test_the_application_owns_nothing_and_bypasses_nothing(superuser_connection: psycopg.Connection) -> None:
    owned = ask(
        superuser_connection,
        "SELECT c.relname::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = 'sim_app'"
        " UNION ALL SELECT p.proname::text FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner"
        " WHERE r.rolname = 'sim_app' UNION ALL SELECT n.nspname::text FROM pg_namespace n"
        " JOIN pg_roles r ON r.oid = n.nspowner WHERE r.rolname = 'sim_app'",
    )
    assert owned == []
    roles = {
        name: tuple(rest)
        for name, *rest in ask(
            superuser_connection,
            "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb FROM pg_roles"
            " WHERE rolname LIKE 'sim_%'",
        )
    }
    assert roles["sim_app"] == (False, False, True, False, False)
    assert roles["sim_owner"] == (False, False, True, False, False)
    assert roles["sim_reader"] == (False, False, False, False, False)
    assert roles["sim_lookup"] == (False, True, False, False, False)
    assert roles["sim_backup"] == (False, True, True, False, False)
    members = ask(
        superuser_connection,
        "SELECT m.rolname FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid"
        " JOIN pg_roles m ON m.oid = a.member WHERE r.rolname IN ('sim_lookup', 'sim_owner')"
        " AND m.rolname LIKE 'sim_%'",
    )
    assert members == [("sim_owner",)]


def test_functions_past_the_policies_pin_their_search_path_and_are_not_for_everybody(
    superuser_connection: psycopg.Connection,
) -> None:
    found = ask(
        superuser_connection,
        "SELECT p.proname, p.proconfig, has_function_privilege('public', p.oid, 'EXECUTE') FROM pg_proc p"
        " JOIN pg_roles r ON r.oid = p.proowner WHERE p.prosecdef AND r.rolname = 'sim_lookup'",
    )
    names = {str(name) for name, _, _ in found}
    assert {"may_read_patient", "may_write_patient", "lookup_patients", "lookup_references"} <= names
    for name, config, is_public in found:
        assert config, name
        assert "search_path=pg_catalog, public, pg_temp" in str(config), name
        assert not is_public, name
    # What hands out more than yes or no is refused by the statement guard unless somebody permits it.
    assert all(
        str(name).startswith(
            ("may_", "reads_", "lookup_", "acting_groups", "leads_", "cases_write_search_names")
        )
        for name in names
    ), names


def test_the_rules_name_the_roles_and_days_that_the_code_names(
    superuser_connection: psycopg.Connection,
) -> None:
    text = {
        str(name): str(source)
        for name, source in ask(
            superuser_connection,
            "SELECT proname, prosrc FROM pg_proc WHERE proname IN"
            " ('may_read_patient', 'may_read_clinical', 'may_write_patient', 'may_write_clinical',"
            " 'may_break_glass', 'may_review_trail_of')",
        )
    }
    acts = {
        "may_read_patient": Act.OPEN_RECORD,
        "may_read_clinical": Act.READ_CLINICAL,
        "may_write_patient": Act.LOG_CONTACT,
        "may_write_clinical": Act.WRITE_CLINICAL,
        "may_break_glass": Act.BREAK_GLASS,
        "may_review_trail_of": Act.READ_TRAIL,
    }
    for function, act in acts.items():
        for role in roles_that_may(act):
            assert f"'{role}'" in text[function], (function, role)
    for function in ("may_read_clinical", "may_write_clinical", "may_break_glass"):
        grant = text[function].split("BEING")[0]
        assert "'police mentor'" not in grant.split("cases_patient p")[0], function
    assert f"today - {settings.CLOSED_CASE_READ_DAYS})" in text["may_read_patient"]

"""Removals in the database: each policy lets everybody who is signed in pass, each listed condition of a rule is taken out, each trigger is dropped.

Read from the catalogue of a migrated database, so that a new policy or trigger is a new removal by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import psycopg

from tests.mutations.places import EACH, GLASS, WALK
from tests.mutations.removals import NotApplied, Removal, of_lock

RAW = "tests/row_policies/test_raw_sql.py"
EVERY_TABLE = "tests/row_policies/test_every_table.py"
WHOSE = "tests/row_policies/test_whose_it_is.py"
ALERTS = "tests/row_policies/test_alerts.py"
BACKSTOP = ("tests/architecture/test_watched_rows.py", "tests/audit_trail/test_write_backstop.py")
WHOM = "tests/safeguards/test_s31_whom_a_statement_means.py"
STAFF = "tests/safeguards/test_s30_staff_checks.py"
POLICIES = """
SELECT tablename, policyname, cmd FROM pg_policies
WHERE schemaname = 'public' AND 'sim_app' = ANY (roles) ORDER BY tablename, policyname
"""
TRIGGERS = """
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgparentid = 0 ORDER BY c.relname, t.tgname
"""


class Condition(NamedTuple):
    """``old`` stands in the function's definition, maybe more than once, and becomes ``new``."""

    function: str
    old: str
    new: str
    tests: tuple[str, ...]


READING_RULES = ("may_read_patient(uuid)", "may_read_clinical(uuid)")
WRITING_RULES = ("may_write_patient(uuid)", "may_write_clinical(uuid)")
CLINICAL_ROLES = "m.role IN ('clinical mentor', 'clinical lead', 'deputy clinical lead')"
_CURRENT = [
    ("u.is_active", "true"),
    ("m.ended_at IS NULL", "true"),
    ("m.starts_on <= today", "true"),
    ("(m.ends_on IS NULL OR m.ends_on >= today)", "true"),
    ("m.cleared_until >= today", "true"),
]
_MEMBERSHIP = [
    *_CURRENT,
    ("m.role IN ('clinical mentor', 'police mentor', 'clinical lead', 'deputy clinical lead')", "true"),
    (CLINICAL_ROLES, "true"),
]
_GRANT = [
    ("g.content_object_id = patient", "true"),
    ("c.patient_id = g.content_object_id", "true"),
    ("c.team_id = t.id", "true"),
    ("t.group_id = g.group_id", "true"),
]
CONDITIONS = [
    *(
        Condition(rule, old, new, (EACH, RAW, WALK))
        for rule in (*READING_RULES, *WRITING_RULES)
        for old, new in (*_MEMBERSHIP, *_GRANT)
        # Every role that may write may write what is not clinical: no rule of its own for it.
        if (rule, old) != ("may_write_patient(uuid)", CLINICAL_ROLES)
    ),
    *(
        Condition(rule, old, new, (EACH, RAW, WALK))
        for rule in READING_RULES
        for old, new in [
            ("c.closed_on >= today - 28", "true"),
            ("e.expires_at > core_now()", "true"),
            ("e.user_id = acting", "true"),
            ("b.ended_at IS NULL", "true"),
            ("b.ends_at > core_now()", "true"),
            ("b.created_by_id = acting", "true"),
        ]
    ),
    *(Condition(rule, "c.closed_on IS NULL", "true", (EACH, RAW, WALK)) for rule in WRITING_RULES),
    Condition("may_review_trail_of(uuid)", "m.role = 'IG officer'", "true", (EACH, RAW, WALK)),
    Condition(
        "may_review_trail_of(uuid)",
        "m.organisation_id IN (t.trust_id, t.force_id)",
        "true",
        (EACH, RAW, WALK),
    ),
    Condition("may_review_break_glass(uuid)", "m.team_id = p.team_id", "true", (EACH, RAW, WALK)),
    *(
        Condition(
            f"{rule}()",
            old.replace("today", "core_today()").replace("acting", "core_acting_user()"),
            "true",
            (ALERTS,),
        )
        for rule in ("lookup_workers_under_review", "lookup_people_under_review")
        for old, _ in (*_CURRENT, ("m.role = 'IG officer'", "true"), ("m.user_id = acting", "true"))
    ),
    Condition(
        "lookup_people_under_review()", "m.organisation_id IN (t.trust_id, t.force_id)", "true", (ALERTS,)
    ),
    Condition("may_answer_alert(uuid)", "s.kind = 'asked'", "true", (ALERTS,)),
    Condition(
        "lookup_patients(text[],text,text,date,integer)",
        "may_read_patient(found.id)",
        "true",
        (EACH, RAW, WALK),
    ),
]


def from_catalogue(connection: psycopg.Connection) -> Iterator[Removal]:
    for table, policy, command in connection.execute(POLICIES).fetchall():
        # Not "true": that is found by reading the catalogue, and says nothing of what the policy keeps from whom.
        anybody = "(core_acting_user() IS NOT NULL OR core_is_system())"
        condition = f"WITH CHECK {anybody}" if command == "INSERT" else f"USING {anybody}"
        condition += f" WITH CHECK {anybody}" if command == "UPDATE" else ""
        yield of_lock(
            f"{table}: {policy} lets everybody pass",
            f"ALTER POLICY {policy} ON {table} {condition}",
            (EVERY_TABLE,),
        )
    for table, trigger in connection.execute(TRIGGERS).fetchall():
        tests = _catching(table, trigger)
        yield of_lock(f"{table}: no trigger {trigger}", f"DROP TRIGGER {trigger} ON {table}", tests)
    for condition in CONDITIONS:
        yield of_lock(
            f"{condition.function}: {condition.old} is not asked",
            _without(connection, condition),
            condition.tests,
        )


def _catching(table: str, trigger: str) -> tuple[str, ...]:
    if trigger.startswith("audit_note_"):
        return BACKSTOP
    if trigger in OF_TRIGGER:
        return OF_TRIGGER[trigger]
    # What is about that kind of table goes first.
    nearest = [places for beginning, places in OF_TABLES.items() if table.startswith(beginning)]
    return tuple(dict.fromkeys(place for places in (*nearest, *OF_TABLES.values()) for place in places))


OF_TRIGGER = {
    "cleared_until": (STAFF, WALK),
    "whose_it_is_stays": (WHOSE,),
    "search_names": (RAW, "tests/integration/test_patients_registering.py"),
}
# By the beginning of the table's name, the longer one first.
OF_TABLES = {
    "cases_breakglass": (WHOM, *GLASS),
    "crisis_plans_": ("tests/integration/test_plans_database.py", "tests/safeguards/test_s07_versions.py"),
    "audit_alert": ("tests/audit_trail/test_alert_life.py",),
    "accounts_": (STAFF,),
    "cases_": (
        "tests/safeguards/test_s15_signed_entries.py",
        "tests/safeguards/test_s11_review_of_police_presence.py",
        "tests/safeguards/test_s10_police_at_planned_therapy.py",
        "tests/integration/test_visits.py",
    ),
    "audit_": ("tests/audit_trail/test_append_only.py", "tests/migrations/test_trail_migrations.py"),
}


def _without(connection: psycopg.Connection, condition: Condition) -> str:
    """The function's definition without the condition.

    Raises: NotApplied when there is no such function, or it does not ask that.
    """
    found = connection.execute(
        "SELECT pg_get_functiondef(to_regprocedure(%s)::oid)", [condition.function]
    ).fetchone()
    definition = str(found[0]) if found and found[0] else ""
    if condition.old not in definition:
        raise NotApplied(f"{condition.function} does not ask {condition.old}")
    return definition.replace(condition.old, condition.new)

"""List and search walk an index under the policies, in a database of 4,000 people in 80 teams."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from accounts.models import User
from cases.permissions import visible_patients
from cases.selectors.access import find_access
from cases.selectors.caseload import Narrowed, caseload
from core.access_guard import permit_statements
from core.acting import Acting, acting
from crisis_plans.selectors import next_review
from reminders.selectors import overdue_tasks
from tests.contact_log import at_work
from tests.people import Cast, make_cast

pytestmark = pytest.mark.django_db(transaction=True)
SEARCH: str = import_module("cases.migrations.0009_look_ups").SEARCH

# Copies of North's patient, case and grant, spread over 80 teams; past all triggers.
MANY = """
SET session_replication_role = replica;
CREATE TEMP TABLE t AS SELECT * FROM accounts_team WHERE name = 'North team';
INSERT INTO auth_group (id, name) SELECT 100000 + n, 'many ' || n FROM generate_series(1, 80) n;
INSERT INTO accounts_team (id, name, trust_id, force_id, phone, group_id)
    SELECT 100000 + n, 'Many ' || n, t.trust_id, t.force_id, t.phone, 100000 + n FROM t, generate_series(1, 80) n;
CREATE TEMP TABLE p AS SELECT * FROM cases_patient WHERE family_name = 'Quill';
CREATE TEMP TABLE made AS SELECT n, gen_random_uuid() AS id, 100000 + n % 80 + 1 AS team FROM generate_series(1, 4000) n;
INSERT INTO cases_patient SELECT (jsonb_populate_record(p, jsonb_build_object('id', made.id, 'team_id', made.team,
    'reference', 'SC-' || lpad(made.n::text, 6, '0'), 'family_name', 'Family' || made.n))).* FROM p, made;
CREATE TEMP TABLE c AS SELECT * FROM cases_case WHERE patient_id = (SELECT id FROM p);
INSERT INTO cases_case SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(),
    'team_id', made.team, 'patient_id', made.id))).* FROM c, made;
CREATE TEMP TABLE g AS SELECT * FROM cases_patientgroupobjectpermission WHERE content_object_id = (SELECT id FROM p);
INSERT INTO cases_patientgroupobjectpermission SELECT (jsonb_populate_record(g, jsonb_build_object('id', 100000 + made.n,
    'group_id', made.team, 'content_object_id', made.id))).* FROM g, made;
INSERT INTO cases_searchname SELECT id, 'FAMILY' || n FROM made;
SET session_replication_role = origin;
ANALYZE;
"""


@pytest.fixture
def cast(superuser_connection: psycopg.Connection) -> Cast:
    made = make_cast()
    superuser_connection.execute(MANY.encode())
    return made


def nodes(plan: object) -> list[str]:
    """Every node of a plan that reads a table, as "Kind of table" with the index if there is one."""
    found = []
    if isinstance(plan, dict):
        if "Relation Name" in plan:
            found.append(f"{plan['Node Type']} {plan['Relation Name']} {plan.get('Index Name', '')}")
        elif plan.get("Node Type") == "Bitmap Index Scan":
            found.append(f"Bitmap Index Scan {plan['Index Name']}")
        for value in plan.values():
            found += nodes(value)
    elif isinstance(plan, list):
        for value in plan:
            found += nodes(value)
    return found


def plan_of(sql: str, parameters: object = None) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        (plan,) = cursor.fetchone()
    return nodes(json.loads(plan) if isinstance(plan, str) else plan)


def assert_no_walk_over_everybody(found: list[str]) -> None:
    large = re.compile(
        r"^(Seq Scan|Parallel Seq Scan) (cases_patient|cases_case|cases_patientgroupobjectpermission|cases_searchname)\b"
    )
    assert not [node for node in found if large.match(node)], found


def read_plans(cast: Cast, read: Callable[[User], object]) -> list[list[str]]:
    """The plans of what ``read_together`` sends, its joins in the order in which they are written."""
    amira = cast["amira"]
    captured: list[tuple[str, Any]] = []

    def keep(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        captured.append((sql, params))
        return execute(sql, params, many, context)

    with at_work(amira):
        with connection.execute_wrapper(keep):
            read(amira)
        with permit_statements(), connection.cursor() as cursor:
            found = []
            for sql, parameters in captured:
                if sql.startswith("SET LOCAL"):
                    cursor.execute(sql.replace("; SELECT", "; EXPLAIN (FORMAT JSON) SELECT", 1), parameters)
                    cursor.nextset()
                    (plan,) = cursor.fetchone()
                    found.append(nodes(json.loads(plan) if isinstance(plan, str) else plan))
    return found


def test_the_caseload_starts_from_the_teams_own_cases(cast: Cast) -> None:
    (found, *others) = read_plans(
        cast,
        lambda amira: caseload(
            amira, Narrowed(), overdue=lambda: overdue_tasks(amira), next_review=next_review
        ),
    )
    for plan in (found, *others):
        assert_no_walk_over_everybody(plan)
    assert any("cases_patient" in node and "Index" in node for node in found), found


def test_what_one_may_do_on_a_record_starts_from_its_cases(cast: Cast) -> None:
    (found,) = read_plans(cast, lambda amira: find_access(amira, cast.nora.pk))
    assert_no_walk_over_everybody(found)
    assert any("cases_case" in node and "Index" in node for node in found), found


def test_one_record_is_found_by_its_key(cast: Cast) -> None:
    amira = cast["amira"]
    query = visible_patients(amira).filter(pk=cast.nora.pk)
    with transaction.atomic(), acting(Acting(user=amira.pk)), permit_statements():
        found = plan_of(*query.query.sql_with_params())
    assert_no_walk_over_everybody(found)


@pytest.mark.parametrize("words", [["FAMILY17"], ["QUIL"], ["NORA", "QUILL"]])
def test_search_walks_the_index_of_names(
    cast: Cast, superuser_connection: psycopg.Connection, words: list[str]
) -> None:
    named = {
        "words": "%(words)s::text[]",
        "wanted_reference": "null::text",
        "wanted_number": "null::text",
        "born": "null::date",
        "most": "26",
    }
    sql = re.sub(
        rf"\b({'|'.join(named)})\b(?! *\()",
        lambda match: named[match.group(1)],
        SEARCH.replace(" % ", " %% "),
    )
    with superuser_connection.transaction():
        superuser_connection.execute("SELECT set_config('sim.user', %s, true)", [str(cast["amira"].pk)])
        ((plan,),) = superuser_connection.execute(
            f"EXPLAIN (FORMAT JSON) {sql}".encode(), {"words": words}
        ).fetchall()
    found = nodes(plan)
    assert_no_walk_over_everybody(found)
    assert any("cases_searchname_of_patient" in node for node in found), found

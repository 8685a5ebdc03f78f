"""Row-level security: the lock behind ``cases.permissions``, and the functions that say whom it opens for.

The rule is written a second time, on purpose: a property test holds both equal (tests/permissions). The functions belong
to a role that policies do not bind and nobody signs in as, or they would ask themselves.
"""

from django.db import migrations

from cases.row_policies import (
    READ_CLINICAL,
    WRITE_CLINICAL,
    owned_by_look_up,
    policies,
    protect,
    unprotect,
)

OPENS_RECORD = "'clinical mentor', 'police mentor', 'clinical lead', 'deputy clinical lead'"
# These may also break the glass.
CLINICAL = "'clinical mentor', 'clinical lead', 'deputy clinical lead'"
DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

_CURRENT = """m.user_id = acting AND u.is_active AND m.ended_at IS NULL
            AND m.starts_on <= today AND (m.ends_on IS NULL OR m.ends_on >= today)
            AND m.cleared_until >= today"""

# A case of the grant's own team and patient ties grant, team and membership together.
_BY_TEAM = f"""EXISTS (
        SELECT FROM cases_patientgroupobjectpermission g
        JOIN accounts_team t ON t.group_id = g.group_id
        JOIN cases_case c ON c.team_id = t.id AND c.patient_id = g.content_object_id
        JOIN accounts_membership m ON m.team_id = t.id
        JOIN accounts_user u ON u.id = m.user_id
        WHERE g.content_object_id = patient AND {_CURRENT}
            AND m.role IN ({{roles}}) AND {{case_allows}}
    )"""  # noqa: S608  (constants of this module)
_BY_EXCEPTION = f"""EXISTS (
        SELECT FROM cases_patientuserobjectpermission e
        JOIN accounts_membership m ON m.user_id = e.user_id
        JOIN accounts_user u ON u.id = m.user_id
        WHERE e.content_object_id = patient AND e.user_id = acting AND e.expires_at > core_now()
            AND {_CURRENT} AND m.role IN ({{roles}})
    )"""  # noqa: S608
_BY_BREAK_GLASS = f"""EXISTS (
        SELECT FROM cases_breakglass b
        JOIN accounts_membership m ON m.user_id = b.created_by_id
        JOIN accounts_user u ON u.id = m.user_id
        WHERE b.patient_id = patient AND b.created_by_id = acting AND b.ended_at IS NULL AND b.ends_at > core_now()
            AND {_CURRENT} AND m.role IN ({CLINICAL})
    )"""  # noqa: S608
# From the patient's own row until the grant, both of one transaction.
_BEING_REGISTERED = f"""EXISTS (
        SELECT FROM cases_patient p
        JOIN accounts_membership m ON m.team_id = p.team_id
        JOIN accounts_user u ON u.id = m.user_id
        WHERE p.id = patient AND p.created_by_id = acting AND {_CURRENT} AND m.role IN ({OPENS_RECORD})
            AND NOT EXISTS (SELECT FROM cases_patientgroupobjectpermission g WHERE g.content_object_id = p.id)
    )"""  # noqa: S608
_OPEN = "c.closed_on IS NULL"
# CLOSED_CASE_READ_DAYS; a test holds both equal.
_OPEN_OR_JUST_CLOSED = "(c.closed_on IS NULL OR c.closed_on >= today - 28)"


def _rule(name: str, answer: str) -> str:
    return f"""
CREATE FUNCTION {name}(patient uuid) RETURNS boolean LANGUAGE plpgsql STABLE {DEFINER} COST 300 AS $$
DECLARE
    acting bigint := nullif(current_setting('sim.user', true), '')::bigint;
    today date := core_today();
BEGIN
    RETURN acting IS NOT NULL AND ({answer});
END $$;
{owned_by_look_up(f"{name}(uuid)")}"""


def _reading(roles: str) -> str:
    by_team = _BY_TEAM.format(roles=roles, case_allows=_OPEN_OR_JUST_CLOSED)
    others = f"{_BY_EXCEPTION.format(roles=roles)}\n    OR {_BY_BREAK_GLASS}\n    OR {_BEING_REGISTERED}"
    return f"{by_team}\n    OR {others}"


def _writing(roles: str) -> str:
    return f"{_BY_TEAM.format(roles=roles, case_allows=_OPEN)}\n    OR {_BEING_REGISTERED}"


FUNCTIONS = f"""
GRANT SELECT ON accounts_membership, accounts_team, accounts_user, cases_case, cases_patient, cases_othername,
    cases_patientgroupobjectpermission, cases_patientuserobjectpermission, cases_breakglass TO sim_lookup;
{_rule("may_read_patient", _reading(OPENS_RECORD))}
{_rule("may_read_clinical", _reading(CLINICAL))}
{_rule("may_write_patient", _writing(OPENS_RECORD))}
{_rule("may_write_clinical", _writing(CLINICAL))}

-- An information governance officer finds the people of teams in which the officer's organisation takes part.
CREATE FUNCTION may_review_trail_of(patient uuid) RETURNS boolean LANGUAGE plpgsql STABLE {DEFINER} COST 300 AS $$
DECLARE
    acting bigint := nullif(current_setting('sim.user', true), '')::bigint;
    today date := core_today();
BEGIN
    RETURN acting IS NOT NULL AND EXISTS (
        SELECT FROM cases_patient p
        JOIN accounts_team t ON t.id = p.team_id
        JOIN accounts_membership m ON m.organisation_id IN (t.trust_id, t.force_id)
        JOIN accounts_user u ON u.id = m.user_id
        WHERE p.id = patient AND {_CURRENT} AND m.role = 'IG officer'
    );
END $$;
{owned_by_look_up("may_review_trail_of(uuid)")}

-- Leads of the team that keeps a record review its openings by break-glass, also when the case has long been closed.
CREATE FUNCTION may_review_break_glass(patient uuid) RETURNS boolean LANGUAGE plpgsql STABLE {DEFINER} COST 300 AS $$
DECLARE
    acting bigint := nullif(current_setting('sim.user', true), '')::bigint;
    today date := core_today();
BEGIN
    RETURN acting IS NOT NULL AND EXISTS (
        SELECT FROM cases_patient p
        JOIN cases_breakglass b ON b.patient_id = p.id
        JOIN accounts_membership m ON m.team_id = p.team_id
        JOIN accounts_user u ON u.id = m.user_id
        WHERE p.id = patient AND {_CURRENT} AND m.role IN ('clinical lead', 'deputy clinical lead')
    ) OR may_review_trail_of(patient);
END $$;
{owned_by_look_up("may_review_break_glass(uuid)")}

CREATE FUNCTION may_break_glass() RETURNS boolean LANGUAGE plpgsql STABLE {DEFINER} AS $$
DECLARE
    acting bigint := nullif(current_setting('sim.user', true), '')::bigint;
    today date := core_today();
BEGIN
    RETURN acting IS NOT NULL AND EXISTS (
        SELECT FROM accounts_membership m JOIN accounts_user u ON u.id = m.user_id
        WHERE {_CURRENT} AND m.role IN ({CLINICAL})
    );
END $$;
{owned_by_look_up("may_break_glass()")}

CREATE FUNCTION may_register_patient(team bigint) RETURNS boolean LANGUAGE plpgsql STABLE {DEFINER} COST 300 AS $$
DECLARE
    acting bigint := nullif(current_setting('sim.user', true), '')::bigint;
    today date := core_today();
BEGIN
    RETURN acting IS NOT NULL AND EXISTS (
        SELECT FROM accounts_membership m JOIN accounts_user u ON u.id = m.user_id
        WHERE m.team_id = team AND {_CURRENT} AND m.role IN ({OPENS_RECORD})
    );
END $$;
{owned_by_look_up("may_register_patient(bigint)")}

-- The groups of one's own teams: asked once a statement, where a rule for each row would cost as much as the record.
CREATE FUNCTION acting_groups() RETURNS integer[] LANGUAGE plpgsql STABLE {DEFINER} AS $$
DECLARE
    acting bigint := nullif(current_setting('sim.user', true), '')::bigint;
    today date := core_today();
BEGIN
    RETURN ARRAY(
        SELECT t.group_id FROM accounts_membership m
        JOIN accounts_team t ON t.id = m.team_id
        JOIN accounts_user u ON u.id = m.user_id
        WHERE {_CURRENT} AND m.role IN ({OPENS_RECORD})
    );
END $$;
{owned_by_look_up("acting_groups()")}
"""  # noqa: S608

PLAIN = [
    "cases_othername",
    "cases_relatedperson",
    "cases_case",
    "cases_visit",
    "cases_visitparticipant",
    "cases_visitoutcome",
    "cases_contact",
    "cases_contactparticipant",
    "cases_contactsignature",
    "cases_contactstrikeout",
    "cases_contactreview",
]
_OWN_GLASS = "created_by_id = core_acting_user()"
POLICIES = {
    "cases_patient": policies(
        "cases_patient",
        read="may_read_patient(id) OR may_review_break_glass(id)",
        write="may_write_patient(id)",
        insert="may_register_patient(team_id)",
    ),
    **{table: protect(table) for table in PLAIN if table != "cases_othername"},
    "cases_othername": protect(
        "cases_othername", read="may_read_patient({patient}) OR may_review_trail_of({patient})"
    ),
    "cases_contactclinicalnote": protect(
        "cases_contactclinicalnote", read=READ_CLINICAL, write=WRITE_CLINICAL
    ),
    "cases_contactaddendum": protect(
        "cases_contactaddendum",
        read=f"CASE WHEN is_clinical_only THEN {READ_CLINICAL} ELSE may_read_patient({{patient}}) END",
        write=f"CASE WHEN is_clinical_only THEN {WRITE_CLINICAL} ELSE may_write_patient({{patient}}) END",
    ),
    "cases_draft": policies(
        "cases_draft",
        # An author's alone; about nobody yet, or about somebody they may see.
        read="(user_id = core_acting_user() AND CASE WHEN patient_id IS NULL THEN true"
        " WHEN is_clinical_only THEN may_read_clinical(patient_id) ELSE may_read_patient(patient_id) END)",
        write="(user_id = core_acting_user() AND CASE WHEN patient_id IS NULL THEN true"
        " WHEN is_clinical_only THEN may_read_clinical(patient_id) ELSE may_read_patient(patient_id) END)",
    ),
    "cases_breakglass": policies(
        "cases_breakglass",
        read=f"({_OWN_GLASS} OR may_review_break_glass(patient_id))",
        write=f"({_OWN_GLASS} OR may_review_break_glass(patient_id))",
        insert=f"({_OWN_GLASS} AND may_break_glass())",
    ),
    "cases_breakglassreview": policies(
        "cases_breakglassreview",
        read=f"({_OWN_GLASS} OR may_review_break_glass(patient_id))",
        write=f"({_OWN_GLASS} AND may_review_break_glass(patient_id))",
    ),
    "cases_patientgroupobjectpermission": policies(
        "cases_patientgroupobjectpermission",
        read="group_id = ANY ((SELECT acting_groups())::integer[])",
        write="may_write_patient(content_object_id)",
    ),
    "cases_patientuserobjectpermission": policies(
        "cases_patientuserobjectpermission",
        read="user_id = core_acting_user()",
        write="false",
    ),
}

UNMAKE = """
DROP FUNCTION acting_groups();
DROP FUNCTION may_register_patient(bigint);
DROP FUNCTION may_break_glass();
DROP FUNCTION may_review_break_glass(uuid);
DROP FUNCTION may_review_trail_of(uuid);
DROP FUNCTION may_write_clinical(uuid);
DROP FUNCTION may_write_patient(uuid);
DROP FUNCTION may_read_clinical(uuid);
DROP FUNCTION may_read_patient(uuid);
REVOKE SELECT ON accounts_membership, accounts_team, accounts_user, cases_case, cases_patient, cases_othername,
    cases_patientgroupobjectpermission, cases_patientuserobjectpermission, cases_breakglass FROM sim_lookup;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0007_break_glass"),
        ("accounts", "0005_cleared_until"),
        ("core", "0002_acting"),
    ]

    operations = [
        migrations.RunSQL(FUNCTIONS + "".join(POLICIES.values()), "".join(map(unprotect, POLICIES)) + UNMAKE)
    ]

"""Row-level security for alerts, whose words may name the patient: the lock behind ``audit.alerts.selectors``.

Alerts are raised by the system. Officers read those of their scope and take steps in them; a worker reads and answers
one in which they were asked, and no other. Here, because the rule asks about patients and their teams.
"""

from importlib import import_module

from django.db import migrations

from cases.row_policies import owned_by_look_up, policies, unprotect

rules = import_module("cases.migrations.0008_row_policies")

_READS_TRAIL = f"{rules._CURRENT} AND m.role = 'IG officer'".replace("acting", "core_acting_user()").replace(
    "today", "core_today()"
)

# Sets, asked once a statement: a list walks over the alerts of the whole installation, and a rule asked about each of
# them would cost more than the page. They hand out keys, so the statement guard refuses them by their name.
FUNCTIONS = f"""
GRANT SELECT ON audit_alert, audit_alertstep TO sim_lookup;

-- Everybody who works or worked for an organisation for which the acting user reads the trail.
CREATE FUNCTION lookup_workers_under_review() RETURNS SETOF bigint LANGUAGE sql STABLE {rules.DEFINER} ROWS 300 AS $$
    WITH reading AS MATERIALIZED (
        SELECT m.organisation_id FROM accounts_membership m JOIN accounts_user u ON u.id = m.user_id WHERE {_READS_TRAIL}
    )
    SELECT w.id FROM accounts_user w JOIN reading ON reading.organisation_id = w.organisation_id
    UNION
    SELECT w.user_id FROM accounts_membership w JOIN reading ON reading.organisation_id = w.organisation_id
$$;
{owned_by_look_up("lookup_workers_under_review()")}

-- Those about whom may_review_trail_of says yes.
CREATE FUNCTION lookup_people_under_review() RETURNS SETOF uuid LANGUAGE sql STABLE {rules.DEFINER} ROWS 300 AS $$
    SELECT p.id FROM cases_patient p
    WHERE p.team_id IN (
        SELECT t.id FROM accounts_team t
        JOIN accounts_membership m ON m.organisation_id IN (t.trust_id, t.force_id)
        JOIN accounts_user u ON u.id = m.user_id
        WHERE {_READS_TRAIL}
    )
$$;
{owned_by_look_up("lookup_people_under_review()")}

CREATE FUNCTION may_answer_alert(alert uuid) RETURNS boolean LANGUAGE sql STABLE {rules.DEFINER} AS $$
    SELECT EXISTS (
        SELECT FROM audit_alert a JOIN audit_alertstep s ON s.alert_id = a.id AND s.kind = 'asked'
        WHERE a.id = alert AND a.worker_id = core_acting_user()
    )
$$;
{owned_by_look_up("may_answer_alert(uuid)")}
"""  # noqa: S608  (constants of our migrations)

# The policies of the alert hold inside: whoever reads it reads what belongs to it.
_ALERT_IS_READ = "EXISTS (SELECT FROM audit_alert a WHERE a.id = alert_id)"
POLICIES = {
    "audit_alert": policies(
        "audit_alert",
        read="""CASE WHEN worker_id = core_acting_user() THEN may_answer_alert(id)
        WHEN worker_id IN (SELECT lookup_workers_under_review()) THEN true
        ELSE patient_id IN (SELECT lookup_people_under_review()) END""",
        write="false",
    ),
    "audit_alertstep": policies(
        "audit_alertstep",
        read=_ALERT_IS_READ,
        write="false",
        # Triggers say which step is whose: the worker answers, and somebody else does everything else.
        insert=f"(by_id = core_acting_user() AND {_ALERT_IS_READ})",
    ),
    "audit_alertentry": policies("audit_alertentry", read=_ALERT_IS_READ, write="false"),
}
UNMAKE = """
DROP FUNCTION may_answer_alert(uuid);
DROP FUNCTION lookup_people_under_review();
DROP FUNCTION lookup_workers_under_review();
REVOKE SELECT ON audit_alert, audit_alertstep FROM sim_lookup;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0014_stated_patient"),
        ("audit", "0004_alerts"),
        ("accounts", "0007_alerts_outside_the_line"),
    ]

    operations = [
        migrations.RunSQL(FUNCTIONS + "".join(POLICIES.values()), "".join(map(unprotect, POLICIES)) + UNMAKE)
    ]

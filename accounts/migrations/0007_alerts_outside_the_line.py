"""A person's own postcode as a digest, and the line as the database knows it: nobody of it takes a step in an alert."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from audit.watching import watch_rows

# The same as accounts.line.is_in_line; a test holds both equal.
FORWARD = """
CREATE FUNCTION accounts_in_line(one bigint, other bigint, since date) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT one = other OR EXISTS (
        SELECT FROM accounts_membership lead JOIN accounts_membership led ON led.team_id = lead.team_id
        WHERE (lead.user_id = one AND led.user_id = other OR lead.user_id = other AND led.user_id = one)
          AND (lead.role IN ('clinical lead', 'deputy clinical lead') AND led.role IN ('clinical mentor', 'police mentor')
               OR lead.role = 'clinical lead' AND led.role = 'deputy clinical lead')
          AND accounts_held_since(lead, since) AND accounts_held_since(led, since)
    )
$$;
"""
HELD = """
CREATE FUNCTION accounts_held_since(membership accounts_membership, since date) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT membership.starts_on <= (statement_timestamp() AT TIME ZONE 'Europe/London')::date
       AND coalesce(membership.ends_on >= since, true)
       AND coalesce((membership.ended_at AT TIME ZONE 'Europe/London')::date >= since, true)
$$;
"""
TRIGGER = """
CREATE FUNCTION accounts_guard_alert_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind <> 'answered' AND EXISTS (
        SELECT FROM audit_alert a WHERE a.id = NEW.alert_id
           AND a.worker_id IS NOT NULL AND accounts_in_line(NEW.by_id, a.worker_id, a.day)
    ) THEN
        RAISE EXCEPTION 'Nobody looks into what their own line did.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER outside_the_line BEFORE INSERT ON audit_alertstep
    FOR EACH ROW EXECUTE FUNCTION accounts_guard_alert_step();
"""
BACKWARD = """
DROP TRIGGER outside_the_line ON audit_alertstep;
DROP FUNCTION accounts_guard_alert_step();
DROP FUNCTION accounts_in_line(bigint, bigint, date);
DROP FUNCTION accounts_held_since(accounts_membership, date);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_watched_rows"),
        ("audit", "0004_alerts"),
    ]

    operations = [
        migrations.CreateModel(
            name="HomePostcode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("given_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="home_postcode",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.RunSQL(HELD + FORWARD + TRIGGER, BACKWARD),
        watch_rows("accounts_homepostcode"),
    ]

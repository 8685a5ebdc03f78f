"""An overdue review of break-glass is tried once a day, so the database lets that moment change, and nothing else more."""

from django.db import migrations, models

_HOLD = """
CREATE OR REPLACE FUNCTION cases_hold_break_glass() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'An opening by break-glass is never removed.' USING ERRCODE = 'check_violation';
    END IF;
    IF (OLD.ended_at IS NOT NULL AND (NEW.ended_at, NEW.ended_by_id) IS DISTINCT FROM (OLD.ended_at, OLD.ended_by_id))
        OR (OLD.escalated_at IS NOT NULL AND NEW.escalated_at IS DISTINCT FROM OLD.escalated_at)
        OR to_jsonb(NEW) - '{{{changing}}}'::text[] IS DISTINCT FROM to_jsonb(OLD) - '{{{changing}}}'::text[]
    THEN
        RAISE EXCEPTION 'An opening by break-glass is ended once and otherwise stays as it is.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""
HELD_BEFORE = _HOLD.format(changing="ended_at,ended_by_id,escalated_at")
HELD = _HOLD.format(changing="ended_at,ended_by_id,escalated_at,escalation_tried_at")


class Migration(migrations.Migration):
    dependencies = [("cases", "0012_one_answer_a_statement")]

    operations = [
        migrations.AddField(
            model_name="breakglass",
            name="escalation_tried_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(HELD, HELD_BEFORE),
    ]

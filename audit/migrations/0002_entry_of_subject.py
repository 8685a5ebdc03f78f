"""Names the entry of a subject row for the ORM, and lets months be prepared after one was forgotten."""

import django.db.models.deletion
from django.db import migrations, models

# A month that already has rows in the default partition cannot have one of its own; that must not stop the others.
FORWARD = """
CREATE OR REPLACE FUNCTION audit_add_partitions(months integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    first_day date;
    parent text;
    part text;
BEGIN
    FOR step IN 0 .. least(months, 24) LOOP
        first_day := (date_trunc('month', statement_timestamp()) + make_interval(months => step))::date;
        FOREACH parent IN ARRAY ARRAY['audit_logentry', 'audit_entrysubject'] LOOP
            part := parent || to_char(first_day, '_YYYY_MM');
            IF to_regclass('public.' || part) IS NULL THEN
                BEGIN
                    EXECUTE format(
                        'CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
                        part, parent, first_day, (first_day + interval '1 month')::date);
                    EXECUTE format('REVOKE ALL ON public.%I FROM sim_app', part);
                EXCEPTION WHEN check_violation THEN
                    RAISE WARNING '% stays in the default partition: it has rows there already', part;
                END;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
"""
BACKWARD = """
CREATE OR REPLACE FUNCTION audit_add_partitions(months integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    first_day date;
    parent text;
    part text;
BEGIN
    FOR step IN 0 .. least(months, 24) LOOP
        first_day := (date_trunc('month', statement_timestamp()) + make_interval(months => step))::date;
        FOREACH parent IN ARRAY ARRAY['audit_logentry', 'audit_entrysubject'] LOOP
            part := parent || to_char(first_day, '_YYYY_MM');
            IF to_regclass('public.' || part) IS NULL THEN
                EXECUTE format(
                    'CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
                    part, parent, first_day, (first_day + interval '1 month')::date);
                EXECUTE format('REVOKE ALL ON public.%I FROM sim_app', part);
            END IF;
        END LOOP;
    END LOOP;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="entrysubject",
                    name="entry",
                    field=models.ForeignObject(
                        from_fields=["entry_id", "at"],
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="audit.logentry",
                        to_fields=["id", "timestamp"],
                    ),
                )
            ]
        ),
    ]

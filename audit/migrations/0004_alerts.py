"""Alerts and their life. The database itself holds that rows are only added, and that steps come in their order.

Who leads whom is known to accounts; its migration adds that nobody of the worker's line takes a step.
"""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from audit.watching import watch_rows

FORWARD = """
CREATE FUNCTION audit_refuse(words text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', words USING ERRCODE = 'check_violation';
END $$;

CREATE FUNCTION audit_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit_refuse('Rows of ' || TG_TABLE_NAME || ' are added and never changed.');
    RETURN NULL;
END $$;

-- Volatile, so that it sees what was committed while the caller waited for the alert's lock.
CREATE FUNCTION audit_alert_was(wanted uuid, step text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM audit_alertstep WHERE alert_id = wanted AND kind = step);
END $$;

-- Whoever adds to one alert waits for whoever else does.
CREATE FUNCTION audit_lock_alert(wanted uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(wanted::text, 32));
END $$;

-- The same again on the same day goes to the open alert; a further one follows a closed one only.
CREATE FUNCTION audit_guard_alert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number > 1 AND NOT EXISTS (
        SELECT FROM audit_alert a JOIN audit_alertstep s ON s.alert_id = a.id AND s.kind = 'closed'
        WHERE a.kind = NEW.kind AND a.day = NEW.day AND a.number = NEW.number - 1
          AND a.worker_id IS NOT DISTINCT FROM NEW.worker_id
          AND a.patient_id IS NOT DISTINCT FROM NEW.patient_id
    ) THEN
        PERFORM audit_refuse('A further alert of a day follows one that was closed.');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION audit_guard_alert_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit_lock_alert(NEW.alert_id);
    IF audit_alert_was(NEW.alert_id, 'closed') THEN
        PERFORM audit_refuse('This alert was closed; what comes later is a new one.');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION audit_guard_alert_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    about audit_alert%ROWTYPE;
    is_asked boolean;
    last_day date;
BEGIN
    PERFORM audit_lock_alert(NEW.alert_id);
    SELECT * INTO about FROM audit_alert WHERE id = NEW.alert_id;
    is_asked := audit_alert_was(NEW.alert_id, 'asked');
    IF about.patient_id IS DISTINCT FROM NEW.patient_id THEN
        PERFORM audit_refuse('A step is about the patient of its alert.');
    END IF;
    IF (NEW.kind = 'answered') <> coalesce(NEW.by_id = about.worker_id, false) THEN
        PERFORM audit_refuse('The worker answers, and somebody else does everything else.');
    END IF;
    IF NEW.kind = 'asked' AND about.worker_id IS NULL THEN
        PERFORM audit_refuse('Nobody is known who could be asked.');
    END IF;
    IF NEW.kind IN ('asked', 'answered') AND audit_alert_was(NEW.alert_id, 'decided') THEN
        PERFORM audit_refuse('This alert was decided.');
    END IF;
    IF NEW.kind = 'answered' AND NOT is_asked THEN
        PERFORM audit_refuse('An answer follows a question.');
    END IF;
    IF NEW.kind = 'closed' AND NOT audit_alert_was(NEW.alert_id, 'decided') THEN
        PERFORM audit_refuse('An alert is decided before it is closed.');
    END IF;
    -- Fairness: nothing is held against somebody who was not heard, or had no time to answer.
    IF NEW.kind = 'decided' AND NEW.outcome <> 'appropriate' AND about.worker_id IS NOT NULL
       AND NOT audit_alert_was(NEW.alert_id, 'answered') THEN
        SELECT answer_by INTO last_day FROM audit_alertstep WHERE alert_id = NEW.alert_id AND kind = 'asked';
        IF last_day IS NULL OR last_day >= (NEW.at AT TIME ZONE 'Europe/London')::date THEN
            PERFORM audit_refuse('The worker is heard first.');
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON audit_alert
    FOR EACH ROW EXECUTE FUNCTION audit_only_added();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON audit_alertentry
    FOR EACH ROW EXECUTE FUNCTION audit_only_added();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON audit_alertstep
    FOR EACH ROW EXECUTE FUNCTION audit_only_added();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON audit_alertputbefore
    FOR EACH ROW EXECUTE FUNCTION audit_only_added();
CREATE TRIGGER guard_alert BEFORE INSERT ON audit_alert
    FOR EACH ROW EXECUTE FUNCTION audit_guard_alert();
CREATE TRIGGER guard_alert_entry BEFORE INSERT ON audit_alertentry
    FOR EACH ROW EXECUTE FUNCTION audit_guard_alert_entry();
CREATE TRIGGER guard_alert_step BEFORE INSERT ON audit_alertstep
    FOR EACH ROW EXECUTE FUNCTION audit_guard_alert_step();
-- The triggers bind the owner too; the application has not even the right.
REVOKE UPDATE, DELETE, TRUNCATE ON audit_alert, audit_alertentry, audit_alertstep, audit_alertputbefore FROM sim_app;

-- Detectors read the trail in the order of its transactions. Rows lie in that order on disk, so the smallest index does;
-- summarised as it grows, or a busy day would be read again by each tick.
CREATE INDEX audit_logentry_by_transaction ON audit_logentry
    USING brin (epoch, xid) WITH (pages_per_range = 32, autosummarize = on);
"""
BACKWARD = """
DROP INDEX audit_logentry_by_transaction;
DROP TRIGGER only_added ON audit_alert;
DROP TRIGGER only_added ON audit_alertentry;
DROP TRIGGER only_added ON audit_alertstep;
DROP TRIGGER only_added ON audit_alertputbefore;
DROP TRIGGER guard_alert ON audit_alert;
DROP TRIGGER guard_alert_entry ON audit_alertentry;
DROP TRIGGER guard_alert_step ON audit_alertstep;
DROP FUNCTION audit_guard_alert_step();
DROP FUNCTION audit_guard_alert_entry();
DROP FUNCTION audit_guard_alert();
DROP FUNCTION audit_lock_alert(uuid);
DROP FUNCTION audit_alert_was(uuid, text);
DROP FUNCTION audit_only_added();
DROP FUNCTION audit_refuse(text);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0003_row_changes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Bookmark",
            fields=[
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("epoch", models.PositiveIntegerField(default=0)),
                ("xid", models.BigIntegerField(default=0)),
                ("entry_id", models.BigIntegerField(default=0)),
                ("put_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(max_length=40)),
                ("patient_id", models.UUIDField(null=True)),
                ("patient_reference", models.CharField(blank=True, max_length=12)),
                ("day", models.DateField()),
                ("number", models.PositiveSmallIntegerField(default=1)),
                ("explanation", models.TextField()),
                ("raised_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "worker",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="AlertEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("entry_id", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="entries", to="audit.alert"
                    ),
                ),
            ],
            options={
                "verbose_name": "entry behind an alert",
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="AlertPutBefore",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("number", models.PositiveSmallIntegerField()),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="put_before",
                        to="audit.alert",
                    ),
                ),
                (
                    "officer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "alert put before an officer",
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="AlertStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("patient_id", models.UUIDField(null=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("asked", "Asked"),
                            ("answered", "Answered"),
                            ("decided", "Decided"),
                            ("closed", "Closed"),
                        ],
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("text", models.TextField(blank=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("appropriate", "Appropriate"),
                            ("inappropriate", "Inappropriate"),
                            ("training", "Training"),
                            ("referred", "Referred"),
                        ],
                        max_length=15,
                    ),
                ),
                ("answer_by", models.DateField(null=True)),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="audit.alert"
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "step of an alert",
                "ordering": ["at", "pk"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["-raised_at", "id"], name="alert_newest_first"),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["patient_id", "kind"], name="alert_by_patient"),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                fields=("kind", "worker", "patient_id", "day", "number"),
                name="alert_once_a_day",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("kind", ""), _negated=True), ("explanation__regex", "\\S")),
                name="alert_says_what_and_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("patient_id__isnull", True), ("patient_reference", "")),
                    models.Q(
                        ("patient_id__isnull", False), models.Q(("patient_reference", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="alert_patient_with_reference",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(("worker__isnull", False), ("patient_id__isnull", False), _connector="OR"),
                name="alert_about_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1)), name="alert_number_from_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertentry",
            constraint=models.UniqueConstraint(fields=("alert", "entry_id"), name="alert_entry_once"),
        ),
        migrations.AddConstraint(
            model_name="alertputbefore",
            constraint=models.UniqueConstraint(fields=("alert", "officer"), name="alert_put_before_once"),
        ),
        migrations.AddConstraint(
            model_name="alertputbefore",
            constraint=models.UniqueConstraint(
                fields=("officer", "day", "number"), name="alert_put_before_numbered_by_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertputbefore",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1), ("number__lte", 5)), name="alert_put_before_five_a_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertstep",
            constraint=models.UniqueConstraint(fields=("alert", "kind"), name="alert_step_once"),
        ),
        migrations.AddConstraint(
            model_name="alertstep",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["asked", "answered", "decided", "closed"])),
                name="alert_step_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertstep",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind", "closed"), ("text__regex", "\\S"), _connector="OR"),
                name="alert_step_in_words",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertstep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("kind", "decided"),
                        ("outcome__in", ["appropriate", "inappropriate", "training", "referred"]),
                    ),
                    models.Q(models.Q(("kind", "decided"), _negated=True), ("outcome", "")),
                    _connector="OR",
                ),
                name="alert_outcome_with_decision",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertstep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("answer_by__isnull", False), ("kind", "asked")),
                    models.Q(models.Q(("kind", "asked"), _negated=True), ("answer_by__isnull", True)),
                    _connector="OR",
                ),
                name="alert_answer_by_with_question",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        watch_rows("audit_alert", patient="patient_id"),
        watch_rows("audit_alertstep", patient="patient_id"),
    ]

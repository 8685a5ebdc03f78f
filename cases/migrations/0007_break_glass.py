"""Openings by break-glass and their reviews (S31); the database holds that none is made longer and nobody reviews their own."""

import datetime
import uuid

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.text
import django.db.models.lookups
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from audit.watching import watch_rows

HOLD = """
CREATE FUNCTION cases_hold_break_glass() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'An opening by break-glass is never removed.' USING ERRCODE = 'check_violation';
    END IF;
    IF (OLD.ended_at IS NOT NULL AND (NEW.ended_at, NEW.ended_by_id) IS DISTINCT FROM (OLD.ended_at, OLD.ended_by_id))
        OR (OLD.escalated_at IS NOT NULL AND NEW.escalated_at IS DISTINCT FROM OLD.escalated_at)
        OR to_jsonb(NEW) - '{ended_at,ended_by_id,escalated_at}'::text[]
            IS DISTINCT FROM to_jsonb(OLD) - '{ended_at,ended_by_id,escalated_at}'::text[]
    THEN
        RAISE EXCEPTION 'An opening by break-glass is ended once and otherwise stays as it is.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ended_once_never_longer BEFORE UPDATE OR DELETE ON cases_breakglass
    FOR EACH ROW EXECUTE FUNCTION cases_hold_break_glass();

CREATE FUNCTION cases_hold_break_glass_review() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM cases_breakglass g
        WHERE g.id = NEW.break_glass_id AND g.patient_id = NEW.patient_id AND g.created_by_id <> NEW.created_by_id
    ) THEN
        RAISE EXCEPTION 'Nobody reviews their own opening by break-glass.' USING ERRCODE = 'check_violation';
    END IF;
    -- The same as accounts.line.is_led_by: upward only, since the day of the opening.
    IF EXISTS (
        SELECT FROM cases_breakglass g
        JOIN accounts_membership lead ON lead.user_id = g.created_by_id
        JOIN accounts_membership led ON led.team_id = lead.team_id AND led.user_id = NEW.created_by_id
        WHERE g.id = NEW.break_glass_id
          AND (lead.role IN ('clinical lead', 'deputy clinical lead') AND led.role IN ('clinical mentor', 'police mentor')
               OR lead.role = 'clinical lead' AND led.role = 'deputy clinical lead')
          AND accounts_held_since(lead, (g.opened_at AT TIME ZONE 'Europe/London')::date)
          AND accounts_held_since(led, (g.opened_at AT TIME ZONE 'Europe/London')::date)
    ) THEN
        RAISE EXCEPTION 'Nobody reviews somebody who leads them.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reviewed_by_somebody_else BEFORE INSERT ON cases_breakglassreview
    FOR EACH ROW EXECUTE FUNCTION cases_hold_break_glass_review();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON cases_breakglassreview
    FOR EACH ROW EXECUTE FUNCTION cases_refuse_change();
"""
LET_GO = """
DROP TRIGGER only_added ON cases_breakglassreview;
DROP TRIGGER reviewed_by_somebody_else ON cases_breakglassreview;
DROP TRIGGER ended_once_never_longer ON cases_breakglass;
DROP FUNCTION cases_hold_break_glass_review();
DROP FUNCTION cases_hold_break_glass();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_alerts_outside_the_line"),
        ("audit", "0003_row_changes"),
        ("cases", "0006_watched_rows"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BreakGlass",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "regime",
                    models.CharField(
                        choices=[("UK GDPR", "UK GDPR"), ("Part 3", "Data Protection Act 2018 part 3")],
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("danger", "Somebody’s life or safety is in danger now"),
                            ("crisis", "The person is in crisis and in contact with me now"),
                            ("cover", "I stand in for a colleague or a team that cannot be reached"),
                            ("safeguarding", "A safeguarding question that cannot wait"),
                            ("other", "Something else that cannot wait"),
                        ],
                        max_length=20,
                    ),
                ),
                ("sentence", models.TextField()),
                ("opened_as", models.CharField(max_length=300)),
                ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ends_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("review_due_at", models.DateTimeField()),
                ("escalated_at", models.DateTimeField(null=True)),
                ("submission_key", models.UUIDField(editable=False)),
                (
                    "controller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss",
                        to="cases.patient",
                    ),
                ),
            ],
            options={
                "verbose_name": "opening by break-glass",
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="BreakGlassAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "attempt at break-glass",
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="BreakGlassReview",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "regime",
                    models.CharField(
                        choices=[("UK GDPR", "UK GDPR"), ("Part 3", "Data Protection Act 2018 part 3")],
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("appropriate", "Appropriate"),
                            ("inappropriate", "Inappropriate"),
                            ("training", "Understandable; training or advice follows"),
                            ("referred", "Referred for a decision elsewhere"),
                        ],
                        max_length=20,
                    ),
                ),
                ("words", models.TextField()),
                (
                    "break_glass",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="review",
                        to="cases.breakglass",
                    ),
                ),
                (
                    "controller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss",
                        to="cases.patient",
                    ),
                ),
            ],
            options={
                "verbose_name": "review of an opening by break-glass",
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddIndex(
            model_name="breakglass",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["created_by", "patient", "ends_at"],
                name="break_glass_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="breakglass",
            constraint=models.UniqueConstraint(
                fields=("created_by", "submission_key"), name="break_glass_submitted_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="breakglass",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ends_at__gt", models.F("opened_at")),
                    (
                        "ends_at__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("opened_at"), "+", models.Value(datetime.timedelta(seconds=14400))
                        ),
                    ),
                ),
                name="break_glass_at_most_four_hours",
            ),
        ),
        migrations.AddConstraint(
            model_name="breakglass",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.GreaterThanOrEqual(
                    django.db.models.functions.text.Length(django.db.models.functions.text.Trim("sentence")),
                    20,
                ),
                name="break_glass_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="breakglass",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("ended_by__isnull", True)),
                    models.Q(
                        ("ended_at__gte", models.F("opened_at")),
                        ("ended_at__isnull", False),
                        ("ended_by__isnull", False),
                        ("ended_at__lte", models.F("ends_at")),
                    ),
                    _connector="OR",
                ),
                name="break_glass_ended_at_and_by",
            ),
        ),
        migrations.AddConstraint(
            model_name="breakglass",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    ("created_by", "="),
                    ("patient", "="),
                    (
                        models.Func(
                            models.F("opened_at"),
                            django.db.models.functions.comparison.Coalesce("ended_at", "ends_at"),
                            django.contrib.postgres.fields.ranges.RangeBoundary(),
                            function="TSTZRANGE",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="break_glass_one_at_a_time",
            ),
        ),
        migrations.AddIndex(
            model_name="breakglassattempt",
            index=models.Index(fields=["user", "at"], name="break_glass_attempts"),
        ),
        migrations.AddConstraint(
            model_name="breakglassreview",
            constraint=models.CheckConstraint(
                condition=models.Q(("words", ""), _negated=True), name="break_glass_review_in_words"
            ),
        ),
        migrations.RunSQL(HOLD, LET_GO),
        watch_rows("cases_breakglass", patient="patient_id"),
        watch_rows("cases_breakglassreview", patient="patient_id"),
        watch_rows("cases_breakglassattempt"),
    ]

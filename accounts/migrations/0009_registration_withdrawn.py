"""A registration that is withdrawn, since when and on what evidence: over before that day, so that clearance needs no new rule."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_clearance_change"),
    ]

    operations = [
        migrations.AddField(
            model_name="professionalregistration",
            name="withdrawn_on",
            field=models.DateField(db_default=None, null=True),
        ),
        migrations.AddField(
            model_name="professionalregistration",
            name="withdrawal_evidence",
            field=models.CharField(db_default="", max_length=200),
        ),
        migrations.AddConstraint(
            model_name="professionalregistration",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("withdrawn_on__isnull", True),
                    ("valid_until__lt", models.F("withdrawn_on")),
                    _connector="OR",
                ),
                name="registration_over_when_withdrawn",
            ),
        ),
        migrations.AddConstraint(
            model_name="professionalregistration",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("withdrawal_evidence", ""), ("withdrawn_on__isnull", True)),
                    models.Q(
                        ("withdrawn_on__isnull", False),
                        models.Q(("withdrawal_evidence", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="registration_withdrawn_with_evidence",
            ),
        ),
    ]

"""Sent twice, saved once. Nothing to stumble over: the columns of 0004 are empty, and a version without them leaves them so."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cases", "0004_submission_keys")]

    operations = [
        migrations.AddConstraint(
            model_name="contactaddendum",
            constraint=models.UniqueConstraint(
                condition=models.Q(("submission_key__isnull", False)),
                fields=("created_by", "submission_key"),
                name="addendum_submitted_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="visit",
            constraint=models.UniqueConstraint(
                condition=models.Q(("submission_key__isnull", False)),
                fields=("created_by", "submission_key"),
                name="visit_submitted_once",
            ),
        ),
    ]

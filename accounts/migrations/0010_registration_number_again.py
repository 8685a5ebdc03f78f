"""A number that was withdrawn can be recorded again: for whoever is back on the register under it.

Going back fails once a number was recorded again: one of the two rows has to be renumbered first.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_registration_withdrawn"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="professionalregistration",
            name="registration_number_once",
        ),
        migrations.AddConstraint(
            model_name="professionalregistration",
            constraint=models.UniqueConstraint(
                condition=models.Q(("withdrawn_on__isnull", True)),
                fields=("body", "number"),
                name="registration_number_in_use_once",
            ),
        ),
    ]

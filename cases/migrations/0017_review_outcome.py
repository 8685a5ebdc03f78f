"""What a review of break-glass found is its outcome, as for alerts: one word for one thing."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("cases", "0016_reader_without_trail")]

    operations = [migrations.RenameField("breakglassreview", "verdict", "outcome")]

"""One period of support for a patient by one team."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Team
from cases.models.item import PatientItem


class Case(PatientItem):
    """Open until closed with a named next service (S18). While it is open, its team has a relationship."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="cases")
    clinical_mentor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="clinical_cases",
    )
    police_mentor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="police_cases"
    )
    opened_on = models.DateField(default=timezone.localdate)
    closed_on = models.DateField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    next_service = models.CharField(max_length=200, blank=True)
    step_down_note = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta(PatientItem.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "team"],
                condition=Q(closed_on__isnull=True),
                name="case_one_open_per_patient_and_team",
            ),
            models.CheckConstraint(
                condition=Q(closed_on__isnull=True, closed_by__isnull=True)
                | Q(closed_on__isnull=False, closed_by__isnull=False) & ~Q(next_service=""),
                name="case_closed_with_next_service",
            ),
            models.CheckConstraint(
                condition=Q(closed_on__isnull=True) | Q(closed_on__gte=F("opened_on")),
                name="case_closed_after_opened",
            ),
            models.CheckConstraint(
                condition=~Q(clinical_mentor=F("police_mentor")),
                name="case_two_mentors",
            ),
        ]

    @property
    def is_open(self) -> bool:
        return self.closed_on is None

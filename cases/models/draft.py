"""What somebody has typed and not yet saved, kept on the server."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.models import GuardedModel


class Draft(GuardedModel):
    """One unfinished form of one user, about one patient or (a registration) about nobody yet.

    It never expires by itself and counts as nothing; ``data`` is the form's fields as they were typed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey("cases.Patient", on_delete=models.PROTECT, related_name="drafts", null=True)
    form = models.CharField(max_length=60)
    # Tells two drafts of one form apart (an addendum to this contact, an edit of that plan); "" where there is one.
    about = models.CharField(max_length=60, blank=True)
    data = models.JSONField()
    is_clinical_only = models.BooleanField(default=False)
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta(GuardedModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["user", "patient", "form", "about"],
                nulls_distinct=False,
                name="draft_one_per_user_patient_form",
            ),
            models.CheckConstraint(condition=~Q(form=""), name="draft_names_its_form"),
        ]

    def __str__(self) -> str:
        return f"Draft {str(self.pk)[:8]}"

    @property
    def patient_keys(self) -> Collection[uuid.UUID]:
        key = self.__dict__["patient_id"]
        return (key,) if key else ()

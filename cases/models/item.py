"""The base of everything written about a patient."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Organisation, Regime
from core.models import GuardedModel


class PatientItem(GuardedModel):
    """A row about one patient: access to it derives from the patient's.

    Controller and regime (S26) follow from the author's organisation and are set by the service that creates it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey("cases.Patient", on_delete=models.PROTECT, related_name="%(class)ss")
    controller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    regime = models.CharField(max_length=10, choices=Regime.choices)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(GuardedModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {str(self.pk)[:8]}"

    @property
    def patient_keys(self) -> Collection[uuid.UUID]:
        # Read from __dict__: a deferred key must fail loudly, not run a query.
        return (self.__dict__["patient_id"],)

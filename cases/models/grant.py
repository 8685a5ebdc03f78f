"""Guardian's direct foreign-key permissions on patients: which team, or by exception which user, may see whom.

Read by cases.permissions alone. A grant to a team's group says nothing about who is in the team today.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase


class PatientGroupObjectPermission(GroupObjectPermissionBase):
    """The team's group may see the patient."""

    content_object = models.ForeignKey("cases.Patient", on_delete=models.PROTECT, related_name="grants")


class PatientUserObjectPermission(UserObjectPermissionBase):
    """An exception for one person; it always expires."""

    content_object = models.ForeignKey("cases.Patient", on_delete=models.PROTECT, related_name="exceptions")
    reason = models.TextField()
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

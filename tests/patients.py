"""What a registration needs, and doing one through the pages, for the tests about patients."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import nhs_number
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from cases.models import Patient
from cases.services.patients import PatientDetails, register_patient
from tests.people import Cast


def invented_nhs_number(seed: int = 1) -> str:
    """A valid NHS number of the 999 range; the same for the same seed."""
    for last in range(seed * 10, 1_000_000):
        stem = f"999{last:06d}"
        digit = nhs_number.calculate_checksum(stem)
        if digit < 10:
            return f"{stem}{digit}"
    raise ValueError("no number left")


def form_data(cast: Cast, **changes: Any) -> dict[str, Any]:
    """A registration in the North team as the browser sends it."""
    return {
        "given_name": "Wren",
        "family_name": "Alder",
        "date_of_birth_day": "3",
        "date_of_birth_month": "4",
        "date_of_birth_year": "1988",
        "team": str(cast.north.pk),
        "clinical_mentor": str(cast.people["amira"].pk),
        "police_mentor": str(cast.people["pete"].pk),
        "submission_key": str(uuid.uuid4()),
    } | changes


def register(client: Client, data: dict[str, Any]) -> HttpResponse:
    return client.post(reverse("cases:patient_register"), data)  # type: ignore[return-value]


def registered(cast: Cast, by: str = "amira", **changes: Any) -> Patient:
    """Registered through the service, in the team of ``by``. Call inside an access context."""
    south = by in {"sol", "saul", "sia"}
    details = PatientDetails(
        **{"given_name": "Wren", "family_name": "Alder", "date_of_birth": dt.date(1988, 4, 3)} | changes
    )
    return register_patient(
        by=cast[by],
        team=cast.south if south else cast.north,
        clinical_mentor=cast["sol" if south else "amira"],
        police_mentor=cast["saul" if south else "pete"],
        details=details,
    )

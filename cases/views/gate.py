"""The one gate in front of every page about a patient."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from accounts.gate import refusal_over_checks, signed_in_user
from accounts.roles import Act
from audit.context import current_context
from cases.models import Patient
from cases.presenters.break_glass import present_banner
from cases.selectors.access import find_access
from cases.selectors.break_glass import open_glass_of

P = ParamSpec("P")
PatientView = Callable[Concatenate[HttpRequest, Patient, P], HttpResponse]


def patient_page(
    act: Act = Act.OPEN_RECORD,
) -> Callable[[PatientView[P]], Callable[..., HttpResponse]]:
    """Give the view the patient of its address: 404 for whom the user may not know, 403 for what they may not do.

    The URL pattern carries ``<uuid:patient_id>``; the view is called as ``view(request, patient, **other_kwargs)``.
    """

    def wrap(view: PatientView[P]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def gate(request: HttpRequest, patient_id: uuid.UUID, **kwargs: Any) -> HttpResponse:
            access = find_access(signed_in_user(request), patient_id)
            if access is None:
                # About the user's own checks alone, and so the same for every patient there is or is not.
                if page := refusal_over_checks(request, Act.OPEN_RECORD, status=404):
                    return page
                raise Http404
            if act is not Act.OPEN_RECORD and act not in access.acts:
                raise PermissionDenied
            _tell_break_glass(request, access.patient)
            return view(request, access.patient, **kwargs)  # type: ignore[call-arg]

        gate.required_act = act  # type: ignore[attr-defined]
        return gate

    return wrap


def _tell_break_glass(request: HttpRequest, patient: Patient) -> None:
    """The layout shows the banner on whatever page this becomes, and the entry bears the reason."""
    glass = open_glass_of(patient)
    if glass is not None:
        request.break_glass = present_banner(glass)  # type: ignore[attr-defined]
        current_context().reason = f"Break-glass: {glass.reason}"

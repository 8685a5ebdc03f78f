"""Two nights in the demo: one opening by break-glass that was reviewed, and one that waits for its review."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from accounts.models import User
from audit.context import access_context
from cases.models import BreakGlass, BreakGlassReview, Patient
from cases.selectors.break_glass import Statement
from cases.selectors.contacts import timeline
from cases.services.break_glass import BreakGlassRequest, end_break_glass, open_break_glass_for
from cases.services.break_glass_reviews import review_break_glass
from crisis_plans.selectors import current_plan
from sim_casework.stories.patients import told_by

_SENTENCES = (
    "The crisis line has put them through to me and nobody of their own team can be reached tonight.",
    "I was asked to stand in for the team at the emergency department until their duty mentor is back.",
)


def tell_break_glass(authors: list[User], lead: User, patients: list[Patient]) -> None:
    """Each author opens one patient of the other team, reads, and ends it; the lead reviews the first."""
    first, second = (
        _open_and_end(author, patient, reason, sentence)
        for author, patient, reason, sentence in zip(
            authors, patients, (BreakGlass.Reason.CRISIS, BreakGlass.Reason.COVER), _SENTENCES, strict=True
        )
    )
    assert first != second
    with told_by(lead):
        review_break_glass(
            by=lead,
            patient_id=patients[0].pk,
            key=first,
            outcome=BreakGlassReview.Outcome.APPROPRIATE,
            words="Spoke with the crisis line and with our colleague: the plan was needed, and only the plan was used.",
        )


def _open_and_end(author: User, patient: Patient, reason: str, sentence: str) -> uuid.UUID:
    key = uuid.uuid4()
    with told_by(author):
        request = BreakGlassRequest(
            whom=Statement(reference=patient.reference),
            reason=reason,
            sentence=sentence,
            hours=1,
            submission_key=key,
        )
        open_break_glass_for(by=author, request=request)
    _read(author, patient, "patient_record", lambda: timeline(author, patient))
    _read(author, patient, "crisis_plans:plan", lambda: current_plan(author, patient))
    with told_by(author):
        glass = BreakGlass.objects.get(created_by=author, submission_key=key)
        end_break_glass(by=author, patient_id=patient.pk, key=glass.pk)
    return glass.pk


def _read(author: User, patient: Patient, page: str, read: Callable[[], object]) -> None:
    """On the trail as the page itself would be, so that the review has something to show."""
    with access_context(route=page, actor=author, purpose="direct care", reason="demo story") as context:
        context.open(patient.pk)
        read()

"""What follows from looking: openings by break-glass with their reviews, and alerts at each stage of their life."""

from __future__ import annotations

import uuid

from accounts.models import User
from audit.alerts import raise_alert
from audit.alerts.kinds import AlertKind
from audit.alerts.life import answer_alert, ask_worker, close_alert, decide_alert
from audit.alerts.models import Alert
from audit.context import access_context
from audit.models import EntrySubject
from cases.models import BreakGlass, BreakGlassReview, Patient
from cases.selectors.break_glass import Statement
from cases.services.break_glass import BreakGlassRequest, end_break_glass, open_break_glass_for
from cases.services.break_glass_reviews import review_break_glass
from sim_casework.stories.patients import told_by

_SENTENCE = "Nobody of their own team answers tonight, and they are with us."


def tell_aftermath(people: dict[str, User], northern: list[uuid.UUID]) -> None:
    """Southerners open two northern records: one is open still, one ended and reviewed. Officers look into four accesses."""
    references = _references(northern)
    _open(people["sara.sedge"], references[0])
    ended = _open(people["seb.swale"], references[1])
    with told_by(people["seb.swale"]):
        end_break_glass(by=people["seb.swale"], patient_id=northern[1], key=ended.pk)
    with told_by(people["lena.lund"]):
        review_break_glass(
            by=people["lena.lund"],
            patient_id=northern[1],
            key=ended.pk,
            outcome=BreakGlassReview.Outcome.APPROPRIATE,
            words="It was needed.",
        )
    _alerts(people["callum.carrow"], people["ivy.inch"], northern[0])


def _references(patients: list[uuid.UUID]) -> list[str]:
    with access_context(route="proving.scene", is_system=True):
        return [Patient.objects.get(pk=key).reference for key in patients]


def _open(by: User, reference: str) -> BreakGlass:
    key = uuid.uuid4()
    with told_by(by):
        request = BreakGlassRequest(
            whom=Statement(reference=reference),
            reason=BreakGlass.Reason.CRISIS,
            sentence=_SENTENCE,
            hours=1,
            submission_key=key,
        )
        open_break_glass_for(by=by, request=request)
    with told_by(by):
        return BreakGlass.objects.get(created_by=by, submission_key=key)


def _alerts(worker: User, officer: User, patient: uuid.UUID) -> None:
    """One a kind: raised, asked, answered, decided and closed."""
    with access_context(route="patient_record", actor=worker) as context:
        context.open(patient)
    for stage, kind in enumerate(list(AlertKind)[:5]):
        alert = _raised(kind, worker, patient)
        if stage > 0:
            with told_by(officer):
                ask_worker(by=officer, alert=alert, question="Question")
        if stage > 1:
            with told_by(worker):
                answer_alert(by=worker, alert=alert, answer="Answer")
        if stage > 2:
            with told_by(officer):
                decide_alert(by=officer, alert=alert, outcome="appropriate", words="Decision")
        if stage > 3:
            with told_by(officer):
                close_alert(by=officer, alert=alert)


def _raised(kind: AlertKind, worker: User, patient: uuid.UUID) -> Alert:
    with access_context(route="proving.scene", is_system=True):
        seen = EntrySubject.objects.filter(patient_id=patient, is_opened=True).order_by("-entry_id")[0]
        alert = raise_alert(
            kind=kind,
            worker=worker,
            patient=patient,
            explanation="Explanation",
            entries=[(seen.entry_id, seen.at)],
            at=seen.at,
        )
    assert alert is not None
    return alert

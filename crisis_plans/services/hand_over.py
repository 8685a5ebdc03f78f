"""A case has other mentors now: the review of its plan reminds them instead of the former ones."""

from __future__ import annotations

from accounts.models import User
from cases.models import Case
from crisis_plans.selectors import current_plan
from crisis_plans.services.reviews import announce_review


def remind_new_mentors(by: User, case: Case) -> None:
    """Listens to ``cases.case_changes``; runs in the transaction of the hand-over."""
    version = current_plan(by, case.patient_id)
    if version is not None and version.review_on is not None:
        announce_review(version=version)

"""What can be done to a plan. Each service checks the right itself, in one transaction, under the version's lock."""

from crisis_plans.services.approval import approve, return_to_author
from crisis_plans.services.drafting import (
    discard_draft,
    save_draft,
    start_draft,
    submit,
    withdraw_submission,
)
from crisis_plans.services.reviews import announce_review

__all__ = [
    "announce_review",
    "approve",
    "discard_draft",
    "return_to_author",
    "save_draft",
    "start_draft",
    "submit",
    "withdraw_submission",
]

"""What a version needs before anybody may approve it (S01), told as a list of everything that is missing.

The database holds the same rules once more (migration 0002).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.utils import timezone

from core.errors import DomainError
from core.formatting import day
from crisis_plans.checks import LONGEST_REVIEW_MONTHS
from crisis_plans.content import PlanContent
from crisis_plans.models import Involvement

# A plan is read in thirty seconds.
MOST_ACTIONS = 30
MOST_CALLS = 12


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is missing: the field of the form it belongs to, and what to do about it."""

    field: str
    text: str


class IncompletePlanError(DomainError):
    """The plan cannot be submitted or approved yet; ``gaps`` lists all that is missing."""

    def __init__(self, gaps: list[Gap]) -> None:
        super().__init__(" ".join(f"{gap.text}." for gap in gaps))
        self.gaps = gaps


def latest_review(on: date | None = None) -> date:
    """The last day on which a plan agreed on that day (today) must be reviewed: six months ahead at most (S01)."""
    on = on or timezone.localdate()
    # The check refuses a longer setting; were it silenced, the safeguard would still hold.
    months = min(settings.PLAN_REVIEW_MAX_MONTHS, LONGEST_REVIEW_MONTHS)
    years, month = divmod(on.month - 1 + months, 12)
    year, month = on.year + years, month + 1
    return date(year, month, min(on.day, monthrange(year, month)[1]))


def find_gaps(content: PlanContent) -> list[Gap]:
    """Everything that S01 asks for and the text does not have yet, in the order of the form."""
    return [*_words(content), *_actions(content), *_involvement(content), *_review(content)]


def _words(content: PlanContent) -> Iterator[Gap]:
    if not content.what_helps.strip():
        yield Gap("what_helps", "Write what helps the person")
    if content.is_own_words is None:
        yield Gap("words", "Say whether what helps is in the person’s own words")
    elif content.involvement == Involvement.TOOK_PART and not content.is_own_words:
        yield Gap("words", "The person took part, so write what helps in their own words")


def _actions(content: PlanContent) -> Iterator[Gap]:
    if not any(action.strip() for action in content.actions):
        yield Gap("actions", "Write at least one supportive action")


def _involvement(content: PlanContent) -> Iterator[Gap]:
    if not content.involvement:
        yield Gap("involvement", "Say how the person was involved")
        return
    if content.involvement == Involvement.TOOK_PART:
        return
    word = "declined" if content.involvement == Involvement.DECLINED else "could_not"
    if not content.involvement_reason.strip():
        yield Gap(f"{word}_reason", "Write why the person did not take part")
    if content.involvement_retry_on is None:
        yield Gap(f"{word}_retry_on", "Enter the date when the person will be asked again")


def _review(content: PlanContent) -> Iterator[Gap]:
    latest = latest_review()
    if content.review_on is None:
        yield Gap("review_on", "Enter a review date")
    elif content.review_on < timezone.localdate():
        yield Gap("review_on", f"The review date {day(content.review_on)} has passed. Enter a later one")
    elif content.review_on > latest:
        yield Gap("review_on", f"The review date must be {day(latest)} or earlier")

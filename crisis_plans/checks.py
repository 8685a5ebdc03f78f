"""Settings that may be made stricter here, never looser."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

# S01: the furthest that any installation may put off a review.
LONGEST_REVIEW_MONTHS = 6


@register()
def review_limit_is_only_lowered(
    app_configs: Sequence[Any] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """S01: ``PLAN_REVIEW_MAX_MONTHS`` is a whole number from 1 to 6."""
    months: object = settings.PLAN_REVIEW_MAX_MONTHS
    if isinstance(months, int) and 1 <= months <= LONGEST_REVIEW_MONTHS:
        return []
    return [
        Error(
            f"PLAN_REVIEW_MAX_MONTHS is {months!r}; it must be a whole number from 1 to {LONGEST_REVIEW_MONTHS}.",
            hint="A crisis response plan is reviewed at least every six months (safeguard S01).",
            id="crisis_plans.E001",
        )
    ]

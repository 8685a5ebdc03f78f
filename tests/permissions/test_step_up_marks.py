"""What asks again for the second factor, written down: a forgotten mark, and a mark nobody decided on, both fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from accounts.roles import Act
from core.step_up import asks_for_step_up
from tests.permissions.test_matrix import ROWS

# Each of these gives a file with many people's data out of the house, opens a record that somebody has no part in,
# ends the questions about an access, or changes what somebody may do.
MARKED = {
    "audit:export",
    "audit:alert_close",
    "cases:break_glass",
    "accounts:person_invite",
    "accounts:invitation_resend",
    "accounts:person_leave",
    "accounts:membership_add",
    "accounts:membership_end",
    "accounts:check_add",
    "accounts:registration_add",
    "accounts:registration_renew",
    "accounts:registration_withdraw",
    "accounts:second_factor_request",
    "accounts:second_factor_confirm",
    "accounts:second_factor_refuse",
}
# An administrator's forms that ask nothing more: why.
ADMINISTRATORS_FORMS_WITHOUT = {
    "accounts:person_find": "only leads to the form that gives a role, which asks",
    "accounts:person_sign_out": "a stolen phone cannot wait for a code; it only takes away, and they sign in again",
    "reminders:decide_email": "says what became of an e-mail; changes nobody's rights",
    "accounts:team_add": "a new team has nobody in it and reaches nobody's record",
    "accounts:organisation_add": "a new organisation has nobody in it and reaches nobody's record",
}
# allauth's pages for one's own second factors ask by the same rule through accounts.adapters; see test_step_up.py.


def views(
    resolver: URLResolver | None = None, namespace: str = ""
) -> Iterator[tuple[str, Callable[..., Any]]]:
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace)
        elif isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}", pattern.callback


def test_marked_views_are_those_written_down() -> None:
    assert {route for route, view in views() if asks_for_step_up(view)} == MARKED


def test_each_form_of_an_administrator_is_marked_or_excused() -> None:
    takes_forms = {row.route for row in ROWS if row.method == "POST" and 405 not in row.statuses.values()}
    theirs = {
        route
        for route, view in views()
        if getattr(view, "required_act", None) == Act.MANAGE_PEOPLE and route in takes_forms
    }
    assert theirs - MARKED == set(ADMINISTRATORS_FORMS_WITHOUT)
    assert not MARKED & set(ADMINISTRATORS_FORMS_WITHOUT)


def test_no_marked_view_is_open_to_whoever_is_not_signed_in() -> None:
    assert all(getattr(view, "login_required", True) for _, view in views() if asks_for_step_up(view))

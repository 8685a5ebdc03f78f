"""What a service refuses becomes the answer that tells no more than it should, whichever view called it."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.test import RequestFactory

from accounts.gate import signed_in_user
from core.errors import DomainError, NotAllowed, NotVisible
from core.middleware import DomainErrorMiddleware


def answer_to(error: Exception) -> HttpResponse | None:
    return DomainErrorMiddleware(lambda request: HttpResponse()).process_exception(
        RequestFactory().get("/"), error
    )


def test_what_may_not_be_known_is_not_found() -> None:
    with pytest.raises(Http404):
        answer_to(NotVisible("No such patient."))


def test_what_may_not_be_done_is_forbidden() -> None:
    with pytest.raises(PermissionDenied):
        answer_to(NotAllowed("Only leads close cases."))


def test_a_refusal_that_no_view_has_caught_is_a_fault() -> None:
    """It belongs beside a field; nobody guesses an answer to it here."""
    assert answer_to(DomainError("Enter a name")) is None


def test_nobody_is_no_user() -> None:
    """A page that was left out of the sign-in's net shows nothing all the same."""
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    with pytest.raises(PermissionDenied):
        signed_in_user(request)

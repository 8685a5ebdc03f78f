"""Pages shown when nothing else can be: the same bytes for everybody, without session, token or database."""

import json
import re

import pytest
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from django.http import HttpResponse
from django.test import RequestFactory

from sim_casework.pages import errors

# No database mark anywhere here: a query would fail the test.
requests = RequestFactory()


def pages(path: str, **headers: str) -> dict[str, HttpResponse]:
    request = requests.get(path, headers=headers)
    return {
        "400": errors.bad_request(request),
        "403": errors.permission_denied(request),
        "404": errors.page_not_found(request),
        "500": errors.server_error(request),
        "503": errors.service_unavailable(request),
        "csrf": errors.csrf_failure(request, reason="token missing"),
        "signed_out": errors.signed_out(request),
    }


def test_each_error_page_is_the_same_bytes_whoever_asks_for_whatever() -> None:
    one = pages("/patients/1/", cookie="sessionid=a", user_agent="phone")
    other = pages("/no-such-page/?q=1", cookie="sessionid=b; csrftoken=c")
    assert {name: page.content for name, page in one.items()} == {
        name: page.content for name, page in other.items()
    }
    assert {name: sorted(page.headers.items()) for name, page in one.items()} == {
        name: sorted(page.headers.items()) for name, page in other.items()
    }


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("400", 400),
        ("403", 403),
        ("404", 404),
        ("500", 500),
        ("503", 503),
        ("csrf", 403),
        ("signed_out", 200),
    ],
)
def test_an_error_page_has_its_status_one_heading_and_nothing_to_send(name: str, status: int) -> None:
    page = pages("/")[name]
    markup = page.content.decode()
    assert page.status_code == status
    assert markup.count("<h1") == 1
    assert re.findall(r"<form|<input|<script|csrf|sign-out", markup, re.IGNORECASE) == []


def test_when_the_trail_cannot_be_written_the_reader_is_told_what_to_do() -> None:
    markup = errors.service_unavailable().content.decode()
    words = " ".join(re.sub(r"<[^>]+>", " ", markup).split())
    assert "Nothing can be shown This does not mean there is no plan. Assess on today’s needs; ring" in words


def test_a_refused_autosave_is_told_so_that_it_keeps_the_text() -> None:
    answer = errors.csrf_failure(requests.post("/drafts/", headers={"x-autosave": "1"}))
    assert answer.status_code == 403
    assert json.loads(answer.content) == {"signed_out": True}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperationalError("terminating connection due to administrator command"), 503),
        (InterfaceError("connection already closed"), 503),
        (ProgrammingError("permission denied for table accounts_session"), 503),
        (DataError("value too long"), 500),
        (IntegrityError("duplicate key"), 500),
        (RuntimeError("a fault of the program"), 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_fault_of_the_database_that_nobody_caught_is_answered_with_503(
    error: Exception, status: int
) -> None:
    """As Django calls the page: for a fault in the middleware before or after the trail's as well."""
    try:
        raise error
    except type(error):
        assert errors.server_error(requests.get("/")).status_code == status

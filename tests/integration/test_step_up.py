"""What weighs most asks again for the second factor: in time, never for the password, and without losing a word."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import Client

from accounts.models import HeldSubmission, Membership, Session
from accounts.roles import Act
from accounts.services.held_submissions import newest_held
from audit.context import access_context
from audit.models import LogEntry
from core.step_up import asks_for_step_up, needs_step_up
from tests.people import PASSWORD, Cast, make_cast
from tests.sessions import code_now, give_app, sign_in, sign_in_with_password_only, trail_entries

EXPORT = "/trail/export/"
CODE = "/account/2fa/reauthenticate/"
PASSKEY = "/account/2fa/webauthn/reauthenticate/"
PASSWORD_PAGE = "/account/reauthenticate/"
KEPT = "/account/kept-text/"
LOCKED = "Too many wrong attempts"
PERIOD = {
    "since_day": "1",
    "since_month": "11",
    "since_year": "2026",
    "until_day": "2",
    "until_month": "11",
    "until_year": "2026",
    "reason": "Complaint 7, asked by the board",
}


@pytest.fixture
def cast(db: None) -> Cast:
    cache.clear()
    return make_cast()


@pytest.fixture
def ivy(cast: Cast) -> Client:
    """An IG officer with an authenticator app, who signed in ten minutes ago."""
    give_app(cast["ivy"])
    return sign_in(Client(), cast["ivy"], minutes_ago=10)


@pytest.fixture
def tess(cast: Cast) -> Client:
    """A team administrator of the same kind."""
    give_app(cast["tess"])
    return sign_in(Client(), cast["tess"], minutes_ago=10)


def asked(answer: Any, *, then: str, at: str = CODE) -> bool:
    """Whether the answer leads to the confirmation, and from there to ``then``."""
    parts = urlsplit(answer.headers["Location"])
    return answer.status_code == 302 and parts.path == at and parse_qs(parts.query)["next"] == [then]


def confirm(client: Client, *, then: str = "/", code: str = "", **extra: Any) -> Any:
    return client.post(CODE, {"code": code or code_now(), "next": then}, **extra)


def confirmations(**conditions: object) -> list[LogEntry]:
    return trail_entries(action=LogEntry.Action.CONFIRM, **conditions)


# In time.


def test_sign_in_counts_for_five_minutes_by_the_servers_clock(cast: Cast) -> None:
    with time_machine.travel(dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC), tick=False) as clock:
        client = sign_in(Client(), cast["ivy"])
        clock.shift(299)
        assert client.get(EXPORT).status_code == 200
        clock.shift(1)
        assert client.get(EXPORT).status_code == 302


def test_page_is_asked_for_first_and_shown_after_the_code(ivy: Client) -> None:
    address = f"{EXPORT}?from=home"
    assert asked(ivy.get(address), then=address)
    page = ivy.get(CODE, {"next": address}).content.decode()
    assert "Confirm that it is you" in page
    assert "It then counts for 5 minutes" in page
    assert confirm(ivy, then=address).headers["Location"] == address
    assert ivy.get(address).status_code == 200


@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_no_method_goes_past_it(ivy: Client, method: str) -> None:
    answer = getattr(ivy, method)(EXPORT)
    assert answer.status_code == 302
    assert urlsplit(answer.headers["Location"]).path == CODE


@pytest.mark.parametrize("method", ["put", "delete", "options", "patch", "trace"])
def test_other_methods_are_refused_before_it(ivy: Client, method: str) -> None:
    assert getattr(ivy, method)(EXPORT).status_code == 405


def test_confirmation_counts_for_five_minutes_and_not_longer(cast: Cast, ivy: Client) -> None:
    confirm(ivy)
    with time_machine.travel(time.time() + 290):
        assert ivy.get(EXPORT).status_code == 200
    with time_machine.travel(time.time() + 301):
        assert ivy.get(EXPORT).status_code == 302


def test_confirmation_from_the_future_is_none(ivy: Client) -> None:
    confirm(ivy)
    with time_machine.travel(time.time() - 60):
        assert ivy.get(EXPORT).status_code == 302


def test_confirmation_holds_for_its_session_only(cast: Cast, ivy: Client) -> None:
    other = sign_in(Client(), cast["ivy"], minutes_ago=10)
    confirm(ivy)
    assert other.get(EXPORT).status_code == 302


def test_record_of_another_user_in_the_same_session_is_none(cast: Cast, ivy: Client) -> None:
    confirm(ivy)
    session = ivy.session
    session["account_authentication_methods_user"] = str(cast["tess"].pk)
    session.save()
    assert ivy.get(EXPORT).status_code == 302


def test_whoever_is_not_signed_in_is_sent_to_sign_in(cast: Cast, client: Client) -> None:
    assert client.get(EXPORT).headers["Location"] == f"/account/login/?next={EXPORT}"


def test_whoever_may_not_do_it_learns_no_more_after_confirming(cast: Cast) -> None:
    give_app(cast["amira"])
    amira = sign_in(Client(), cast["amira"], minutes_ago=10)
    answers = {amira.get(path).status_code for path in (EXPORT, "/people/1/leave/", "/people/99999/leave/")}
    assert answers == {302}
    confirm(amira)
    assert amira.get(EXPORT).status_code == 403


# Only the second factor.


def test_password_confirms_nothing(cast: Cast, ivy: Client) -> None:
    page = ivy.post(PASSWORD_PAGE, {"password": PASSWORD, "next": EXPORT})
    assert asked(page, then=EXPORT)
    assert ivy.get(EXPORT).status_code == 302
    assert "Use your password" not in ivy.get(CODE, {"next": EXPORT}).content.decode()


def test_record_of_a_password_however_new_is_none(ivy: Client) -> None:
    session = ivy.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] += [
        {"method": "password", "at": time.time(), "reauthenticated": True}
    ]
    session.save()
    assert ivy.get(EXPORT).status_code == 302


@pytest.mark.parametrize("path", ["/account/2fa/webauthn/add/", "/account/2fa/recovery-codes/generate/"])
def test_password_adds_no_factor_that_would_then_confirm(cast: Cast, ivy: Client, path: str) -> None:
    """Otherwise whoever finds a session open and knows the password would bring a key of their own."""
    assert urlsplit(ivy.get(path).headers["Location"]).path == CODE
    ivy.post(PASSWORD_PAGE, {"password": PASSWORD})
    assert urlsplit(ivy.get(path).headers["Location"]).path == CODE
    confirm(ivy)
    assert ivy.get(path).status_code == 200


def test_second_factor_is_still_set_up_with_the_password_alone(cast: Cast) -> None:
    client = sign_in_with_password_only(Client(), cast["amira"])
    assert urlsplit(client.get("/account/2fa/totp/activate/").headers["Location"]).path == PASSWORD_PAGE
    client.post(PASSWORD_PAGE, {"password": PASSWORD})
    assert client.get("/account/2fa/totp/activate/").status_code == 200


def test_recovery_code_confirms_once(cast: Cast, ivy: Client) -> None:
    with access_context(route="tests", is_system=True):
        code = RecoveryCodes.activate(cast["ivy"]).get_unused_codes()[0]
    confirm(ivy, code=code)
    assert ivy.get(EXPORT).status_code == 200
    (entry,) = confirmations()
    assert entry.reason == "By recovery code"
    other = sign_in(Client(), cast["ivy"], minutes_ago=10)
    confirm(other, code=code)
    assert other.get(EXPORT).status_code == 302


def test_who_has_a_passkey_and_no_app_is_asked_for_the_passkey(cast: Cast) -> None:
    with access_context(route="tests", is_system=True):
        WebAuthn.add(cast["ivy"], "Work phone", {})
        RecoveryCodes.activate(cast["ivy"])
    client = sign_in(Client(), cast["ivy"], minutes_ago=10)
    assert asked(client.get(EXPORT), then=EXPORT, at=PASSKEY)


@pytest.mark.parametrize(
    "credential", ["{}", "[]", "null", '"x"', "1", "{", '{"id": "x", "rawId": "x", "response": {}}']
)
def test_wrong_passkey_leads_back_and_is_on_the_trail(cast: Cast, ivy: Client, credential: str) -> None:
    with access_context(route="tests", is_system=True):
        WebAuthn.add(cast["ivy"], "Work phone", {})
    answer = ivy.post(PASSKEY, {"credential": credential, "next": EXPORT})
    assert asked(answer, then=EXPORT, at=PASSKEY) or answer.headers["Location"].startswith(PASSKEY)
    assert ivy.get(EXPORT).status_code == 302
    assert [e.outcome for e in confirmations()] in ([LogEntry.Outcome.DENIED], [])


# Guessing.


def test_wrong_code_is_told_at_the_field_and_refused_on_the_trail(cast: Cast, ivy: Client) -> None:
    page = confirm(ivy, then=EXPORT, code="000000").content.decode()
    assert "The code is wrong or was used before" in page
    assert f'name="next" value="{EXPORT}"' in page
    assert ivy.get(EXPORT).status_code == 302
    (entry,) = confirmations()
    assert (entry.actor, entry.outcome, entry.reason) == (
        cast["ivy"],
        LogEntry.Outcome.DENIED,
        "Wrong second factor",
    )


def test_fifth_wrong_code_closes_the_step_and_the_sign_in_for_a_while(cast: Cast, ivy: Client) -> None:
    for _ in range(5):
        assert LOCKED not in confirm(ivy, code="000000").content.decode()
    assert LOCKED in confirm(ivy).content.decode()
    assert confirmations()[-1].reason == "Closed after too many wrong attempts"
    other = Client()
    other.post("/account/login/", {"login": "ivy", "password": PASSWORD})
    assert LOCKED in other.post("/account/2fa/authenticate/", {"code": code_now()}).content.decode()
    with time_machine.travel(time.time() + 901):
        fresh = sign_in(Client(), cast["ivy"], minutes_ago=10)
        assert confirm(fresh, then=EXPORT).headers["Location"] == EXPORT


def test_wrong_codes_at_sign_in_count_here_too(cast: Cast, ivy: Client) -> None:
    other = Client()
    other.post("/account/login/", {"login": "ivy", "password": PASSWORD})
    for _ in range(5):
        other.post("/account/2fa/authenticate/", {"code": "000000"})
    assert LOCKED in confirm(ivy).content.decode()


@pytest.mark.parametrize("seconds", [0, 31, 59])
def test_code_that_opened_a_session_confirms_nothing_while_it_would_still_be_accepted(
    cast: Cast, seconds: int
) -> None:
    give_app(cast["ivy"])
    # The app's period begins at noon; its code is taken from one period before to one after.
    with time_machine.travel(dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC), tick=False) as clock:
        code = code_now()
        signing_in = Client()
        signing_in.post("/account/login/", {"login": "ivy", "password": PASSWORD})
        assert signing_in.post("/account/2fa/authenticate/", {"code": code}).status_code == 302
        clock.shift(seconds)
        later = sign_in(Client(), cast["ivy"], minutes_ago=10)
        confirm(later, code=f" {code[:3]} {code[3:]}")
        assert later.get(EXPORT).status_code == 302
        assert [entry.outcome for entry in confirmations()] == [LogEntry.Outcome.DENIED]


# The trail.


def test_confirmation_and_what_waited_for_it_are_on_the_trail(cast: Cast, ivy: Client) -> None:
    ivy.get(EXPORT)
    confirm(ivy, then=EXPORT)
    (waited,) = trail_entries(action=LogEntry.Action.ASKED)
    assert (waited.actor, waited.route, waited.outcome) == (cast["ivy"], "audit:export", LogEntry.Outcome.OK)
    (entry,) = confirmations()
    assert (entry.actor, entry.route, entry.outcome, entry.reason) == (
        cast["ivy"],
        "mfa_reauthenticate",
        LogEntry.Outcome.OK,
        "By authenticator app",
    )
    page = ivy.get("/trail/entries/?kind=signed in").content.decode()
    assert (
        "Ivy Inch tried to open the form to export the trail; was asked for the second factor first" in page
    )
    assert "Ivy Inch confirmed with the second factor who they are" in page


# Nothing is lost, and nothing is done before.


def test_form_that_comes_too_late_does_nothing_and_is_kept(ivy: Client) -> None:
    assert asked(ivy.post(EXPORT, PERIOD), then=KEPT)
    assert not trail_entries(action=LogEntry.Action.EXPORT)
    assert "What you typed is kept" in ivy.get(CODE, {"next": KEPT}).content.decode()
    assert confirm(ivy, then=KEPT).headers["Location"] == KEPT
    page = ivy.get(KEPT).content.decode()
    assert "You were asked to confirm. Your text is still here" in page
    assert "Complaint 7, asked by the board" in page
    fields = dict(
        re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.split(f'action="{EXPORT}"')[1])
    )
    assert fields.items() >= PERIOD.items()
    answer = ivy.post(EXPORT, fields)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert not HeldSubmission.objects.exists()


def test_kept_form_that_comes_too_late_again_is_kept_once(cast: Cast, ivy: Client) -> None:
    ivy.post(EXPORT, PERIOD)
    held = newest_held(cast["ivy"])
    assert held is not None
    again = PERIOD | {"held_submission": str(held.key)}
    assert asked(ivy.post(EXPORT, again), then=KEPT)
    kept = newest_held(cast["ivy"])
    assert kept is not None
    assert dict(kept.fields) == PERIOD
    assert HeldSubmission.objects.count() == 1


def test_kept_form_with_errors_stays_kept(cast: Cast, ivy: Client) -> None:
    ivy.post(EXPORT, PERIOD | {"until_year": "x"})
    held = newest_held(cast["ivy"])
    assert held is not None
    confirm(ivy)
    assert ivy.post(EXPORT, dict(held.fields) | {"held_submission": str(held.key)}).status_code == 200
    assert HeldSubmission.objects.exists()


def test_kept_form_that_cannot_be_kept_again_is_not_forgotten(
    cast: Cast, ivy: Client, monkeypatch: Any
) -> None:
    ivy.post(EXPORT, PERIOD)
    held = newest_held(cast["ivy"])
    assert held is not None
    monkeypatch.setattr("accounts.services.held_submissions.LARGEST", 1)
    ivy.post(EXPORT, PERIOD | {"held_submission": str(held.key)})
    assert newest_held(cast["ivy"]) == held


def test_button_pressed_too_late_does_nothing_and_leads_back_to_its_page(cast: Cast, tess: Client) -> None:
    membership = Membership.objects.get(user=cast["cal"])
    address = f"/people/{cast['cal'].pk}/roles/{membership.pk}/end/"
    answer = tess.post(address, HTTP_REFERER=f"http://testserver{address}")
    assert asked(answer, then=address)
    membership.refresh_from_db()
    assert membership.ended_at is None
    assert "press the button again" in tess.get(CODE, {"next": address}).content.decode()
    confirm(tess, then=address)
    tess.post(address)
    membership.refresh_from_db()
    assert membership.ended_at is not None


@pytest.mark.parametrize(
    ("came_from", "then"),
    [
        ("", "/"),
        ("https://evil.example/people/", "/"),
        ("//evil.example/", "/"),
        ("http://testserver//evil.example/", "//evil.example/"),
        ("javascript:alert(1)", "/"),
        ("http://testserver/people/?left=yes", "/people/?left=yes"),
    ],
)
def test_no_header_leads_out(cast: Cast, tess: Client, came_from: str, then: str) -> None:
    answer = tess.post(f"/people/{cast['cal'].pk}/invitation/", headers={"referer": came_from})
    assert asked(answer, then=then)
    location = tess.post(CODE, {"code": code_now(), "next": then}).headers["Location"]
    assert location == ("/" if then.startswith("//") else then)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "http:evil.example",
        "javascript:alert(1)",
        "\x00//evil.example/",
        "https://testserver@evil.example/",
    ],
)
def test_confirmation_leads_to_no_other_site(ivy: Client, elsewhere: str) -> None:
    assert confirm(ivy, then=elsewhere).headers["Location"] == "/"
    # And once more for who has confirmed already.
    assert ivy.get(CODE, {"next": elsewhere}).headers["Location"] == "/"


def test_forged_form_is_refused_before_anything_is_kept(cast: Cast) -> None:
    give_app(cast["ivy"])
    client = sign_in(Client(enforce_csrf_checks=True), cast["ivy"], minutes_ago=10)
    assert client.post(EXPORT, PERIOD).status_code == 403
    assert not HeldSubmission.objects.exists()


# Requests that scripts make.


def test_autosave_is_told_in_its_own_language_and_keeps_its_text_on_the_page(ivy: Client) -> None:
    for headers in ({"X-Autosave": "1"}, {"Accept": "application/json"}):
        answer = ivy.post(EXPORT, PERIOD, headers=headers)
        assert (answer.status_code, answer.json()) == (403, {"confirm_at": CODE})
    assert not HeldSubmission.objects.exists()
    refused = trail_entries(outcome=LogEntry.Outcome.DENIED, route="audit:export")
    assert [entry.reason for entry in refused] == [
        "The second factor was not given within the last minutes"
    ] * 2


def test_htmx_leaves_the_page_instead_of_drawing_into_it(ivy: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/trail/?page=2"}
    answer = ivy.get(EXPORT, headers=headers)
    assert answer.status_code == 200
    assert not answer.content
    assert answer.headers["HX-Redirect"] == f"{CODE}?next=%2Ftrail%2F%3Fpage%3D2"
    answer = ivy.post(EXPORT, PERIOD, headers=headers)
    assert answer.headers["HX-Redirect"] == f"{CODE}?next=%2Faccount%2Fkept-text%2F"
    assert HeldSubmission.objects.count() == 1


# Back and twice.


def test_page_opened_again_after_confirming_leads_on(ivy: Client) -> None:
    confirm(ivy, then=EXPORT)
    assert ivy.get(CODE, {"next": EXPORT}).headers["Location"] == EXPORT
    assert confirm(ivy, then=EXPORT, code="000000").headers["Location"] == EXPORT
    assert [entry.outcome for entry in confirmations()] == [LogEntry.Outcome.OK]


def test_session_gets_a_new_key_and_the_old_one_opens_nothing(cast: Cast, ivy: Client) -> None:
    before = ivy.cookies[settings.SESSION_COOKIE_NAME].value
    confirm(ivy)
    after = ivy.cookies[settings.SESSION_COOKIE_NAME].value
    assert before != after
    assert ivy.session[SESSION_KEY] == str(cast["ivy"].pk)
    assert [row.session_key for row in Session.objects.filter(user=cast["ivy"])] == [after]
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = before
    assert thief.get(EXPORT).headers["Location"] == f"/account/login/?next={EXPORT}"


def test_codes_sent_over_and_over_are_limited(ivy: Client) -> None:
    answers = [confirm(ivy, code="000000").status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]


# The mark.


def test_mark_is_found_above_and_below_every_gate() -> None:
    from django.views.decorators.http import require_http_methods

    from accounts.gate import role_page
    from audit.gate import officer_page
    from cases.views.gate import patient_page

    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return HttpResponse()

    gates = [role_page(Act.MANAGE_PEOPLE), officer_page, patient_page(), require_http_methods(["POST"])]
    for gate in gates:
        assert not asks_for_step_up(gate(view))
    for gate in gates:

        def fresh(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return HttpResponse()

        assert asks_for_step_up(needs_step_up(gate(fresh)))
        assert not asks_for_step_up(fresh)
        assert asks_for_step_up(require_http_methods(["GET"])(gate(needs_step_up(fresh))))

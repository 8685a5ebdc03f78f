"""Every page of the product in the states that people meet: a table for the tests that look at each of them.

A new address without a row fails test_accessibility.py, and so does a row whose address is gone.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.core import mail
from django.core.exceptions import BadRequest
from django.db import DatabaseError
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from accounts.models import HeldSubmission, Membership, ProfessionalRegistration
from accounts.services.invitations import invite_person
from accounts.services.second_factors import request_second_factor_reset
from accounts.services.staff_checks import record_check
from audit.alerts.putting import put_new_alerts
from audit.context import access_context
from audit.reconciliation import compare_changes
from cases.models import Case, Patient
from cases.services.break_glass import end_break_glass
from cases.services.drafts import keep_draft
from cases.services.signed_contacts import strike_out_contact
from core.access_guard import recorded_query
from crisis_plans.services import announce_review
from reminders import stuck_mail, ticks
from reminders.models import EmailMessageOut
from tests.alerts import answered_alert, asked_alert, closed_alert, decided_alert, raised_alert
from tests.break_glass import SENTENCE, opened
from tests.browser.entering import end_session, enter, give_second_factor_earlier, reload_near_the_end
from tests.contact_log import at_work, logged, looking, planned, signed
from tests.people import PASSWORD, Cast, make_cast, make_patient
from tests.plans import approved, drafted, submitted
from tests.sessions import give_app, sign_in

LONG_GIVEN = "Wilhelmina-Anastasia-Bartholomea"
LONG_FAMILY = "Featherstonehaugh-Cholmondeley-Marjoribanks-Llanfairpwllgwyngyll"
# A word with no place to break, as a pasted address has.
LONG_WORD = "https://example.org/" + "a-very-long-name-without-any-space" * 4


@dataclass
class World:
    """What the addresses are made of. ``keys`` holds primary keys by the name of the thing."""

    cast: Cast
    keys: dict[str, Any] = field(default_factory=dict)


Doing = Callable[[Page, World], object]


@dataclass(frozen=True)
class State:
    """One page as ``who`` meets it: opened by its route, then ``do`` is done on it.

    ``lands`` is the route whose page is looked at, where it is not the one that was opened. ``errors``: doing so
    was wrong, and the page says so.
    """

    route: str
    who: str | None
    what: str = ""
    at: Callable[[World], dict[str, Any]] = lambda world: {}
    query: str = ""
    do: Doing | None = None
    lands: str = ""
    status: int = 200
    errors: bool = False
    # How long ago ``who`` gave their second factor; what asks for it again asks after five minutes.
    minutes_ago: float = 0

    def __str__(self) -> str:
        return f"{self.route or self.query} as {self.who or 'nobody'}" + (
            f", {self.what}" if self.what else ""
        )


def key(**names: str) -> Callable[[World], dict[str, Any]]:
    """Arguments of an address: ``key(patient_id="nora")``."""
    return lambda world: {argument: world.keys[name] for argument, name in names.items()}


def press(name: str, /, **typed: str) -> Doing:
    """Type (by the input's name) and press the button."""

    def do(page: Page, world: World) -> None:
        for field_name, value in typed.items():
            page.locator(f'main [name="{field_name}"]').first.fill(value)
        with page.expect_navigation():
            page.get_by_role("main").get_by_role("button", name=name, exact=True).click()

    return do


def wrong(route: str, who: str | None, button: str, /, at: Any = lambda world: {}, **typed: str) -> State:
    return State(route, who, "with errors", at=at, do=press(button, **typed), errors=True)


NORA = key(patient_id="nora")
LONG = key(patient_id="long")
VERSION = key(patient_id="nora", number="draft version")
SUBMITTED = key(patient_id="sam", number="submitted version")
OPEN_CONTACT = key(patient_id="nora", contact_id="open contact")
SIGNED_CONTACT = key(patient_id="nora", contact_id="signed contact")
STRUCK_CONTACT = key(patient_id="nora", contact_id="struck contact")
REVIEWED_CONTACT = key(patient_id="nora", contact_id="therapy contact")
ENDED_GLASS = key(patient_id="nora", break_glass_id="ended glass")
VISIT = key(patient_id="nora", visit_id="visit")
CAL = key(user_id="cal")


def _search(page: Page, world: World) -> None:
    """A registration comes after a search."""
    page.goto("/find/")
    press("Search", terms="Nobody of this name")(page, world)
    page.goto("/patients/new/")


def _search_and_err(page: Page, world: World) -> None:
    _search(page, world)
    press("Register")(page, world)


def _password(page: Page, world: World, name: str = "amira") -> None:
    page.locator('[name="login"]').fill(name)
    page.locator('[name="password"]').fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/2fa/**")


def _password_and_no_code(page: Page, world: World) -> None:
    _password(page, world)
    press("Sign in")(page, world)


def _open_invitation(page: Page, world: World) -> None:
    page.goto(world.keys["invitation"])


def _wrong_invitation(page: Page, world: World) -> None:
    _open_invitation(page, world)
    press("Set password")(page, world)


def _open_reset(page: Page, world: World) -> None:
    page.goto(world.keys["password reset"])


def _wrong_reset(page: Page, world: World) -> None:
    _open_reset(page, world)
    press("Save password")(page, world)


def _add_passkey(page: Page, world: World) -> None:
    """With Chromium's virtual authenticator: a phone that knows its owner."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.locator('main [name="name"]').fill(LONG_GIVEN)
    with page.expect_navigation():
        page.get_by_role("button", name="Add this key").click()


def _passkey(world: World) -> dict[str, Any]:
    return {"pk": Authenticator.objects.get(type=Authenticator.Type.WEBAUTHN).pk}


def _warn(page: Page, world: World) -> None:
    reload_near_the_end(page)


def _sign_out_while_typing(page: Page, world: World) -> None:
    page.locator('[name="account"]').fill("Half a sentence")
    end_session(page)
    page.get_by_role("heading", name="You have been signed out").wait_for()


def _keep_text(page: Page, world: World) -> None:
    """A form sent after the session's end, and its sender signed in again."""
    page.goto("/find/")
    end_session(page)
    press("Search", terms="Half a name")(page, world)
    assert HeldSubmission.objects.exists()
    enter(page, world.cast["amira"], "/account/kept-text/")


def _keep_late_text(page: Page, world: World) -> None:
    """A form whose sender was asked for the second factor again."""
    enter(page, world.cast["ivy"], "/trail/export/")
    page.locator('main [name="reason"]').fill("Complaint 7")
    give_second_factor_earlier(page, minutes=10)
    press("Download the file")(page, world)
    enter(page, world.cast["ivy"], "/account/kept-text/")


def _lose_token(page: Page, world: World) -> None:
    page.context.clear_cookies(name="csrftoken")
    with page.expect_navigation():
        page.get_by_role("button", name="Search", exact=True).click()


def _clash(page: Page, world: World) -> None:
    """Somebody else saves the same details between opening and saving."""
    with access_context(route="tests", is_system=True):
        patient = Patient.objects.get(pk=world.keys["nora"])
        patient.pronouns, patient.version = "they/them", patient.version + 1
        patient.save()
    press("Save details", pronouns="she/her")(page, world)


def _fail(place: str, error: Exception) -> Doing:
    """The next page meets a fault in the named function of ours."""

    def do(page: Page, world: World) -> None:
        with patch(place, side_effect=error):
            page.reload()

    return do


def _guess_passwords(page: Page, world: World) -> None:
    for _ in range(7):
        press("Sign in", login="pru", password="wrong horse")(page, world)


def _hurry(page: Page, world: World) -> None:
    with override_settings(ACCOUNT_RATE_LIMITS={"login": "1/m/ip"}):
        for _ in range(2):
            press("Sign in", login="nobody", password="wrong horse")(page, world)


def _no_such_person(page: Page, world: World) -> None:
    press("Find", reason="Complaint 7", reference="SC-ZZZZZZ")(page, world)


def _find_nora(page: Page, world: World) -> None:
    press("Find", reason="Complaint 7", reference=world.cast.nora.reference)(page, world)


def _change_behind_the_trail(page: Page, world: World) -> None:
    """Changes in Amira's name that leave no entry, and one that is somebody's with the database's own tools."""
    for phone in ("07700 900321", "07700 900322"):
        with access_context(route="patient_record", actor=world.cast["amira"]), recorded_query("tests"):
            Patient.objects.filter(pk=world.keys["nora"]).update(phone=phone)
    world.cast["amira"].groups.add(world.cast.south.group)
    compare_changes(60)
    page.reload()


def _name_nobody(page: Page, world: World) -> None:
    page.get_by_label("By their reference").check()
    page.get_by_label("The person is in crisis and in contact with me now").check()
    press("Open the record", reference="SC-ZZZZZZ", sentence=SENTENCE)(page, world)


def _name_many(page: Page, world: World) -> None:
    for _ in range(6):
        _name_nobody(page, world)


def _review(page: Page, world: World) -> None:
    page.get_by_label("Appropriate", exact=True).check()
    press("Save the review", words=LONG_WORD)(page, world)
    page.go_back()
    page.reload()


# Addresses that answer with something else than a page, each with what it answers.
WITHOUT_A_PAGE = {
    "healthz": "facts for a monitor",
    "mfa_download_recovery_codes": "a text file",
    "mfa_login_webauthn": "facts for the passkey script, or a redirect",
    "accounts:session": "facts for the session script",
    "accounts:session_end": "POST only; leads back to the profile",
    "accounts:sessions_end_others": "POST only; leads back to the profile",
    "accounts:invitation_link": "leads on to the invitation",
    "accounts:person_sign_out": "POST only; leads back to the person",
    "accounts:invitation_resend": "POST only; leads back to the person",
    "accounts:second_factor_refuse": "POST only; leads back to the person",
    "reminders:mark_all_read": "POST only; leads back to the notifications",
    "reminders:mark_read": "POST only; leads back to the notifications",
    "reminders:tick_off": "POST only; leads back to the tasks",
    "reminders:decide_email": "POST only; leads back to the stuck e-mails",
    "cases:draft_keep_new_patient": "facts for the autosave script",
    "cases:draft_keep": "facts for the autosave script",
    "cases:break_glass_end": "POST only; leads back home or to the review",
}

_ENTRANCE = [
    State("help", None),
    State("signed_out", None),
    State("account_login", None),
    wrong("account_login", None, "Sign in"),
    State("account_login", None, "locked", do=_guess_passwords, errors=True),
    State("account_login", None, "too many attempts", do=_hurry, status=429),
    State("account_login", None, "asked for the code", do=_password, lands="mfa_authenticate"),
    State(
        "account_login",
        None,
        "no code given",
        do=_password_and_no_code,
        lands="mfa_authenticate",
        errors=True,
    ),
    State("account_inactive", None),
    State("account_reset_password", None),
    wrong("account_reset_password", None, "Send the link"),
    State("account_reset_password_done", None),
    State("account_reset_password", None, "link", do=_open_reset, lands="account_reset_password_from_key"),
    State(
        "account_reset_password",
        None,
        "link, with errors",
        do=_wrong_reset,
        lands="account_reset_password_from_key",
        errors=True,
    ),
    State("account_reset_password_from_key_done", None),
    State("accounts:invitation", None, "without a link"),
    State("accounts:invitation", None, "with a link", do=_open_invitation),
    State("accounts:invitation", None, "with errors", do=_wrong_invitation, errors=True),
]
_ACCOUNT = [
    State("accounts:profile", "amira"),
    State("accounts:home_postcode", "amira"),
    wrong("accounts:home_postcode", "amira", "Save", postcode="Northmoor"),
    State("accounts:held_submission", "amira", "nothing kept"),
    State("accounts:held_submission", "amira", "text kept", do=_keep_text),
    State("account_logout", "amira"),
    State("account_reauthenticate", "pete"),
    wrong("account_reauthenticate", "pete", "Continue"),
    State("account_change_password", "amira"),
    wrong("account_change_password", "amira", "Change password"),
    State("mfa_index", "amira"),
    State("mfa_reauthenticate", "amira", minutes_ago=10),
    State(
        "mfa_reauthenticate",
        "amira",
        "wrong code",
        do=press("Continue", code="1"),
        errors=True,
        minutes_ago=10,
    ),
    State("mfa_activate_totp", "cal"),
    wrong("mfa_activate_totp", "cal", "Turn it on"),
    State("mfa_deactivate_totp", "amira", "the last one", errors=True),
    State("mfa_view_recovery_codes", "amira"),
    State("mfa_generate_recovery_codes", "amira"),
    State("mfa_list_webauthn", "cal", "empty"),
    State("mfa_add_webauthn", "amira"),
    State("mfa_add_webauthn", "amira", "added", do=_add_passkey, lands="mfa_index"),
    State("mfa_deactivate_totp", "amira"),
    State("mfa_list_webauthn", "amira"),
    State("mfa_reauthenticate_webauthn", "amira", minutes_ago=10),
    State("accounts:held_submission", "amira", "kept when asked to confirm", do=_keep_late_text),
    State("mfa_edit_webauthn", "amira", at=_passkey),
    wrong("mfa_edit_webauthn", "amira", "Save name", at=_passkey, name=""),
    State("mfa_remove_webauthn", "amira", at=_passkey),
    State("help", "amira", "signed in"),
]
_RECORD = [
    *(State("home", who) for who in ("amira", "pete", "lena", "tess", "oona", "ivy", "rhea", "odd")),
    State("caseload", "amira"),
    State("caseload", "cal", "empty"),
    State("caseload", "lena", "whole team", query="?scope=team"),
    State("cases:find", "amira"),
    wrong("cases:find", "amira", "Search"),
    State("cases:find", "amira", "found", do=press("Search", terms="Quill")),
    State("cases:find", "amira", "nobody found", do=press("Search", terms="Zzyzx")),
    State("cases:patient_register", "amira", do=_search, lands="cases:patient_register"),
    State(
        "cases:patient_register",
        "amira",
        "with errors",
        do=_search_and_err,
        errors=True,
    ),
    State("patient_record", "amira", at=NORA),
    State("patient_record", "pete", at=NORA),
    State("patient_record", "lena", "long names", at=LONG),
    State("patient_record", "amira", "empty", at=key(patient_id="bare")),
    State("cases:patient_edit", "amira", "long names", at=LONG),
    wrong("cases:patient_edit", "amira", "Save details", at=NORA, given_name=""),
    State("cases:patient_edit", "amira", "two people at once", at=NORA, do=_clash),
    State("cases:case_hand_over", "lena", at=NORA),
    State("cases:case_close", "lena", at=NORA),
    wrong("cases:case_close", "lena", "Close the case", at=NORA),
    State("cases:duplicate", "lena", at=key(patient_id="nora", registered_id="sam")),
    wrong("cases:duplicate", "lena", "Record my decision", at=key(patient_id="nora", registered_id="sam")),
    State("cases:drafts", "amira"),
    State("cases:drafts", "cal", "empty"),
    State("cases:draft_discard", "amira", at=key(draft_id="draft")),
]
_BREAK_GLASS = [
    State("cases:break_glass", "sol"),
    wrong("cases:break_glass", "sol", "Open the record"),
    State("cases:break_glass", "sol", "no match", do=_name_nobody, errors=True),
    State("cases:break_glass", "sol", "too many statements", do=_name_many, status=429, errors=True),
    State("patient_record", "sia", "under break-glass", at=NORA),
    State("crisis_plans:plan", "sia", "under break-glass", at=NORA),
    State("cases:contact", "sia", "under break-glass", at=OPEN_CONTACT),
    State("cases:break_glass_reviews", "lena"),
    State("cases:break_glass_reviews", "sia", "empty"),
    State(
        "cases:break_glass_review",
        "lena",
        "still open",
        at=key(patient_id="nora", break_glass_id="open glass"),
    ),
    State("cases:break_glass_review", "ivy", at=ENDED_GLASS),
    wrong("cases:break_glass_review", "ivy", "Save the review", at=ENDED_GLASS),
    State(
        "cases:break_glass_review",
        "ivy",
        "reviewed",
        at=ENDED_GLASS,
        do=_review,
        lands="cases:break_glass_review",
    ),
]
_CONTACTS = [
    State("cases:patient_timeline", "amira", at=NORA),
    State("cases:patient_timeline", "pete", at=NORA),
    State("cases:patient_timeline", "amira", "long words", at=LONG),
    State("cases:contact_log", "amira", at=NORA),
    State("cases:contact_log", "pete", at=NORA),
    wrong("cases:contact_log", "amira", "Save contact", at=NORA),
    State("cases:contact_log", "amira", "session ends soon", at=NORA, do=_warn),
    State("cases:contact_log", "amira", "signed out while typing", at=NORA, do=_sign_out_while_typing),
    State("cases:contact", "amira", "not signed", at=OPEN_CONTACT),
    State("cases:contact", "pete", "somebody else's", at=SIGNED_CONTACT),
    State("cases:contact", "amira", "signed", at=SIGNED_CONTACT),
    State("cases:contact", "lena", "struck out", at=STRUCK_CONTACT),
    State("cases:contact", "pete", "struck out", at=STRUCK_CONTACT),
    State("cases:contact_change", "amira", at=OPEN_CONTACT),
    wrong("cases:contact_change", "amira", "Save changes", at=OPEN_CONTACT, account=""),
    State("cases:contact_sign", "amira", at=OPEN_CONTACT),
    wrong("cases:contact_sign", "amira", "Sign contact", at=OPEN_CONTACT),
    State("cases:contact_addendum", "amira", at=SIGNED_CONTACT),
    wrong("cases:contact_addendum", "amira", "Save addendum", at=SIGNED_CONTACT),
    State("cases:contact_strike_out", "amira", at=SIGNED_CONTACT),
    wrong("cases:contact_strike_out", "amira", "Strike out", at=SIGNED_CONTACT),
    State("cases:unmentored", "lena"),
    State("cases:unmentored", "sia", "empty"),
    State("cases:contact_reviews", "lena"),
    State("cases:contact_reviews", "sia", "empty"),
    State("cases:contact_review", "lena", at=REVIEWED_CONTACT),
    wrong("cases:contact_review", "lena", "Close the review", at=REVIEWED_CONTACT),
    State("cases:to_sign", "amira"),
    State("cases:to_sign", "cal", "empty"),
    State("cases:visit_plan", "amira", at=NORA),
    wrong("cases:visit_plan", "amira", "Plan visit", at=NORA),
    State("cases:visit", "amira", at=VISIT),
    State("cases:visit_change", "amira", at=VISIT),
    wrong("cases:visit_change", "amira", "Save changes", at=VISIT, planned_on_day=""),
    State("cases:visit_outcome", "amira", at=VISIT),
    wrong("cases:visit_outcome", "amira", "Record", at=VISIT),
]
_PLAN = [
    State("crisis_plans:plan", "amira", at=NORA),
    State("crisis_plans:plan", "pete", at=NORA),
    State("crisis_plans:plan", "lena", "long words", at=LONG),
    State("crisis_plans:plan", "amira", "none yet", at=key(patient_id="bare")),
    State("crisis_plans:plan_print", "amira", at=NORA),
    State("crisis_plans:plan_start", "amira", at=key(patient_id="bare")),
    State("crisis_plans:plan_versions", "amira", at=NORA),
    State("crisis_plans:plan_version", "amira", at=VERSION),
    State("crisis_plans:plan_version", "sia", "waits for approval", at=SUBMITTED),
    State("crisis_plans:plan_differences", "amira", at=VERSION),
    State("crisis_plans:plan_edit", "amira", at=VERSION),
    wrong("crisis_plans:plan_edit", "amira", "Save and go on to submit", at=VERSION, service_other_name=""),
    State("crisis_plans:plan_submit", "amira", at=VERSION),
    State("crisis_plans:plan_submit", "amira", "with gaps", at=key(patient_id="bare", number="gaps version")),
    State("crisis_plans:plan_discard", "amira", at=VERSION),
    State("crisis_plans:plan_withdraw", "sol", at=SUBMITTED),
    State("crisis_plans:plan_decide", "sia", at=SUBMITTED),
    wrong("crisis_plans:plan_decide", "sia", "Save decision", at=SUBMITTED),
]
_REMINDERS = [
    State("reminders:notifications", "amira"),
    State("reminders:notifications", "cal", "empty"),
    State("reminders:tasks", "lena"),
    State("reminders:tasks", "odd", "empty"),
    State("reminders:team_tasks", "lena"),
    State("reminders:team_tasks", "sia", "empty"),
    State("reminders:stuck_emails", "tess"),
    State("reminders:stuck_emails", "stan", "empty"),
]
_PEOPLE = [
    State("accounts:people", "oona"),
    State("accounts:people", "tess"),
    State("accounts:people", "tess", "who left", query="?left=yes"),
    State("accounts:person_invite", "oona"),
    wrong("accounts:person_invite", "oona", "Send the invitation"),
    State("accounts:person_find", "tess"),
    wrong("accounts:person_find", "tess", "Continue"),
    State("accounts:person", "oona", "asked to reset", at=CAL),
    State("accounts:person", "oona", "long names", at=key(user_id="invited")),
    State("accounts:person", "oona", "oneself", at=key(user_id="oona")),
    State("accounts:person_leave", "oona", at=CAL),
    State("accounts:membership_add", "oona", at=CAL),
    wrong("accounts:membership_add", "oona", "Give this role", at=CAL),
    State("accounts:membership_end", "oona", at=key(user_id="cal", membership_id="membership of cal")),
    State("accounts:checks", "oona"),
    State("home", "pru", "a check not in date"),
    State("accounts:profile", "pru", "a check not in date"),
    State("caseload", "pru", "a check not in date", status=403),
    State("accounts:person", "oona", "a check not in date", at=key(user_id="pru")),
    State("accounts:check_add", "oona", query="?kind=vetting", at=CAL),
    wrong("accounts:check_add", "oona", "Record", at=CAL),
    State("accounts:registration_add", "oona", at=CAL),
    wrong("accounts:registration_add", "oona", "Record", at=CAL),
    State("accounts:registration_renew", "oona", at=key(user_id="amira", registration_id="registration")),
    wrong(
        "accounts:registration_renew",
        "oona",
        "Save",
        at=key(user_id="amira", registration_id="registration"),
        valid_until_day="",
    ),
    State("accounts:registration_withdraw", "oona", at=key(user_id="amira", registration_id="registration")),
    wrong(
        "accounts:registration_withdraw",
        "oona",
        "Withdraw the registration",
        at=key(user_id="amira", registration_id="registration"),
    ),
    State("accounts:second_factor_request", "oona", at=key(user_id="amira")),
    State("accounts:second_factor_confirm", "oona", at=CAL),
    State("accounts:teams", "oona"),
    State("accounts:team_add", "oona"),
    wrong("accounts:team_add", "oona", "Add the team"),
    State("accounts:organisation_add", "oona"),
    wrong("accounts:organisation_add", "oona", "Add the organisation"),
]
_TRAIL = [
    State("audit:trail_home", "ivy"),
    State("audit:find_person", "ivy"),
    wrong("audit:find_person", "ivy", "Find"),
    State("audit:find_person", "ivy", "nobody", do=_no_such_person),
    State("audit:find_person", "ivy", "somebody", do=_find_nora, lands="audit:patient_trail"),
    State("audit:patient_trail", "ivy", "long names", at=LONG),
    State("audit:worker_trail", "ivy", at=key(user_id="amira")),
    State("audit:refusals", "ivy"),
    State("audit:changes", "ivy"),
    State("audit:changes", "ivy", "with findings", do=_change_behind_the_trail),
    State("audit:entries", "ivy"),
    State("audit:entries", "ivy", "filtered to nothing", query="?kind=exported"),
    State("audit:entries", "ivy", "a date that is none", query="?since_day=1&since_month=x", errors=True),
    State("audit:export", "ivy"),
    wrong("audit:export", "ivy", "Download the file"),
]
_ALERTS = [
    State("audit:alerts", "ivy"),
    State("audit:alerts", "ivy", "oldest first", query="?state=all&order=oldest"),
    State("audit:alerts", "iris", "empty"),
    *(
        State("audit:alert", "ivy", state, at=key(alert_id=f"{state} alert"))
        for state in ("new", "asked", "answered", "decided", "closed")
    ),
    State("audit:alert_ask", "ivy", at=key(alert_id="new alert")),
    wrong("audit:alert_ask", "ivy", "Send the question", at=key(alert_id="new alert"), question=""),
    State("audit:alert_decide", "ivy", "not heard", at=key(alert_id="new alert")),
    State("audit:alert_decide", "ivy", "answered", at=key(alert_id="answered alert")),
    wrong("audit:alert_decide", "ivy", "Record it", at=key(alert_id="answered alert")),
    State("audit:alert_close", "ivy", at=key(alert_id="decided alert")),
    State("audit:alert_answer", "cal", at=key(alert_id="asked alert")),
    wrong("audit:alert_answer", "cal", "Send my answer", at=key(alert_id="asked alert")),
    State("audit:alert_answer", "cal", "answered", at=key(alert_id="answered alert")),
    State("home", "ivy", "with alerts"),
    State("home", "cal", "asked about an access"),
]
_REFUSED = [
    State("patient_record", "sol", "not visible", at=NORA, status=404),
    State("", "amira", "no such page", query="/no-such-page/", status=404),
    State("", None, "no such page", query="/no-such-page/", status=404),
    State("cases:contact_review", "amira", "not allowed", at=REVIEWED_CONTACT, status=403),
    State("accounts:people", "amira", "not allowed", status=403),
    State("cases:find", "amira", "without the token", do=_lose_token, status=403),
    State(
        "help", "amira", "bad request", do=_fail("sim_casework.pages.help.render", BadRequest()), status=400
    ),
    State("help", "amira", "our fault", do=_fail("sim_casework.pages.help.render", OSError()), status=500),
    State(
        "caseload", "amira", "trail broken", do=_fail("audit.writing._insert", DatabaseError()), status=503
    ),
]
SECTIONS = {
    "entrance": _ENTRANCE,
    "account": _ACCOUNT,
    "record": _RECORD,
    "contacts and visits": _CONTACTS,
    "break-glass": _BREAK_GLASS,
    "plan": _PLAN,
    "reminders": _REMINDERS,
    "people": _PEOPLE,
    "trail": _TRAIL,
    "alerts": _ALERTS,
    "refused": _REFUSED,
}


def make_world() -> World:
    """Both teams at work for a while: something in every list, and names and words of awkward length."""
    cast = make_cast()
    world = World(cast, {name: user.pk for name, user in cast.people.items()})
    world.keys |= {"nora": cast.nora.pk, "sam": cast.sam.pk}
    _give_second_factors(world)
    with access_context(route="tests", is_system=True):
        _add_patients(world)
        _write_plans(world)
    _log_contacts(world)
    _break_glass(world)
    _fill_lists(world)
    _raise_alerts(world)
    _invite(world)
    return world


def _give_second_factors(world: World) -> None:
    amira = world.cast["amira"]
    give_app(amira)
    with access_context(route="tests", is_system=True):
        RecoveryCodes.activate(amira)


def _add_patients(world: World) -> None:
    cast = world.cast
    for name, details in {
        "bare": {"given_name": "Bo", "family_name": "Li"},
        "long": {
            "given_name": LONG_GIVEN,
            "family_name": LONG_FAMILY,
            "preferred_name": LONG_FAMILY,
            "pronouns": "they/them/theirs/themselves",
            "address": LONG_WORD,
            "contact_preferences": LONG_WORD,
            "access_needs": LONG_WORD,
        },
    }.items():
        world.keys[name] = make_patient(cast.north, cast["amira"], cast["pete"], **details).pk
    # Pru's vetting has lapsed; somebody with a long name waits for her.
    long = Case.objects.get(patient=world.keys["long"])
    long.police_mentor = cast["pru"]
    long.save()
    for kind, valid_until in (("vetting", dt.date(2020, 1, 1)), ("training", dt.date(2020, 6, 1))):
        record_check(by=None, user=cast["pru"], kind=kind, valid_until=valid_until, evidence=LONG_WORD[:150])


def _write_plans(world: World) -> None:
    cast = world.cast
    approved(cast)
    world.keys["draft version"] = drafted(
        cast, what_helps="Speak slowly.\nA walk.", disagreement="No police."
    ).number
    long = Patient.objects.get(pk=world.keys["long"])
    version = approved(cast, patient=long, what_helps=LONG_WORD, about_me=LONG_WORD, actions=(LONG_WORD,))
    announce_review(version=version, at=timezone.now() - dt.timedelta(days=3))
    bare = Patient.objects.get(pk=world.keys["bare"])
    world.keys["gaps version"] = drafted(cast, patient=bare, about_me="", actions=(), review_on=None).number
    world.keys["submitted version"] = submitted(cast, "sol", cast.sam).number


def _log_contacts(world: World) -> None:
    cast, amira = world.cast, world.cast["amira"]
    with looking():
        long = Patient.objects.get(pk=world.keys["long"])
    logged(amira, long, account=LONG_WORD, place=LONG_WORD, others_present=LONG_WORD)
    open_contact = logged(amira, cast.nora, clinical_text="Sleeps three hours.")
    signed_contact = signed(amira, cast.nora, clinical_text="Lithium 0.6 mmol/l.")
    struck = signed(amira, cast.nora, account="This was about somebody else.")
    with at_work(amira):
        strike_out_contact(by=amira, contact=struck, reason="I had the wrong record open.")
    therapy = logged(
        amira, cast.nora, participants=(amira, cast["pete"]), purpose="therapeutic", is_planned=True
    )
    visit = planned(amira, cast.nora, amira, place=LONG_WORD)
    for name, thing in {
        "open contact": open_contact,
        "signed contact": signed_contact,
        "struck contact": struck,
        "therapy contact": therapy,
        "visit": visit,
    }.items():
        world.keys[name] = thing.pk


def _break_glass(world: World) -> None:
    """Sia of South has Nora's record open; Sol had, looked at it and ended it."""
    cast = world.cast
    world.keys["open glass"] = opened(cast["sia"], cast.nora, hours=4, sentence=f"{SENTENCE} {LONG_WORD}").pk
    ended = opened(cast["sol"], cast.nora)
    sign_in(Client(), cast["sol"]).get(reverse("patient_record", args=[cast.nora.pk]))
    with at_work(cast["sol"]):
        end_break_glass(by=cast["sol"], patient_id=cast.nora.pk, key=ended.pk)
    world.keys["ended glass"] = ended.pk


def _raise_alerts(world: World) -> None:
    """One about Cal in each state of its life, with words of awkward length."""
    cast = world.cast
    words = {"question": f"What led to it? {LONG_WORD}"}
    made = {
        "new alert": raised_alert(cast, kind="same surname"),
        "asked alert": asked_alert(cast, kind="own record", **words),
        "answered alert": answered_alert(cast, kind="next of kin", answer=LONG_WORD, **words),
        "decided alert": decided_alert(cast, kind="same address", **words),
        "closed alert": closed_alert(cast, kind="refused in a burst", **words),
    }
    world.keys |= {name: alert.pk for name, alert in made.items()}
    put_new_alerts()


def _fill_lists(world: World) -> None:
    amira = world.cast["amira"]
    with at_work(amira):
        draft = keep_draft(
            by=amira,
            patient=world.cast.nora,
            form="contact-addendum",
            about=str(world.keys["signed contact"]),
            data={"text": ["Half a sen"]},
        )
    world.keys["draft"] = draft.pk
    stuck = EmailMessageOut(recipient=amira, reminder_count=1, marked_at=timezone.now())
    EmailMessageOut.objects.bulk_create([stuck])
    stuck_mail.hand_to_person(stuck, 0, EmailMessageOut.Problem.UNKNOWN)
    ticks.send_due()


def _invite(world: World) -> None:
    cast = world.cast
    with at_work(cast["tess"]):
        request_second_factor_reset(by=cast["tess"], user=cast["cal"])
    with at_work(cast["oona"]):
        invited = invite_person(
            by=cast["oona"],
            username="wilhelmina",
            email="wilhelmina@example.org",
            first_name=LONG_GIVEN,
            last_name=LONG_FAMILY,
            organisation=cast.north.trust,
            role="clinical mentor",
            team=cast.north,
        )
    world.keys["invited"] = invited.pk
    world.keys["invitation"] = re.search(r"/account/invitation/\S+", mail.outbox[-1].body)[0]
    uid, token = user_pk_to_url_str(cast["pru"]), default_token_generator.make_token(cast["pru"])
    world.keys["password reset"] = reverse(
        "account_reset_password_from_key", kwargs={"uidb36": uid, "key": token}
    )
    world.keys["membership of cal"] = Membership.objects.get(user=cast["cal"]).pk
    world.keys["registration"] = ProfessionalRegistration.objects.get(user=cast["amira"]).pk

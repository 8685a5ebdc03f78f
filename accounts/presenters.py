"""People, roles and sessions in words for their pages. No query."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from accounts.clearance import REGISTRATION, CheckState, cleared_until
from accounts.models import Invitation, Membership, ProfessionalRegistration, StaffCheck, User
from accounts.roles import Role
from accounts.services.sessions import OpenSession
from core.formatting import counted, day, moment


@dataclass(frozen=True, slots=True)
class PersonLine:
    name: str
    href: str
    organisation: str
    roles: list[str]
    state: str
    tone: str


def present_people(people: Iterable[User], *, looked_after: Collection[int]) -> list[PersonLine]:
    """The account of those who are looked after elsewhere is not for this reader."""
    return [
        PersonLine(
            name=str(person),
            href=reverse("accounts:person", args=[person.pk]),
            organisation=str(person.organisation or ""),
            roles=[role_words(m) for m in person.memberships.all()],
            **_state(person, is_shown=person.pk in looked_after),
        )
        for person in people
    ]


def _state(person: User, *, is_shown: bool) -> dict[str, str]:
    """The state of the account, not of the person."""
    if not is_shown:
        return {"state": "", "tone": ""}
    if not person.is_active:
        return {"state": f"Left {day(person.left_at)}" if person.left_at else "Closed", "tone": "grey"}
    if not person.has_usable_password():
        return {"state": "Invited", "tone": "yellow"}
    return {"state": "", "tone": ""}


def role_words(membership: Membership) -> str:
    """Clinical mentor, North team, until 3 May 2027"""
    words = f"{Role(membership.role).label}, {membership.team or membership.organisation}"
    if membership.starts_on > timezone.localdate():
        words += f", from {day(membership.starts_on)}"
    if membership.ends_on:
        words += f", until {day(membership.ends_on)}"
    return words


@dataclass(frozen=True, slots=True)
class RoleLine:
    words: str
    dates: str
    state: str
    tone: str
    end_href: str


def present_roles(memberships: Iterable[Membership], *, may_change: bool) -> list[RoleLine]:
    return [_role_line(m, may_change) for m in memberships]


def _role_line(membership: Membership, may_change: bool) -> RoleLine:
    today = timezone.localdate()
    dates = f"From {day(membership.starts_on)}"
    if membership.ends_on:
        dates += f" to {day(membership.ends_on)}"
    state, tone = "Current", "green"
    if membership.ended_at:
        state, tone = f"Ended {moment(membership.ended_at)} by {membership.ended_by}", "grey"
    elif membership.ends_on and membership.ends_on < today:
        state, tone = "Ended", "grey"
    elif membership.starts_on > today:
        state, tone = "Not begun", "blue"
    elif not membership.is_cleared:
        state, tone = "Checks not in date", "red"
    is_over = tone == "grey"
    return RoleLine(
        words=f"{Role(membership.role).label}, {membership.team or membership.organisation}",
        dates=dates,
        state=state,
        tone=tone,
        end_href=reverse("accounts:membership_end", args=[membership.user_id, membership.pk])
        if may_change and not is_over
        else "",
    )


@dataclass(frozen=True, slots=True)
class RegistrationLine:
    words: str
    about: str
    state: str
    renew_href: str
    withdraw_href: str


def present_registrations(
    registrations: Iterable[ProfessionalRegistration], *, may_change: bool
) -> list[RegistrationLine]:
    return [_registration_line(r, may_change=may_change) for r in registrations]


def _registration_line(registration: ProfessionalRegistration, *, may_change: bool) -> RegistrationLine:
    about, state = f"Valid until {day(registration.valid_until)}", ""
    if registration.withdrawn_on is not None:
        about = f"{_no_longer_since(registration.withdrawn_on)}: {registration.withdrawal_evidence}"
        state = "Withdrawn"
    elif registration.valid_until < timezone.localdate():
        state = "Run out"
    keys = [registration.user_id, registration.pk]
    is_open = may_change and registration.withdrawn_on is None
    return RegistrationLine(
        words=f"{registration.get_body_display()}, {registration.number}",
        about=about,
        state=state,
        renew_href=reverse("accounts:registration_renew", args=keys) if is_open else "",
        withdraw_href=reverse("accounts:registration_withdraw", args=keys) if is_open else "",
    )


@dataclass(frozen=True, slots=True)
class CheckLine:
    label: str
    words: str
    evidence: str
    state: str
    tone: str
    record_href: str


def present_checks(states: Iterable[CheckState], *, person: User, may_change: bool) -> list[CheckLine]:
    """What somebody's roles require, with its date; the tag is about the date, not about the person."""
    return [_check_line(state, person if may_change else None) for state in states]


def _check_line(state: CheckState, to_change: User | None) -> CheckLine:
    state_words, tone = "In date", "green"
    if state.valid_until is None:
        state_words, tone = "Missing", "red"
    elif not state.is_in_date:
        state_words, tone = "Withdrawn" if state.withdrawn_on else "Lapsed", "red"
    elif state.is_running_out:
        state_words, tone = _days_left(state.valid_until), "yellow"
    return CheckLine(
        state.label,
        until_words(state),
        state.evidence,
        state_words,
        tone,
        _record_href(state, to_change) if to_change else "",
    )


def _record_href(state: CheckState, person: User) -> str:
    if state.kind == REGISTRATION:
        return reverse("accounts:registration_add", args=[person.pk]) if state.valid_until is None else ""
    return f"{reverse('accounts:check_add', args=[person.pk])}?{urlencode({'kind': state.kind})}"


def _no_longer_since(withdrawn_on: date) -> str:
    return f"No longer on the register since {day(withdrawn_on)}"


def _days_left(until: date) -> str:
    left = (until - timezone.localdate()).days
    return f"{counted(left, 'day')} left" if left else "Last day"


def until_words(state: CheckState) -> str:
    """Good until 3 May 2027 · Lapsed after 3 May 2026 · No longer on the register since 4 May 2026 · Not recorded"""
    if state.valid_until is None:
        return "Not recorded"
    if state.withdrawn_on:
        return _no_longer_since(state.withdrawn_on)
    return f"{'Good until' if state.is_in_date else 'Lapsed after'} {day(state.valid_until)}"


def _in_sentence(words: str) -> str:
    return words[:1].lower() + words[1:]


def access_words(states: Collection[CheckState]) -> str:
    """Until when the checks let somebody work with patients, or why they do not; empty where nothing is required."""
    if not states:
        return ""
    wanting = [state for state in states if not state.is_in_date]
    if not wanting:
        return f"In date for work with patients until {day(cleared_until(states))}."
    named = "; ".join(f"{state.label}: {_in_sentence(until_words(state))}" for state in wanting)
    return f"No patient’s record opens at the moment. {named}."


def lapse_words(states: Iterable[CheckState]) -> str:
    """For an administrator's list: what is missing, lapsed or runs out."""
    return "; ".join(f"{s.label}: {_in_sentence(until_words(s))}" for s in states if s.is_running_out)


@dataclass(frozen=True, slots=True)
class ClearanceLine:
    """One person of the list of staff checks. ``due_on`` is the last day of the first check that runs out soon."""

    title: str
    href: str
    hint: str
    due_on: date | None
    status: dict[str, str] | None


def present_clearances(
    people: Iterable[User], states: Mapping[int, Sequence[CheckState]]
) -> list[ClearanceLine]:
    """``states`` by the people's keys."""
    return [_clearance_line(person, states[person.pk]) for person in people]


def _clearance_line(person: User, states: Sequence[CheckState]) -> ClearanceLine:
    until = cleared_until(states)
    is_lapsed = not all(state.is_in_date for state in states)
    runs_out = any(state.is_running_out for state in states)
    return ClearanceLine(
        str(person),
        reverse("accounts:person", args=[person.pk]),
        lapse_words(states) or f"Everything is in date until {day(until)}",
        due_on=until if runs_out and not is_lapsed else None,
        status={"text": "No access to patients", "tone": "red"} if is_lapsed else None,
    )


@dataclass(frozen=True, slots=True)
class RecordedCheckLine:
    words: str
    recorded: str


def present_recorded_checks(checks: Iterable[StaffCheck]) -> list[RecordedCheckLine]:
    return [
        RecordedCheckLine(
            f"{check.get_kind_display()}, good until {day(check.valid_until)}: {check.evidence}",
            f"Recorded {moment(check.recorded_at)}"
            + (f" by {check.recorded_by}" if check.recorded_by else ""),
        )
        for check in checks
    ]


def account_facts(person: User, invitation: Invitation | None) -> list[tuple[str, str]]:
    return [
        ("Username", person.username),
        ("E-mail address", person.email),
        *employer_facts(person),
        ("Account", account_state(person, invitation)),
        ("Last signed in", moment(person.last_login) or "Never"),
    ]


def employer_facts(person: User) -> list[tuple[str, str]]:
    return [("Employer", str(person.organisation or ""))]


def account_state(person: User, invitation: Invitation | None) -> str:
    if not person.is_active:
        return f"Closed {moment(person.left_at)}" if person.left_at else "Closed"
    if person.has_usable_password():
        return "Open"
    if invitation is None or invitation.expires_at <= timezone.now():
        return "Invited; the link has run out"
    return f"Invited; the link works until {moment(invitation.expires_at)}"


@dataclass(frozen=True, slots=True)
class SessionLine:
    reference: str
    device: str
    signed_in: str
    last_seen: str
    is_this_one: bool


def present_sessions(sessions: Iterable[OpenSession]) -> list[SessionLine]:
    return [
        SessionLine(
            reference=s.reference,
            device=device_words(s.device),
            signed_in=moment(s.signed_in_at),
            last_seen=moment(s.last_seen_at),
            is_this_one=s.is_this_one,
        )
        for s in sessions
    ]


_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


def device_words(user_agent: str) -> str:
    """Firefox on Windows; enough to know one's own devices again, and no more."""
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "Unknown device"


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((word for sign, word in names if sign in user_agent), "")


_TECHNICAL = re.compile(r"(_day|_month|_year|_choice|_other|_hour|_minute)$")


@dataclass(frozen=True, slots=True)
class KeptField:
    name: str
    value: str
    label: str


def present_kept_fields(fields: Iterable[tuple[str, str]]) -> list[KeptField]:
    """Fields of a kept form; what is long enough to have been written gets a label and is shown."""
    return [KeptField(name, value, _label(name) if _is_written(value) else "") for name, value in fields]


def _label(name: str) -> str:
    plain = _TECHNICAL.sub("", name.rsplit("-", 1)[-1]).replace("_", " ").strip()
    return plain[:1].upper() + plain[1:]


def _is_written(value: str) -> bool:
    return "\n" in value.strip() or " " in value.strip()

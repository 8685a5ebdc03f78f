"""People, roles and sessions in words for their pages. No query."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.urls import reverse
from django.utils import timezone

from accounts.models import Invitation, Membership, ProfessionalRegistration, User
from accounts.roles import Role
from accounts.services.sessions import OpenSession
from core.formatting import day, moment


@dataclass(frozen=True, slots=True)
class PersonLine:
    name: str
    href: str
    organisation: str
    roles: list[str]
    state: str
    tone: str


def present_people(people: Iterable[User]) -> list[PersonLine]:
    return [
        PersonLine(
            name=str(person),
            href=reverse("accounts:person", args=[person.pk]),
            organisation=str(person.organisation or ""),
            roles=[role_words(m) for m in person.memberships.all()],
            **_state(person),
        )
        for person in people
    ]


def _state(person: User) -> dict[str, str]:
    """The state of the account, not of the person."""
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
    valid_until: date
    is_over: bool
    renew_href: str


def present_registrations(
    registrations: Iterable[ProfessionalRegistration], *, may_change: bool
) -> list[RegistrationLine]:
    return [
        RegistrationLine(
            words=f"{r.get_body_display()}, {r.number}",
            valid_until=r.valid_until,
            is_over=r.valid_until < timezone.localdate(),
            renew_href=reverse("accounts:registration_renew", args=[r.user_id, r.pk]) if may_change else "",
        )
        for r in registrations
    ]


def account_facts(person: User, invitation: Invitation | None) -> list[tuple[str, str]]:
    return [
        ("Username", person.username),
        ("E-mail address", person.email),
        ("Employer", str(person.organisation or "")),
        ("Account", account_state(person, invitation)),
        ("Last signed in", moment(person.last_login) or "Never"),
    ]


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

"""Values as words and markup for the floor's pages, by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
NEAR = {-1: "Yesterday", 0: "Today", 1: "Tomorrow"}


def day(on: date) -> str:
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def short_day(on: date | None) -> str:
    return f"{on.day} {MONTHS[on.month - 1][:3]} {on.year}" if on else ""


def local(at: datetime) -> datetime:
    return at.astimezone(LONDON)


def moment(at: datetime, today: date) -> str:
    at = local(at)
    days = (at.date() - today).days
    if days in NEAR:
        return f"{NEAR[days]} {at.hour:02d}:{at.minute:02d}"
    return f"{day(at)} at {at.hour:02d}:{at.minute:02d}"


def due(on: date, today: date) -> str:
    days = (on - today).days
    if days < 0:
        return f"{-days} day{'s' if days < -1 else ''} overdue"
    if days < 2:
        return ("Due today", "Due tomorrow")[days]
    return f"Due in {days} days"


def today() -> date:
    return datetime.now(LONDON).date()


def midnight(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, tzinfo=LONDON)


def phone(number: str) -> str:
    return f"{number[:5]} {number[5:]}" if len(number) == 11 else number


def people(rows: Iterable[dict[str, Any]]) -> str:
    return ", ".join(f"{row['name']} (police)" if row["is_police"] else row["name"] for row in rows)


def age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs if value)


def summary(pairs: Iterable[tuple[str, str]]) -> str:
    rows = "".join(
        f"<div><dt>{name}</dt><dd>{escape(value) or 'Not recorded'}</dd></div>" for name, value in pairs
    )
    return f"<dl>{rows}</dl>"


def page(title: str, worker: Worker, main: str) -> bytes:
    links = "".join(f'<li><a href="{href}">{text}</a></li>' for text, href in worker.links)
    return (
        f'<!DOCTYPE html><html lang="en-GB"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/static/core/app.css"><script src="/static/core/app.js" defer></script></head>'
        f'<body data-session-ends-at="{worker.ends_at.isoformat()}"><header><a href="/">SIM Casework</a>'
        f"<a href=/profile/>{escape(worker.name)}</a><nav><ul>{links}<li>Notifications {worker.unread}</li></ul></nav>"
        f"</header><main>{main}</main><footer>Help</footer></body></html>"
    ).encode()


class Worker:
    """Whoever is signed in, as one statement found them."""

    __slots__ = (
        "can_read_clinical",
        "controller",
        "ends_at",
        "id",
        "is_stale",
        "key",
        "memberships",
        "name",
        "regime",
        "unread",
        "username",
    )

    def __init__(self, key: str, rows: list[dict[str, Any]]) -> None:
        first = rows[0]
        self.key = key
        self.id: int = first["id"]
        self.name: str = first["name"]
        self.username: str = first["username"]
        self.unread: int = first["unread"]
        self.controller: int = first["organisation_id"]
        self.regime = "Part 3" if first["kind"] == "police force" else "UK GDPR"
        self.is_stale: bool = first["is_stale"]
        self.ends_at: datetime = first["last_seen_at"] + timedelta(minutes=15)
        self.memberships = [row for row in rows if row["role"]]

    def has_role(self, *roles: str) -> bool:
        return any(row["role"] in roles for row in self.memberships)

    @property
    def links(self) -> list[tuple[str, str]]:
        links = [("Home", "/")]
        if self.has_role("clinical mentor", "police mentor", "clinical lead", "deputy clinical lead"):
            links += [("Caseload", "/caseload/"), ("Find or register", "/patients/find/")]
        links += [("Tasks", "/tasks/")]
        if self.has_role("IG officer"):
            links += [("Trail", "/trail/")]
        return links

"""The links at the top of every page: only to pages that this person may open, and how many notifications wait."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from accounts.models import User
from accounts.roles import Act
from accounts.selectors import may
from core.addresses import address
from reminders.selectors import unread_count

# Text, name of the page, and the act that opens it; None opens it to everybody who is signed in.
_PAGES: list[tuple[str, str, Act | None]] = [
    ("Home", "home", None),
    ("Caseload", "caseload", Act.LOG_CONTACT),
    ("Find or register", "cases:find", Act.REGISTER_PATIENT),
    ("Tasks", "reminders:tasks", None),
    ("Notifications", "reminders:notifications", None),
    ("People", "accounts:people", Act.MANAGE_PEOPLE),
    ("Trail", "audit:trail_home", Act.READ_TRAIL),
]


@dataclass(frozen=True, slots=True)
class NavigationItem:
    text: str
    href: str
    current: bool
    count: int = 0


def items(request: HttpRequest) -> list[NavigationItem]:
    """What the header links to, for whoever is signed in; nothing for anybody else."""
    user = request.user
    if not isinstance(user, User):
        return []
    shown = [(text, name) for text, name, act in _PAGES if act is None or may(user, act)]
    return [
        NavigationItem(text, href, current=_is_current(request.path, href), count=_count(user, name))
        for text, name, href in ((text, name, address(name)) for text, name in shown)
    ]


def _count(user: User, name: str) -> int:
    return unread_count(user) if name == "reminders:notifications" else 0


def _is_current(path: str, href: str) -> bool:
    return path == href if href == "/" else path.startswith(href)

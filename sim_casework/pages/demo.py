"""The demo's short cuts: sign in and confirm as an invented person, their current codes, the e-mails sent.

Installed by sim_casework.urls under demo settings only, and even there answered to this computer only.
"""

from __future__ import annotations

import email
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from functools import wraps
from pathlib import Path
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import get_next_redirect_url
from allauth.account.views import LoginView
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from accounts.directory import everybody_with_roles
from accounts.models import User
from accounts.roles import Role
from accounts.services.second_factors import current_code
from accounts.sign_in_events import note_confirmation
from accounts.step_up import gave_second_factor
from accounts.views.step_up import ConfirmByCodeView

MAILS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class DemoPerson:
    username: str
    name: str
    role: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class DemoGroup:
    heading: str
    people: list[DemoPerson]


@dataclass(frozen=True, slots=True)
class SentMail:
    sent_at: datetime | None
    to: str
    subject: str
    text: str


def from_this_computer(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """404 for anybody who is not on this computer, should the demo ever be bound to more than loopback."""

    @wraps(view)
    def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.DEMO or not _is_loopback(request.META.get("REMOTE_ADDR", "")):
            raise Http404
        return view(request, *args, **kwargs)

    return login_not_required(gate)


def _is_loopback(address: str) -> bool:
    if not address:
        return True  # a Unix socket
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class DemoLoginView(LoginView):
    """The sign-in page with the invented people beside the real form."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if _is_loopback(self.request.META.get("REMOTE_ADDR", "")):
            context["demo_people"] = demo_groups(with_codes=False)
        return context


def demo_groups(*, with_codes: bool) -> list[DemoGroup]:
    """Everybody who can sign in: the teams first, then who works for an organisation as a whole."""
    order = list(Role)
    groups: dict[tuple[bool, str], list[tuple[int, DemoPerson]]] = {}
    for person in everybody_with_roles():
        for membership in list(person.memberships.all())[:1]:
            role = Role(membership.role)
            code = current_code(person) if with_codes else ""
            shown = DemoPerson(person.username, str(person), role.label, code)
            heading = (membership.team is None, str(membership.team or membership.organisation))
            groups.setdefault(heading, []).append((order.index(role), shown))
    return [
        DemoGroup(heading, [shown for _, shown in sorted(people, key=lambda p: p[0])])
        for (_, heading), people in sorted(groups.items())
    ]


@from_this_computer
@require_POST
def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in as the person whose button was pressed, as if password and code had been given."""
    chosen = request.POST.get("username", "")
    # Those whom the page offers: without a role there would be nothing to see.
    offered = (person for person in everybody_with_roles() if person.memberships.all())
    user = next((person for person in offered if person.username == chosen), None)
    if user is None:
        raise Http404
    if request.user.is_authenticated:
        logout(request)
    _open_session(request, user)
    target = get_next_redirect_url(request) or get_adapter(request).get_login_redirect_url(request)
    return HttpResponseRedirect(target)


def _open_session(request: HttpRequest, user: User) -> None:
    get_adapter(request).login(request, user)
    record_authentication(request, user, method="password", username=user.username)
    record_authentication(request, user, method="mfa", type="totp")


class DemoConfirmView(ConfirmByCodeView):
    """The page that asks for the second factor again, with a button that is as good as a code."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        if _is_loopback(self.request.META.get("REMOTE_ADDR", "")):
            context["demo_confirm"] = True
        return context


@from_this_computer
@require_POST
def demo_confirm(request: HttpRequest) -> HttpResponse:
    """Count the second factor as given again by whoever is signed in, as if the code had been typed."""
    user = request.user
    if not isinstance(user, User) or not gave_second_factor(request):
        raise Http404
    record_authentication(request, user, method="mfa", type="totp", reauthenticated=True)
    note_confirmation(user=user, reason="By the demo's button")
    request.session.cycle_key()
    target = get_next_redirect_url(request) or get_adapter(request).get_login_redirect_url(request)
    return HttpResponseRedirect(target)


@from_this_computer
@require_GET
def demo_codes(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/codes.jinja", {"groups": demo_groups(with_codes=True)})


@from_this_computer
@require_GET
def demo_outbox(request: HttpRequest) -> HttpResponse:
    folder = Path(settings.EMAIL_FILE_PATH)  # type: ignore[misc]  # the demo's settings alone have it
    return render(request, "demo/outbox.jinja", {"mails": sent_mails(folder)})


def sent_mails(folder: Path) -> list[SentMail]:
    """The newest mails that the demo has "sent"."""
    files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime, reverse=True)
    return [_read(file) for file in files[:MAILS_SHOWN]]


def _read(file: Path) -> SentMail:
    message = email.message_from_bytes(file.read_bytes(), _class=EmailMessage, policy=policy.default)
    body = message.get_body(("plain",))
    sent = message["Date"]
    return SentMail(
        sent_at=parsedate_to_datetime(str(sent)) if sent else None,
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        text=str(body.get_content()) if body else "",
    )


urlpatterns = [
    path("account/login/", DemoLoginView.as_view(), name="account_login"),
    path("account/2fa/reauthenticate/", DemoConfirmView.as_view(), name="mfa_reauthenticate"),
    path("demo/sign-in/", demo_sign_in, name="demo_sign_in"),
    path("demo/confirm/", demo_confirm, name="demo_confirm"),
    path("demo/codes/", demo_codes, name="demo_codes"),
    path("demo/outbox/", demo_outbox, name="demo_outbox"),
]

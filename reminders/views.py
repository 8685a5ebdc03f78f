"""Notifications, tasks, a lead's view of the team's overdue tasks, and e-mails that got stuck."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.gate import role_page, signed_in_user
from accounts.models import User
from accounts.roles import Act
from accounts.selectors import may
from core.errors import DomainError, NotAllowed, NotVisible
from reminders import presenters, selectors, services
from reminders.paging import Page, page_after

_IN_HEADER = [("tasks", "My tasks"), ("notifications", "Notifications")]


@require_safe
def notifications(request: HttpRequest) -> HttpResponse:
    """The user's own notifications, newest first, 25 a page."""
    user = signed_in_user(request)
    cursor = request.GET.get("before", "")
    page = page_after(selectors.notifications(user), cursor, field="created_at", newest_first=True)
    context = {
        "lines": [presenters.present_notification(row) for row in page.rows],
        "has_unread": selectors.has_unread(user),
        "newest_href": reverse("reminders:notifications") if cursor else "",
        "older_href": _next_href("notifications", "before", page),
        "tabs": _tabs(user, "notifications"),
    }
    return render(request, "reminders/notifications.jinja", context)


@require_POST
def mark_read(request: HttpRequest, notification_id: uuid.UUID) -> HttpResponse:
    services.mark_read(by=signed_in_user(request), notification_id=notification_id)
    return redirect("reminders:notifications")


@require_POST
def mark_all_read(request: HttpRequest) -> HttpResponse:
    services.mark_all_read(by=signed_in_user(request))
    return redirect("reminders:notifications")


@require_safe
def tasks(request: HttpRequest) -> HttpResponse:
    """What the user has to do: overdue, and due within a fortnight."""
    user = signed_in_user(request)
    cursor = request.GET.get("after", "")
    page = page_after(selectors.open_tasks(user), cursor, field="due_at", newest_first=False)
    today = selectors.start_of_today()
    context = {
        "overdue": [presenters.present_task(row) for row in page.rows if row.due_at < today],
        "coming": [presenters.present_task(row) for row in page.rows if row.due_at >= today],
        "first_href": reverse("reminders:tasks") if cursor else "",
        "next_href": _next_href("tasks", "after", page),
        "tabs": _tabs(user, "tasks"),
    }
    return render(request, "reminders/tasks.jinja", context)


@require_POST
def tick_off(request: HttpRequest, reminder_id: uuid.UUID) -> HttpResponse:
    try:
        services.tick_off(by=signed_in_user(request), reminder_id=reminder_id)
    except (NotAllowed, NotVisible):
        raise
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Task done")
    return redirect("reminders:tasks")


@require_safe
@role_page(Act.REVIEW_CONTACT)
def team_tasks(request: HttpRequest) -> HttpResponse:
    """For leads: what is overdue in the team, whoever has it."""
    user = signed_in_user(request)
    cursor = request.GET.get("after", "")
    page = page_after(selectors.team_overdue_tasks(user), cursor, field="due_at", newest_first=False)
    context = {
        "lines": presenters.present_team_tasks(page.rows),
        "first_href": reverse("reminders:team_tasks") if cursor else "",
        "next_href": _next_href("team_tasks", "after", page),
        "tabs": _tabs(user, "team_tasks"),
    }
    return render(request, "reminders/team_tasks.jinja", context)


@require_safe
@role_page(Act.MANAGE_PEOPLE)
def stuck_emails(request: HttpRequest) -> HttpResponse:
    """For administrators: e-mails of which nobody can tell whether they arrived."""
    user = signed_in_user(request)
    context = {
        "lines": [presenters.present_stuck_email(row) for row in selectors.stuck_emails(user)[:100]],
        "tabs": _tabs(user, "stuck_emails"),
    }
    return render(request, "reminders/stuck_emails.jinja", context)


@require_POST
@role_page(Act.MANAGE_PEOPLE)
def decide_email(request: HttpRequest, reference: uuid.UUID) -> HttpResponse:
    decision = request.POST.get("decision", "")
    try:
        services.decide_about_email(by=signed_in_user(request), reference=reference, decision=decision)
    except (NotAllowed, NotVisible):
        raise
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Recorded")
    return redirect("reminders:stuck_emails")


def _next_href(name: str, parameter: str, page: Page[Any]) -> str:
    return f"{reverse(f'reminders:{name}')}?{urlencode({parameter: page.next})}" if page.next else ""


def _tabs(user: User, current: str) -> list[dict[str, object]]:
    """None for who has only the two pages that the header links to anyway."""
    tabs = [*_IN_HEADER]
    if may(user, Act.REVIEW_CONTACT):
        tabs.append(("team_tasks", "Overdue in the team"))
    if may(user, Act.MANAGE_PEOPLE):
        tabs.append(("stuck_emails", "Stuck e-mails"))
    if len(tabs) == len(_IN_HEADER):
        return []
    return [
        {"text": text, "href": reverse(f"reminders:{name}"), "current": name == current}
        for name, text in tabs
    ]

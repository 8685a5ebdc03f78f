"""Alerts: an officer's list and pages, and the page on which a worker answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from audit.alerts.forms import AlertFilterForm, AnswerForm, DecisionForm, QuestionForm
from audit.alerts.life import answer_alert, ask_worker, close_alert, decide_alert, why_not_to_act
from audit.alerts.presenters import (
    alert_lines,
    list_address,
    list_tags,
    record_rows,
    shown_alert,
    shown_question,
)
from audit.alerts.selectors import (
    alert_in_scope,
    alerts_listed,
    entries_behind,
    question_to,
    records_of_kinds,
)
from audit.gate import officer_page
from audit.providers import Officer
from core.errors import DomainError, NotAllowed, NotVisible
from core.step_up import needs_step_up
from core.submission import try_service

_FORM = ["GET", "HEAD", "POST"]


@require_safe
@officer_page
def alerts(request: HttpRequest, officer: Officer) -> HttpResponse:
    """What is open, newest or oldest first; and how often each kind of detector was right."""
    form = AlertFilterForm(request.GET)
    filters = form.filters()
    page = alerts_listed(officer, filters, request.GET.get("after", ""))
    labels = {
        "state": dict(form.fields["state"].choices).get(filters.state, ""),  # type: ignore[attr-defined]
        "kind": dict(form.fields["kind"].choices).get(filters.kind, ""),  # type: ignore[attr-defined]
        "order": "Oldest first" if filters.is_oldest_first else "",
    }
    context = {
        "form": form,
        "lines": alert_lines(page.alerts),
        "tags": list_tags(request.GET, request.path, labels),
        "clear_href": request.path,
        "more_href": list_address(request.GET, request.path, after=page.after) if page.after else "",
        "is_oldest_first": filters.is_oldest_first,
        "records": record_rows(records_of_kinds(officer)),
    }
    return render(request, "audit/alerts.jinja", context)


@require_safe
@officer_page
def alert(request: HttpRequest, officer: Officer, alert_id: uuid.UUID) -> HttpResponse:
    """Why it was raised, the entries behind it, what became of it, and the next step."""
    found = _alert(officer, alert_id)
    why_not = why_not_to_act(officer.user, found)
    lines = entries_behind(officer, found)
    context = {"alert": shown_alert(found, lines, may_act=not why_not), "key": alert_id, "why_not": why_not}
    return render(request, "audit/alert.jinja", context)


@require_http_methods(_FORM)
@officer_page
def alert_ask(request: HttpRequest, officer: Officer, alert_id: uuid.UUID) -> HttpResponse:
    found = _alert_to_act_on(officer, alert_id)
    form = QuestionForm(request.POST if request.method == "POST" else None)

    def ask() -> Any:
        return ask_worker(by=officer.user, alert=found, question=form.cleaned_data["question"])

    done = _done(request, form, ask, f"{found.worker} has been asked.", alert_id)
    return done or _step_page(request, found, form, "audit/alert_ask.jinja")


@require_http_methods(_FORM)
@officer_page
def alert_decide(request: HttpRequest, officer: Officer, alert_id: uuid.UUID) -> HttpResponse:
    found = _alert_to_act_on(officer, alert_id)
    form = DecisionForm(request.POST if request.method == "POST" else None)

    def decide() -> Any:
        data = form.cleaned_data
        return decide_alert(by=officer.user, alert=found, outcome=data["outcome"], words=data["words"])

    done = _done(request, form, decide, "Recorded. Close the alert when what follows is done.", alert_id)
    return done or _step_page(request, found, form, "audit/alert_decide.jinja")


@require_http_methods(_FORM)
@needs_step_up
@officer_page
def alert_close(request: HttpRequest, officer: Officer, alert_id: uuid.UUID) -> HttpResponse:
    found = _alert_to_act_on(officer, alert_id)
    if request.method == "POST":
        try:
            close_alert(by=officer.user, alert=found)
        except (NotAllowed, NotVisible):
            raise
        except DomainError as refusal:  # not decided yet, or a second click
            messages.error(request, refusal.message)
        else:
            messages.success(request, "The alert is closed.")
        return redirect("audit:alert", alert_id)
    context = {"alert": shown_alert(found, [], may_act=True), "key": alert_id}
    return render(request, "audit/alert_close.jinja", context)


@require_http_methods(_FORM)
def alert_answer(request: HttpRequest, alert_id: uuid.UUID) -> HttpResponse:
    """The worker reads what they were asked, and answers once. For nobody else is there such a page."""
    found = question_to(request.user, alert_id)
    if found is None:
        raise Http404
    form = AnswerForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        answer = form.cleaned_data["answer"]
        if try_service(form, lambda: answer_alert(by=request.user, alert=found, answer=answer)) is not None:
            messages.success(request, "Thank you. Your answer has been handed on.")
            return redirect("audit:alert_answer", alert_id)
    context = {"form": form, "question": shown_question(found)}
    return render(request, "audit/alert_answer.jinja", context)


def _alert(officer: Officer, alert_id: uuid.UUID) -> Any:
    found = alert_in_scope(officer, alert_id)
    if found is None:
        raise Http404
    return found


def _alert_to_act_on(officer: Officer, alert_id: uuid.UUID) -> Any:
    """Raises: Http404 outside of the officer's scope; NotAllowed where they are of the worker's line."""
    found = _alert(officer, alert_id)
    if words := why_not_to_act(officer.user, found):
        raise NotAllowed(words)
    return found


def _done(
    request: HttpRequest, form: Any, step: Callable[[], Any], words: str, alert_id: uuid.UUID
) -> HttpResponse | None:
    """Take the step of a sent form; None shows the form (again), with what was typed."""
    if request.method != "POST" or not form.is_valid() or try_service(form, step) is None:
        return None
    messages.success(request, words)
    return redirect("audit:alert", alert_id)


def _step_page(request: HttpRequest, found: Any, form: Any, template: str) -> HttpResponse:
    context = {
        "alert": shown_alert(found, [], may_act=True),
        "key": found.pk,
        "form": form,
        "worker": found.worker,
    }
    return render(request, template, context)

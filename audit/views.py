"""The information governance officer's pages. They show who did what and why it was allowed, and no record."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from audit.context import current_context
from audit.exports import export_trail
from audit.findings import backstop_state, unexplained_changes
from audit.forms import ExportForm, FilterForm, FindPersonForm, midnight
from audit.gate import officer_page
from audit.models import LogEntry
from audit.presenters import backstop_in_words, shown_findings, shown_page, worker_links
from audit.providers import Officer, people_under_review
from audit.selectors import (
    Cursor,
    all_entries,
    recent_refusals,
    trail_of_patient,
    trail_of_worker,
    worker_named,
    workers_of,
)
from audit.sentences import KINDS
from audit.writing import keyed_digest
from core.errors import NotAllowed
from core.step_up import needs_step_up

# What can happen to a patient, and what a worker does.
_PATIENT_KINDS = ("opened", "listed", "changed", "searched", "exported", "denied")
# The session keeps why a patient's trail was asked for, so that each page of it is explained.
_REASONS = "trail_reasons"


@require_safe
@officer_page
def trail_home(request: HttpRequest, officer: Officer) -> HttpResponse:
    """Where to begin: a person, a worker, what was refused, everything, an export."""
    context = {
        "find_form": FindPersonForm(),
        "workers": worker_links(workers_of(officer)),
        "officer": officer,
    }
    return render(request, "audit/trail_home.jinja", context)


@require_http_methods(["GET", "HEAD", "POST"])
@officer_page
def find_person(request: HttpRequest, officer: Officer) -> HttpResponse:
    """By POST, so that no name or number stands in an address. The search is on the trail, with or without a result."""
    form = FindPersonForm(request.POST if request.method == "POST" else None)
    people = None
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        people = people_under_review().matching(officer.user, form.identifiers())
        context = current_context()
        context.action = LogEntry.Action.SEARCH
        context.reason = reason
        context.notes |= {"terms_digest": keyed_digest(form.terms()), "results": len(people)}
        context.explain({person.key: person.relationship for person in people})
        request.session[_REASONS] = {str(person.key): reason for person in people}
        if len(people) == 1:
            address = reverse("audit:patient_trail", kwargs={"patient_id": people[0].key})
            return HttpResponseRedirect(address, status=303)
    return render(request, "audit/find_person.jinja", {"form": form, "people": people})


@require_safe
@officer_page
def patient_trail(request: HttpRequest, officer: Officer, patient_id: uuid.UUID) -> HttpResponse:
    """Who opened, listed, changed or was refused this person's record."""
    person = people_under_review().named(officer.user, patient_id)
    if person is None:
        raise Http404
    context = current_context()
    context.explain({person.key: person.relationship})
    context.reason = request.session.get(_REASONS, {}).get(str(person.key), "")
    form = FilterForm(request.GET, kinds=_PATIENT_KINDS)
    filters = form.filters()
    page = trail_of_patient(person.key, filters, _cursor(request))
    shown = shown_page(page, form, filters, request.GET, request.path, of_patient=True)
    return render(request, "audit/patient_trail.jinja", {"person": person, "page": shown, "form": form})


@require_safe
@officer_page
def worker_trail(request: HttpRequest, officer: Officer, user_id: int) -> HttpResponse:
    """What one worker of the officer's organisation did."""
    form = FilterForm(request.GET)
    filters = form.filters()
    page = trail_of_worker(officer, user_id, filters, _cursor(request))
    worker = page.lines[0].entry.actor if page.lines else worker_named(officer, user_id)
    if worker is None:
        raise Http404
    shown = shown_page(page, form, filters, request.GET, request.path, of_patient=False)
    return render(request, "audit/worker_trail.jinja", {"worker": worker, "page": shown, "form": form})


@require_safe
@officer_page
def refusals(request: HttpRequest, officer: Officer) -> HttpResponse:
    """What was denied, not found or failed, newest first."""
    form = FilterForm(request.GET, kinds=("denied",))
    filters = form.filters()
    page = recent_refusals(officer, filters, _cursor(request))
    shown = shown_page(page, form, filters, request.GET, request.path, of_patient=False)
    return render(request, "audit/refusals.jinja", {"page": shown, "form": form})


@require_safe
@officer_page
def entries(request: HttpRequest, officer: Officer) -> HttpResponse:
    """All entries the officer may read, newest first."""
    form = FilterForm(request.GET, kinds=tuple(KINDS))
    filters = form.filters()
    page = all_entries(officer, filters, _cursor(request))
    shown = shown_page(page, form, filters, request.GET, request.path, of_patient=False)
    return render(request, "audit/entries.jinja", {"page": shown, "form": form})


@require_safe
@officer_page
def changes(request: HttpRequest, officer: Officer) -> HttpResponse:
    """Changes that have no entry on the trail, and entries whose change is missing."""
    state = backstop_state()
    page = unexplained_changes(officer, _cursor(request))
    context = {
        "page": shown_findings(page, request.path),
        "summary": backstop_in_words(state),
        "stands_still": state.stands_still,
    }
    return render(request, "audit/changes.jinja", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs_step_up
@officer_page
def export(request: HttpRequest, officer: Officer) -> HttpResponse:
    """The same file as ``manage.py trail_export`` writes. The bytes leave after the entry is committed."""
    if not officer.may_export:
        raise NotAllowed("You may not export the trail.")
    form = ExportForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        made = export_trail(
            officer,
            since=midnight(data["since"]),
            until=midnight(data["until"] + timedelta(days=1)),
            reason=data["reason"],
        )
        response = HttpResponse(made.content, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="trail-{data["since"]}-{data["until"]}.csv"'
        return response
    return render(request, "audit/export.jinja", {"form": form})


def _cursor(request: HttpRequest) -> Cursor | None:
    return Cursor.parse(before=request.GET.get("before", ""), after=request.GET.get("after", ""))

"""Saving an edit that somebody else may have overtaken: the page with both texts, and nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from cases.forms.clashes import CLASH, ClashForm, carried_inputs, differences, resolved
from cases.models import Patient
from cases.presenters.patients import identity, record_href
from core.errors import VersionClash
from core.submission import try_service


@dataclass(frozen=True, slots=True)
class Edited:
    """What became of a posted edit: saved, a page to show instead, or the form with its errors."""

    form: forms.BaseForm
    is_saved: bool = False
    page: HttpResponse | None = None


def save_edit(
    request: HttpRequest,
    patient: Patient,
    *,
    saved: forms.BaseForm,
    bind: Callable[[QueryDict], forms.BaseForm],
    save: Callable[[forms.BaseForm], Any],
    title: str,
) -> Edited:
    """Save a posted form that carries ``version``; on a clash show both texts and take the choice.

    ``saved`` is the same form, unbound, with the record's present values and version; ``bind`` makes the form from
    posted data; ``save`` calls the service, which raises VersionClash.
    """
    posted: QueryDict = request.POST
    if CLASH in posted:
        typed = bind(posted)
        typed.full_clean()
        clash = ClashForm(posted, differences=differences(saved, typed) if typed.is_valid() else [])
        if not clash.is_valid():
            return Edited(typed, page=_clash_page(request, patient, saved, clash, title))
        posted = resolved(posted, saved, clash)
    form = bind(posted)
    if not form.is_valid():
        return Edited(form)
    try:
        return Edited(form, is_saved=try_service(form, lambda: save(form)) is not None)
    except VersionClash:
        found = differences(saved, form)
    if not found:  # both wrote the same
        same = posted.copy()
        same["version"] = str(saved.get_initial_for_field(saved.fields["version"], "version"))
        form = bind(same)
        return Edited(form, is_saved=form.is_valid() and try_service(form, lambda: save(form)) is not None)
    return Edited(form, page=_clash_page(request, patient, saved, ClashForm(differences=found), title))


def _clash_page(
    request: HttpRequest, patient: Patient, saved: forms.BaseForm, clash: ClashForm, title: str
) -> HttpResponse:
    context = {
        "identity": identity(patient),
        "record_href": record_href(patient),
        "title": title,
        "form": clash,
        "differences": clash.differences,
        "carried": carried_inputs(request.POST),
        "version": saved.get_initial_for_field(saved.fields["version"], "version"),
    }
    return render(request, "cases/clash.jinja", context)

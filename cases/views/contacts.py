"""Pages of the contact log: write, read, complete, sign, add to, strike out; the timeline and the list to sign."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.gate import role_page, signed_in_user
from accounts.models import User
from accounts.roles import Act
from audit.openers import openers_of
from cases.forms.contacts import (
    AddendumForm,
    ContactForm,
    SignForm,
    StrikeOutForm,
    contact_initial,
    new_contact_initial,
)
from cases.forms.drafts import typed_data
from cases.forms.sent_once import SentOnceForm
from cases.models import Contact, ContactAddendum, Patient, Visit
from cases.permissions import can
from cases.presenters.contacts import contact_href, present_contact, present_to_sign
from cases.presenters.patients import identity
from cases.presenters.timeline import present_timeline
from cases.presenters.visits import present_visit, present_visits
from cases.selectors.contacts import (
    SHOWN_CONTACTS,
    contact_of,
    contacts_to_sign,
    last_place,
    own_addendum,
    own_clinical_text,
    own_unsigned_contact,
    sent_contact,
    timeline,
)
from cases.selectors.visits import (
    Colleague,
    colleagues,
    colleagues_in,
    outcome_of,
    people_of_contact,
    visit_of,
    visits_to_log,
)
from cases.services.contacts import ContactFacts, change_contact, log_contact
from cases.services.drafts import keep_draft
from cases.services.signed_contacts import (
    add_addendum,
    gaps,
    may_strike_out,
    sign_contact,
    strike_out_contact,
)
from cases.services.visits import required_case
from cases.views.drafts import PageDraft
from cases.views.gate import patient_page
from core.errors import VersionClash
from core.submission import try_service

LOG_DRAFT, CHANGE_DRAFT, ADDENDUM_DRAFT = "contact-log", "contact-change", "contact-addendum"


@patient_page(Act.LOG_CONTACT)
def contact_log(request: HttpRequest, patient: Patient) -> HttpResponse:
    user = signed_in_user(request)
    members = colleagues_in(required_case(user, Act.LOG_CONTACT, patient))
    visit = _visit_of_request(request, user, patient)
    if visit is not None and request.method == "GET" and outcome_of(visit) is not None:
        return redirect("cases:visit", patient.pk, visit.pk)
    draft = PageDraft(request, patient, LOG_DRAFT, about=str(visit.pk) if visit else "")
    form = ContactForm(
        request.POST or None,
        members=members,
        me=user,
        writes_clinical=can(user, Act.WRITE_CLINICAL, patient),
        visit=visit,
        initial=_first_values(user, patient, members, visit),
    )
    if draft.is_wanted and (kept := draft.keep(form)):
        return kept
    if request.method == "POST" and not draft.is_wanted and form.is_valid():
        key, facts = form.cleaned_data["submission_key"], form.facts()
        contact = try_service(
            form,
            lambda: log_contact(
                by=user, patient=patient, submission_key=key, facts=facts, visit=visit, is_from_page=True
            ),
            is_whole=True,
        )
        if contact is not None:
            draft.finish()
            return _after_saving(request, contact, facts)
    elif request.method == "GET":
        _fill(draft, form, lambda key: sent_contact(user, key))
    context = {
        "form": form,
        "draft": draft,
        "identity": identity(patient),
        "visit": present_visit(visit) if visit else None,
        "waiting": [] if visit else present_visits(visits_to_log(user, patient)),
    }
    return render(request, "cases/contact_log.jinja", context)


@patient_page()
def contact(request: HttpRequest, patient: Patient, contact_id: uuid.UUID) -> HttpResponse:
    user = signed_in_user(request)
    found = _contact(request, patient, contact_id)
    page = present_contact(found, user)
    context = {
        "contact": page,
        "identity": identity(patient),
        "may_write": can(user, Act.LOG_CONTACT, patient),
        "may_review": can(user, Act.REVIEW_CONTACT, patient),
        "may_strike_out": not page.is_struck_out and may_strike_out(user, found),
        # Who reads the text of a struck-out entry is told who else has seen it.
        "openers": (
            openers_of(found.pk, patient=patient.pk, noted_as=SHOWN_CONTACTS)
            if page.is_struck_out and not page.is_withheld
            else []
        ),
    }
    return render(request, "cases/contact.jinja", context)


@patient_page(Act.LOG_CONTACT)
def contact_change(request: HttpRequest, patient: Patient, contact_id: uuid.UUID) -> HttpResponse:
    user = signed_in_user(request)
    found = own_unsigned_contact(user, patient, contact_id)
    if found is None:
        return _not_to_change(request, patient, contact_id)
    members = people_of_contact(colleagues(required_case(user, Act.LOG_CONTACT, patient).team), found)
    draft = PageDraft(request, patient, CHANGE_DRAFT, about=str(found.pk))
    form = ContactForm(
        request.POST or None,
        members=members,
        me=user,
        writes_clinical=can(user, Act.WRITE_CLINICAL, patient),
        visit=found.visit,
        initial=contact_initial(found, own_clinical_text(user, found)),
    )
    clash = None
    if draft.is_wanted and (kept := draft.keep(form)):
        return kept
    if request.method == "POST" and not draft.is_wanted and form.is_valid():
        facts, version = form.facts(), form.cleaned_data["version"] or 0
        try:
            changed = try_service(
                form, lambda: change_contact(by=user, contact=found, version=version, facts=facts)
            )
        except VersionClash:
            changed, clash = None, _clash(request, form, found)
        if changed is not None:
            draft.finish()
            messages.success(request, "Contact changed.")
            return redirect(contact_href(changed))
    elif request.method == "GET":
        draft.fill(form)
    context = {
        "form": form,
        "draft": draft,
        "identity": identity(patient),
        "visit": present_visit(found.visit) if found.visit else None,
        "clash": clash,
        "contact_href": contact_href(found),
    }
    return render(request, "cases/contact_change.jinja", context)


@patient_page(Act.LOG_CONTACT)
def contact_sign(request: HttpRequest, patient: Patient, contact_id: uuid.UUID) -> HttpResponse:
    user = signed_in_user(request)
    found = own_unsigned_contact(user, patient, contact_id)
    read = contact_of(user, patient, contact_id)
    if found is None or read is None:
        return _not_to_change(request, patient, contact_id)
    form = SignForm(request.POST or None, missing=gaps(found), initial={"version": found.version})
    if request.method == "POST" and form.is_valid():
        version, answers = form.cleaned_data["version"], form.answers()
        try:
            signed = try_service(
                form, lambda: sign_contact(by=user, contact=found, version=version, answers=answers)
            )
        except VersionClash as clash:
            messages.warning(request, clash.message)
            return redirect("cases:contact_sign", patient.pk, found.pk)
        if signed is not None:
            messages.success(request, "Contact signed. Anything you add from now on is an addendum.")
            return redirect(contact_href(found))
    context = {"form": form, "identity": identity(patient), "contact": present_contact(read, user)}
    return render(request, "cases/contact_sign.jinja", context)


@patient_page(Act.LOG_CONTACT)
def contact_addendum(request: HttpRequest, patient: Patient, contact_id: uuid.UUID) -> HttpResponse:
    user = signed_in_user(request)
    found = _contact(request, patient, contact_id)
    page = present_contact(found, user)
    if page.is_struck_out or not page.is_signed:
        raise Http404
    draft = PageDraft(request, patient, ADDENDUM_DRAFT, about=str(found.pk))
    form = AddendumForm(
        request.POST or None,
        writes_clinical=can(user, Act.WRITE_CLINICAL, patient),
        initial={"submission_key": uuid.uuid4()},
    )
    if draft.is_wanted and (kept := draft.keep(form)):
        return kept
    if request.method == "POST" and not draft.is_wanted and form.is_valid():
        data = form.cleaned_data
        added = try_service(form, lambda: add_addendum(by=user, contact=found, **data))
        if added is not None:
            draft.finish()
            return _after_adding(request, found, added, data)
    elif request.method == "GET":
        _fill(draft, form, lambda key: own_addendum(user, patient.pk, key) is not None)
    context = {"form": form, "draft": draft, "identity": identity(patient), "contact": page}
    return render(request, "cases/contact_addendum.jinja", context)


@patient_page()
def contact_strike_out(request: HttpRequest, patient: Patient, contact_id: uuid.UUID) -> HttpResponse:
    user = signed_in_user(request)
    found = _contact(request, patient, contact_id)
    page = present_contact(found, user)
    if page.is_struck_out or not may_strike_out(user, found):
        raise Http404
    form = StrikeOutForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        struck = try_service(form, lambda: strike_out_contact(by=user, contact=found, reason=reason))
        if struck is not None:
            messages.success(
                request, "Struck out. Write the entry into the right record if that is not done yet."
            )
            return redirect(contact_href(found))
    context = {
        "form": form,
        "identity": identity(patient),
        "contact": page,
        "cancel_href": contact_href(found),
    }
    return render(request, "cases/contact_strike_out.jinja", context)


@patient_page()
def patient_timeline(request: HttpRequest, patient: Patient) -> HttpResponse:
    user = signed_in_user(request)
    page = timeline(user, patient, before=request.GET.get("before"))
    context = {
        "entries": present_timeline(page),
        "older": page.older,
        "is_newest": "before" not in request.GET,
        "identity": identity(patient),
    }
    return render(request, "cases/patient_timeline.jinja", context)


@role_page(Act.LOG_CONTACT)
def to_sign(request: HttpRequest) -> HttpResponse:
    rows = present_to_sign(contacts_to_sign(signed_in_user(request)))
    return render(request, "cases/to_sign.jinja", {"contacts": rows})


def _contact(request: HttpRequest, patient: Patient, contact_id: uuid.UUID) -> Contact:
    found = contact_of(signed_in_user(request), patient, contact_id)
    if found is None:
        raise Http404
    return found


def _not_to_change(request: HttpRequest, patient: Patient, contact_id: uuid.UUID) -> HttpResponse:
    """Signed, struck out or somebody else's: its own page says what can be done, and keeps the user's words.

    What was typed into a form that has become useless meanwhile waits as a draft of an addendum.
    """
    found = _contact(request, patient, contact_id)
    messages.warning(request, "Only its author changes a contact, and only until it is signed.")
    if request.method == "POST" and request.POST.get("account"):
        _keep_as_addendum(request, found, request.POST["account"])
    return redirect(contact_href(found))


def _visit_of_request(request: HttpRequest, user: User, patient: Patient) -> Visit | None:
    """The visit named in the address; one that is not this patient's is no page at all."""
    if "visit" not in request.GET:
        return None
    try:
        visit = visit_of(user, patient, uuid.UUID(request.GET["visit"]))
    except ValueError:
        visit = None
    if visit is None:
        raise Http404
    return visit


def _first_values(
    user: User, patient: Patient, members: list[Colleague], visit: Visit | None
) -> dict[str, Any]:
    me = next((member for member in members if member.user == user), None)
    # Asked for only where it is shown or guessed from.
    return new_contact_initial(me, visit, lambda: last_place(user, patient))


def _fill(draft: PageDraft, form: SentOnceForm, was_sent: Callable[[object], bool]) -> None:
    """Continue what is unfinished, unless the draft was kept by a page that has been saved since."""
    fresh = dict(form.initial)
    if draft.fill(form) and was_sent(form.initial.get("submission_key")):
        draft.finish()
        draft.saved_at = None
        form.initial = fresh


def _after_saving(request: HttpRequest, contact: Contact, facts: ContactFacts) -> HttpResponse:
    """To the saved contact. A second send that says something else is kept, and offered to its author."""
    if _says_the_same(request, contact, facts):
        messages.success(request, "Contact saved.")
        return redirect(contact_href(contact))
    if getattr(contact, "signature", None) is not None:
        _keep_as_addendum(request, contact, facts.account)
        return redirect(contact_href(contact))
    data = typed_data(request.POST) | {"version": [str(contact.version)]}
    keep_draft(
        by=signed_in_user(request),
        patient=contact.patient,
        form=CHANGE_DRAFT,
        about=str(contact.pk),
        data=data,
    )
    messages.warning(
        request,
        "You had saved this contact already. What you sent the second time is below: save it to replace it.",
    )
    return redirect(contact_href(contact, "contact_change"))


def _after_adding(
    request: HttpRequest, contact: Contact, saved: ContactAddendum, sent: Mapping[str, Any]
) -> HttpResponse:
    """To the contact with its addendum. A second send that says something else waits as a draft of another one."""
    if all(getattr(saved, name) == value for name, value in sent.items()):
        messages.success(request, "Addendum saved.")
        return redirect(contact_href(contact))
    # Without its key, which is used up.
    data = {name: value for name, value in typed_data(request.POST).items() if name != "submission_key"}
    keep_draft(
        by=signed_in_user(request),
        patient=contact.patient,
        form=ADDENDUM_DRAFT,
        about=str(contact.pk),
        data=data,
    )
    messages.warning(
        request,
        "You had saved this addendum already. What you sent the second time is below: save it to add it as well.",
    )
    return redirect(contact_href(contact, "contact_addendum"))


def _says_the_same(request: HttpRequest, contact: Contact, facts: ContactFacts) -> bool:
    names = ("happened_at", "outcome", "account", "observation", "opinion", "others_present", "place")
    if any(getattr(contact, name) != getattr(facts, name) for name in names):
        return False
    return not facts.clinical_text or facts.clinical_text == own_clinical_text(
        signed_in_user(request), contact
    )


def _keep_as_addendum(request: HttpRequest, contact: Contact, text: str) -> None:
    user = signed_in_user(request)
    if getattr(contact, "signature", None) is None:
        return
    keep_draft(
        by=user, patient=contact.patient, form=ADDENDUM_DRAFT, about=str(contact.pk), data={"text": [text]}
    )
    messages.warning(request, "What you typed is kept as a draft. Use “Add to it” to save it as an addendum.")


def _clash(request: HttpRequest, form: ContactForm, found: Contact) -> dict[str, str]:
    """What is saved now, to stand beside what was typed; saving again replaces it, knowingly."""
    again = request.POST.copy()
    again["version"] = str(found.version)
    form.data = again
    return {
        "account": found.account,
        "observation": found.observation,
        "opinion": found.opinion,
        "clinical_text": str(form.initial.get("clinical_text", "")) if "clinical_text" in form.fields else "",
    }

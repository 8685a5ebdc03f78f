"""Contacts as words and links: only what selectors.contacts gave this user to read. Makes no query."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from accounts.models import User
from cases.drafted_forms import Address, register_drafted_form
from cases.models import Contact, ContactReview, Draft
from cases.models.contact import Answer
from cases.presenters.patients import name_with_reference
from cases.presenters.visits import Tag, named_people, purpose_words
from cases.selectors.contacts import text_of
from cases.services.signed_contacts import gaps
from core.addresses import address
from core.formatting import moment

STRUCK_OUT = "Struck-out entry"
WITHHELD = "Written into the wrong record. Its author and the clinical lead can read the text."


@dataclass(frozen=True, slots=True)
class AddendumView:
    by: str
    at: datetime
    reason: str
    text: str
    is_clinical_only: bool


@dataclass(frozen=True, slots=True)
class ContactPage:
    """Everything on a contact's own page."""

    title: str
    tags: list[Tag]
    rows: list[tuple[str, str]]
    texts: list[tuple[str, str]]
    clinical: str
    addenda: list[AddendumView]
    history: list[tuple[str, str]]
    missing: list[str]
    is_mine: bool
    is_signed: bool
    is_struck_out: bool
    is_withheld: bool
    strike_out_reason: str
    review: str
    review_href: str
    hrefs: dict[str, str]


@dataclass(frozen=True, slots=True)
class ToSign:
    """One contact on the list "To sign"."""

    title: str
    about: str
    hint: str
    href: str


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One open review on a lead's list."""

    title: str
    about: str
    hint: str
    href: str


def present_contact(contact: Contact, user: User) -> ContactPage:
    text = text_of(contact)
    strike_out = getattr(contact, "strike_out", None)
    review = getattr(contact, "review", None)
    is_signed = getattr(contact, "signature", None) is not None
    return ContactPage(
        title=STRUCK_OUT if text.is_withheld else outcome_words(contact),
        tags=contact_tags(contact),
        rows=[("When", moment(contact.happened_at))] if text.is_withheld else _rows(contact),
        texts=[] if text.is_withheld else _texts(contact),
        clinical=text.clinical,
        addenda=addenda(contact),
        history=_history(contact),
        missing=[] if is_signed else [gap.words for gap in gaps(contact)],
        is_mine=contact.created_by_id == user.pk,
        is_signed=is_signed,
        is_struck_out=text.is_struck_out,
        is_withheld=text.is_withheld,
        strike_out_reason=strike_out.reason if strike_out and not text.is_withheld else "",
        review=_review_words(review),
        review_href=contact_href(contact, "contact_review") if review else "",
        hrefs={
            name: contact_href(contact, f"contact_{name}")
            for name in ("change", "sign", "addendum", "strike_out")
        },
    )


def present_to_sign(contacts: Iterable[Contact]) -> list[ToSign]:
    """Needs the patient loaded with each contact; shows what each still misses."""
    return [
        ToSign(
            title=f"{outcome_words(contact)}, {moment(contact.happened_at)}",
            about=name_with_reference(contact.patient),
            hint=missing_words(contact),
            href=contact_href(contact),
        )
        for contact in contacts
    ]


def present_reviews(reviews: Iterable[ContactReview]) -> list[ReviewRow]:
    return [
        ReviewRow(
            title=f"Police at planned therapeutic work, {moment(review.contact.happened_at)}",
            about=name_with_reference(review.patient),
            hint=f"Recorded by {review.contact.created_by}. There: {people_words(review.contact)}",
            href=contact_href(review.contact, "contact_review"),
        )
        for review in reviews
    ]


def contact_tags(contact: Contact) -> list[Tag]:
    if getattr(contact, "strike_out", None) is not None:
        return [Tag("Struck out", "red")]
    tags = []
    if getattr(contact, "signature", None) is None:
        tags.append(Tag("Not signed", "yellow"))
    review = getattr(contact, "review", None)
    if review is not None:
        tags.append(Tag("Reviewed", "green") if review.closed_at else Tag("Review open", "orange"))
    return tags


def missing_words(contact: Contact) -> str:
    missing = [gap.words for gap in gaps(contact)]
    return f"Still to say: {'; '.join(missing)}" if missing else "Nothing missing"


def contact_facts(contact: Contact) -> list[tuple[str, str]]:
    """The short facts that stand in the timeline; empty ones are left out."""
    facts = [
        ("There", people_words(contact)),
        ("For", purpose_words(contact.purpose)),
        ("Planned", _yes_no(contact.is_planned)),
        ("Place", contact.place),
    ]
    if contact.police_attended:
        facts.append(("Agreed to police", _answer(contact.agreed_to_police)))
    return [(name, value) for name, value in facts if value]


def people_words(contact: Contact) -> str:
    people = [(str(row.user), row.is_police) for row in contact.participants.all()]
    words = [named_people(people)] if people else []
    if contact.police_attended and not any(is_police for _, is_police in people):
        words.append("police from elsewhere")
    if contact.others_present:
        words.append(contact.others_present)
    return ", ".join(words)


def author_words(contact: Contact) -> str:
    return f"{contact.created_by}, police" if contact.is_police_authored else str(contact.created_by)


def outcome_words(contact: Contact) -> str:
    return str(Contact.Outcome(contact.outcome).label)


def contact_href(contact: Contact, name: str = "contact") -> str:
    return address(f"cases:{name}", contact.patient_id, contact.pk)


def addenda(contact: Contact) -> list[AddendumView]:
    return [
        AddendumView(str(row.created_by), row.created_at, row.reason, row.text, row.is_clinical_only)
        for row in contact.addenda.all()
    ]


def account_heading(contact: Contact) -> str:
    return "Facts: what was said and done" if contact.is_police_authored else "What was said and done"


def _texts(contact: Contact) -> list[tuple[str, str]]:
    text = text_of(contact)
    found = [
        (account_heading(contact), text.account),
        ("Observation", text.observation),
        ("Opinion", text.opinion),
    ]
    return [(heading, words) for heading, words in found if words]


def _rows(contact: Contact) -> list[tuple[str, str]]:
    rows = [
        ("When", moment(contact.happened_at)),
        ("Who was there", people_words(contact)),
        ("Where", contact.place),
        ("What for", purpose_words(contact.purpose)),
        ("Planned", _yes_no(contact.is_planned)),
    ]
    if contact.police_attended:
        rows += [
            ("Agreed to police being there", _answer(contact.agreed_to_police)),
            ("Offered a contact without police", _answer(contact.offered_without_police)),
        ]
    return rows


def _history(contact: Contact) -> list[tuple[str, str]]:
    """Who did what when: recorded, changed, signed, added to, struck out, reviewed."""
    rows = [("Recorded", f"{author_words(contact)}, {moment(contact.created_at)}")]
    if contact.visit is not None:
        rows.append(("From the visit", f"planned for {moment(contact.visit.planned_for)}"))
    if contact.version > 1:
        times = contact.version - 1
        rows.append(("Changed before signing", "once" if times == 1 else f"{times} times"))
    if (signature := getattr(contact, "signature", None)) is not None:
        rows.append(("Signed", f"{contact.created_by}, {moment(signature.signed_at)}"))
    for addendum in contact.addenda.all():
        rows.append(("Added to", f"{addendum.created_by}, {moment(addendum.created_at)}"))
    if (strike_out := getattr(contact, "strike_out", None)) is not None:
        rows.append(("Struck out", f"{strike_out.created_by}, {moment(strike_out.created_at)}"))
    if (review := getattr(contact, "review", None)) is not None:
        rows.append(("Review opened", moment(review.opened_at)))
        if review.closed_at:
            rows.append(("Review closed", f"{review.closed_by}, {moment(review.closed_at)}"))
    return rows


def _review_words(review: ContactReview | None) -> str:
    if review is None:
        return ""
    if review.closed_at is None:
        return (
            "Police took part in planned therapeutic work. Recording it was right; "
            "a clinical lead who was not involved reviews it."
        )
    return "Police took part in planned therapeutic work. The review is closed."


def _answer(value: str) -> str:
    return str(Answer(value).label) if value else ""


def _yes_no(value: bool | None) -> str:
    return {True: "Yes", False: "No", None: ""}[value]


def register_contact_drafts() -> None:
    """Name the forms of the contact log on the page of unfinished ones; called from AppConfig.ready."""
    register_drafted_form("contact-log", title="Log a contact", address=_log_again)
    register_drafted_form(
        "contact-change", title="Change a contact", address=_contact_again("contact_change")
    )
    register_drafted_form("contact-addendum", title="Addendum", address=_contact_again("contact_addendum"))


def _log_again(draft: Draft) -> str:
    href = reverse("cases:contact_log", args=[draft.patient_id])
    return f"{href}?visit={draft.about}" if draft.about else href


def _contact_again(name: str) -> Address:
    def address(draft: Draft) -> str:
        # A browser sent what it is about: it may be anything.
        try:
            return reverse(f"cases:{name}", args=[draft.patient_id, uuid.UUID(draft.about)])
        except ValueError:
            return reverse("patient_record", args=[draft.patient_id])

    return address

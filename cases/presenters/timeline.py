"""Contacts and visits as the entries that templates/components/timeline.jinja draws. Makes no query."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cases.models import Contact, Visit
from cases.presenters.contacts import (
    STRUCK_OUT,
    WITHHELD,
    account_heading,
    author_words,
    contact_facts,
    contact_href,
    contact_tags,
    outcome_words,
)
from cases.presenters.visits import Tag, participant_names, purpose_words, visit_href, visit_tag
from cases.selectors.contacts import TimelinePage, text_of
from cases.selectors.visits import outcome_of
from core.formatting import moment


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened; ``facts`` are short, ``text`` is shown exactly as typed."""

    kind: str
    word: str
    at: datetime
    title: str
    href: str
    by: str
    text: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    struck_out: bool = False


def present_timeline(page: TimelinePage) -> list[TimelineEntry]:
    """The entries of ``cases.selectors.contacts.timeline``, in its order."""
    return [_contact(entry) if isinstance(entry, Contact) else _visit(entry) for entry in page.entries]


def _contact(contact: Contact) -> TimelineEntry:
    text = text_of(contact)
    has_clinical = bool(text.clinical) or any(row.is_clinical_only for row in contact.addenda.all())
    return TimelineEntry(
        kind="contact",
        word="Contact",
        at=contact.happened_at,
        title=STRUCK_OUT if text.is_withheld else outcome_words(contact),
        href=contact_href(contact),
        by=author_words(contact),
        text=WITHHELD if text.is_withheld else _all_text(contact),
        facts=[] if text.is_withheld else contact_facts(contact),
        tags=contact_tags(contact) + ([Tag("Has clinical-only text", "purple")] if has_clinical else []),
        struck_out=text.is_struck_out,
    )


def _all_text(contact: Contact) -> str:
    """The account and what belongs to it, each further part under its own name."""
    text = text_of(contact)
    has_parts = bool(text.observation or text.opinion)
    parts = [f"{account_heading(contact)}\n{text.account}" if has_parts else text.account]
    parts += [
        f"{name}\n{words}"
        for name, words in (
            ("Observation", text.observation),
            ("Opinion", text.opinion),
            ("Clinical only", text.clinical),
        )
        if words
    ]
    for addendum in contact.addenda.all():
        name = "Clinical-only addendum" if addendum.is_clinical_only else "Addendum"
        parts.append(
            f"{name}, {moment(addendum.created_at)}, {addendum.created_by}: {addendum.reason}\n{addendum.text}"
        )
    return "\n\n".join(parts)


def _visit(visit: Visit) -> TimelineEntry:
    outcome = outcome_of(visit)
    facts = [("Taking part", participant_names(visit)), ("Place", visit.place)]
    return TimelineEntry(
        kind="visit",
        word="Visit",
        at=visit.planned_for,
        title=purpose_words(visit.purpose),
        href=visit_href(visit),
        by=str(outcome.created_by if outcome else visit.created_by),
        text=outcome.note if outcome else "",
        facts=[(name, value) for name, value in facts if value],
        tags=[visit_tag(visit)],
    )

"""A version as words for screen and print, what changed between two, and what the user can do next. No query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from core.formatting import day, moment
from crisis_plans.content import PlanContent, Section, content_of, involvement_words, lines_of, sections
from crisis_plans.models import PlanServicePart, PlanSignOff, PlanVersion, Service
from crisis_plans.rules import Gap

State = PlanVersion.State

# Comparing grows with the square of the length; beyond this, both texts are shown whole.
MOST_COMPARED = 1_000

_TONES = {
    State.DRAFT: "grey",
    State.SUBMITTED: "yellow",
    State.RETURNED: "orange",
    State.APPROVED: "green",
    State.DISCARDED: "white",
}


@dataclass(frozen=True, slots=True)
class Text:
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class PlanView:
    """A version as templates/crisis_plans/plan_text.jinja shows it, on screen and in print alike."""

    number: int
    status: str
    banners: list[str]
    helps_heading: str
    helps: list[str]
    do: list[str]
    dont: list[str]
    calls: list[object]
    services: list[Text]
    sections: list[Text]
    disagreement: str


@dataclass(frozen=True, slots=True)
class SignOffRow:
    """One step of a version, as a sentence."""

    what: str
    who: str
    at: object
    comment: str


@dataclass(frozen=True, slots=True)
class VersionRow:
    number: int
    state: str
    tone: str
    is_current: bool
    what_happened: str
    review_on: object


@dataclass(frozen=True, slots=True)
class Piece:
    """A line or sentence that stayed, was added or was removed; ``word`` says so without colour."""

    word: str
    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    heading: str
    pieces: list[Piece]


def plan_view(version: PlanVersion, *, current_number: int | None = None) -> PlanView:
    """Needs all parts prefetched. ``current_number`` is the approved version that holds now, if there is one."""
    content = content_of(version)
    return PlanView(
        number=version.number,
        status=_status(version),
        banners=list(_banners(version, current_number)),
        helps_heading=helps_heading(version),
        helps=lines_of(content.what_helps),
        do=list(content.actions),
        dont=lines_of(content.what_makes_it_worse),
        calls=list(content.calls),
        services=[
            Text(_service_heading(part.service, part.name), part.agreed) for part in content.service_parts
        ],
        sections=_background(content),
        disagreement=content.disagreement,
    )


def helps_heading(version: PlanVersion) -> str:
    """Never leaves open whose words they are (S01)."""
    if version.is_own_words is None:
        return "What helps me"
    if version.is_own_words:
        return "What helps me – in my own words"
    return "What others have seen help – not the person’s own words"


def helps_lines(version: PlanVersion) -> list[str]:
    """What helps, a line each, for the top of the record."""
    return lines_of(version.what_helps)


def expired_words(version: PlanVersion) -> str:
    """The sentence that marks a plan past its review date on every output (S06); empty before."""
    if not version.is_expired():
        return ""
    return (
        f"Expired: this plan was to be reviewed by {day(version.review_on)} and may be out of date. "
        "Ask the person and the team before you rely on it."
    )


def version_rows(versions: list[PlanVersion]) -> list[VersionRow]:
    """Newest first, as they come; the newest approved one is the plan."""
    current = next((version.number for version in versions if version.approval), None)
    return [
        VersionRow(
            number=version.number,
            state=_state_words(version, current),
            tone=_tone(version, current),
            is_current=version.number == current,
            what_happened=_last_step(version),
            review_on=version.review_on,
        )
        for version in versions
    ]


def sign_off_rows(version: PlanVersion) -> list[SignOffRow]:
    """Every step of a version, oldest first."""
    return [
        SignOffRow(PlanSignOff.Kind(step.kind).label, _signer(step), step.signed_at, step.comment)
        for step in sorted(version.sign_offs.all(), key=lambda step: step.sequence)
    ]


def author_names(version: PlanVersion) -> str:
    return ", ".join(str(author.user) for author in version.authors.all())


def differences(before: PlanContent, after: PlanContent) -> list[Difference]:
    """What changed from one text to the other, section by section; sections that stayed are left out."""
    return [
        Difference(new.heading, list(_pieces(old.text, new.text)))
        for old, new in zip(sections(before), sections(after), strict=True)
        if old.text != new.text
    ]


def clashing_sections(theirs: PlanContent, mine: PlanContent) -> list[tuple[Section, Section]]:
    """The sections in which two people's texts differ, both whole."""
    return [
        (their, my)
        for their, my in zip(sections(theirs), sections(mine), strict=True)
        if their.text != my.text
    ]


def gap_links(gaps: list[Gap], edit_href: str) -> list[dict[str, str]]:
    """What is missing, each leading to its field on the form."""
    return [{"text": gap.text, "href": f"{edit_href}#id_{gap.field}"} for gap in gaps]


def _banners(version: PlanVersion, current_number: int | None) -> Iterator[str]:
    if version.approval is None:
        yield f"{_not_the_plan(version)} It has not been agreed."
    elif current_number is not None and version.number != current_number:
        yield f"This is an older version. Version {current_number} is the plan now."
    elif expired := expired_words(version):
        yield expired


def _not_the_plan(version: PlanVersion) -> str:
    if version.state == State.SUBMITTED:
        return "This version is waiting for approval and is not the plan yet."
    if version.state == State.DISCARDED:
        return "This version was discarded."
    return "This is a draft, not the plan."


def _status(version: PlanVersion) -> str:
    approval = version.approval
    if approval is None:
        return f"Version {version.number} · {_state_words(version, None)}"
    return (
        f"Version {version.number} · approved by {_signer(approval)} on {day(approval.signed_at)} · "
        f"review by {day(version.review_on)}"
    )


def _signer(step: PlanSignOff) -> str:
    registered = f"{step.registration_body} {step.registration_number}".strip()
    return ", ".join(filter(None, [step.signer_name, step.signer_role, registered]))


def _last_step(version: PlanVersion) -> str:
    last = version.last_sign_off
    if last is None:
        return f"Begun {moment(version.created_at)}"
    return f"{PlanSignOff.Kind(last.kind).label} by {last.signer_name}, {moment(last.signed_at)}"


def _state_words(version: PlanVersion, current: int | None) -> str:
    if version.approval and current is not None and version.number != current:
        return "Replaced"
    if version.number == current and version.is_expired():
        return "Approved, expired"
    return version.state.label


def _tone(version: PlanVersion, current: int | None) -> str:
    if version.number == current and version.is_expired():
        return "red"
    return "grey" if version.approval and version.number != current else _TONES[version.state]


def _background(content: PlanContent) -> list[Text]:
    texts = [
        Text("What a crisis looks like and what leads to it", content.crisis_signs),
        Text("About me", content.about_me),
        Text("How the person was involved", involvement_words(content)),
    ]
    return [text for text in texts if text.text]


def _service_heading(service: str, name: str) -> str:
    return name or PlanServicePart(service=Service(service)).heading


def _pieces(before: str, after: str) -> Iterator[Piece]:
    old, new = _sentences(before), _sentences(after)
    if max(len(old), len(new)) > MOST_COMPARED:
        yield from _marked("Removed", "red", [before] if before else [])
        yield from _marked("Added", "green", [after] if after else [])
        return
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            yield from _marked("", "", old[old_from:old_to])
        else:
            yield from _marked("Removed", "red", old[old_from:old_to])
            yield from _marked("Added", "green", new[new_from:new_to])


def _marked(word: str, tone: str, texts: list[str]) -> Iterator[Piece]:
    return (Piece(word, tone, text) for text in texts)


def _sentences(text: str) -> list[str]:
    return [part for line in lines_of(text) for part in re.split(r"(?<=[.!?])\s+", line)]

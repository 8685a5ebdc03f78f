"""What a version says, as one value: what a form hands over, what a new draft is copied from, what differs. No query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from core.formatting import day
from crisis_plans.models import Involvement, PlanServicePart, PlanVersion, Service
from crisis_plans.wording import NOT_THEIR_WORDS, OWN_WORDS


@dataclass(frozen=True, slots=True)
class Call:
    who: str
    phone: str = ""
    when: str = ""


@dataclass(frozen=True, slots=True)
class ServicePart:
    """What a service agrees to do; ``name`` is given for ``Service.OTHER`` alone."""

    service: str
    agreed: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class PlanContent:
    """Everything the authors of a version write. Empty parts are allowed until it is submitted."""

    about_me: str = ""
    crisis_signs: str = ""
    what_helps: str = ""
    is_own_words: bool | None = None
    what_makes_it_worse: str = ""
    actions: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    service_parts: tuple[ServicePart, ...] = ()
    involvement: str = ""
    involvement_reason: str = ""
    involvement_retry_on: date | None = None
    disagreement: str = ""
    review_on: date | None = None


# The fields that stand in the version's own row; actions, calls and service parts have rows of their own.
ROW_FIELDS = (
    "about_me",
    "crisis_signs",
    "what_helps",
    "is_own_words",
    "what_makes_it_worse",
    "involvement",
    "involvement_reason",
    "involvement_retry_on",
    "disagreement",
    "review_on",
)


def content_of(version: PlanVersion) -> PlanContent:
    """What a version with prefetched parts says."""
    return PlanContent(
        **{name: getattr(version, name) for name in ROW_FIELDS},
        actions=tuple(action.text for action in version.actions.all()),
        calls=tuple(Call(call.who, call.phone, call.when) for call in version.calls.all()),
        service_parts=tuple(
            ServicePart(part.service, part.agreed, part.service_name)
            for part in in_service_order(version.service_parts.all())
        ),
    )


def in_service_order(parts: Iterable[PlanServicePart]) -> list[PlanServicePart]:
    """Service parts as the choices are ordered, whatever order they were written in."""
    order = {service: place for place, service in enumerate(Service.values)}
    return sorted(parts, key=lambda part: order[part.service])


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the plan as text, for reading it side by side with another version."""

    heading: str
    text: str


def sections(content: PlanContent) -> Iterator[Section]:
    """Everything the plan says, in reading order; empty sections too."""
    yield Section("What helps me", _what_helps(content))
    yield Section("What to do", "\n".join(content.actions))
    yield Section("What makes it worse", content.what_makes_it_worse)
    yield Section("Who to call", "\n".join(_call_line(call) for call in content.calls))
    parts = {part.service: part for part in content.service_parts}
    for service in Service:
        part = parts.get(service)
        text = f"{part.name}: {part.agreed}" if part and part.name else part.agreed if part else ""
        yield Section(f"What services agree to do: {service.label}", text)
    yield Section("What a crisis looks like and what leads to it", content.crisis_signs)
    yield Section("About me", content.about_me)
    yield Section("How the person was involved", involvement_words(content))
    yield Section("Where the person disagrees", content.disagreement)
    yield Section("Review date", day(content.review_on))


def involvement_words(content: PlanContent) -> str:
    """They were offered and declined. Reason: … We will ask again by 3 March 2027."""
    if not content.involvement:
        return ""
    words = f"{Involvement(content.involvement).label}."
    if content.involvement_reason:
        words += f"\nReason: {content.involvement_reason}"
    if content.involvement_retry_on:
        words += f"\nTo be asked again by {day(content.involvement_retry_on)}."
    return words


def lines_of(text: str) -> list[str]:
    """One thing a line, as lists in a plan are typed; empty lines are none."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def whose_words(is_own_words: bool | None) -> str:
    if is_own_words is None:
        return ""
    return OWN_WORDS if is_own_words else NOT_THEIR_WORDS


def _what_helps(content: PlanContent) -> str:
    return "\n".join(
        filter(None, [content.what_helps and whose_words(content.is_own_words), content.what_helps])
    )


def _call_line(call: Call) -> str:
    return " · ".join(filter(None, [call.who, call.phone, call.when]))

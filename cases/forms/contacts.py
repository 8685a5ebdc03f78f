"""Forms of the contact log. Four things fill a contact; everything else waits in expanders or is asked before signing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from cases.forms.sent_once import SentOnceForm
from cases.forms.visits import member_label, moment_of
from cases.models import Contact, Visit
from cases.models.contact import Answer
from cases.models.visit import Purpose
from cases.selectors.visits import Colleague
from cases.services.contacts import ContactFacts
from cases.services.signed_contacts import Gap
from core.form_fields import (
    CaseworkForm,
    CheckboxesField,
    LineField,
    PlainTextField,
    RadioField,
    RecentDayField,
    TimeField,
)

POLICE = "police"
POLICE_FIELDS = ("officers", "agreed_to_police", "offered_without_police")
PLANNED = [("yes", "Yes"), ("no", "No")]


def answer_field(label: str, **options: Any) -> RadioField:
    return RadioField(label=label, choices=Answer.choices, inline=True, **options)


def planned_field(label: str, **options: Any) -> RadioField:
    return RadioField(
        label=label, choices=PLANNED, inline=True, coerce=lambda value: value == "yes", **options
    )


AGREED = "Did the person agree to police being there?"
OFFERED = "Were they offered a contact without police?"
PURPOSE = "What was it for?"
WAS_PLANNED = "Was it planned?"


class ContactForm(SentOnceForm):
    """One contact. ``members`` are the team's people, ``me`` the author; a ``visit`` answers purpose and planned.

    What somebody may not write is not in the form: the clinical-only part for police, observation and opinion for
    everybody else.
    """

    happened_on = RecentDayField(label="When was it?", error_messages={"required": "Say when it was"})
    at = TimeField(label="Time", error_messages={"required": "Enter the time, for example 14:05"})
    present = CheckboxesField(label="Who was there?", required=False, reveals={POLICE: POLICE_FIELDS})
    officers = CheckboxesField(
        label="Which officers?",
        required=False,
        help_text="Name officers from elsewhere under “Others who were there”",
    )
    agreed_to_police = answer_field(AGREED, required=False)
    offered_without_police = answer_field(OFFERED, required=False)
    others_present = LineField(
        label="Others who were there (optional)",
        max_length=300,
        required=False,
        help_text="Family, other services",
    )
    outcome = RadioField(
        label="What came of it?",
        choices=Contact.Outcome.choices,
        error_messages={"required": "Choose what came of it"},
    )
    account = PlainTextField(
        label="What was said and done",
        rows=6,
        error_messages={"required": "Write what was said and done"},
    )
    observation = PlainTextField(
        label="Observation: what I saw or heard myself (optional)", rows=3, required=False
    )
    opinion = PlainTextField(label="Opinion: what I think (optional)", rows=3, required=False)
    clinical_text = PlainTextField(
        label="Clinical-only note", rows=4, required=False, help_text="Police colleagues never see this part"
    )
    place = LineField(label="Where", required=False)
    purpose = RadioField(label=PURPOSE, choices=Purpose.choices, required=False)
    is_planned = planned_field(WAS_PLANNED, required=False, empty_value=None)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        *args: Any,
        members: Sequence[Colleague],
        me: User,
        writes_clinical: bool,
        visit: Visit | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.members = {str(member.user.pk): member for member in members}
        self.is_police = any(member.is_police for member in members if member.user == me)
        for name in ("at", "others_present", "account", "observation", "opinion", "clinical_text"):
            self.fields[name].widget.attrs["label_size"] = "s"
        self._offer_people(me)
        self._say_facts_apart()
        for name in self._unfit(writes_clinical, visit):
            del self.fields[name]

    def _offer_people(self, me: User) -> None:
        people = [
            (key, member_label(member, me)) for key, member in self.members.items() if not member.is_police
        ]
        officers = [
            (key, f"{member.user} (you)" if member.user == me else str(member.user))
            for key, member in self.members.items()
            if member.is_police
        ]
        mine = next((choice for choice in people if choice[0] == str(me.pk)), None)
        if mine:
            people = [mine, *(choice for choice in people if choice is not mine)]
        self.fields["present"].choices = [*people, (POLICE, "Police")]  # type: ignore[attr-defined]
        self.fields["officers"].choices = officers  # type: ignore[attr-defined]

    def _say_facts_apart(self) -> None:
        if self.is_police:
            self.fields["account"].label = "Facts: what was said and done"
            self.fields[
                "account"
            ].help_text = "Only what is certain. What you saw and what you think stand apart, below"
            self.fields["account"].error_messages["required"] = "Write the facts: what was said and done"

    def _unfit(self, writes_clinical: bool, visit: Visit | None) -> list[str]:
        unfit = [] if self.is_police else ["observation", "opinion"]
        if not writes_clinical:
            unfit.append("clinical_text")
        if visit is not None:
            unfit += ["purpose", "is_planned"]
        return unfit

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        ticked = set(data.get("officers") or ())
        if ticked and POLICE not in (data.get("present") or ()):
            names = " and ".join(str(self.members[key].user) for key in sorted(ticked))
            self.add_error(
                "present",
                ValidationError(f"You chose {names} but not “Police”. Tick Police, or leave them out"),
            )
        return data

    def facts(self) -> ContactFacts:
        data = self.cleaned_data
        keys = [key for key in data["present"] if key != POLICE] + list(data["officers"])
        return ContactFacts(
            happened_at=moment_of(data["happened_on"], data["at"]),
            outcome=data["outcome"],
            account=data["account"],
            participants=[self.members[key].user for key in keys],
            police_attended=POLICE in data["present"],
            place=self._place(),
            **{
                name: data[name]
                for name in (
                    "observation",
                    "opinion",
                    "others_present",
                    "agreed_to_police",
                    "offered_without_police",
                    "purpose",
                    "is_planned",
                    "clinical_text",
                )
                if name in data
            },
        )

    def _place(self) -> str:
        """The last place is a fair guess for a meeting; a call that nobody gave a place has none."""
        is_call = self.cleaned_data["outcome"] in (Contact.Outcome.PHONE, Contact.Outcome.OTHERS)
        is_new = not self.cleaned_data.get("version")
        # Asked last: what was guessed may have to be looked up.
        is_guess = is_call and is_new and "place" not in self.changed_data
        return "" if is_guess else str(self.cleaned_data["place"])

    def is_filled(self, *names: str) -> bool:
        """Whether an expander stands open: something in it is answered or wrong."""
        return any(self[name].value() or self[name].errors for name in names if name in self.fields)


class SignForm(CaseworkForm):
    """The open questions of one contact, and nothing else."""

    is_planned = planned_field(WAS_PLANNED, error_messages={"required": "Say whether it was planned"})
    purpose = RadioField(
        label=PURPOSE, choices=Purpose.choices, error_messages={"required": "Choose what it was for"}
    )
    agreed_to_police = answer_field(
        AGREED, error_messages={"required": "Say whether the person agreed, or that it is not known"}
    )
    offered_without_police = answer_field(
        OFFERED, error_messages={"required": "Say whether they were offered one, or that it is not known"}
    )
    version = forms.IntegerField(
        widget=forms.HiddenInput, error_messages={"required": "Open the contact again before you sign it"}
    )

    def __init__(self, *args: Any, missing: Sequence[Gap], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = {gap.field for gap in missing}
        for name in ("is_planned", "purpose", "agreed_to_police", "offered_without_police"):
            if name not in asked:
                del self.fields[name]

    def answers(self) -> dict[str, object]:
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}


class AddendumForm(SentOnceForm):
    """A dated addition to a signed contact."""

    reason = LineField(
        label="Why do you add to it?",
        max_length=300,
        help_text="For example: correction, or something remembered later",
        error_messages={"required": "Say why you add to this contact"},
    )
    text = PlainTextField(
        label="What you add", rows=6, error_messages={"required": "Write what you want to add"}
    )
    is_clinical_only = forms.BooleanField(
        label="Clinical only", required=False, help_text="Police colleagues never see this addition"
    )

    def __init__(self, *args: Any, writes_clinical: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not writes_clinical:
            del self.fields["is_clinical_only"]


class StrikeOutForm(CaseworkForm):
    """Why an entry stands in the wrong record."""

    reason = PlainTextField(
        label="How did it come into this record?",
        rows=3,
        help_text="Do not name the person whom the entry is really about",
        error_messages={"required": "Say how it came into the wrong record"},
    )


class ReviewForm(CaseworkForm):
    """What a review of police presence found."""

    finding = PlainTextField(
        label="What did you find, and what follows from it?",
        rows=6,
        error_messages={"required": "Write what you found and what follows from it"},
    )


def new_contact_initial(
    me: Colleague | None, visit: Visit | None, last_place: Callable[[], str]
) -> dict[str, Any]:
    """Now, me, and the last place; of a visit, its time, people and place."""
    place: str | Callable[[], str] = last_place
    now = timezone.localtime()
    people = [(str(me.user.pk), me.is_police)] if me else []
    if visit is not None:
        planned = timezone.localtime(visit.planned_for)
        now = min(now, planned)
        place = visit.place or last_place
        people = [(str(row.user_id), row.is_police) for row in visit.participants.all()]
    return {
        "happened_on": now.date(),
        "at": now.time(),
        "place": place,
        "submission_key": uuid.uuid4(),
        **people_initial(people, police_attended=any(is_police for _, is_police in people)),
    }


def contact_initial(contact: Contact, clinical_text: str) -> dict[str, Any]:
    """A saved contact in its form; its participants are loaded."""
    local = timezone.localtime(contact.happened_at)
    people = [(str(row.user_id), row.is_police) for row in contact.participants.all()]
    planned = {True: "yes", False: "no", None: ""}[contact.is_planned]
    return {
        "happened_on": local.date(),
        "at": local.time(),
        "is_planned": planned,
        "clinical_text": clinical_text,
        "version": contact.version,
        **people_initial(people, police_attended=contact.police_attended),
        **{
            name: getattr(contact, name)
            for name in (
                "others_present",
                "outcome",
                "account",
                "observation",
                "opinion",
                "place",
                "purpose",
                "agreed_to_police",
                "offered_without_police",
            )
        },
    }


def people_initial(people: Sequence[tuple[str, bool]], *, police_attended: bool) -> dict[str, list[str]]:
    clinicians = [key for key, is_police in people if not is_police]
    officers = [key for key, is_police in people if is_police]
    return {"present": [*clinicians, *([POLICE] if police_attended else [])], "officers": officers}

"""Forms about a person: finding, registering and editing them, handing over and closing their case."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from cases.models import OtherName, Patient, RelatedPerson
from cases.nhs_numbers import usable_nhs_number
from cases.services.patients import PatientDetails, RelatedDetails
from core.errors import DomainError
from core.form_fields import CaseworkForm, DayField, LineField, PlainTextField

Choices = list[tuple[str, str]]

RELATED = {
    "kin": RelatedPerson.Kind.NEXT_OF_KIN,
    "advocate": RelatedPerson.Kind.ADVOCATE,
    "gp": RelatedPerson.Kind.GP,
}
_ONE_A_LINE = "One on each line"


class FindForm(CaseworkForm):
    """Sent by POST: names and numbers of people stay out of addresses."""

    terms = LineField(
        label="Name, reference or NHS number",
        help_text="Former names and nicknames are searched as well",
        required=False,
        width=20,
    )
    date_of_birth = DayField(label="Date of birth", required=False, latest=timezone.localdate)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not cleaned.get("terms") and not cleaned.get("date_of_birth"):
            self.add_error("terms", "Enter a name, a reference, an NHS number or a date of birth")
        return cleaned


class PatientForm(CaseworkForm):
    """Who somebody is and how to reach them; used for a registration and for an edit."""

    given_name = LineField(
        label="Given name", max_length=100, error_messages={"required": "Enter the person's given name"}
    )
    family_name = LineField(
        label="Family name", max_length=100, error_messages={"required": "Enter the person's family name"}
    )
    preferred_name = LineField(
        label="Preferred name", max_length=100, required=False, help_text="What they like to be called"
    )
    former_names = PlainTextField(label="Former names", rows=2, required=False, help_text=_ONE_A_LINE)
    aliases = PlainTextField(label="Also known as", rows=2, required=False, help_text=_ONE_A_LINE)
    pronouns = LineField(label="Pronouns", max_length=40, required=False, width=20)
    date_of_birth = DayField(
        label="Date of birth",
        help_text="For example, 15 3 1984",
        latest=timezone.localdate,
        error_messages={"required": "Enter the person's date of birth"},
    )
    nhs_number = LineField(
        label="NHS number",
        max_length=20,
        required=False,
        width=20,
        help_text="10 digits. Leave empty if not known",
    )
    phone = LineField(label="Phone", max_length=30, required=False, width=20)
    contact_preferences = PlainTextField(
        label="How to get in touch",
        rows=3,
        required=False,
        help_text="What they prefer, and what to avoid: times, voicemail, who must not answer",
    )
    address = PlainTextField(label="Address", rows=3, required=False)
    postcode = LineField(label="Postcode", max_length=10, required=False, width=10)
    interpreter_needs = PlainTextField(
        label="Interpreter", rows=2, required=False, help_text="Language, or signing"
    )
    access_needs = PlainTextField(
        label="Access needs",
        rows=2,
        required=False,
        help_text="For example, large print, step-free, quiet room",
    )
    kin_name = LineField(label="Next of kin: name", required=False)
    kin_relation = LineField(label="Next of kin: who they are to the person", max_length=100, required=False)
    kin_phone = LineField(label="Next of kin: phone", max_length=30, required=False, width=20)
    kin_address = PlainTextField(label="Next of kin: address", rows=2, required=False)
    advocate_name = LineField(label="Advocate: name", required=False)
    advocate_relation = LineField(label="Advocate: organisation", max_length=100, required=False)
    advocate_phone = LineField(label="Advocate: phone", max_length=30, required=False, width=20)
    advocate_address = PlainTextField(label="Advocate: address", rows=2, required=False)
    gp_name = LineField(label="GP: name", required=False)
    gp_relation = LineField(label="GP: practice", max_length=100, required=False)
    gp_phone = LineField(label="GP: phone", max_length=30, required=False, width=20)
    gp_address = PlainTextField(label="GP: address", rows=2, required=False)

    def clean_nhs_number(self) -> str:
        try:
            return usable_nhs_number(self.cleaned_data["nhs_number"])
        except DomainError as error:
            raise ValidationError(error.message) from error

    def clean_former_names(self) -> str:
        return self._names("former_names")

    def clean_aliases(self) -> str:
        return self._names("aliases")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for prefix, kind in RELATED.items():
            others = [cleaned.get(f"{prefix}_{part}") for part in ("relation", "phone", "address")]
            if any(others) and not cleaned.get(f"{prefix}_name"):
                words = kind if kind == RelatedPerson.Kind.GP else str(kind)
                self.add_error(f"{prefix}_name", f"Enter the name of the {words}, or leave all of it empty")
        return cleaned

    def details(self) -> PatientDetails:
        """What was typed, as the services take it. Call on a valid form."""
        cleaned = self.cleaned_data
        return PatientDetails(
            **{name: cleaned[name] for name in PATIENT_FIELDS},
            former_names=tuple(cleaned["former_names"].splitlines()),
            aliases=tuple(cleaned["aliases"].splitlines()),
            related={
                kind: RelatedDetails(
                    *(cleaned[f"{prefix}_{part}"] for part in ("name", "relation", "phone", "address"))
                )
                for prefix, kind in RELATED.items()
                if cleaned[f"{prefix}_name"]
            },
        )

    def _names(self, field: str) -> str:
        names = [line.strip() for line in self.cleaned_data[field].splitlines() if line.strip()]
        if any(len(name) > 200 for name in names):
            raise ValidationError(f"Each of the {field.replace('_', ' ')} must be 200 characters or fewer")
        return "\n".join(dict.fromkeys(names))


PATIENT_FIELDS = (
    "given_name",
    "family_name",
    "preferred_name",
    "pronouns",
    "date_of_birth",
    "nhs_number",
    "phone",
    "contact_preferences",
    "address",
    "postcode",
    "interpreter_needs",
    "access_needs",
)


def patient_initial(patient: Patient, names: list[OtherName], related: list[RelatedPerson]) -> dict[str, Any]:
    """The saved record as the form's initial values."""
    initial = {name: getattr(patient, name) for name in PATIENT_FIELDS}
    for field, of_kind in (("former_names", OtherName.Kind.FORMER), ("aliases", OtherName.Kind.ALIAS)):
        initial[field] = "\n".join(name.name for name in names if name.kind == of_kind)
    by_kind = {person.kind: person for person in related}
    for prefix, kind in RELATED.items():
        person = by_kind.get(kind)
        for part in ("name", "relation", "phone", "address"):
            initial[f"{prefix}_{part}"] = getattr(person, part) if person else ""
    return initial


class PatientEditForm(PatientForm):
    version = forms.IntegerField(
        widget=forms.HiddenInput, error_messages={"required": "Open the page again: it has lost its place"}
    )


class MentorsForm(CaseworkForm):
    """The two mentors of a case, from the people who hold these roles in the team today."""

    clinical_mentor = forms.TypedChoiceField(
        label="Clinical mentor", coerce=int, error_messages={"required": "Choose the clinical mentor"}
    )
    police_mentor = forms.TypedChoiceField(
        label="Police mentor", coerce=int, error_messages={"required": "Choose the police mentor"}
    )

    def __init__(self, *args: Any, clinical: Choices, police: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self.fields["clinical_mentor"], clinical)
        _offer(self.fields["police_mentor"], police)


class RegisterForm(PatientForm, MentorsForm):
    """A registration: the person, the team and the two mentors, sent once."""

    # In the order of the page, which the error summary follows.
    field_order = [*PatientForm.base_fields, "team", "clinical_mentor", "police_mentor"]

    team = forms.TypedChoiceField(
        label="Team", coerce=int, error_messages={"required": "Choose the team that will support this person"}
    )
    is_somebody_else = forms.BooleanField(
        label="I have looked at that record: this is another person of the same name and date of birth",
        required=False,
    )
    submission_key = forms.UUIDField(
        widget=forms.HiddenInput,
        initial=uuid.uuid4,
        error_messages={"required": "Open the page again: it has lost its place"},
    )

    def __init__(self, *args: Any, teams: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self.fields["team"], teams)
        if len(teams) == 1:
            self.fields["team"].widget = forms.HiddenInput()
            self.initial.setdefault("team", teams[0][0])
        self.fields["is_somebody_else"].widget = forms.HiddenInput()

    def ask_whether_somebody_else(self) -> None:
        """A record of the same name and date of birth was shown: let the user say that it is another person."""
        self.fields["is_somebody_else"].widget = forms.CheckboxInput()


class HandOverForm(MentorsForm):
    version = forms.IntegerField(
        widget=forms.HiddenInput, error_messages={"required": "Open the page again: it has lost its place"}
    )


class CloseCaseForm(CaseworkForm):
    """Closing ends the team's support; it changes nothing about access to care (S18)."""

    next_service = LineField(
        label="Who is responsible from now on",
        help_text="The service and, if known, the person: for example, Eastmoor community mental health team",
        error_messages={"required": "Name the service that is responsible from now on"},
    )
    step_down_note = PlainTextField(
        label="Step-down note",
        rows=8,
        help_text="What was agreed with the person, what the next service knows, and how to come back",
        error_messages={"required": "Write the step-down note"},
    )
    version = forms.IntegerField(
        widget=forms.HiddenInput, error_messages={"required": "Open the page again: it has lost its place"}
    )


class DuplicateForm(CaseworkForm):
    decision = PlainTextField(
        label="What you decided, and why",
        rows=4,
        help_text="This goes on the trail. Do not write clinical details here",
        error_messages={"required": "Write what you decided"},
    )


def _offer(field: forms.Field, choices: Choices) -> None:
    assert isinstance(field, forms.TypedChoiceField)
    field.choices = choices if len(choices) == 1 else [("", "Choose"), *choices]

"""What administrators fill in about people and teams, and the form of an invitation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.directory import organisations_of_kind, teams_looked_after
from accounts.models import Organisation, ProfessionalRegistration, StaffCheck, Team, User
from accounts.permissions import grantable_roles, organisations_to_invite_for
from accounts.roles import Role
from core.form_fields import CaseworkForm, DayField, LineField, RadioField

ROLE_HINTS: dict[str, str] = {
    Role.CLINICAL_MENTOR: "Nurse, occupational therapist or social worker who mentors people",
    Role.POLICE_MENTOR: "Officer who mentors people together with a clinician; sees no clinical-only text",
    Role.CLINICAL_LEAD: "Supervises the team and approves plans they did not write",
    Role.DEPUTY_LEAD: "The same as the clinical lead, when the lead is away",
    Role.TEAM_ADMINISTRATOR: "Looks after people and roles of the team; sees no patient",
    Role.IG_OFFICER: "Reads the trail of their organisation's teams; sees no clinical content",
    Role.RESPONDER: "Reads plans released to their organisation, and nothing else",
    Role.ADMINISTRATOR: "Looks after people and teams of the whole organisation; sees no patient",
}


class RoleForm(CaseworkForm):
    """A role with its dates. What the user may give is checked by the service, not by the choices alone."""

    role = RadioField(label="Role", choices=[], error_messages={"required": "Choose a role"})
    team: forms.ModelChoiceField[Team] = forms.ModelChoiceField(
        label="Team",
        queryset=None,
        required=False,
        empty_label="No team: a role for the whole organisation",
        error_messages={"invalid_choice": "Choose one of your teams"},
    )
    starts_on = DayField(
        label="First day", error_messages={"required": "Enter the first day"}, initial=timezone.localdate
    )
    ends_on = DayField(label="Last day", required=False, help_text="Leave empty if it is not known yet")

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = grantable_roles(by)
        role_field, team_field = self.fields["role"], self.fields["team"]
        role_field.choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]
        role_field.option_hints = ROLE_HINTS  # type: ignore[attr-defined]
        teams = teams_looked_after(by)
        team_field.queryset = teams  # type: ignore[attr-defined]
        if Role.ADMINISTRATOR not in roles:
            # Without a role for the whole organisation to give, a team always has to be chosen.
            only = list(teams[:2])
            team_field.empty_label = None if len(only) == 1 else "Choose"  # type: ignore[attr-defined]


class InvitationForm(RoleForm):
    first_name = LineField(
        label="First name", max_length=150, error_messages={"required": "Enter the first name"}
    )
    last_name = LineField(
        label="Last name", max_length=150, error_messages={"required": "Enter the last name"}
    )
    username = LineField(
        label="Username",
        max_length=150,
        width=20,
        help_text="They sign in with it, or with their e-mail address. It cannot be changed later",
        error_messages={"required": "Enter a username"},
    )
    email = forms.EmailField(
        label="Work e-mail address",
        max_length=254,
        error_messages={
            "required": "Enter the e-mail address",
            "invalid": "Enter an e-mail address like name@example.org",
            "max_length": "The e-mail address must be 254 characters or fewer",
        },
    )
    organisation: forms.ModelChoiceField[Organisation] = forms.ModelChoiceField(
        label="Employer",
        queryset=None,
        empty_label="Choose",
        error_messages={"required": "Choose the employer", "invalid_choice": "Choose one of the list"},
    )
    field_order = ["first_name", "last_name", "username", "email", "organisation", "role", "team"]

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, by=by, **kwargs)
        self.fields["organisation"].queryset = organisations_to_invite_for(by).order_by("name")  # type: ignore[attr-defined]


class ExistingPersonForm(CaseworkForm):
    name = LineField(
        label="Their username or e-mail address",
        max_length=254,
        help_text="Exactly as they sign in with it",
        error_messages={"required": "Enter their username or e-mail address"},
    )


class RegistrationForm(CaseworkForm):
    body = RadioField(
        label="Register",
        choices=ProfessionalRegistration.Body.choices,
        error_messages={"required": "Choose the register"},
    )
    number = LineField(
        label="Registration number",
        max_length=20,
        width=20,
        error_messages={"required": "Enter the registration number"},
    )
    valid_until = DayField(
        label="Valid until",
        help_text="As the register shows it today",
        error_messages={"required": "Enter the date until which it is valid"},
    )


class RenewalForm(CaseworkForm):
    valid_until = DayField(
        label="Valid until",
        help_text="As the register shows it today",
        error_messages={"required": "Enter the date until which it is valid"},
    )


class WithdrawalForm(CaseworkForm):
    withdrawn_on = DayField(
        label="Not on the register since",
        help_text="Today or earlier. Whatever day you enter, it counts from now on",
        error_messages={"required": "Enter the day since which they are not on the register"},
    )
    evidence = LineField(
        label="What you have seen",
        max_length=200,
        help_text="For example, the register’s entry and the day you looked. Nothing about health",
        error_messages={"required": "Write what you have seen"},
    )


class StaffCheckForm(CaseworkForm):
    kind = RadioField(
        label="What was checked",
        choices=StaffCheck.Kind.choices,
        error_messages={"required": "Choose what was checked"},
    )
    valid_until = DayField(
        label="Good until",
        help_text="The last day. A day that has passed ends their access to patients at once",
        error_messages={"required": "Enter the last day"},
    )
    evidence = LineField(
        label="What you have seen",
        max_length=200,
        help_text="For example, a certificate’s number or the date of a letter. Nothing about health",
        error_messages={"required": "Write what you have seen"},
    )


class OrganisationForm(CaseworkForm):
    name = LineField(label="Name", max_length=120, error_messages={"required": "Enter the name"})
    kind = RadioField(
        label="Kind", choices=Organisation.Kind.choices, error_messages={"required": "Choose the kind"}
    )


class TeamForm(CaseworkForm):
    name = LineField(label="Name", max_length=120, error_messages={"required": "Enter the name"})
    trust: forms.ModelChoiceField[Organisation] = forms.ModelChoiceField(
        label="NHS trust",
        queryset=None,
        empty_label="Choose",
        error_messages={"required": "Choose the trust", "invalid_choice": "Choose one of the list"},
    )
    force: forms.ModelChoiceField[Organisation] = forms.ModelChoiceField(
        label="Police force",
        queryset=None,
        empty_label="Choose",
        error_messages={"required": "Choose the force", "invalid_choice": "Choose one of the list"},
    )
    phone = LineField(
        label="Telephone number",
        max_length=20,
        width=20,
        help_text="Answered around the clock; it stands on every plan",
        error_messages={"required": "Enter the telephone number"},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = Organisation.Kind
        self.fields["trust"].queryset = organisations_of_kind(kinds.NHS_TRUST)  # type: ignore[attr-defined]
        self.fields["force"].queryset = organisations_of_kind(kinds.POLICE_FORCE)  # type: ignore[attr-defined]


class FirstPasswordForm(CaseworkForm):
    password = forms.CharField(
        label="New password",
        strip=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters. Three random words are good",
        error_messages={
            "required": "Enter a password",
            "max_length": "The password must be 500 characters or fewer",
        },
    )
    again = forms.CharField(
        label="The same password again",
        strip=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={
            "required": "Enter the password again",
            "max_length": "The password must be 500 characters or fewer",
        },
    )

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if again != self.cleaned_data.get("password", again):
            raise ValidationError("The two passwords are not the same")
        return again


class HomePostcodeForm(CaseworkForm):
    postcode = LineField(
        label="Your home postcode",
        required=False,
        max_length=10,
        width=10,
        help_text="For example NM1 4ZZ. Leave it empty to take back what you gave.",
    )

"""One of everything that an address can name, and every address of the product with something at its end.

For the permission matrix and the trail tests; add a key here when a new kind of address appears.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, ProfessionalRegistration, StaffCheck, User
from accounts.roles import Role
from accounts.services.second_factors import request_second_factor_reset
from audit.alerts.models import Alert
from audit.context import access_context
from cases.models import BreakGlass, Case, Contact, Draft, Patient, Visit
from core.due import Due, announce
from reminders import ticks
from reminders.models import EmailMessageOut, Notification, Reminder
from sim_casework.proving.addresses import parameters_of
from tests import plans
from tests.alerts import asked_alert, decided_alert, raised_alert
from tests.break_glass import opened
from tests.contact_log import logged, planned, signed
from tests.patients import registered
from tests.people import Cast, clear, make_cast, register
from tests.sessions import give_app


@dataclass(frozen=True)
class Everything:
    """North's patient Nora has an approved plan and a draft of the next; Wren, also North's, a submitted one."""

    cast: Cast
    wren: Patient
    visit: Visit
    open: Contact
    signed: Contact
    reviewed: Contact
    draft: Draft
    break_glass: BreakGlass
    notification: Notification
    task: Reminder
    email: EmailMessageOut
    membership: Membership
    registration: ProfessionalRegistration
    passkey: Authenticator
    alerts: dict[str, Alert]

    def address(self, route: str) -> str:
        """Where the matrix goes: about Nora where the address is about a patient, about Cal where about a colleague (who has every second factor)."""
        return reverse(route, kwargs=self.keys(route))

    def keys(self, route: str) -> dict[str, Any]:
        keys = dict(_OWN_KEYS.get(route, {}))
        for name in parameters_of(route):
            if name not in keys:
                keys[name] = self._key(route, name)
        return keys

    def _key(self, route: str, name: str) -> object:
        if name == "patient_id":
            return self.wren.pk if route in _ABOUT_WREN else self.cast.nora.pk
        return {
            "contact_id": {
                "cases:contact_addendum": self.signed,
                "cases:contact_review": self.reviewed,
            }.get(route, self.open).pk,
            "visit_id": self.visit.pk,
            "draft_id": self.draft.pk,
            "break_glass_id": self.break_glass.pk,
            "registered_id": self.wren.pk,
            "number": 1 if route in _ABOUT_WREN or route == "crisis_plans:plan_version" else 2,
            "notification_id": self.notification.pk,
            "reminder_id": self.task.pk,
            "reference": self.email.pk,
            "membership_id": self.membership.pk,
            "registration_id": self.registration.pk,
            "pk": self.passkey.pk,
            "alert_id": self.alerts[_ALERTS.get(route, "raised")].pk,
            "user_id": self.cast.people["cal"].pk,
            "form": "contact",
            "token": "no-such-token",
        }[name]


_ALERTS = {"audit:alert_answer": "asked", "audit:alert_close": "decided"}
_ABOUT_WREN = {"crisis_plans:plan_decide", "crisis_plans:plan_withdraw"}
_OWN_KEYS: dict[str, dict[str, Any]] = {
    "account_reset_password_from_key": {"uidb36": "1", "key": "no-such-key"},
}


def make_everything() -> Everything:
    """Everything is made through services where there are some, in contexts that write their entries."""
    cast = make_cast()
    amira, pete, cal = cast["amira"], cast["pete"], cast["cal"]
    give_app(cal)
    with access_context(route="tests.everything", is_system=True):
        RecoveryCodes.activate(cal)
        passkey = WebAuthn.add(cal, "Work phone", {}).instance
    with access_context(route="tests.everything", actor=amira):
        wren = registered(cast)
        plans.approved(cast)
        plans.drafted(cast)
        plans.submitted(cast, patient=wren)
        draft = Draft.objects.create(
            user=amira, patient=cast.nora, form="contact", data={"account": ["Typed"]}
        )
    with access_context(route="tests.everything", actor=cast["tess"]):
        request_second_factor_reset(by=cast["tess"], user=cal)
    visit = planned(amira, cast.nora)
    contacts = {
        "open": logged(amira, cast.nora, clinical_text="A note"),
        "signed": signed(amira, cast.nora),
        "reviewed": logged(
            amira, cast.nora, participants=[amira, pete], purpose="therapeutic", is_planned=True
        ),
    }
    glass = opened(_stand_in(cast), cast.nora)
    task = _task(cast)
    alerts = {
        "raised": raised_alert(cast, kind="same surname"),
        "asked": asked_alert(cast, kind="same address"),
        "decided": decided_alert(cast, kind="next of kin"),
    }
    with access_context(route="tests.everything", is_system=True):
        _leave_without_police_mentor(cast, wren)
    with access_context(route="tests.everything", is_system=True):
        return Everything(
            cast=cast,
            wren=wren,
            passkey=passkey,
            visit=visit,
            draft=draft,
            break_glass=glass,
            task=task,
            alerts=alerts,
            notification=Notification.objects.get(reminder=task),
            email=EmailMessageOut.objects.create(
                recipient=cal,
                reminder_count=1,
                stuck_at=timezone.now(),
                problem="unknown",
                marked_at=timezone.now(),
            ),
            membership=Membership.objects.get(user=cal),
            registration=ProfessionalRegistration.objects.create(
                user=cal, body="HCPC", number="PYL99999", valid_until=dt.date(2099, 12, 31)
            ),
            **contacts,
        )


def _stand_in(cast: Cast) -> User:
    """A clinician of South whom nobody asks for pages, so that South's others stay without a part in Nora."""
    with access_context(route="tests.everything", is_system=True):
        gwen = User.objects.create_user(
            "gwen",
            email="gwen@example.org",
            first_name="Gwen",
            last_name="Grove",
            organisation=cast.south.trust,
        )
        clear(gwen)
        register(gwen, "99A0099E")
        Membership.objects.create(
            user=gwen, role=Role.CLINICAL_MENTOR, team=cast.south, organisation=cast.south.trust
        )
    return gwen


def _leave_without_police_mentor(cast: Cast, patient: Patient) -> None:
    """The case names Pru, whose vetting has lapsed; nobody asks an address as her."""
    case = Case.objects.get(patient=patient)
    case.police_mentor = cast["pru"]
    case.save()
    StaffCheck.objects.create(
        user=cast["pru"], kind="vetting", valid_until=dt.date(2020, 1, 1), evidence="Seen then"
    )


def _task(cast: Cast) -> Reminder:
    """A task of Amira's that her own word settles."""
    subject = f"tests.fact:{uuid.uuid4()}"
    with access_context(route="tests.everything", is_system=True):
        announce(
            Due(
                kind="tests",
                subject=subject,
                at=timezone.now() - dt.timedelta(minutes=1),
                recipients=[cast["amira"]],
                text="Ring the GP",
                link="/",
                patient_id=cast.nora.pk,
            )
        )
    ticks.send_due()
    with access_context(route="tests.everything", is_system=True):
        return Reminder.objects.get(subject=subject)

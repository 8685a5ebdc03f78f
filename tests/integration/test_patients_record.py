"""The patient record: in the order people need it, for each role, and nothing at all for outsiders."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.context import access_context
from audit.models import EntrySubject, LogEntry
from cases.models import Case, OtherName, RelatedPerson
from cases.services.cases import close_case, hand_over
from cases.services.drafts import keep_draft
from core.errors import DomainError, NotAllowed, VersionClash
from reminders.models import Reminder
from tests.people import Cast, make_cast
from tests.plans import approved
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def record(cast: Cast, name: str) -> str:
    answer = sign_in(Client(), cast[name]).get(reverse("patient_record", args=[cast.nora.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def entries(route: str) -> list[tuple[LogEntry, list[EntrySubject]]]:
    with access_context(route="test", is_system=True):
        return [
            (entry, list(EntrySubject.objects.filter(entry_id=entry.pk)))
            for entry in LogEntry.objects.filter(route=route).order_by("id")
        ]


def test_the_record_is_in_the_order_people_need_it(cast: Cast) -> None:
    with access_context(route="test", is_system=True):
        approved(cast)
    page = record(cast, "amira")
    order = [
        cast.nora.reference,
        "This plan never limits emergency care",
        "Speak slowly.",
        "Log a contact",
        "What happened",
        "Details",
        "People around them",
        "Change mentors" if "Change mentors" in page else "Clinical mentor",
    ]
    places = [page.index(words) for words in order]
    assert places == sorted(places)


def test_the_fixed_emergency_words_stand_there_without_a_plan(cast: Cast) -> None:
    page = record(cast, "pete")
    assert "This plan never limits emergency care" in page
    assert "No crisis response plan has been approved yet" in page


def test_a_plan_past_its_review_is_marked_on_the_record(cast: Cast) -> None:
    from unittest.mock import patch

    with access_context(route="test", is_system=True):
        version = approved(cast)
    later = version.review_on + dt.timedelta(days=1)
    with patch("crisis_plans.models.timezone.localdate", return_value=later):
        assert "Expired" in record(cast, "amira")


def test_details_names_and_people_around_them_are_shown(cast: Cast) -> None:
    author = {"controller": cast.north.trust, "regime": "UK GDPR", "created_by": cast["amira"]}
    with access_context(route="test", is_system=True):
        OtherName.objects.create(patient=cast.nora, kind="former name", name="Nora Lark", **author)
        RelatedPerson.objects.create(patient=cast.nora, kind="advocate", name="Ada Advocate", **author)
    page = record(cast, "pete")
    for words in ("Nora Lark", "Ada Advocate", "Amira Adeyemi", "Pete Parr"):
        assert words in page


def test_own_drafts_are_on_the_record_and_nobody_elses(cast: Cast) -> None:
    with access_context(route="test", actor=cast["amira"]):
        keep_draft(by=cast["amira"], patient=cast.nora, form="patient-edit", data={"a": ["hidden words"]})
    assert "Edit details</a>" in record(cast, "amira").split("What happened")[0]
    assert "Unfinished" not in record(cast, "cal")
    assert "hidden words" not in record(cast, "amira")


def test_opening_the_record_is_on_the_trail_as_opened_for_direct_care(cast: Cast) -> None:
    record(cast, "pete")
    entry, (subject,) = entries("patient_record")[-1]
    assert (entry.actor_name, entry.role, entry.team) == ("pete", "police mentor", "North team")
    assert (entry.action_word, entry.outcome, entry.purpose) == ("access", "ok", "direct care")
    assert (subject.patient_id, subject.is_opened, subject.relationship) == (cast.nora.pk, True, "case team")


@pytest.mark.parametrize("name", ["sol", "saul", "sia", "tess", "ivy", "rhea", "odd", "oona"])
def test_an_outsider_gets_the_bytes_of_a_patient_who_does_not_exist(cast: Cast, name: str) -> None:
    client = sign_in(Client(), cast[name])
    theirs = client.get(reverse("patient_record", args=[cast.nora.pk]))
    nobodys = client.get(reverse("patient_record", args=[uuid.uuid4()]))
    assert theirs.status_code == 404
    assert theirs.content == nobodys.content
    assert dict(theirs.items()) == dict(nobodys.items())
    assert theirs.cookies.output() == nobodys.cookies.output()


def test_the_outsiders_attempt_is_on_the_trail_with_the_patient(cast: Cast) -> None:
    sign_in(Client(), cast["sol"]).get(reverse("patient_record", args=[cast.nora.pk]))
    entry, (subject,) = entries("patient_record")[-1]
    assert (entry.actor_name, entry.outcome) == ("sol", "not found")
    assert (subject.patient_id, subject.patient_reference) == (cast.nora.pk, cast.nora.reference)
    assert (subject.is_opened, subject.relationship) == (False, "none")


# The case


def case_of(cast: Cast) -> Case:
    with access_context(route="test", is_system=True):
        return Case.objects.get(patient=cast.nora)


def test_a_lead_hands_a_case_over(cast: Cast) -> None:
    lena = sign_in(Client(), cast["lena"])
    address = reverse("cases:case_hand_over", args=[cast.nora.pk])
    assert "Cal Carrow" in lena.get(address).content.decode()
    data = {"clinical_mentor": cast.people["cal"].pk, "police_mentor": cast.people["pru"].pk, "version": 1}
    assert lena.post(address, data).status_code == 302
    case = case_of(cast)
    assert (case.clinical_mentor_id, case.police_mentor_id, case.version) == (
        cast.people["cal"].pk,
        cast.people["pru"].pk,
        2,
    )


def test_the_review_of_the_plan_reminds_the_new_mentors_and_not_the_former_ones(cast: Cast) -> None:
    with access_context(route="test", is_system=True):
        approved(cast)
    with access_context(route="test", actor=cast["lena"]):
        hand_over(
            by=cast["lena"],
            case=case_of(cast),
            version=1,
            clinical_mentor=cast["cal"],
            police_mentor=cast["pru"],
        )
    with access_context(route="test", is_system=True):
        waiting = Reminder.objects.filter(kind="plan-review", settled_at__isnull=True)
        names = {reminder.recipient.username for reminder in waiting.select_related("recipient")}
    assert names == {"cal", "pru", "lena", "dev"}


def test_two_leads_handing_over_see_both_choices(cast: Cast) -> None:
    lena, dev = sign_in(Client(), cast["lena"]), sign_in(Client(), cast["dev"])
    address = reverse("cases:case_hand_over", args=[cast.nora.pk])
    pete = cast.people["pete"].pk
    lena.post(address, {"clinical_mentor": cast.people["cal"].pk, "police_mentor": pete, "version": 1})
    data = {"clinical_mentor": cast.people["dev"].pk, "police_mentor": pete, "version": 1}
    page = dev.post(address, data).content.decode()
    assert "Cal Carrow" in page
    assert "Dev Dhar" in page
    chosen = data | {"clash": "1", "version": 2, "choice_clinical_mentor": "mine"}
    assert dev.post(address, chosen).status_code == 302
    assert case_of(cast).clinical_mentor_id == cast.people["dev"].pk


@pytest.mark.parametrize("page", ["cases:case_hand_over", "cases:case_close"])
def test_only_leads_change_a_case(cast: Cast, page: str) -> None:
    address = reverse(page, args=[cast.nora.pk])
    assert sign_in(Client(), cast["dev"]).get(address).status_code == 200
    assert sign_in(Client(), cast["amira"]).get(address).status_code == 403
    assert sign_in(Client(), cast["sia"]).get(address).status_code == 404


def test_mentors_from_outside_of_the_team_or_role_are_refused(cast: Cast) -> None:
    with access_context(route="test", actor=cast["lena"]):
        for clinical, police in (("sol", "pete"), ("amira", "saul"), ("pete", "pru"), ("amira", "cal")):
            with pytest.raises(DomainError, match="is not a"):
                hand_over(
                    by=cast["lena"],
                    case=case_of(cast),
                    version=1,
                    clinical_mentor=cast[clinical],
                    police_mentor=cast[police],
                )


def test_the_services_refuse_mentors_and_stale_versions(cast: Cast) -> None:
    case = case_of(cast)
    told = {"case": case, "next_service": "GP", "step_down_note": "Agreed."}
    with access_context(route="test", actor=cast["amira"]), pytest.raises(NotAllowed):
        close_case(by=cast["amira"], version=1, **told)
    with access_context(route="test", actor=cast["lena"]):
        with pytest.raises(VersionClash):
            close_case(by=cast["lena"], version=7, **told)
        close_case(by=cast["lena"], version=1, **told)


def test_a_closed_record_is_read_for_28_days_and_no_more(cast: Cast) -> None:
    with access_context(route="test", actor=cast["lena"]):
        close_case(
            by=cast["lena"], case=case_of(cast), version=1, next_service="Moor CMHT", step_down_note="Agreed."
        )
    page = record(cast, "amira")
    assert "Moor CMHT" in page
    assert "Log a contact" not in page
    assert "Edit details" not in page
    client = sign_in(Client(), cast["amira"])
    assert client.get(reverse("cases:patient_edit", args=[cast.nora.pk])).status_code == 403
    with access_context(route="test", is_system=True):
        case = Case.objects.get(patient=cast.nora)
        case.opened_on = timezone.localdate() - dt.timedelta(days=90)
        case.closed_on = timezone.localdate() - dt.timedelta(days=29)
        case.save()
    assert client.get(reverse("patient_record", args=[cast.nora.pk])).status_code == 404

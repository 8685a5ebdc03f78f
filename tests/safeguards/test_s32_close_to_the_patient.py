"""S32: whoever opens their own record, or one of somebody who shares surname, address or next of kin, raises an alert."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.services.home_postcodes import keep_home_postcode, remove_home_postcode
from audit.alerts.detection import detect
from audit.alerts.models import Alert
from audit.context import access_context
from cases.closeness import find_closeness
from cases.models import OtherName, Patient, RelatedPerson
from tests.alerts import asked_alert, entries_behind, opened
from tests.contact_log import looking
from tests.people import Cast, make_cast, make_patient
from tests.sessions import sign_in

# The detectors read what is committed, so each test commits.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    made = make_cast()
    detect()
    return made


def patient_like(
    cast: Cast, *, other: tuple[str, str] | None = None, kin: str = "", **fields: Any
) -> Patient:
    """One more patient of North's; ``other`` is another name with its kind."""
    with access_context(route="tests", is_system=True):
        patient = make_patient(cast.north, cast["amira"], cast["pete"], **fields)
        author = {"controller": cast.north.trust, "regime": "UK GDPR", "created_by": cast["amira"]}
        if other:
            OtherName.objects.create(patient=patient, kind=other[0], name=other[1], **author)
        if kin:
            RelatedPerson.objects.create(patient=patient, kind="next of kin", name=kin, **author)
    return patient


def live_at(cast: Cast, who: str, postcode: str) -> None:
    with access_context(route="tests", actor=cast[who]):
        keep_home_postcode(by=cast[who], postcode=postcode)


def rename(cast: Cast, **names: str) -> None:
    """What the staff record calls Cal."""
    cal = cast["cal"]
    with access_context(route="tests", is_system=True):
        for name, value in names.items():
            setattr(cal, name, value)
        cal.save()


def alerts() -> list[Alert]:
    with access_context(route="tests", is_system=True):
        return list(Alert.objects.select_related("worker").order_by("raised_at"))


def kinds_raised(cast: Cast, who: str, patient: Patient) -> list[tuple[str, str, str]]:
    opened(cast, who, patient)
    detect()
    return [
        (alert.kind, alert.worker.username, alert.patient_reference) for alert in alerts() if alert.worker
    ]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("own record", {"given_name": "Cal", "family_name": "Carrow"}),
        ("own record", {"given_name": "Calum", "preferred_name": "CAL", "family_name": "carrow"}),
        ("own record", {"given_name": "C", "family_name": "Else", "other": ("alias", "Cal Carrow")}),
        ("next of kin", {"family_name": "Else", "kin": "Cal  Carrow"}),
        ("next of kin", {"family_name": "Else", "kin": "Mr. Cal Carrow"}),
        ("same surname", {"family_name": "Carrow"}),
        ("same surname", {"family_name": "CÁRROW"}),
        ("same surname", {"family_name": "Else", "other": ("former name", "Mary Carrow")}),
        ("same surname", {"family_name": "Carrow-Teal"}),
        ("same surname", {"family_name": "Teal – Carrow"}),
        ("same surname", {"family_name": "Else", "other": ("former name", "Mary Carrow-Teal")}),
    ],
)
def test_s32_opening_such_a_record_raises_an_alert(cast: Cast, kind: str, fields: dict[str, Any]) -> None:
    patient = patient_like(cast, **fields)
    assert kinds_raised(cast, "cal", patient) == [(kind, "cal", patient.reference)]


@pytest.mark.parametrize("typed", ["NM1 4ZZ", "nm14zz", " Nm1  4Zz "])
def test_s32_the_same_address_raises_an_alert_however_it_is_written(cast: Cast, typed: str) -> None:
    live_at(cast, "cal", typed)
    patient = patient_like(cast, postcode="NM1 4ZZ")
    assert kinds_raised(cast, "cal", patient) == [("same address", "cal", patient.reference)]


@pytest.mark.parametrize("given", ["NM9 9ZZ", "NM1 4ZZ", ""], ids=["another", "the same", "none"])
def test_s32_whatever_postcode_somebody_gives_their_own_record_raises_its_alert(
    cast: Cast, given: str
) -> None:
    if given:
        live_at(cast, "cal", given)
    own = patient_like(cast, given_name="Cal", family_name="Carrow", postcode="NM1 4ZZ")
    assert kinds_raised(cast, "cal", own) == [("own record", "cal", own.reference)]


def test_s32_the_postcode_adds_a_tie_to_a_name_and_takes_none_away(cast: Cast) -> None:
    own = patient_like(cast, given_name="Cal", family_name="Carrow", postcode="NM1 4ZZ")
    ties = {}
    for given in ("NM1 4ZZ", "NM9 9ZZ"):
        live_at(cast, "cal", given)
        with looking():
            (found,) = find_closeness([(cast["cal"].pk, own.pk)])
        ties[given] = set(found.ties)
    assert ties == {
        "NM1 4ZZ": {"own record", "same surname", "same address"},
        "NM9 9ZZ": {"own record", "same surname"},
    }


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"given_name": "Carrow", "family_name": "Cal"},
        {"family_name": "Carrowby"},
        {"family_name": "McCarrow"},
        {"family_name": "Else", "other": ("former name", "Carrow-Ann Teal")},
        {"family_name": "Else", "kin": "Mary Carrow"},
        {"family_name": "Else", "kin": "Mrs Pascal Carrow"},
        {"family_name": "Else", "kin": "Cal Carrow-Smith"},
        {"postcode": "NM1 4ZZ"},
    ],
)
def test_s32_nothing_is_raised_about_people_who_share_nothing(cast: Cast, fields: dict[str, Any]) -> None:
    assert kinds_raised(cast, "cal", patient_like(cast, **fields)) == []


@pytest.mark.parametrize(
    ("worker", "fields", "is_close"),
    [
        ("van der Berg", {"family_name": "Else", "other": ("former name", "Sam van der Berg")}, True),
        ("van der Berg", {"family_name": "Else", "other": ("former name", "Sam van der Berg-Teal")}, True),
        ("van der Berg", {"family_name": "Van der Berg"}, True),
        ("van der Berg", {"family_name": "van der Meer"}, False),
        ("Carrow-Teal", {"family_name": "Carrow"}, True),
        ("Carrow-Teal", {"family_name": "Else", "other": ("former name", "Mary Teal")}, True),
        ("Carrow-Teal", {"family_name": "Teal-Finch"}, True),
        ("Al-Amin", {"family_name": "Al-Amin"}, True),
        ("Al-Amin", {"family_name": "Amin"}, True),
        ("Al-Amin", {"family_name": "Al-Sayed"}, False),
        ("", {"family_name": "Else"}, False),
    ],
)
def test_s32_a_surname_of_more_than_one_word_is_compared_whole_and_by_its_parts(
    cast: Cast, worker: str, fields: dict[str, Any], is_close: bool
) -> None:
    rename(cast, last_name=worker)
    patient = patient_like(cast, **fields)
    assert kinds_raised(cast, "cal", patient) == [("same surname", "cal", patient.reference)] * is_close


def test_s32_a_worker_known_by_a_surname_alone_is_nobodys_next_of_kin_by_it(cast: Cast) -> None:
    rename(cast, first_name="")
    assert kinds_raised(cast, "cal", patient_like(cast, family_name="Else", kin="Mary Carrow")) == []


def test_s32_a_postcode_that_was_taken_back_serves_no_longer(cast: Cast) -> None:
    live_at(cast, "cal", "NM1 4ZZ")
    with access_context(route="tests", actor=cast["cal"]):
        remove_home_postcode(by=cast["cal"])
    assert kinds_raised(cast, "cal", patient_like(cast, postcode="NM1 4ZZ")) == []


def test_s32_who_merely_stood_in_a_list_raises_nothing(cast: Cast) -> None:
    patient_like(cast, family_name="Carrow")
    with access_context(route="caseload", actor=cast["cal"]):
        assert len(list(Patient.objects.filter(team=cast.north))) == 2
    detect()
    assert alerts() == []


def test_s32_a_day_of_openings_is_one_alert_with_all_its_entries(cast: Cast) -> None:
    patient = patient_like(cast, family_name="Carrow")
    for _ in range(3):
        opened(cast, "cal", patient)
        detect()
    (alert,) = alerts()
    assert entries_behind(alert) == 3
    assert alert.number == 1


def test_s32_answering_a_question_about_a_record_opens_none(cast: Cast) -> None:
    patient = patient_like(cast, family_name="Carrow")
    alert = asked_alert(cast, patient=patient)
    detect()

    before = entries_behind(alert)
    cal = sign_in(Client(), cast["cal"])
    address = reverse("audit:alert_answer", args=[alert.pk])
    assert cal.get(address).status_code == 200
    assert cal.post(address, {"answer": "I was on duty."}).status_code == 302
    detect()
    assert entries_behind(alert) == before
    assert cal.get(f"/patients/{patient.pk}/").status_code == 200
    detect()
    assert entries_behind(alert) == before + 1

"""Prepared query sets: compiled once, filled with each request's values, guarded and recorded like any other."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership, User
from audit.context import access_context
from cases.models import Case, Contact, ContactClinicalNote, Draft, Patient
from core.access_guard import UnrecordedAccess
from core.prepared import Prepared, read_together
from tests.contact_log import logged
from tests.people import Cast, make_cast

pytestmark = pytest.mark.django_db

BY_KEY = Prepared(lambda patient: Patient.objects.filter(pk=patient), patient=uuid.UUID)
CASES = Prepared(
    lambda keys: Case.objects.filter(patient__any_of=keys).select_related("team", "closed_by").order_by("pk"),
    keys=list,
)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def test_each_call_reads_with_its_own_values(cast: Cast) -> None:
    with access_context(route="test", is_system=True):
        for patient in (cast.nora, cast.sam, cast.nora):
            ((found,),) = read_together(BY_KEY(patient=patient.pk))
            assert found == patient
        assert read_together(BY_KEY(patient=uuid.uuid4())) == [[]]


def test_several_are_one_statement_and_equal_what_django_would_have_loaded(cast: Cast) -> None:
    with access_context(route="test", is_system=True):
        expected = list(Case.objects.select_related("team").order_by("pk"))
        read_together(CASES(keys=[]))
        with CaptureQueriesContext(connection) as captured:
            cases, patients = read_together(
                CASES(keys=[cast.nora.pk, cast.sam.pk]), BY_KEY(patient=cast.nora.pk)
            )
            assert [case.team.name for case in cases] == [case.team.name for case in expected]
            assert cases[0].closed_by is None
        assert len(captured) == 1
        fields = [field.attname for field in Case._meta.concrete_fields]
        assert [[getattr(case, name) for name in fields] for case in cases] == [
            [getattr(case, name) for name in fields] for case in expected
        ]
        # Dates, times, keys and numbers come back as what they are, not as JSON's texts.
        fields = [field.attname for field in Patient._meta.concrete_fields]
        ((nora,),) = ([patients[0]],)
        loaded = Patient.objects.get(pk=cast.nora.pk)
        assert [getattr(nora, name) for name in fields] == [getattr(loaded, name) for name in fields]


def test_every_row_is_recorded(cast: Cast) -> None:
    with access_context(route="test", is_system=True) as context:
        read_together(BY_KEY(patient=cast.nora.pk), CASES(keys=[cast.sam.pk]))
        assert context.seen[cast.nora.pk] == {"cases.Patient"}
        assert context.seen[cast.sam.pk] == {"cases.Case"}


def test_clinical_only_rows_are_recorded_as_such(cast: Cast) -> None:
    contact = logged(cast["amira"], cast.nora, clinical_text="For clinicians")
    notes = Prepared(lambda keys: ContactClinicalNote.objects.filter(contact__any_of=keys), keys=list)
    with access_context(route="test", is_system=True) as context:
        ((note,),) = read_together(notes(keys=[contact.pk]))
        assert note.text == "For clinicians"
        assert cast.nora.pk in context.clinical_seen


def test_outside_of_a_context_there_is_no_guarded_row(cast: Cast) -> None:
    """The row policies hand over none; where they do not bind, the guard refuses to make an object of it."""
    assert read_together(BY_KEY(patient=cast.nora.pk)) == [[]]


def test_an_annotation_carries_no_text_of_other_guarded_rows() -> None:
    hidden = Prepared(
        lambda patient: User.objects.filter(clinical_cases__patient=patient).annotate(
            text=Contact.objects.filter(patient=patient).values("account")[:1]
        ),
        patient=uuid.UUID,
    )
    with pytest.raises(UnrecordedAccess):
        read_together(hidden(patient=uuid.uuid4()))


@pytest.mark.parametrize(
    "condition",
    [Q(starts_on__lte=dt.date(2026, 1, 1)), Q(ended_at__gt=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))],
)
def test_a_day_or_time_of_the_first_request_is_refused(condition: Q) -> None:
    fixed = Prepared(lambda user: Membership.objects.filter(condition, user=user), user=int)
    with pytest.raises(TypeError, match="day or time of its own"):
        read_together(fixed(user=1))


@pytest.mark.parametrize(
    "lookup", ["family_name__icontains", "family_name__startswith", "reference__contains"]
)
def test_a_lookup_that_hides_its_value_is_refused(lookup: str) -> None:
    with pytest.raises(TypeError, match="loses"):
        read_together(Prepared(lambda name: Patient.objects.filter(**{lookup: name}), name=str)(name="Quill"))


def test_a_missing_or_unknown_value_is_refused() -> None:
    with pytest.raises(TypeError, match="patient"):
        BY_KEY()
    with pytest.raises(TypeError, match="patient"):
        BY_KEY(patient=uuid.uuid4(), user=1)


def test_typed_text_in_a_value_stays_a_value(cast: Cast) -> None:
    named = Prepared(lambda name: User.objects.filter(username=name), name=str)
    assert read_together(named(name="' OR true --"), named(name="%s"), named(name="amira")) == [
        [],
        [],
        [cast.people["amira"]],
    ]


def test_json_columns_come_back_as_they_were_saved(cast: Cast) -> None:
    typed = {"account": ['«quoted»\n"lines"', "0001"], "number": ["1"]}
    drafts = Prepared(lambda user: Draft.objects.filter(user=user), user=int)
    with access_context(route="test", is_system=True):
        Draft.objects.create(
            user=cast["amira"], patient=cast.nora, form="f", data=typed, saved_at=timezone.now()
        )
        ((draft,),) = read_together(drafts(user=cast.people["amira"].pk))
        assert draft.data == typed

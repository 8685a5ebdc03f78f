"""S31: break-glass is reviewed by somebody else within two working days, once."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from cases.models import BreakGlass, BreakGlassReview
from cases.services.authorship import authorship
from cases.services.break_glass_reviews import review_break_glass
from core.errors import DomainError, NotAllowed, NotVisible
from reminders.models import Reminder
from tests.break_glass import (
    SENTENCE,
    ask,
    close_for_good,
    glasses,
    mentors_in_south_too,
    opened,
    over,
    record_of,
    review_of,
    reviewed,
    stated,
    told,
)
from tests.contact_log import at_work, logged, looking
from tests.people import Cast, make_cast
from tests.sessions import sign_in, trail_entries

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def written_past_the_service(by: User, glass: BreakGlass) -> None:
    BreakGlassReview.objects.create(
        patient_id=glass.patient_id,
        break_glass=glass,
        outcome="appropriate",
        words="Fine.",
        **authorship(by),
    )


@pytest.mark.parametrize(
    ("opened_at", "due"),
    [
        ("2026-11-25 14:00", "2026-11-27 17:00"),
        ("2026-11-27 23:30", "2026-12-01 17:00"),
        ("2026-11-28 03:00", "2026-12-01 17:00"),
        ("2026-12-23 10:00", "2026-12-29 17:00"),
        ("2027-03-25 10:00", "2027-03-31 17:00"),
    ],
)
def test_s31_a_review_is_due_at_the_end_of_the_second_working_day_of_england(
    cast: Cast, opened_at: str, due: str
) -> None:
    london = timezone.get_default_timezone()
    with time_machine.travel(dt.datetime.fromisoformat(opened_at).replace(tzinfo=london), tick=False):
        glass = opened(cast["sol"], cast.nora)
    assert glass.review_due_at == dt.datetime.fromisoformat(due).replace(tzinfo=london)


def test_s31_the_review_is_a_task_of_the_clinical_lead_until_it_is_done(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    assert set(told("break-glass-review")) == {"lena"}
    home = sign_in(Client(), cast["lena"]).get("/").content.decode()
    assert "Review the break-glass of" in home
    with time_machine.travel(over(glass)):
        reviewed(cast["lena"], glass)
    with looking():
        settled = Reminder.objects.filter(kind="break-glass-review", settled_at__isnull=True)
        assert not settled.exists()
    assert told("break-glass-reviewed") == {
        "sol": told("break-glass-reviewed")["sol"],
    }
    assert "appropriate" in told("break-glass-reviewed")["sol"]


@pytest.mark.parametrize("name", ["lena", "dev", "ivy", "igor"])
def test_s31_leads_and_officers_find_it_on_their_home_page_and_review_it(cast: Cast, name: str) -> None:
    sol = sign_in(Client(), cast["sol"])
    ask(sol, stated(cast.nora))
    sol.get(record_of(cast.nora))
    sol.get(record_of(cast.nora))
    # Leads back to the record; that is nothing which was done with it.
    assert cast.nora.reference in sol.get("/").content.decode()
    (glass,) = glasses()
    with time_machine.travel(over(glass)):
        client = sign_in(Client(), cast[name])
        home = client.get("/").content.decode()
        assert f"Break-glass by {cast['sol']}" in home
        page = client.get(review_of(glass)).content.decode()
        assert SENTENCE in page
        assert cast.nora.reference in page
        assert "Opened the patient record" in page
        assert "2 times" in page
        assert "home page" not in page
        assert "Quill" not in page
        wrong = client.post(review_of(glass), {"outcome": "", "words": ""}).content.decode()
        assert "Choose what you think of it" in wrong
        answer = client.post(review_of(glass), {"outcome": "training", "words": "Rang Sol. Advice follows."})
        assert answer.status_code == 302
        done = client.get(review_of(glass)).content.decode()
        assert "Understandable; training or advice follows" in done
        assert "Save the review" not in done
        assert f"Break-glass by {cast['sol']}" not in client.get("/").content.decode()


def test_s31_an_officer_who_reviews_opens_no_record(cast: Cast) -> None:
    logged(cast["amira"], cast.nora, account="A walk to the library.", clinical_text="Sleeps three hours.")
    glass = opened(cast["sol"], cast.nora)
    sign_in(Client(), cast["sol"]).get(record_of(cast.nora))
    client = sign_in(Client(), cast["ivy"])
    page = client.get(review_of(glass)).content.decode()
    for hidden in ("library", "three hours", "Nora", "Quill"):
        assert hidden not in page
    assert client.get(record_of(cast.nora)).status_code == 404
    entry = trail_entries(route="cases:break_glass_review")[-1]
    assert (entry.relationship, entry.outcome) == ("IG review", "ok")


@pytest.mark.parametrize(
    ("name", "status"), [("amira", 403), ("sia", 404), ("iris", 404), ("tess", 403), ("sol", 403)]
)
def test_s31_the_review_is_for_leads_of_the_patients_team_and_its_officers(
    cast: Cast, name: str, status: int
) -> None:
    glass = opened(cast["sol"], cast.nora)
    assert sign_in(Client(), cast[name]).get(review_of(glass)).status_code == status


def test_s31_nobody_reviews_their_own(cast: Cast) -> None:
    close_for_good(cast)
    glass = opened(cast["lena"], cast.nora)
    assert "lena" not in told("break-glass-opened", "break-glass-review")
    with time_machine.travel(over(glass)):
        client = sign_in(Client(), cast["lena"])
        assert "somebody else reviews it" in client.get(review_of(glass)).content.decode()
        sent = client.post(review_of(glass), {"outcome": "appropriate", "words": "Mine."})
        assert sent.status_code == 403
        assert "Break-glass by" not in client.get("/").content.decode()


def test_s31_the_database_refuses_a_review_of_ones_own(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with pytest.raises(IntegrityError, match="Nobody reviews their own"), transaction.atomic(), looking():
        written_past_the_service(cast["sol"], glass)


def test_s31_a_deputy_does_not_review_the_lead_who_leads_them_and_an_officer_does(cast: Cast) -> None:
    close_for_good(cast)
    glass = opened(cast["lena"], cast.nora)
    assert set(told("break-glass-review")) == {"ivy", "igor"}
    with time_machine.travel(over(glass)):
        with pytest.raises(NotAllowed):
            reviewed(cast["dev"], glass)
        reviewed(cast["ivy"], glass)


def test_s31_a_lead_reviews_a_deputy_after_the_case_has_closed_for_good(cast: Cast) -> None:
    close_for_good(cast)
    glass = opened(cast["dev"], cast.nora)
    with time_machine.travel(over(glass)):
        client = sign_in(Client(), cast["lena"])
        assert client.get(review_of(glass)).status_code == 200
        assert "Break-glass by" in client.get("/").content.decode()
        assert (
            client.post(review_of(glass), {"outcome": "appropriate", "words": "Needed."}).status_code == 302
        )
        entry = trail_entries(route="cases:break_glass_review")[-1]
        assert entry.relationship == "break-glass review"


def test_s31_somebody_whom_the_author_leads_in_another_team_does_not_review(cast: Cast) -> None:
    """Dev of North also mentors in South, which Sia leads."""
    mentors_in_south_too(cast, cast["dev"])
    glass = opened(cast["sia"], cast.nora)
    with time_machine.travel(over(glass)):
        with pytest.raises(NotAllowed):
            reviewed(cast["dev"], glass)
        with pytest.raises(IntegrityError, match="somebody who leads them"), transaction.atomic(), looking():
            written_past_the_service(cast["dev"], glass)
        reviewed(cast["lena"], glass)


def test_s31_what_is_still_open_is_not_reviewed_yet(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with pytest.raises(DomainError, match="still open"):
        reviewed(cast["lena"], glass)


def test_s31_the_database_refuses_a_review_before_the_end(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with pytest.raises(IntegrityError, match="when it is over"), transaction.atomic(), looking():
        written_past_the_service(cast["lena"], glass)


def test_s31_it_is_reviewed_once_and_the_review_stays(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(over(glass)):
        reviewed(cast["lena"], glass)
        with pytest.raises(DomainError, match="meanwhile"):
            reviewed(cast["ivy"], glass)
    with looking():
        review = BreakGlass.objects.select_related("review").get(pk=glass.pk).review
        review.words = "Something milder"
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            review.save()


@pytest.mark.parametrize("changes", [{"outcome": "fine"}, {"words": "  "}])
def test_s31_a_review_needs_an_outcome_and_words(cast: Cast, changes: dict[str, str]) -> None:
    glass = opened(cast["sol"], cast.nora)
    typed = {"outcome": "appropriate", "words": "Needed."} | changes
    with time_machine.travel(over(glass)), pytest.raises(DomainError), at_work(cast["lena"]):
        review_break_glass(by=cast["lena"], patient_id=cast.nora.pk, key=glass.pk, **typed)


@pytest.mark.parametrize("name", ["sia", "amira", "iris"])
def test_s31_the_service_keeps_reviews_to_those_in_charge(cast: Cast, name: str) -> None:
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(over(glass)), pytest.raises((NotVisible, NotAllowed)):
        reviewed(cast[name], glass)

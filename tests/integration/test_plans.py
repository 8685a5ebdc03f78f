"""A crisis response plan on its way: drafted, submitted, returned, approved, changed; what falls due with it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

import pytest
from django.utils import timezone

from audit.context import access_context
from core.errors import DomainError, NotAllowed, NotVisible, VersionClash
from crisis_plans.content import Call, content_of
from crisis_plans.models import PlanVersion
from crisis_plans.rules import IncompletePlanError
from crisis_plans.selectors import (
    current_plan,
    open_version,
    plans_awaiting_approval,
    version_of,
    versions,
)
from crisis_plans.services import (
    announce_review,
    approve,
    discard_draft,
    return_to_author,
    save_draft,
    start_draft,
    submit,
    withdraw_submission,
)
from tests.contact_log import listed
from tests.people import Cast, make_cast
from tests.plans import approved, drafted, full_content, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture(autouse=True)
def at_work(cast: Cast) -> Iterator[None]:
    with access_context(route="tests.plans", is_system=True):
        yield


def test_approved_version_becomes_the_plan(cast: Cast) -> None:
    version = approved(cast)
    current = current_plan(cast["amira"], cast.nora)
    assert current == version
    assert current.approval is not None
    assert current.approval.signer_name == "Lena Lund"
    assert (current.approval.registration_body, current.approval.registration_number) == ("NMC", "99A0002E")
    assert open_version(cast["amira"], cast.nora) is None


def test_all_parts_of_the_text_are_kept_in_order(cast: Cast) -> None:
    version = drafted(cast)
    assert content_of(version) == full_content()


def test_saving_again_changes_only_what_differs(cast: Cast) -> None:
    version = drafted(cast)
    kept = {action.position: action.pk for action in version.actions.all()}
    changed = full_content(actions=("Sit with me", "Ring Jo", "Put the kettle on"), calls=())
    version = save_draft(by=cast["amira"], version=version, revision=version.revision, content=changed)
    assert [action.text for action in version.actions.all()] == [
        "Sit with me",
        "Ring Jo",
        "Put the kettle on",
    ]
    assert {a.position: a.pk for a in version.actions.all() if a.position in kept} == kept
    assert not version.calls.all()


def test_saving_an_unchanged_text_makes_nobody_an_author(cast: Cast) -> None:
    version = drafted(cast)
    again = save_draft(by=cast["lena"], version=version, revision=version.revision, content=full_content())
    assert again.revision == version.revision
    assert [author.user.username for author in again.authors.all()] == ["amira"]


def test_second_start_leads_to_the_open_draft(cast: Cast) -> None:
    first = start_draft(by=cast["amira"], patient=cast.nora)
    assert start_draft(by=cast["pete"], patient=cast.nora) == first


def test_start_while_a_version_waits_is_refused_in_words(cast: Cast) -> None:
    submitted(cast)
    with pytest.raises(DomainError, match="Version 1 is waiting for approval"):
        start_draft(by=cast["amira"], patient=cast.nora)


def test_save_over_somebody_elses_text_is_a_clash(cast: Cast) -> None:
    version = drafted(cast)
    save_draft(
        by=cast["cal"], version=version, revision=version.revision, content=full_content(about_me="I sing")
    )
    with pytest.raises(VersionClash):
        save_draft(
            by=cast["amira"],
            version=version,
            revision=version.revision,
            content=full_content(about_me="I run"),
        )
    fresh = version_of(cast["amira"], cast.nora, version.number)
    assert fresh is not None
    assert fresh.about_me == "I sing"


def test_submitted_version_cannot_be_edited_until_it_is_returned(cast: Cast) -> None:
    version = submitted(cast)
    with pytest.raises(DomainError, match="waiting for approval and cannot be changed"):
        save_draft(
            by=cast["amira"], version=version, revision=version.revision, content=full_content(about_me="x")
        )
    return_to_author(by=cast["lena"], version=version, revision=version.revision, comment="Ask about nights.")
    saved = save_draft(
        by=cast["amira"], version=version, revision=version.revision, content=full_content(about_me="x")
    )
    assert saved.about_me == "x"
    assert saved.state == PlanVersion.State.RETURNED


def test_what_is_submitted_or_approved_is_not_submitted_again(cast: Cast) -> None:
    version = submitted(cast)
    with pytest.raises(DomainError, match="waiting for approval and cannot be changed"):
        submit(by=cast["amira"], version=version, revision=version.revision)
    approve(by=cast["lena"], version=version, revision=version.revision)
    with pytest.raises(DomainError, match="cannot be changed any more"):
        submit(by=cast["amira"], version=version, revision=version.revision)


def test_a_version_that_there_is_not_is_no_version(cast: Cast) -> None:
    gone = PlanVersion(pk=uuid.uuid4(), patient=cast.nora)
    for step in (
        lambda: submit(by=cast["amira"], version=gone, revision=1),
        lambda: withdraw_submission(by=cast["amira"], version=gone),
        lambda: approve(by=cast["lena"], version=gone, revision=1),
    ):
        with pytest.raises(NotVisible):
            step()


def test_author_takes_a_submission_back(cast: Cast) -> None:
    version = submitted(cast)
    withdraw_submission(by=cast["amira"], version=version)
    fresh = version_of(cast["amira"], cast.nora, version.number)
    assert fresh is not None
    assert fresh.state == PlanVersion.State.DRAFT
    assert not plans_awaiting_approval(cast["lena"]).exists()


def test_only_an_author_takes_a_submission_back(cast: Cast) -> None:
    version = submitted(cast)
    with pytest.raises(NotAllowed):
        withdraw_submission(by=cast["cal"], version=version)


def test_return_without_a_comment_is_refused(cast: Cast) -> None:
    version = submitted(cast)
    with pytest.raises(DomainError, match="Write what has to change") as refusal:
        return_to_author(by=cast["lena"], version=version, revision=version.revision, comment="  ")
    assert refusal.value.field == "comment"


def test_mentor_may_not_decide(cast: Cast) -> None:
    version = submitted(cast)
    with pytest.raises(NotAllowed):
        approve(by=cast["cal"], version=version, revision=version.revision)


def test_other_teams_lead_learns_nothing(cast: Cast) -> None:
    version = submitted(cast)
    for refused in (
        lambda: approve(by=cast["sia"], version=version, revision=version.revision),
        lambda: start_draft(by=cast["sol"], patient=cast.nora),
        lambda: save_draft(by=cast["sol"], version=version, revision=1, content=full_content()),
    ):
        with pytest.raises(NotVisible):
            refused()
    assert current_plan(cast["sol"], cast.nora) is None
    assert not versions(cast["sol"], cast.nora).exists()
    assert not plans_awaiting_approval(cast["sia"]).exists()


def test_decision_on_a_text_that_changed_since_it_was_read_is_a_clash(cast: Cast) -> None:
    version = submitted(cast)
    read = version.revision
    withdraw_submission(by=cast["amira"], version=version)
    changed = save_draft(
        by=cast["amira"], version=version, revision=read, content=full_content(about_me="New")
    )
    submit(by=cast["amira"], version=changed, revision=changed.revision)
    with pytest.raises(VersionClash):
        approve(by=cast["lena"], version=version, revision=read)


def test_decided_version_is_not_decided_again(cast: Cast) -> None:
    version = approved(cast)
    with pytest.raises(DomainError, match="Approved by Lena Lund"):
        approve(by=cast["dev"], version=version, revision=version.revision)


def test_incomplete_version_cannot_be_submitted_and_lists_all_that_is_missing(cast: Cast) -> None:
    version = start_draft(by=cast["amira"], patient=cast.nora)
    with pytest.raises(IncompletePlanError) as refusal:
        submit(by=cast["amira"], version=version, revision=version.revision)
    assert [gap.field for gap in refusal.value.gaps] == [
        "what_helps",
        "words",
        "actions",
        "involvement",
        "review_on",
    ]


def test_submission_that_nobody_could_decide_on_is_refused(cast: Cast) -> None:
    version = drafted(cast)
    for lead in ("lena", "dev"):
        version = save_draft(
            by=cast[lead], version=version, revision=version.revision, content=full_content(about_me=lead)
        )
    with pytest.raises(DomainError, match="Everybody in the team who may approve"):
        submit(by=cast["amira"], version=version, revision=version.revision)


def test_discarded_draft_makes_room_and_stays_readable(cast: Cast) -> None:
    version = drafted(cast)
    discard_draft(by=cast["amira"], version=version, revision=version.revision)
    again = start_draft(by=cast["amira"], patient=cast.nora)
    assert again.number == version.number + 1
    kept = version_of(cast["amira"], cast.nora, version.number)
    assert kept is not None
    assert kept.state == PlanVersion.State.DISCARDED
    with pytest.raises(DomainError, match="cannot be changed any more"):
        discard_draft(by=cast["amira"], version=kept, revision=kept.revision)


def test_too_many_actions_are_refused_at_their_field(cast: Cast) -> None:
    version = start_draft(by=cast["amira"], patient=cast.nora)
    with pytest.raises(DomainError) as refusal:
        save_draft(
            by=cast["amira"],
            version=version,
            revision=version.revision,
            content=full_content(actions=tuple(str(n) for n in range(31))),
        )
    assert refusal.value.field == "actions"
    with pytest.raises(DomainError, match="12 people or services to call"):
        save_draft(
            by=cast["amira"],
            version=version,
            revision=version.revision,
            content=full_content(calls=tuple(Call(str(n)) for n in range(13))),
        )


def test_next_reviews_name_the_current_plan_only(cast: Cast) -> None:
    assert [vars(case)["next_review"] for case in listed(cast["amira"])] == [None]
    first = approved(cast, review_on=timezone.localdate() + dt.timedelta(days=20))
    submitted(cast, review_on=timezone.localdate() + dt.timedelta(days=90))
    assert [vars(case)["next_review"] for case in listed(cast["amira"])] == [first.review_on]


def test_lead_sees_what_waits_for_them_but_not_their_own(cast: Cast) -> None:
    version = submitted(cast, by="lena")
    assert list(plans_awaiting_approval(cast["dev"])) == [version]
    assert not plans_awaiting_approval(cast["lena"]).exists()
    assert not plans_awaiting_approval(cast["amira"]).exists()
    assert not plans_awaiting_approval(cast["pete"]).exists()


def test_review_needs_a_date(cast: Cast) -> None:
    version = start_draft(by=cast["amira"], patient=cast.nora)
    with pytest.raises(ValueError, match="review date"):
        announce_review(version=version)

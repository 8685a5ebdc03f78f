"""S07: a change to an approved plan is a new version; the approved one never changes; what differs can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from audit.context import access_context
from cases.services.authorship import authorship
from core.errors import DomainError
from crisis_plans.content import content_of
from crisis_plans.models import PlanAction, PlanAuthor, PlanCall, PlanServicePart, PlanSignOff, PlanVersion
from crisis_plans.presenters import differences
from crisis_plans.selectors import current_plan
from crisis_plans.services import approve, save_draft, start_draft
from tests.people import Cast, make_cast
from tests.plans import approved, drafted, fresh, full_content, submitted
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def at_work(cast: Cast) -> Iterator[None]:
    with access_context(route="tests.s07", is_system=True):
        yield


@pytest.mark.usefixtures("at_work")
def test_s07_edit_of_an_approved_plan_makes_a_new_draft_and_leaves_it_as_it_was(cast: Cast) -> None:
    first = approved(cast)
    before = content_of(first)
    draft = start_draft(by=cast["cal"], patient=cast.nora)
    save_draft(
        by=cast["cal"], version=draft, revision=draft.revision, content=full_content(about_me="I swim.")
    )
    assert (draft.number, draft.based_on_id) == (2, first.pk)
    assert current_plan(cast["amira"], cast.nora) == first
    assert content_of(fresh(cast, first)) == before


@pytest.mark.usefixtures("at_work")
def test_s07_new_draft_begins_with_the_text_and_asks_involvement_and_review_anew(cast: Cast) -> None:
    first = approved(cast)
    draft = content_of(start_draft(by=cast["cal"], patient=cast.nora))
    assert (draft.what_helps, draft.actions, draft.calls) == (
        first.what_helps,
        content_of(first).actions,
        content_of(first).calls,
    )
    assert set(draft.service_parts) == set(content_of(first).service_parts)
    assert (draft.involvement, draft.review_on) == ("", None)


@pytest.mark.usefixtures("at_work")
def test_s07_service_refuses_to_save_into_an_approved_version(cast: Cast) -> None:
    version = approved(cast)
    with pytest.raises(DomainError, match="A change is a new version"):
        save_draft(
            by=cast["amira"], version=version, revision=version.revision, content=full_content(about_me="x")
        )


@pytest.mark.usefixtures("at_work")
def test_s07_approved_version_stays_the_plan_until_the_next_is_approved(cast: Cast) -> None:
    first = approved(cast)
    second = submitted(cast, about_me="I swim.")
    assert current_plan(cast["pete"], cast.nora) == first
    approve(by=cast["lena"], version=second, revision=second.revision)
    assert current_plan(cast["pete"], cast.nora) == second


def set_text(cast: Cast, version: PlanVersion) -> None:
    version.about_me = "changed"
    version.save()


def reopen(cast: Cast, version: PlanVersion) -> None:
    version.is_open = not version.is_open
    version.save()


def change_action(cast: Cast, version: PlanVersion) -> None:
    action = version.actions.all()[0]
    action.text = "changed"
    action.save()


def delete_action(cast: Cast, version: PlanVersion) -> None:
    version.actions.all()[0].delete()


def add_action(cast: Cast, version: PlanVersion) -> None:
    PlanAction.objects.create(
        version=version, patient=cast.nora, position=99, text="new", **authorship(cast["amira"])
    )


def delete_call(cast: Cast, version: PlanVersion) -> None:
    version.calls.all()[0].delete()


def add_call(cast: Cast, version: PlanVersion) -> None:
    PlanCall.objects.create(
        version=version, patient=cast.nora, position=99, who="new", **authorship(cast["amira"])
    )


def change_service_part(cast: Cast, version: PlanVersion) -> None:
    part = version.service_parts.all()[0]
    part.agreed = "changed"
    part.save()


def add_service_part(cast: Cast, version: PlanVersion) -> None:
    PlanServicePart.objects.create(
        version=version, patient=cast.nora, service="police", agreed="new", **authorship(cast["amira"])
    )


def add_author(cast: Cast, version: PlanVersion) -> None:
    PlanAuthor.objects.create(version=version, patient=cast.nora, user=cast["pru"], **authorship(cast["pru"]))


CHANGES = [
    set_text,
    reopen,
    change_action,
    delete_action,
    add_action,
    delete_call,
    add_call,
    change_service_part,
    add_service_part,
    add_author,
]


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize("state", ["submitted", "approved"])
@pytest.mark.parametrize("change", CHANGES)
def test_s07_database_refuses_to_change_what_was_submitted_or_approved(
    cast: Cast, change: Callable[[Cast, PlanVersion], None], state: str
) -> None:
    version = submitted(cast) if state == "submitted" else approved(cast)
    with pytest.raises(IntegrityError, match=r"cannot be changed|closes when"), transaction.atomic():
        change(cast, version)
    assert content_of(fresh(cast, version)) == full_content()


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize("change", [c for c in CHANGES if c is not reopen])
def test_s07_the_same_changes_pass_in_a_draft(
    cast: Cast, change: Callable[[Cast, PlanVersion], None]
) -> None:
    """Otherwise the refusals above would prove nothing."""
    change(cast, drafted(cast))


@pytest.mark.usefixtures("at_work")
def test_s07_sign_offs_authors_and_versions_are_never_removed_or_rewritten(cast: Cast) -> None:
    version = approved(cast)
    sign_off = version.sign_offs.all()[0]
    for row in (sign_off, version.authors.all()[0]):
        with pytest.raises(IntegrityError, match="never changed or deleted"), transaction.atomic():
            row.delete()
    sign_off.comment = "rewritten"
    with pytest.raises(IntegrityError, match="never changed or deleted"), transaction.atomic():
        sign_off.save()
    lonely = drafted(cast)
    with pytest.raises(IntegrityError), transaction.atomic():
        lonely.delete()
    assert PlanSignOff.objects.filter(version=version).exists()


@pytest.mark.usefixtures("at_work")
def test_s07_differences_name_what_was_added_and_removed(cast: Cast) -> None:
    first = approved(cast)
    second = drafted(cast, actions=("Sit with me", "Offer juice"), review_on=first.review_on)
    found = differences(content_of(first), content_of(second))
    assert [d.heading for d in found] == ["What to do"]
    assert [(p.word, p.text) for p in found[0].pieces] == [
        ("", "Sit with me"),
        ("Removed", "Offer tea"),
        ("Added", "Offer juice"),
    ]


def test_s07_page_of_differences_says_added_and_removed_in_words(cast: Cast, client: Client) -> None:
    with access_context(route="tests.s07", is_system=True):
        approved(cast)
        draft = drafted(cast, about_me="I paint. <script>alert(1)</script>")
    sign_in(client, cast["amira"])
    page = client.get(reverse("crisis_plans:plan_differences", args=[cast.nora.pk, draft.number]))
    text = page.content.decode()
    assert ">Added</strong>" in text
    assert ">Removed</strong>" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert(1)" not in text


def test_s07_very_long_texts_are_shown_whole_instead_of_compared() -> None:
    before = full_content(about_me="\n".join(f"line {n}" for n in range(1_500)))
    found = differences(before, full_content(about_me="short"))
    assert [p.word for p in found[0].pieces] == ["Removed", "Added"]

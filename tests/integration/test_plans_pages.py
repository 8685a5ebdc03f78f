"""The plan's pages, as a browser without JavaScript meets them."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import ProfessionalRegistration
from audit.context import access_context
from audit.models import LogEntry
from cases.models import Case, Draft
from core.access_guard import recorded_query
from core.formatting import day
from crisis_plans.content import Call, ServicePart, content_of
from crisis_plans.models import PlanVersion
from crisis_plans.services import return_to_author, save_draft
from tests.people import Cast, make_cast, make_patient
from tests.plans import approved, drafted, fresh, full_content, submitted
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def page(name: str, cast: Cast, *args: int) -> str:
    return reverse(f"crisis_plans:{name}", args=[cast.nora.pk, *args])


def system() -> Any:
    return access_context(route="tests.plans", is_system=True)


def typed(version: PlanVersion, **changes: str) -> dict[str, str]:
    """A whole form as a browser sends it."""
    review_on = timezone.localdate() + dt.timedelta(days=30)
    return {
        "revision": str(version.revision),
        "draft_about": str(version.number),
        "call_rows": "3",
        "what_helps": "Speak slowly.\r\nLet me smoke outside.",
        "words": "own",
        "actions": "Sit with me\r\n\r\n Offer tea \r\n",
        "what_makes_it_worse": "Being surrounded.",
        "call_0_who": "Jo, my sister",
        "call_0_phone": "07700 900123",
        "call_0_when": "Any time",
        "call_2_who": "Crisis line",
        "call_2_phone": "01632 960999",
        "service_ambulance": "Ring the team on the way.",
        "crisis_signs": "I stop answering my phone.",
        "about_me": "I paint.",
        "involvement": "took part",
        "declined_reason": "Left over from another answer.",
        "review_on_day": str(review_on.day),
        "review_on_month": str(review_on.month),
        "review_on_year": str(review_on.year),
    } | changes


def test_mentor_drafts_and_submits_and_lead_approves_without_javascript(cast: Cast, client: Client) -> None:
    sign_in(client, cast["amira"])
    assert "There is no approved plan yet" in client.get(page("plan", cast)).content.decode()
    answer = client.post(page("plan_start", cast))
    assert answer.headers["Location"] == page("plan_edit", cast, 1)
    with system():
        draft = fresh(cast, PlanVersion.objects.get(patient=cast.nora))
    answer = client.post(page("plan_edit", cast, 1), typed(draft) | {"go_on": "1"})
    assert answer.headers["Location"] == page("plan_submit", cast, 1)
    with system():
        draft = fresh(cast, draft)
        content = content_of(draft)
    assert content.actions == ("Sit with me", "Offer tea")
    assert content.calls == (
        Call("Jo, my sister", "07700 900123", "Any time"),
        Call("Crisis line", "01632 960999"),
    )
    assert content.service_parts == (ServicePart("ambulance", "Ring the team on the way."),)
    assert content.what_helps == "Speak slowly.\nLet me smoke outside."
    assert content.involvement_reason == ""
    client.post(page("plan_submit", cast, 1), {"revision": draft.revision})

    sign_in(client, cast["lena"])
    decide = page("plan_decide", cast, 1)
    text = client.get(decide).content.decode()
    for words in ("Speak slowly.", "Sit with me", "Being surrounded.", "Jo, my sister", "NMC 99A0002E"):
        assert words in text
    answer = client.post(decide, {"decision": "approve", "revision": draft.revision})
    assert answer.headers["Location"] == page("plan", cast)
    text = client.get(page("plan", cast)).content.decode()
    assert "Version 1 · approved by Lena Lund, clinical lead, NMC 99A0002E on" in text


def test_lead_returns_with_a_comment_and_the_author_reads_it_above_the_form(
    cast: Cast, client: Client
) -> None:
    with system():
        version = submitted(cast)
    sign_in(client, cast["lena"])
    sent = {"decision": "return", "comment": "Ask about nights.", "revision": version.revision}
    client.post(page("plan_decide", cast, 1), sent)
    sign_in(client, cast["amira"])
    text = client.get(page("plan_edit", cast, 1)).content.decode()
    assert "Ask about nights." in text
    assert "Returned by" in text


def test_return_without_a_comment_is_asked_for_it_at_the_field(cast: Cast, client: Client) -> None:
    with system():
        version = submitted(cast)
    sign_in(client, cast["lena"])
    answer = client.post(
        page("plan_decide", cast, 1), {"decision": "return", "comment": " ", "revision": version.revision}
    )
    assert "Write what has to change" in answer.content.decode()
    with system():
        assert fresh(cast, version).state == PlanVersion.State.SUBMITTED


def test_decision_on_another_text_than_the_one_read_is_not_taken(cast: Cast, client: Client) -> None:
    with system():
        version = submitted(cast)
    sign_in(client, cast["lena"])
    answer = client.post(
        page("plan_decide", cast, 1), {"decision": "approve", "revision": version.revision - 1}
    )
    assert "Nothing was decided. Read the new text first." in answer.content.decode()
    with system():
        assert fresh(cast, version).state == PlanVersion.State.SUBMITTED


def test_incomplete_version_leads_from_each_gap_to_its_field(cast: Cast, client: Client) -> None:
    with system():
        drafted(cast, actions=(), review_on=None, involvement="declined")
    sign_in(client, cast["amira"])
    text = client.get(page("plan_submit", cast, 1)).content.decode()
    form = client.get(page("plan_edit", cast, 1)).content.decode()
    targets = re.findall(r'href="[^"]*/edit/#([^"]+)"', text)
    assert targets == ["id_actions", "id_declined_reason", "id_declined_retry_on", "id_review_on"]
    for target in targets:
        assert f'id="{target}' in form
    assert "Submit for approval</button>" not in text


def test_add_another_person_to_call_keeps_everything_typed_and_saves_nothing(
    cast: Cast, client: Client
) -> None:
    with system():
        version = drafted(cast)
    sign_in(client, cast["amira"])
    sent = typed(version, what_helps="Not saved yet", review_on_day="99", words="others") | {"add_call": "1"}
    answer = client.post(page("plan_edit", cast, 1), sent)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'name="call_3_who"' in text
    assert 'name="call_4_who"' not in text
    assert "Not saved yet" in text
    assert 'value="99"' in text
    assert "There is a problem" not in text
    assert re.search(r'value="others"[^>]*checked', text)
    with system():
        assert fresh(cast, version).what_helps == full_content().what_helps


def test_number_of_rows_is_bounded_whatever_is_sent(cast: Cast, client: Client) -> None:
    with system():
        version = drafted(cast)
    sign_in(client, cast["amira"])
    for sent in ("100000", "-4", "x", "9" * 5000, ""):
        answer = client.post(page("plan_edit", cast, 1), typed(version, call_rows=sent) | {"add_call": "1"})
        assert answer.status_code == 200
        assert 'name="call_12_who"' not in answer.content.decode()


def test_two_people_editing_see_both_texts_and_lose_none(cast: Cast, client: Client) -> None:
    with system():
        version = drafted(cast)
        saved = save_draft(
            by=cast["cal"],
            version=version,
            revision=version.revision,
            content=full_content(about_me="Cal wrote this."),
        )
    sign_in(client, cast["amira"])
    answer = client.post(page("plan_edit", cast, 1), typed(version, about_me="Amira wrote this."))
    text = answer.content.decode()
    assert "Cal wrote this." in text
    assert text.count("Amira wrote this.") == 2
    with system():
        assert fresh(cast, version).about_me == "Cal wrote this."
    # Whoever closes the page here finds their text again.
    assert "Amira wrote this." in client.get(page("plan_edit", cast, 1)).content.decode()
    # Saving again is now a decision made with both texts in sight.
    assert f'name="revision" value="{saved.revision}"' in text
    answer = client.post(page("plan_edit", cast, 1), typed(saved, about_me="Both."))
    assert answer.status_code == 302
    with system():
        assert fresh(cast, version).about_me == "Both."


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("about_me", "a\x00b", "contains a character that cannot be stored (NUL)"),
        ("call_0_who", "a\x00b", "contains a character that cannot be stored (NUL)"),
        ("about_me", "x" * 1_000_001, "is too long"),
        ("call_0_who", "x" * 201, "must be 200 characters or fewer"),
        ("call_0_who", "", "Enter who this number or note belongs to"),
        ("actions", "\n".join(str(n) for n in range(31)), "Write 30 supportive actions or fewer"),
        ("service_other", "Keeps a bed.", "Enter the name of the other service"),
        ("review_on_day", "31", "Review date must be"),
        ("words", "mine", "Select a valid choice"),
    ],
)
def test_bad_input_is_told_at_the_field_and_nothing_is_half_written(
    cast: Cast, client: Client, field: str, text: str, words: str
) -> None:
    with system():
        version = drafted(cast)
    sign_in(client, cast["amira"])
    changes = {field: text, "what_helps": "Typed beside it"}
    if field == "review_on_day":
        changes |= {"review_on_month": "2"}
    answer = client.post(page("plan_edit", cast, 1), typed(version, **changes))
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert words in shown
    assert "Typed beside it" in shown
    with system():
        assert content_of(fresh(cast, version)) == full_content()


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "مرحبا \u202e right to left",
        "🫖 tea 👩‍👩‍👧",
        "'; DROP TABLE crisis_plans_planversion; --",
        "{{ 7 * 7 }} {% raw %}",
        "\n\nfirst lines empty",
    ],
)
def test_hostile_text_is_stored_as_typed_and_shown_inert(cast: Cast, client: Client, text: str) -> None:
    with system():
        version = drafted(cast)
    sign_in(client, cast["amira"])
    client.post(page("plan_edit", cast, 1), typed(version, about_me=text))
    with system():
        assert fresh(cast, version).about_me == text
    shown = client.get(page("plan_version", cast, 1)).content.decode()
    assert "<script>alert" not in shown
    assert "49" not in shown.split("About me")[1].split("</section>")[0]


def test_megabyte_of_text_is_stored_whole(cast: Cast, client: Client) -> None:
    with system():
        version = drafted(cast)
    sign_in(client, cast["amira"])
    text = ("word " * 200_000)[:1_000_000]
    client.post(page("plan_edit", cast, 1), typed(version, crisis_signs=text))
    with system():
        assert fresh(cast, version).crisis_signs == text


def test_what_was_typed_and_not_saved_waits_on_the_server(cast: Cast, client: Client) -> None:
    with system():
        version = drafted(cast)
    sign_in(client, cast["amira"])
    keep = reverse("cases:draft_keep", args=[cast.nora.pk, "plan"])
    five = {"call_rows": "5", "call_4_who": "Moor House"}
    assert client.post(keep, typed(version, about_me="Half a sent", **five)).status_code == 200
    text = client.get(page("plan_edit", cast, 1)).content.decode()
    assert "You were writing this and had not saved it." in text
    assert "Half a sent" in text
    assert 'value="Moor House"' in text
    assert page("plan_edit", cast, 1) in client.get(reverse("cases:drafts")).content.decode()
    client.post(page("plan_edit", cast, 1), typed(version, about_me="Half a sentence."))
    with system():
        assert not Draft.objects.filter(form="plan").exists()


def test_kept_draft_that_names_no_version_leads_to_the_plan(cast: Cast, client: Client) -> None:
    sign_in(client, cast["amira"])
    keep = reverse("cases:draft_keep", args=[cast.nora.pk, "plan"])
    client.post(keep, {"draft_about": "²", "about_me": "x"})
    assert page("plan", cast) in client.get(reverse("cases:drafts")).content.decode()


def test_version_that_waits_or_is_approved_sends_the_form_back_with_words(cast: Cast, client: Client) -> None:
    with system():
        approved(cast)
    sign_in(client, cast["amira"])
    for name in ("plan_edit", "plan_submit"):
        answer = client.get(page(name, cast, 1), follow=True)
        assert answer.redirect_chain == [(page("plan_version", cast, 1), 302)]
        assert "This version cannot be changed now. Approved by Lena Lund" in answer.content.decode()


def test_decision_page_of_a_version_that_does_not_wait_says_so(cast: Cast, client: Client) -> None:
    with system():
        version = submitted(cast)
        return_to_author(by=cast["lena"], version=version, revision=version.revision, comment="Ask again.")
    sign_in(client, cast["dev"])
    answer = client.get(page("plan_decide", cast, 1), follow=True)
    assert "is not waiting for approval. Returned with a comment by Lena Lund" in answer.content.decode()


def test_author_takes_back_and_discards_by_page(cast: Cast, client: Client) -> None:
    with system():
        version = submitted(cast)
    sign_in(client, cast["amira"])
    client.get(page("plan_withdraw", cast, 1))
    client.post(page("plan_withdraw", cast, 1), {"revision": version.revision})
    with system():
        assert fresh(cast, version).state == PlanVersion.State.DRAFT
    client.get(page("plan_discard", cast, 1))
    client.post(page("plan_discard", cast, 1), {"revision": version.revision})
    with system():
        assert fresh(cast, version).state == PlanVersion.State.DISCARDED
    assert "This version was discarded." in client.get(page("plan_version", cast, 1)).content.decode()


@pytest.mark.parametrize("name", ["plan_submit", "plan_discard"])
def test_page_left_open_while_somebody_saved_decides_nothing(cast: Cast, client: Client, name: str) -> None:
    with system():
        version = drafted(cast)
    sign_in(client, cast["amira"])
    answer = client.post(page(name, cast, 1), {"revision": version.revision - 1}, follow=True)
    assert "Read it again first." in answer.content.decode()
    with system():
        assert fresh(cast, version).state == PlanVersion.State.DRAFT


@pytest.mark.parametrize("name", ["plan", "plan_print", "plan_versions", "plan_start"])
def test_outsider_gets_the_same_404_as_for_nobody(cast: Cast, client: Client, name: str) -> None:
    with system():
        approved(cast)
    sign_in(client, cast["sol"])
    refused = client.get(page(name, cast))
    nobody = client.get(page(name, cast).replace(str(cast.nora.pk), "0b8f7c1e-0000-4000-8000-000000000000"))
    assert (refused.status_code, nobody.status_code) == (404, 404)
    assert refused.content == nobody.content


@pytest.mark.parametrize("number", [0, 7, 2_147_483_648, 10**30])
def test_version_that_does_not_exist_is_404(cast: Cast, client: Client, number: int) -> None:
    with system():
        approved(cast)
    sign_in(client, cast["amira"])
    for name in (
        "plan_version",
        "plan_edit",
        "plan_differences",
        "plan_submit",
        "plan_withdraw",
        "plan_discard",
    ):
        assert client.get(page(name, cast, number)).status_code == 404


def test_number_of_another_patients_version_is_404(cast: Cast, client: Client) -> None:
    with system():
        other = make_patient(cast.north, cast.people["amira"], cast.people["pete"])
        approved(cast, patient=other)
    sign_in(client, cast["amira"])
    assert client.get(page("plan_version", cast, 1)).status_code == 404


def test_closed_case_is_read_and_not_written(cast: Cast, client: Client) -> None:
    with system():
        approved(cast)
        case = Case.objects.get(patient=cast.nora)
        case.closed_on, case.closed_by, case.next_service = timezone.localdate(), cast["lena"], "GP"
        case.save()
    sign_in(client, cast["amira"])
    text = client.get(page("plan", cast)).content.decode()
    assert "Speak slowly." in text
    assert "Change the plan" not in text
    assert client.post(page("plan_start", cast)).status_code == 403


def test_print_without_a_plan_leads_back(cast: Cast, client: Client) -> None:
    sign_in(client, cast["amira"])
    assert client.get(page("plan_print", cast)).headers["Location"] == page("plan", cast)


def test_older_version_says_which_one_is_the_plan_now(cast: Cast, client: Client) -> None:
    with system():
        approved(cast)
        approved(cast, about_me="I swim.")
    sign_in(client, cast["amira"])
    text = client.get(page("plan_version", cast, 1)).content.decode()
    assert "This is an older version. Version 2 is the plan now." in text
    assert "Replaced" in client.get(page("plan_versions", cast)).content.decode()


def test_reading_and_saving_are_on_the_trail_without_the_plans_text(cast: Cast, client: Client) -> None:
    with system():
        version = drafted(cast)
    sign_in(client, cast["amira"])
    client.get(page("plan", cast))
    client.post(page("plan_edit", cast, 1), typed(version, about_me="Tell nobody of the rabbits"))
    with system(), recorded_query("a test of the trail"):
        entries = list(
            LogEntry.objects.filter(actor=cast.people["amira"]).values(
                "route", "action", "changes", "outcome"
            )
        )
    assert {"crisis_plans:plan", "crisis_plans:plan_edit"} <= {e["route"] for e in entries}
    changes = [e["changes"] for e in entries if e["changes"]]
    assert any("about_me" in change for change in changes)
    assert "rabbits" not in str(entries)
    assert "Jo, my sister" not in str(entries)


@pytest.mark.parametrize("name", ["plan", "plan_print"])
def test_plan_page_takes_as_many_statements_with_few_parts_as_with_many(
    cast: Cast, client: Client, django_assert_num_queries: DjangoAssertNumQueries, name: str
) -> None:
    many = {
        "actions": tuple(f"Action {n}" for n in range(20)),
        "calls": tuple(Call(f"Person {n}", "07700 900123") for n in range(10)),
        "service_parts": tuple(
            ServicePart(service, "Agreed.")
            for service in ("ambulance", "police", "crisis line", "control room")
        ),
    }
    other = None
    with system():
        other = make_patient(cast.north, cast.people["amira"], cast.people["pete"])
        approved(cast, actions=("One",), calls=(Call("Jo"),), service_parts=())
        approved(cast, patient=other, **many)
        approved(cast, patient=other, **many)
    sign_in(client, cast["amira"])
    few = count_statements(client, page(name, cast))
    with django_assert_num_queries(few):
        client.get(reverse(f"crisis_plans:{name}", args=[other.pk]))


def test_list_of_versions_takes_as_many_statements_with_one_as_with_eight(
    cast: Cast, client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with system():
        approved(cast)
    sign_in(client, cast["amira"])
    address = page("plan_versions", cast)
    one = count_statements(client, address)
    with system():
        for number in range(7):
            approved(cast, about_me=str(number))
    with django_assert_num_queries(one):
        client.get(address)


def count_statements(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_lead_whose_registration_has_ended_decides_about_no_plan(cast: Cast, client: Client) -> None:
    with system():
        ProfessionalRegistration.objects.get(user=cast.people["lena"]).delete()
        version = submitted(cast)
    sign_in(client, cast["lena"])
    decide = page("plan_decide", cast, 1)
    assert client.get(decide).status_code == 404
    answer = client.post(decide, {"decision": "approve", "revision": version.revision})
    assert answer.status_code == 404
    with system():
        assert fresh(cast, version).approval is None


def test_gap_that_opens_between_reading_and_submitting_is_told(cast: Cast, client: Client) -> None:
    with system():
        version = drafted(cast, actions=())
    sign_in(client, cast["amira"])
    answer = client.post(page("plan_submit", cast, 1), {"revision": version.revision})
    assert "Write at least one supportive action" in answer.content.decode()
    with system():
        assert fresh(cast, version).state == PlanVersion.State.DRAFT


def test_plan_of_somebody_who_could_not_take_part_says_so_wherever_it_is_read(
    cast: Cast, client: Client
) -> None:
    retry_on = timezone.localdate() + dt.timedelta(days=9)
    with system():
        approved(
            cast,
            involvement="could not",
            involvement_reason="On a ward until Friday.",
            involvement_retry_on=retry_on,
            is_own_words=False,
        )
    sign_in(client, cast["pete"])
    for address in (page("plan", cast), page("plan_print", cast)):
        text = client.get(address).content.decode()
        assert "What others have seen help – not the person’s own words" in text
        assert "in my own words" not in text
        assert "They could not take part." in text
        assert "Reason: On a ward until Friday." in text
        assert f"To be asked again by {day(retry_on)}." in text


def test_draft_with_gaps_in_it_is_shown_as_far_as_it_goes(cast: Cast, client: Client) -> None:
    with system():
        approved(cast)
        drafted(cast, is_own_words=None, involvement="", calls=(), service_parts=(), review_on=None)
    sign_in(client, cast["amira"])
    text = client.get(page("plan_version", cast, 2)).content.decode()
    assert ">What helps me</h2>" in text
    assert "This is a draft, not the plan. It has not been agreed." in text
    assert "Who to call" not in text
    changed = client.get(page("plan_differences", cast, 2)).content.decode()
    assert "Keeps a bed for one night." in changed
    assert (
        "There was no approved version before this one."
        in client.get(page("plan_differences", cast, 1)).content.decode()
    )


def test_second_person_who_begins_is_led_to_the_open_draft_or_told_what_waits(
    cast: Cast, client: Client
) -> None:
    with system():
        version = submitted(cast)
    sign_in(client, cast["cal"])
    answer = client.post(page("plan_start", cast))
    assert "Version 1 is waiting for approval. Only one can be open." in answer.content.decode()
    with system():
        return_to_author(by=cast["lena"], version=version, revision=version.revision, comment="Ask again.")
    assert client.post(page("plan_start", cast)).headers["Location"] == page("plan_edit", cast, 1)


def test_submission_taken_back_twice_is_told_what_happened(cast: Cast, client: Client) -> None:
    with system():
        version = submitted(cast)
        return_to_author(by=cast["lena"], version=version, revision=version.revision, comment="Ask again.")
    sign_in(client, cast["amira"])
    answer = client.post(page("plan_withdraw", cast, 1), {"revision": version.revision})
    assert "is not waiting for approval. Returned with a comment by Lena Lund" in answer.content.decode()

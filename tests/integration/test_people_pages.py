"""Administrators look after their own people, and nobody else's; nobody decides about themselves."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import (
    Membership,
    Organisation,
    ProfessionalRegistration,
    SecondFactorReset,
    Session,
    Team,
    User,
)
from accounts.permissions import grantable_roles, manageable_people, manages_account
from accounts.roles import TEAM_ROLES, Role
from accounts.selectors import may
from audit.context import access_context
from audit.models import LogEntry
from core.formatting import day
from tests.people import Cast, make_cast
from tests.sessions import give_app, sign_in

PAGES = ["/people/", "/people/invite/", "/people/find/", "/teams/"]
YEAR = {"starts_on_day": "1", "starts_on_month": "1", "starts_on_year": "2026"}


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def page_of(client: Client, person: User, part: str = "") -> str:
    return client.get(f"/people/{person.pk}/{part}").content.decode()


def give_role(client: Client, person: User, role: str, team: Team | None, **dates: str) -> Any:
    fields = {"role": role, "team": str(team.pk) if team else ""} | YEAR | dates
    return client.post(f"/people/{person.pk}/roles/add/", fields)


def role_of(person: User, role: str) -> Membership:
    return Membership.objects.get(user=person, role=role)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("name", ["amira", "pete", "lena", "dev", "ivy", "rhea", "odd"])
def test_only_administrators_open_the_pages_about_people(
    client: Client, cast: Cast, name: str, path: str
) -> None:
    assert sign_in(client, cast[name]).get(path).status_code == 403


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("name", ["tess", "oona"])
def test_administrators_open_the_pages_about_people(client: Client, cast: Cast, name: str, path: str) -> None:
    assert sign_in(client, cast[name]).get(path).status_code == 200


def test_team_administrator_lists_the_people_of_the_team(client: Client, cast: Cast) -> None:
    page = sign_in(client, cast["tess"]).get("/people/").content.decode()
    for name in ("Amira Adeyemi", "Pete Parr", "Lena Lund", "Tess Thorn"):
        assert name in page
    for name in ("Sol Sorrel", "Ivy Inch", "Oona Orr", "Odd Orme"):
        assert name not in page


def test_organisation_administrator_lists_staff_and_the_teams_partners(client: Client, cast: Cast) -> None:
    page = sign_in(client, cast["oona"]).get("/people/").content.decode()
    for name in ("Ivy Inch", "Odd Orme", "Pete Parr"):
        assert name in page
    for role in (Role.IG_OFFICER.label, "Police mentor, North team", "No role in your teams"):
        assert role in page
    for name in ("Sol Sorrel", "Iris Isham", "Igor Ibbs"):
        assert name not in page


def test_people_are_listed_fifty_a_page(client: Client, cast: Cast) -> None:
    with access_context(route="test", is_system=True):
        for number in range(55):
            User.objects.create_user(
                f"many{number}",
                email=f"many{number}@example.org",
                last_name=f"Zz{number:02d}",
                organisation=cast.north.trust,
            )
    sign_in(client, cast["oona"])
    first = client.get("/people/").content.decode()
    assert "Later in the alphabet" in first
    assert "Zz54" not in first
    second = client.get("/people/?page=2").content.decode()
    assert "Zz54" in second
    assert "Earlier in the alphabet" in second
    assert client.get("/people/?page=x").status_code == 200


def test_list_takes_the_same_queries_for_few_and_for_many(
    client: Client, cast: Cast, django_assert_max_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    sign_in(client, cast["oona"])
    client.get("/people/")
    with CaptureQueriesContext(connection) as few:
        client.get("/people/")
    with access_context(route="test", is_system=True):
        for number in range(20):
            user = User.objects.create_user(
                f"many{number}", email=f"many{number}@example.org", organisation=cast.north.trust
            )
            Membership.objects.create(
                user=user, role=Role.CLINICAL_MENTOR, team=cast.north, organisation=cast.north.trust
            )
    with CaptureQueriesContext(connection) as many:
        client.get("/people/")
    assert len(few) == len(many)


@pytest.mark.parametrize(
    "part",
    [
        "",
        "leave/",
        "roles/add/",
        "registrations/add/",
        "second-factor/",
        "second-factor/confirm/",
        "roles/1/end/",
        "registrations/1/renew/",
        "registrations/1/withdraw/",
    ],
)
def test_person_of_another_team_gets_404(client: Client, cast: Cast, part: str) -> None:
    sign_in(client, cast["tess"])
    assert client.get(f"/people/{cast['sol'].pk}/{part}").status_code == 404
    assert client.get(f"/people/999999/{part}").status_code == 404


@pytest.mark.parametrize("part", ["invitation/", "leave/", "second-factor/", "second-factor/refuse/"])
def test_nothing_is_done_to_a_person_of_another_team(client: Client, cast: Cast, part: str) -> None:
    sign_in(client, cast["tess"])
    assert client.post(f"/people/{cast['sol'].pk}/{part}").status_code == 404
    assert cast["sol"].is_active
    assert not SecondFactorReset.objects.exists()


def test_role_is_given_with_dates_and_counts_from_the_first_day(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    answer = give_role(
        client,
        cast["amira"],
        Role.DEPUTY_LEAD,
        cast.north,
        ends_on_day="31",
        ends_on_month="12",
        ends_on_year="2027",
    )
    assert answer.status_code == 302, answer.content.decode()
    given = role_of(cast["amira"], Role.DEPUTY_LEAD)
    assert (given.starts_on, given.ends_on) == (dt.date(2026, 1, 1), dt.date(2027, 12, 31))
    assert "Deputy clinical lead, North team" in page_of(client, cast["amira"])


def test_same_role_twice_at_a_time_is_refused_in_words(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    answer = give_role(client, cast["amira"], Role.CLINICAL_MENTOR, cast.north)
    assert "already has this role at that time" in answer.content.decode()


def test_role_is_ended_at_once(client: Client, cast: Cast) -> None:
    held = role_of(cast["amira"], Role.CLINICAL_MENTOR)
    amira = sign_in(Client(), cast["amira"])
    assert amira.get(f"/patients/{cast.nora.pk}/").status_code == 200
    sign_in(client, cast["tess"])
    client.post(f"/people/{cast['amira'].pk}/roles/{held.pk}/end/")
    held.refresh_from_db()
    assert held.ended_by == cast["tess"]
    assert amira.get(f"/patients/{cast.nora.pk}/").status_code == 404


def test_ended_role_is_not_ended_again(client: Client, cast: Cast) -> None:
    held = role_of(cast["amira"], Role.CLINICAL_MENTOR)
    sign_in(client, cast["tess"])
    path = f"/people/{cast['amira'].pk}/roles/{held.pk}/end/"
    client.post(path)
    assert "already been ended" in client.post(path, follow=True).content.decode()


def test_team_administrator_gives_no_role_of_an_organisation(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    assert {*grantable_roles(cast["tess"])} == {*TEAM_ROLES}
    for role in (Role.IG_OFFICER, Role.ADMINISTRATOR, Role.RESPONDER):
        give_role(client, cast["amira"], role, None)
        assert not Membership.objects.filter(user=cast["amira"], role=role).exists()


def test_team_administrator_gives_no_role_in_another_team(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    answer = give_role(client, cast["amira"], Role.CLINICAL_MENTOR, cast.south)
    assert "Choose one of your teams" in answer.content.decode()
    assert not Membership.objects.filter(user=cast["amira"], team=cast.south).exists()


def test_services_refuse_what_the_form_does_not_offer(cast: Cast) -> None:
    from accounts.services.people import add_membership, end_membership
    from core.errors import NotAllowed, NotVisible

    with access_context(route="test", actor=cast["tess"]):
        for role, team in ((Role.IG_OFFICER, None), (Role.CLINICAL_MENTOR, cast.south)):
            with pytest.raises(NotAllowed):
                add_membership(by=cast["tess"], user=cast["amira"], role=role, team=team)
        with pytest.raises(NotVisible):
            end_membership(by=cast["tess"], membership=role_of(cast["sol"], Role.CLINICAL_MENTOR))
        with pytest.raises(NotAllowed):
            add_membership(by=cast["amira"], user=cast["cal"], role=Role.CLINICAL_LEAD, team=cast.north)


def test_organisation_administrator_makes_an_ig_officer(client: Client, cast: Cast) -> None:
    sign_in(client, cast["oona"])
    give_role(client, cast["odd"], Role.IG_OFFICER, None)
    assert role_of(cast["odd"], Role.IG_OFFICER).organisation == cast.north.trust


def test_organisation_administrator_gives_no_role_of_the_partner_organisation(
    client: Client, cast: Cast
) -> None:
    sign_in(client, cast["oona"])
    assert give_role(client, cast["pete"], Role.IG_OFFICER, None).status_code == 403
    assert not Membership.objects.filter(user=cast["pete"], role=Role.IG_OFFICER).exists()


@pytest.mark.parametrize("name", ["tess", "oona"])
def test_nobody_changes_their_own_roles(client: Client, cast: Cast, name: str) -> None:
    sign_in(client, cast[name])
    answer = give_role(client, cast[name], Role.CLINICAL_LEAD, cast.north)
    assert "Nobody changes their own roles" in answer.content.decode()
    held = Membership.objects.get(user=cast[name])
    page = client.post(f"/people/{cast[name].pk}/roles/{held.pk}/end/", follow=True).content.decode()
    assert "Nobody changes their own roles" in page
    held.refresh_from_db()
    assert held.ended_at is None


def test_own_page_offers_no_change(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    page = page_of(client, cast["tess"])
    assert "Another administrator changes your roles" in page
    for words in ("Give a role", "Close this account", "They have lost it", ">End <"):
        assert words not in page


def test_colleague_with_an_account_is_found_by_exact_name_only(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    answer = client.post("/people/find/", {"name": "odd"})
    assert answer.headers["Location"] == f"/people/{cast['odd'].pk}/roles/add/"
    assert give_role(client, cast["odd"], Role.CLINICAL_MENTOR, cast.north).status_code == 302
    for name in ("od", "sol", "nobody"):
        page = client.post("/people/find/", {"name": name}).content.decode()
        assert "Nobody in your teams" in page


def test_registration_is_recorded_and_renewed(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    until = {"valid_until_day": "1", "valid_until_month": "6", "valid_until_year": "2098"}
    client.post(
        f"/people/{cast['cal'].pk}/registrations/add/", {"body": "NMC", "number": "99a 0077e"} | until
    )
    recorded = ProfessionalRegistration.objects.get(user=cast["cal"], number="99A0077E")
    assert (recorded.number, recorded.valid_until) == ("99A0077E", dt.date(2098, 6, 1))
    renew = f"/people/{cast['cal'].pk}/registrations/{recorded.pk}/renew/"
    assert "must be later" in client.post(renew, until).content.decode()
    client.post(renew, until | {"valid_until_year": "2099"})
    recorded.refresh_from_db()
    assert recorded.valid_until == dt.date(2099, 6, 1)


def withdrawal(on: dt.date, evidence: str = "Entry of the register 4711") -> dict[str, str]:
    return {
        "withdrawn_on_day": str(on.day),
        "withdrawn_on_month": str(on.month),
        "withdrawn_on_year": str(on.year),
        "evidence": evidence,
    }


def test_withdrawn_registration_ends_access_at_once_and_is_recorded_anew(client: Client, cast: Cast) -> None:
    amira, record = sign_in(Client(), cast["amira"]), f"/patients/{cast.nora.pk}/"
    assert amira.get(record).status_code == 200
    sign_in(client, cast["tess"])
    held = ProfessionalRegistration.objects.get(user=cast["amira"])
    of_amira = f"/people/{cast['amira'].pk}/registrations/"
    withdraw, since = f"{of_amira}{held.pk}/withdraw/", timezone.localdate() - dt.timedelta(days=3)
    assert f'href="{withdraw}"' in page_of(client, cast["amira"])
    assert client.get(withdraw).status_code == 200
    page = client.post(withdraw, withdrawal(since), follow=True).content.decode()
    assert "The registration of Amira Adeyemi was withdrawn." in page
    assert f"No longer on the register since {day(since)}: Entry of the register 4711" in page
    assert "Withdrawn" in page
    assert f"{of_amira}{held.pk}/" not in page
    assert amira.get(record).status_code == 404
    profile = amira.get("/account/profile/").content.decode()
    assert f"Professional registration: no longer on the register since {day(since)}" in profile
    assert "Lapsed" not in profile
    with access_context(route="test", is_system=True):
        entry = LogEntry.objects.filter(
            action=LogEntry.Action.UPDATE, object_pk=str(held.pk), actor=cast["tess"]
        ).latest("pk")
    assert {"withdrawn_on", "withdrawal_evidence", "valid_until"} <= set(entry.changes)
    assert "4711" not in str(entry.changes)

    until = {"valid_until_day": "1", "valid_until_month": "6", "valid_until_year": "2098"}
    renewed = client.post(f"{of_amira}{held.pk}/renew/", until).content.decode()
    assert "was withdrawn. Record a new one" in renewed
    for form in ("renew/", "withdraw/"):
        told = client.get(f"{of_amira}{held.pk}/{form}", follow=True).content.decode()
        assert "This registration was withdrawn. If they are back on the register" in told
    assert amira.get(record).status_code == 404
    again = {"body": held.body, "number": held.number} | until
    taken = client.post(f"/people/{cast['cal'].pk}/registrations/add/", again).content.decode()
    assert "already recorded" in taken
    assert client.post(f"{of_amira}add/", again).status_code == 302
    assert amira.get(record).status_code == 200
    assert "already recorded" in client.post(f"{of_amira}add/", again).content.decode()


@pytest.mark.parametrize(
    ("days", "evidence", "words"),
    [
        (1, "Seen", "The day must be today or in the past"),
        (0, " ", "Write what you have seen"),
        (0, "x" * 201, "200 characters"),
    ],
)
def test_bad_withdrawal_is_refused_at_the_field(
    client: Client, cast: Cast, days: int, evidence: str, words: str
) -> None:
    held = ProfessionalRegistration.objects.get(user=cast["amira"])
    withdraw = f"/people/{cast['amira'].pk}/registrations/{held.pk}/withdraw/"
    fields = withdrawal(timezone.localdate() + dt.timedelta(days=days), evidence)
    assert words in sign_in(client, cast["tess"]).post(withdraw, fields).content.decode()
    held.refresh_from_db()
    assert held.withdrawn_on is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"number": "99A0001E", "valid_until_year": "2099"}, "already recorded"),
        ({"number": "99A0078E", "valid_until_year": "2020"}, "must still be valid"),
        ({"number": "", "valid_until_year": "2099"}, "Enter the registration number"),
        ({"number": "99A0078E", "valid_until_year": ""}, "must include a year"),
    ],
)
def test_bad_registration_is_refused_at_the_field(
    client: Client, cast: Cast, fields: dict[str, str], words: str
) -> None:
    sign_in(client, cast["tess"])
    fields = {"body": "NMC", "valid_until_day": "1", "valid_until_month": "6"} | fields
    page = client.post(f"/people/{cast['cal'].pk}/registrations/add/", fields).content.decode()
    assert words in page
    assert [str(r) for r in ProfessionalRegistration.objects.filter(user=cast["cal"])] == ["NMC 99A0005E"]


def test_nobody_vouches_for_their_own_registration(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    fields = {
        "body": "NMC",
        "number": "99A0099E",
        "valid_until_day": "1",
        "valid_until_month": "6",
        "valid_until_year": "2099",
    }
    page = client.post(f"/people/{cast['tess'].pk}/registrations/add/", fields).content.decode()
    assert "Nobody vouches for their own registration" in page
    with access_context(route="test", is_system=True):
        held = ProfessionalRegistration.objects.create(
            user=cast["tess"], body="NMC", number="99A0099E", valid_until=dt.date(2099, 6, 1)
        )
    withdraw = f"/people/{cast['tess'].pk}/registrations/{held.pk}/withdraw/"
    page = client.post(withdraw, withdrawal(timezone.localdate())).content.decode()
    assert "Nobody vouches for their own registration" in page


def test_leaver_is_ended_at_once(client: Client, cast: Cast) -> None:
    amira = sign_in(Client(), cast["amira"])
    assert amira.get("/account/profile/").status_code == 200
    sign_in(client, cast["tess"])
    client.post(f"/people/{cast['amira'].pk}/leave/")
    leaver = cast["amira"]
    assert not leaver.is_active
    assert leaver.left_at is not None
    assert not Session.objects.filter(user=leaver).exists()
    assert not Membership.objects.current().filter(user=leaver).exists()
    assert amira.get("/account/profile/").status_code == 302
    assert not may(leaver, next(iter(Role)))  # type: ignore[arg-type]


def test_leaver_is_listed_apart(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    client.post(f"/people/{cast['amira'].pk}/leave/")
    assert "Amira Adeyemi" not in client.get("/people/").content.decode().split("Invite somebody")[1]
    assert "Amira Adeyemi" in client.get("/people/?left=yes").content.decode()


def test_nobody_closes_their_own_account(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    page = client.post(f"/people/{cast['tess'].pk}/leave/", follow=True).content.decode()
    assert "Nobody closes their own account" in page
    assert cast["tess"].is_active


def test_team_administrator_closes_no_account_with_roles_elsewhere(client: Client, cast: Cast) -> None:
    with access_context(route="test", is_system=True):
        Membership.objects.create(user=cast["amira"], role=Role.IG_OFFICER, organisation=cast.north.trust)
    assert not manages_account(cast["tess"], cast["amira"])
    sign_in(client, cast["tess"])
    assert "Close this account" not in page_of(client, cast["amira"])
    assert client.post(f"/people/{cast['amira'].pk}/leave/").status_code == 403
    assert cast["amira"].is_active


def test_closed_account_gets_no_roles(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    client.post(f"/people/{cast['amira'].pk}/leave/")
    answer = give_role(client, cast["amira"], Role.DEPUTY_LEAD, cast.north)
    assert "A closed account gets no roles" in answer.content.decode()


def test_former_administrator_manages_nobody(client: Client, cast: Cast) -> None:
    held = role_of(cast["tess"], Role.TEAM_ADMINISTRATOR)
    sign_in(client, cast["oona"])
    client.post(f"/people/{cast['tess'].pk}/roles/{held.pk}/end/")
    assert not manageable_people(cast["tess"]).exists()
    assert sign_in(client, cast["tess"]).get("/people/").status_code == 403


def test_lost_second_factor_is_removed_by_two_administrators(
    client: Client, cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    give_app(cast["amira"])
    amira = sign_in(Client(), cast["amira"])
    tess, oona = sign_in(Client(), cast["tess"]), sign_in(Client(), cast["oona"])
    path = f"/people/{cast['amira'].pk}/second-factor/"
    tess.post(path)
    assert Authenticator.objects.filter(user=cast["amira"]).exists()
    assert "Lost second factor: Amira Adeyemi" in oona.get("/people/").content.decode()

    page = tess.post(f"{path}confirm/", follow=True).content.decode()
    assert "You asked for this yourself" in page
    assert Authenticator.objects.filter(user=cast["amira"]).exists()

    with django_capture_on_commit_callbacks(execute=True):
        oona.post(f"{path}confirm/")
    assert not Authenticator.objects.filter(user=cast["amira"]).exists()
    assert amira.get("/account/profile/").status_code == 302
    reset = SecondFactorReset.objects.get()
    assert (reset.requested_by, reset.confirmed_by) == (cast["tess"], cast["oona"])
    (message,) = mail.outbox
    assert message.to == ["amira@example.org"]
    assert "two administrators have removed your second factor" in message.body


def test_request_for_a_second_factor_can_be_refused(client: Client, cast: Cast) -> None:
    give_app(cast["amira"])
    path = f"/people/{cast['amira'].pk}/second-factor/"
    sign_in(Client(), cast["tess"]).post(path)
    oona = sign_in(client, cast["oona"])
    oona.post(f"{path}refuse/")
    assert "Nobody has asked for this" in oona.post(f"{path}confirm/", follow=True).content.decode()
    assert Authenticator.objects.filter(user=cast["amira"]).exists()


def test_second_factor_is_asked_for_once_at_a_time(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    path = f"/people/{cast['amira'].pk}/second-factor/"
    client.post(path)
    assert "already been asked for" in client.post(path, follow=True).content.decode()
    assert SecondFactorReset.objects.count() == 1


def test_nobody_removes_their_own_second_factor(client: Client, cast: Cast) -> None:
    give_app(cast["tess"])
    path = f"/people/{cast['tess'].pk}/second-factor/"
    tess = sign_in(client, cast["tess"])
    assert "nobody removes their own" in tess.post(path, follow=True).content.decode()
    sign_in(Client(), cast["oona"]).post(path)
    assert "Nobody decides about their own" in tess.post(f"{path}confirm/", follow=True).content.decode()
    assert Authenticator.objects.filter(user=cast["tess"]).exists()


def test_administrator_of_another_team_does_not_confirm(client: Client, cast: Cast) -> None:
    path = f"/people/{cast['amira'].pk}/second-factor/"
    sign_in(Client(), cast["tess"]).post(path)
    assert sign_in(client, cast["stan"]).post(f"{path}confirm/").status_code == 404


def test_organisation_administrator_adds_a_team(client: Client, cast: Cast) -> None:
    sign_in(client, cast["oona"])
    answer = client.post(
        "/teams/add/",
        {
            "name": "East team",
            "trust": cast.north.trust_id,
            "force": cast.south.force_id,
            "phone": "01632 960303",
        },
    )
    assert answer.status_code == 302
    team = Team.objects.get(name="East team")
    assert team.group.name == "team East team"
    assert "East team" in client.get("/teams/").content.decode()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": "north TEAM"}, "already a team called north TEAM"),
        ({"name": ""}, "Enter the name"),
        ({"trust": "0"}, "Choose one of the list"),
        ({"phone": ""}, "Enter the telephone number"),
    ],
)
def test_bad_team_is_refused_at_the_field(
    client: Client, cast: Cast, changed: dict[str, str], words: str
) -> None:
    sign_in(client, cast["oona"])
    fields = {
        "name": "East team",
        "trust": str(cast.north.trust_id),
        "force": str(cast.north.force_id),
        "phone": "01632 960303",
    } | changed
    assert words in client.post("/teams/add/", fields).content.decode()
    assert Team.objects.count() == 2


def test_team_of_two_other_organisations_is_refused(client: Client, cast: Cast) -> None:
    sign_in(client, cast["oona"])
    fields = {
        "name": "East team",
        "trust": cast.south.trust_id,
        "force": cast.south.force_id,
        "phone": "01632 960303",
    }
    assert client.post("/teams/add/", fields).status_code == 403


@pytest.mark.parametrize("path", ["/teams/add/", "/organisations/add/"])
def test_team_administrator_adds_neither_teams_nor_organisations(
    client: Client, cast: Cast, path: str
) -> None:
    assert sign_in(client, cast["tess"]).get(path).status_code == 403
    assert client.post(path, {"name": "X", "kind": "NHS trust"}).status_code == 403


def test_new_organisation_gets_its_first_administrator_from_who_added_it(client: Client, cast: Cast) -> None:
    sign_in(client, cast["oona"])
    client.post("/organisations/add/", {"name": "Eastfen Trust", "kind": "NHS trust"})
    eastfen = Organisation.objects.get(name="Eastfen Trust")
    fields = {
        "first_name": "Eve",
        "last_name": "East",
        "username": "eve",
        "email": "eve@example.org",
        "organisation": str(eastfen.pk),
        "role": Role.ADMINISTRATOR.value,
    } | YEAR
    assert client.post("/people/invite/", fields).status_code == 302
    eve = User.objects.get(username="eve")
    assert role_of(eve, Role.ADMINISTRATOR).organisation == eastfen
    # From now on it is hers.
    assert client.get(f"/people/{eve.pk}/").status_code == 404


def test_organisation_without_administrator_falls_to_nobody_else(client: Client, cast: Cast) -> None:
    sign_in(client, cast["oona"])
    assert client.get(f"/people/{cast['sol'].pk}/").status_code == 404
    assert "Southbay" not in client.get("/teams/").content.decode()


@pytest.mark.parametrize(("days", "is_found"), [(1, True), (28, True), (29, False)])
def test_who_had_a_role_in_the_team_is_found_for_four_weeks(cast: Cast, days: int, is_found: bool) -> None:
    held = role_of(cast["amira"], Role.CLINICAL_MENTOR)
    held.ends_on = timezone.localdate() - dt.timedelta(days=days)
    with access_context(route="test", is_system=True):
        held.save()
    assert not Membership.objects.current().filter(user=cast["amira"]).exists()
    assert manageable_people(cast["tess"]).filter(pk=cast["amira"].pk).exists() is is_found
    assert manageable_people(cast["oona"]).filter(pk=cast["amira"].pk).exists()


def administrator_of_west(cast: Cast) -> tuple[User, Team]:
    with access_context(route="test", is_system=True):
        west = Team.objects.create(
            name="West team",
            trust=cast.north.trust,
            force=cast.north.force,
            phone="01632 960304",
            group=Group.objects.create(name="team West"),
        )
        will = User.objects.create_user(
            "will",
            email="will@example.org",
            first_name="Will",
            last_name="Wood",
            organisation=cast.north.trust,
        )
        Membership.objects.create(
            user=will, role=Role.TEAM_ADMINISTRATOR, team=west, organisation=cast.north.trust
        )
    return will, west


def test_role_to_come_leaves_checks_and_account_to_the_other_team(client: Client, cast: Cast) -> None:
    amira, (will, west) = cast["amira"], administrator_of_west(cast)
    sign_in(client, will)
    later = str(timezone.localdate().year + 1)
    assert give_role(client, amira, Role.CLINICAL_MENTOR, west, starts_on_year=later).status_code == 302
    held = ProfessionalRegistration.objects.get(user=amira)
    for part in (
        "checks/add/",
        "registrations/add/",
        f"registrations/{held.pk}/renew/",
        f"registrations/{held.pk}/withdraw/",
        "sessions/end/",
        "second-factor/",
        "second-factor/confirm/",
        "second-factor/refuse/",
        "leave/",
        "invitation/",
    ):
        assert client.post(f"/people/{amira.pk}/{part}").status_code == 404, part
    assert not manageable_people(will).filter(pk=amira.pk).exists()
    assert not manages_account(will, amira)
    assert manages_account(cast["oona"], amira)

    # The very role is theirs to see and to end, before it begins; and it is all that they see.
    listed = client.get("/people/").content.decode()
    assert "Amira Adeyemi" in listed
    assert "West team, from" in listed
    assert "North team" not in listed
    with access_context(route="test", is_system=True):
        amira.set_unusable_password()
        amira.save()
    # Will himself signs in here without a password; Amira's account is the other team's.
    assert client.get("/people/").content.decode().count("Invited") == listed.count("Invited") == 1
    page = page_of(client, amira)
    given = Membership.objects.get(user=amira, team=west)
    assert "They work elsewhere" in page
    for words in (
        "Record a check",
        "Record a registration",
        "Everything recorded",
        held.number,
        "Second factor",
        "North team",
        "Last signed in",
        amira.username,
        amira.email,
    ):
        assert words not in page
    end = f"/people/{amira.pk}/roles/{given.pk}/end/"
    assert f'href="{end}"' in page
    assert client.post(end).status_code == 302
    given.refresh_from_db()
    assert given.ended_by == will
    # Nor does its end, when the day on which it would have begun has come.
    with time_machine.travel(dt.datetime.combine(given.starts_on, dt.time(12), dt.UTC)):
        assert not manageable_people(will).filter(pk=amira.pk).exists()


def test_role_to_come_is_managed_from_its_first_day_and_at_once_for_whoever_works_nowhere(cast: Cast) -> None:
    will, west = administrator_of_west(cast)
    first_day = timezone.localdate() + dt.timedelta(days=5)
    with access_context(route="test", is_system=True):
        for user in (cast["amira"], cast["odd"]):
            Membership.objects.create(
                user=user,
                role=Role.CLINICAL_MENTOR,
                team=west,
                organisation=cast.north.trust,
                starts_on=first_day,
            )
    assert list(manageable_people(will).exclude(pk=will.pk)) == [cast["odd"]]
    with time_machine.travel(dt.datetime.combine(first_day, dt.time(12), dt.UTC)):
        assert set(manageable_people(will).exclude(pk=will.pk)) == {cast["odd"], cast["amira"]}


def test_role_that_was_over_long_ago_keeps_no_account_open(cast: Cast) -> None:
    with access_context(route="test", is_system=True):
        Membership.objects.create(
            user=cast["amira"],
            role=Role.CLINICAL_MENTOR,
            team=cast.south,
            organisation=cast.north.trust,
            starts_on=dt.date(2020, 1, 1),
            ends_on=dt.date(2020, 12, 31),
        )
    assert manages_account(cast["tess"], cast["amira"])


def test_pages_about_people_name_no_patient(client: Client, cast: Cast) -> None:
    sign_in(client, cast["oona"])
    for path in [*PAGES, f"/people/{cast['amira'].pk}/"]:
        page = client.get(path).content.decode()
        for words in ("Quill", "Teal", cast.nora.reference, cast.sam.reference):
            assert words not in page


@pytest.mark.parametrize("name", ["amira", "odd", "ivy", "tess"])
def test_everybody_has_a_page_of_their_own(client: Client, cast: Cast, name: str) -> None:
    page = sign_in(client, cast[name]).get("/account/profile/").content.decode()
    assert cast[name].email in page
    assert "Where you are signed in" in page

"""First installation and invitations: from a command to somebody at work with a second factor."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Invitation, Membership, Organisation, User
from accounts.roles import Role
from accounts.services.invitations import accept_invitation, find_invitation
from accounts.services.people import add_person
from audit.context import access_context
from audit.models import LogEntry
from core.errors import DomainError, NotAllowed
from tests.people import Cast, make_cast
from tests.sessions import code_now, sign_in, trail_entries

NEW = "three random words"
ACCEPT = "/account/invitation/"
TOTP = "/account/2fa/totp/activate/"


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def install(**changed: str) -> str:
    out = StringIO()
    options = {
        "organisation": "Northmoor Trust",
        "kind": "NHS trust",
        "username": "oona",
        "email": "oona@example.org",
        "first_name": "Oona",
        "last_name": "Orr",
    } | changed
    call_command("create_first_administrator", stdout=out, **options)
    return out.getvalue()


def link_in(text: str) -> str:
    found = re.search(r"http://localhost:8000(/account/invitation/\S+)", text)
    assert found, text
    return found[1]


def invite(client: Client, cast: Cast, **changed: str) -> Any:
    fields = {
        "first_name": "Wilma",
        "last_name": "Wren",
        "username": "wilma",
        "email": "wilma@example.org",
        "organisation": str(cast.north.trust_id),
        "role": Role.CLINICAL_MENTOR.value,
        "team": str(cast.north.pk),
        "starts_on_day": "1",
        "starts_on_month": "1",
        "starts_on_year": "2026",
    } | changed
    return client.post("/people/invite/", fields)


@pytest.mark.django_db(transaction=True)
def test_first_installation_from_command_to_work_with_a_second_factor(client: Client) -> None:
    printed = link_in(install())
    (message,) = mail.outbox
    assert message.to == ["oona@example.org"]
    assert link_in(message.body) == printed

    assert client.get(printed).headers["Location"] == ACCEPT
    assert "oona" in client.get(ACCEPT).content.decode()
    client.post(ACCEPT, {"password": NEW, "again": NEW})
    assert client.get("/people/").headers["Location"] == TOTP
    client.get(TOTP)
    client.post(TOTP, {"code": code_now(secret=client.session["mfa.totp.secret"])})
    assert client.get("/people/").status_code == 200
    oona = User.objects.get(username="oona")
    assert Membership.objects.get(user=oona).role == Role.ADMINISTRATOR
    assert oona.check_password(NEW)


@pytest.mark.django_db
def test_first_installation_is_on_the_trail_as_the_system_s(client: Client) -> None:
    install()
    entry = trail_entries(route="create_first_administrator")[0]
    assert entry.actor is None
    assert entry.reason == "First installation: no administrator existed"
    made = {e.object_repr for e in trail_entries(action=LogEntry.Action.CREATE)}
    assert "Northmoor Trust" in made


def test_command_is_refused_once_there_is_an_administrator(cast: Cast) -> None:
    with pytest.raises(CommandError, match="already an administrator"):
        install(organisation="Another Trust", username="zoe", email="zoe@example.org")
    assert not Organisation.objects.filter(name="Another Trust").exists()


@pytest.mark.django_db
def test_command_keeps_nothing_when_a_value_is_refused() -> None:
    with pytest.raises(CommandError, match="e-mail address"):
        install(email="not an address")
    assert not Organisation.objects.exists()
    assert not mail.outbox


@pytest.mark.django_db
def test_nobody_works_without_a_name_unless_it_is_the_system() -> None:
    with access_context(route="test", is_system=True):
        trust = Organisation.objects.create(name="A", kind="NHS trust")
        user = add_person(
            by=None, username="u", email="u@example.org", first_name="U", last_name="V", organisation=trust
        )
    with access_context(route="test", actor=user), pytest.raises(NotAllowed):
        add_person(
            by=None, username="w", email="w@example.org", first_name="W", last_name="X", organisation=trust
        )


def test_invited_person_gets_a_link_and_a_role(
    client: Client, cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    sign_in(client, cast["tess"])
    with django_capture_on_commit_callbacks(execute=True):
        answer = invite(client, cast)
    wilma = User.objects.get(username="wilma")
    assert answer.headers["Location"] == f"/people/{wilma.pk}/"
    assert not wilma.has_usable_password()
    membership = Membership.objects.get(user=wilma)
    assert (membership.role, membership.team, membership.organisation) == (
        Role.CLINICAL_MENTOR,
        cast.north,
        cast.north.trust,
    )
    (message,) = mail.outbox
    assert message.to == ["wilma@example.org"]
    token = link_in(message.body).rstrip("/").rsplit("/", 1)[1]
    stored = Invitation.objects.get(user=wilma)
    assert stored.token_digest == hashlib.sha256(token.encode()).hexdigest()
    assert stored.invited_by == cast["tess"]
    assert stored.expires_at - timezone.now() > dt.timedelta(days=6, hours=23)


def token_of(cast: Cast) -> str:
    """Tess invites Wilma; the token of the e-mail."""
    client = Client()
    sign_in(client, cast["tess"])
    invite(client, cast)
    wilma = User.objects.get(username="wilma")
    with access_context(route="test", is_system=True):
        from accounts.services.invitations import invite_first_administrator

        link = invite_first_administrator(wilma)
    return link.rstrip("/").rsplit("/", 1)[1]


def test_link_works_once(cast: Cast) -> None:
    token = token_of(cast)
    with access_context(route="test", is_system=True):
        accept_invitation(token=token, password=NEW)
        with pytest.raises(DomainError, match="used or is too old"):
            accept_invitation(token=token, password="other random words")
    assert User.objects.get(username="wilma").check_password(NEW)


def test_link_works_for_a_week(cast: Cast) -> None:
    token = token_of(cast)
    with time_machine.travel(timezone.now() + dt.timedelta(days=6, hours=23), tick=False):
        assert find_invitation(token) is not None
    with time_machine.travel(timezone.now() + dt.timedelta(days=7, hours=1), tick=False):
        assert find_invitation(token) is None


def test_token_stands_in_no_address_after_the_first_click(client: Client, cast: Cast) -> None:
    token = token_of(cast)
    client.get(f"{ACCEPT}{token}/")
    assert token not in client.get(ACCEPT).content.decode()


@pytest.mark.parametrize(
    ("password", "again", "words"),
    [
        ("short", "short", "too short"),
        ("password1234", "password1234", "too common"),
        ("wilma@example.org", "wilma@example.org", "too similar"),
        (NEW, "another one 123", "The two passwords are not the same"),
        ("", "", "Enter a password"),
    ],
)
def test_weak_first_password_is_refused_in_words(
    client: Client, cast: Cast, password: str, again: str, words: str
) -> None:
    client.get(f"{ACCEPT}{token_of(cast)}/")
    page = client.post(ACCEPT, {"password": password, "again": again}).content.decode()
    assert words in page
    assert not User.objects.get(username="wilma").has_usable_password()


def test_unknown_link_says_what_to_do(client: Client, cast: Cast) -> None:
    client.get(f"{ACCEPT}nonsense/")
    assert "This link does not work any more" in client.get(ACCEPT).content.decode()


def test_new_link_ends_the_old_one(client: Client, cast: Cast) -> None:
    old = token_of(cast)
    sign_in(client, cast["tess"])
    wilma = User.objects.get(username="wilma")
    client.post(f"/people/{wilma.pk}/invitation/")
    assert find_invitation(old) is None
    assert Invitation.objects.filter(user=wilma, expires_at__gt=timezone.now()).exists()


def test_no_new_link_for_who_can_sign_in_already(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    page = client.post(f"/people/{cast['amira'].pk}/invitation/", follow=True).content.decode()
    assert "has already set a password" in page
    assert not Invitation.objects.exists()


def test_somebody_signed_in_does_not_take_over_an_invitation(client: Client, cast: Cast) -> None:
    token = token_of(cast)
    sign_in(client, cast["cal"])
    client.get(f"{ACCEPT}{token}/")
    assert "Sign out first" in client.get(ACCEPT).content.decode()
    client.post(ACCEPT, {"password": NEW, "again": NEW})
    assert find_invitation(token) is not None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"username": "AMIRA"}, "There is already an account called AMIRA"),
        ({"username": "amira@example.org"}, "There is already an account called"),
        ({"email": "Amira@Example.org"}, "There is already an account with this e-mail address"),
        ({"username": "wil ma"}, "letters, digits"),
        ({"username": "wil\x00ma"}, "NUL"),
        ({"email": "wilma"}, "Enter an e-mail address like name@example.org"),
        ({"first_name": ""}, "Enter the first name"),
        ({"role": Role.POLICE_MENTOR.value}, "A police mentor of North team works for Northmoor Police"),
        ({"team": ""}, "Choose the team in which they will have this role"),
        (
            {"ends_on_day": "1", "ends_on_month": "1", "ends_on_year": "2025"},
            "must not be before the first day",
        ),
        ({"last_name": "x" * 1_000_000}, "150 characters or fewer"),
    ],
)
def test_bad_invitation_is_refused_at_the_field_with_the_text_kept(
    client: Client, cast: Cast, changed: dict[str, str], words: str
) -> None:
    sign_in(client, cast["tess"])
    page = invite(client, cast, **changed)
    assert page.status_code == 200
    assert words in page.content.decode()
    if "email" not in changed:
        assert "wilma@example.org" in page.content.decode()
    assert not User.objects.filter(last_name="Wren").exists()
    assert not Invitation.objects.exists()


def test_names_are_kept_and_shown_as_they_were_typed(client: Client, cast: Cast) -> None:
    sign_in(client, cast["tess"])
    invite(client, cast, first_name="<b>Wilma</b> 🙂", last_name="עברית")
    wilma = User.objects.get(username="wilma")
    assert (wilma.first_name, wilma.last_name) == ("<b>Wilma</b> 🙂", "עברית")
    page = client.get("/people/").content.decode()
    assert "&lt;b&gt;Wilma&lt;/b&gt; 🙂 עברית" in page
    assert "<b>Wilma" not in page

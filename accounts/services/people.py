"""Organisations, teams, people and their dated roles. Invitations and second factors have modules of their own.

``by=None`` is the system itself (the first installation, the seed): it needs an access context that says so.
"""

from __future__ import annotations

from datetime import date

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Membership, Organisation, Team, User
from accounts.permissions import (
    managed_organisations,
    organisations_to_invite_for,
    require_grantable,
    require_manageable,
    why_role_does_not_fit,
)
from accounts.roles import TEAM_ROLES
from accounts.services.lapses import follow_up_clearance
from audit.context import current_context
from core.errors import DomainError, NotAllowed


def require_system() -> None:
    """Raises: NotAllowed when work without a user is not the system's own."""
    if not current_context().is_system:
        raise NotAllowed("Somebody has to be named as the one who does this.")


def add_organisation(*, by: User | None, name: str, kind: str) -> Organisation:
    """Create an organisation; by an administrator of another one, who may then invite its first administrator.

    Raises: NotAllowed without that role; DomainError when the name is taken or empty.
    """
    if by is None:
        require_system()
    elif not managed_organisations(by).exists():
        raise NotAllowed("Only organisation administrators may add organisations.")
    name = " ".join(name.split())
    if not name:
        raise DomainError("Enter the name of the organisation", field="name")
    if Organisation.objects.filter(name__iexact=name).exists():
        raise DomainError(f"There is already an organisation called {name}", field="name")
    return Organisation.objects.create(name=name, kind=kind, added_by=by)


def add_team(*, by: User | None, name: str, trust: Organisation, force: Organisation, phone: str) -> Team:
    """Create a team of a trust and a force, with the group to which patients will be granted.

    Raises: NotAllowed when neither organisation is the administrator's; DomainError when the two do not make a team.
    """
    if by is None:
        require_system()
    elif not managed_organisations(by).filter(pk__in=[trust.pk, force.pk]).exists():
        raise NotAllowed("You may add teams of your own organisation only.")
    name = " ".join(name.split())
    if not name:
        raise DomainError("Enter the name of the team", field="name")
    if trust.kind != Organisation.Kind.NHS_TRUST:
        raise DomainError(f"{trust} is not an NHS trust", field="trust")
    if force.kind != Organisation.Kind.POLICE_FORCE:
        raise DomainError(f"{force} is not a police force", field="force")
    if Team.objects.filter(name__iexact=name).exists():
        raise DomainError(f"There is already a team called {name}", field="name")
    with transaction.atomic():
        group = Group.objects.create(name=f"team {name}")
        return Team.objects.create(name=name, trust=trust, force=force, phone=phone, group=group)


def add_person(
    *,
    by: User | None,
    username: str,
    email: str,
    first_name: str,
    last_name: str,
    organisation: Organisation,
    phone: str = "",
    password: str | None = None,
) -> User:
    """Create an account without any role. Without a password it opens by an invitation only.

    Raises: NotAllowed when the organisation is not the administrator's; DomainError at the field when a name or
    address is unusable or taken.
    """
    if by is None:
        require_system()
    elif not organisations_to_invite_for(by).filter(pk=organisation.pk).exists():
        raise NotAllowed("You may add people of your own organisations only.")
    username, email = username.strip(), email.strip()
    _check_names(username, email)
    user = User(
        username=username,
        email=email,
        first_name=" ".join(first_name.split()),
        last_name=" ".join(last_name.split()),
        organisation=organisation,
        phone=phone,
    )
    if password is None:
        user.set_unusable_password()
    else:
        user.set_password(password)
    user.save()
    return user


def _check_names(username: str, email: str) -> None:
    try:
        User.username_validator(username)
    except ValidationError:
        raise DomainError(
            "The username may have letters, digits and the characters @ . + - _ only", field="username"
        ) from None
    if not username or len(username) > 150:
        raise DomainError("Enter a username of up to 150 characters", field="username")
    try:
        validate_email(email)
    except ValidationError:
        raise DomainError("Enter an e-mail address like name@example.org", field="email") from None
    # Signing in takes either, so one person's username must not be another's address.
    taken = User.objects.filter(Q(username__iexact=username) | Q(email__iexact=username)).exists()
    if taken:
        raise DomainError(f"There is already an account called {username}", field="username")
    if User.objects.filter(Q(email__iexact=email) | Q(username__iexact=email)).exists():
        raise DomainError("There is already an account with this e-mail address", field="email")


def add_membership(
    *,
    by: User | None,
    user: User,
    role: str,
    team: Team | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
) -> Membership:
    """Give somebody a role from a first to a last day, inclusive; without a last day until it is ended.

    Raises: NotVisible for people out of reach; DomainError for one's own roles, a role that does not fit the
    person's organisation, impossible dates, or the same role twice at a time; NotAllowed for roles out of reach.
    """
    if by is None:
        require_system()
    else:
        require_grantable(by, user, role, team)
    if not user.is_active:
        raise DomainError(f"{user} has left. A closed account gets no roles.")
    if user.organisation is None:
        raise DomainError(f"{user} belongs to no organisation.")
    if misfit := why_role_does_not_fit(user.organisation, role, team):
        raise DomainError(misfit, field="role" if role in TEAM_ROLES and team else "team")
    starts_on = starts_on or timezone.localdate()
    if ends_on is not None and ends_on < starts_on:
        raise DomainError("The last day must not be before the first day", field="ends_on")
    if _overlaps(user, role, team, starts_on, ends_on):
        raise DomainError(f"{user} already has this role at that time", field="role")
    with transaction.atomic():
        given = Membership.objects.create(
            user=user,
            role=role,
            team=team,
            organisation=user.organisation,
            starts_on=starts_on,
            ends_on=ends_on,
        )
        follow_up_clearance(user)
    return given


def _overlaps(user: User, role: str, team: Team | None, starts_on: date, ends_on: date | None) -> bool:
    same = Membership.objects.filter(user=user, role=role, team=team, ended_at__isnull=True)
    same = same.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=starts_on))
    if ends_on is not None:
        same = same.filter(starts_on__lte=ends_on)
    return bool(same.exists())


def end_membership(*, by: User, membership: Membership) -> None:
    """End a role at once: it no longer counts on the next request.

    Raises: NotVisible for people out of reach; DomainError for one's own role or one that has ended; NotAllowed for
    roles out of reach.
    """
    require_manageable(by, membership.user, has_role_to_come=True)
    require_grantable(by, membership.user, membership.role, membership.team)
    with transaction.atomic():
        # Locked and asked again: of two administrators at the same moment, the second finds it ended.
        held = Membership.objects.select_for_update(of=("self",)).get(pk=membership.pk)
        if held.ended_at is not None:
            raise DomainError("This role has already been ended.")
        held.ended_at = timezone.now()
        held.ended_by = by
        held.save(update_fields=["ended_at", "ended_by"])
        follow_up_clearance(membership.user)

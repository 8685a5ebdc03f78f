"""People, teams and roles as those who look after them see them; a person's own page as well. Nothing about patients."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Prefetch, Q
from django.utils import timezone

from accounts.models import (
    Invitation,
    Membership,
    Organisation,
    ProfessionalRegistration,
    SecondFactorReset,
    Team,
    User,
)
from accounts.permissions import (
    manageable_people,
    managed_organisations,
    managed_teams,
    organisations_to_invite_for,
    within_reach,
)
from core.models import GuardedQuerySet

PAGE = 50


def people_looked_after(by: User, *, has_left: bool) -> GuardedQuerySet[User]:
    """Everybody in the user's teams and organisations by name, with their roles there; slice it by the page."""
    people: GuardedQuerySet[User] = (
        manageable_people(by, has_role_to_come=True)
        .filter(is_active=not has_left)
        .select_related("organisation")
        .prefetch_related(Prefetch("memberships", queryset=_roles_of_today().filter(within_reach(by))))
        .order_by("last_name", "first_name", "pk")
    )
    return people


def looked_after_among(by: User, people: Collection[User]) -> set[int]:
    """The keys of those whose account and checks the user looks after: not of who has but a role to come in their team."""
    keys = [person.pk for person in people]
    return set(manageable_people(by).filter(pk__in=keys).values_list("pk", flat=True))


def person_looked_after(by: User, user_id: int, *, has_role_to_come: bool = False) -> User | None:
    """One of the people looked after, or None; ``has_role_to_come``: or of another team, with a role to come in one of theirs."""
    people = manageable_people(by, has_role_to_come=has_role_to_come)
    person: User | None = people.select_related("organisation").filter(pk=user_id).first()
    return person


def person_to_add(by: User, typed: str) -> User | None:
    """Somebody with an account in an organisation of the user's teams, by exact username or e-mail address."""
    person: User | None = (
        User.objects.filter(is_active=True, organisation__in=organisations_to_invite_for(by))
        .filter(Q(username__iexact=typed) | Q(email__iexact=typed))
        .select_related("organisation")
        .first()
    )
    return person


def account_named(typed: str) -> User | None:
    """Whose account somebody tried to sign in to; for the trail alone."""
    found: User | None = User.objects.filter(Q(username__iexact=typed) | Q(email__iexact=typed)).first()
    return found


def person_to_give_role(by: User, user_id: int) -> User | None:
    """Somebody looked after already, or with an account in an organisation of the user's teams."""
    found = person_looked_after(by, user_id)
    if found is None:
        found = (
            User.objects.filter(pk=user_id, is_active=True, organisation__in=organisations_to_invite_for(by))
            .select_related("organisation")
            .first()
        )
    return found


def roles_within_reach(by: User, person: User) -> GuardedQuerySet[Membership]:
    """The person's roles, newest first, that the user could give or end; roles elsewhere are not shown."""
    return (
        Membership.objects.filter(within_reach(by), user=person)
        .select_related("team", "organisation", "ended_by")
        .order_by("-starts_on", "-pk")
    )


def role_within_reach(by: User, person: User, membership_id: int) -> Membership | None:
    """One of these, or None."""
    return roles_within_reach(by, person).filter(pk=membership_id).first()


def own_roles(user: User) -> GuardedQuerySet[Membership]:
    return _roles_of_today().filter(user=user)


def _roles_of_today() -> GuardedQuerySet[Membership]:
    # Roles that begin later are shown as well: an administrator has just given them.
    return (
        Membership.objects.filter(ended_at__isnull=True)
        .filter(Q(ends_on__isnull=True) | Q(ends_on__gte=timezone.localdate()))
        .select_related("team", "organisation")
        .order_by("starts_on", "pk")
    )


def registrations_of(person: User) -> GuardedQuerySet[ProfessionalRegistration]:
    return ProfessionalRegistration.objects.filter(user=person).order_by("body", "number")


def registration_of(person: User, registration_id: int) -> ProfessionalRegistration | None:
    """One of these, or None."""
    return registrations_of(person).filter(pk=registration_id).first()


def open_invitation_of(person: User) -> Invitation | None:
    """The newest invitation that was not accepted; it may have run out."""
    return (
        Invitation.objects.filter(user=person, accepted_at__isnull=True)
        .order_by("-invited_at", "-pk")
        .first()
    )


def resets_to_confirm(by: User) -> GuardedQuerySet[SecondFactorReset]:
    """Lost second factors that wait for a second administrator, and that this user did not ask for."""
    return (
        SecondFactorReset.objects.filter(
            confirmed_at__isnull=True, refused_at__isnull=True, user__in=manageable_people(by)
        )
        .exclude(requested_by=by)
        .exclude(user=by)
        .select_related("user", "requested_by")
        .order_by("requested_at")
    )


def teams_looked_after(by: User) -> GuardedQuerySet[Team]:
    return managed_teams(by).select_related("trust", "force").order_by("name")


def organisations_looked_after(by: User) -> GuardedQuerySet[Organisation]:
    return managed_organisations(by).order_by("name")


def organisations_of_kind(kind: str) -> GuardedQuerySet[Organisation]:
    return Organisation.objects.filter(kind=kind).order_by("name")


def everybody_with_roles() -> GuardedQuerySet[User]:
    """All active accounts with their roles. For the demo's sign-in page alone: nobody manages everybody."""
    people: GuardedQuerySet[User] = (
        User.objects.filter(is_active=True)
        .prefetch_related(Prefetch("memberships", queryset=_roles_of_today()))
        .order_by("last_name", "first_name", "pk")
    )
    return people

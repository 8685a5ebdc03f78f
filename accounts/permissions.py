"""Which people and teams an administrator looks after. Rights on patients are a matter of cases.permissions.

An organisation administrator: the organisation's people, and the teams it takes part in. A team administrator: the
people of that team, and no role outside of it. Neither sees a patient.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from accounts.models import Membership, Organisation, Team, User
from accounts.roles import CLINICAL_ROLES, TEAM_ROLES, Act, Role
from accounts.selectors import current_memberships, may, teams_in_which
from core.errors import DomainError, NotAllowed, NotVisible
from core.models import GuardedQuerySet

# So long after somebody's last role in a team ended, its administrator still finds them.
STILL_SHOWN = timedelta(days=28)


def managed_organisations(by: User) -> GuardedQuerySet[Organisation]:
    """The organisations whose people the user looks after: their own, and those they added until these have an
    administrator of their own."""
    own = [m.organisation_id for m in current_memberships(by) if m.role == Role.ADMINISTRATOR]
    if not own:
        return Organisation.objects.none()
    administrators = Membership.objects.filter(organisation=OuterRef("pk"), role=Role.ADMINISTRATOR)
    return Organisation.objects.filter(Q(pk__in=own) | Q(added_by=by) & ~Exists(administrators))


def managed_teams(by: User) -> GuardedQuerySet[Team]:
    """Teams in which the user is team administrator, and those of organisations the user looks after."""
    own = [team.pk for team in teams_in_which(by, Act.MANAGE_PEOPLE)]
    organisations = managed_organisations(by)
    return Team.objects.filter(Q(pk__in=own) | Q(trust__in=organisations) | Q(force__in=organisations))


def organisations_to_invite_for(by: User) -> GuardedQuerySet[Organisation]:
    """Where somebody invited by this user may work: the organisations looked after, and both of each team."""
    teams = managed_teams(by)
    return Organisation.objects.filter(
        Q(pk__in=managed_organisations(by))
        | Exists(teams.filter(Q(trust=OuterRef("pk")) | Q(force=OuterRef("pk"))))
    )


def manageable_people(by: User, *, has_role_to_come: bool = False) -> GuardedQuerySet[User]:
    """Everybody whom the user looks after: of the organisations, and of the teams.

    Of a team is who has a role in it or had one until lately, and who left the service altogether. A role to come makes
    somebody of the team who has none today, but nobody who works elsewhere: each team administrator of the organisation
    could give one, and would so decide about another team's people. ``has_role_to_come``: these
    as well; for that role alone, never for checks or account.
    """
    people: GuardedQuerySet[User] = User.objects.none()
    if may(by, Act.MANAGE_PEOPLE):
        in_team = Membership.objects.filter(user=OuterRef("pk"), team__in=managed_teams(by)).filter(
            _not_over(timezone.localdate() - STILL_SHOWN)
            | Q(ended_at__gte=timezone.now() - STILL_SHOWN)
            | Q(user__is_active=False)
        )
        if not has_role_to_come:
            works = Membership.objects.current().filter(user=OuterRef("user"))
            in_team = in_team.filter(_has_begun() | Q(ended_at__isnull=True) & ~Exists(works))
        people = User.objects.filter(Q(organisation__in=managed_organisations(by)) | Exists(in_team))
    return people


def within_reach(by: User) -> Q:
    """Of memberships: those that the user could give or end."""
    return Q(team__in=managed_teams(by)) | Q(team__isnull=True, organisation__in=managed_organisations(by))


def _not_over(on: date) -> Q:
    return Q(ended_at__isnull=True) & (Q(ends_on__isnull=True) | Q(ends_on__gte=on))


def _has_begun() -> Q:
    # A role that was ended before its first day never begins.
    return Q(starts_on__lte=timezone.localdate()) & (
        Q(ended_at__isnull=True) | Q(ended_at__date__gte=F("starts_on"))
    )


def require_manageable(by: User, user: User, *, has_role_to_come: bool = False) -> None:
    """Raises: NotVisible when the person is not among those the user looks after."""
    if not manageable_people(by, has_role_to_come=has_role_to_come).filter(pk=user.pk).exists():
        raise NotVisible("No such person.")


def manages_account(by: User, user: User) -> bool:
    """Whether the user may close the account: of their organisation's people, or when all its roles are in their teams."""
    if not manageable_people(by).filter(pk=user.pk).exists():
        return False
    if _looks_after_organisation_of(by, user):
        return True
    held = Membership.objects.filter(_not_over(timezone.localdate()), user=user)
    return held.exists() and not held.exclude(team__in=managed_teams(by)).exists()


def _looks_after_organisation_of(by: User, user: User) -> bool:
    organisation_id = user.organisation_id
    return organisation_id is not None and managed_organisations(by).filter(pk=organisation_id).exists()


def grantable_roles(by: User) -> list[Role]:
    """The roles this user may give to somebody, in the order of the table."""
    reaches_organisation = managed_organisations(by).exists()
    return [role for role in Role if role in TEAM_ROLES or reaches_organisation]


def require_grantable(by: User, user: User, role: str, team: Team | None) -> None:
    """The gate in front of every change of a role.

    Raises: DomainError for one's own roles or a missing team; NotAllowed for a role, team or organisation out of reach.
    """
    if by.pk == user.pk:
        raise DomainError("Nobody changes their own roles. Ask another administrator.")
    if role in TEAM_ROLES:
        if team is None:
            raise DomainError("Choose the team in which they will have this role", field="team")
        if not managed_teams(by).filter(pk=team.pk).exists():
            raise NotAllowed("You may give roles in your own teams only.")
    elif not _looks_after_organisation_of(by, user):
        raise NotAllowed("Only an administrator of that organisation may give this role.")


def why_role_does_not_fit(organisation: Organisation, role: str, team: Team | None) -> str:
    """In words, why somebody of this organisation cannot hold the role; empty when they can."""
    if role not in TEAM_ROLES:
        return "" if team is None else "This role is held for the organisation as a whole, not in a team"
    if team is None:
        return "Choose the team in which they will have this role"
    if organisation.pk not in (team.trust_id, team.force_id):
        return f"{organisation} does not take part in {team}"
    if role == Role.POLICE_MENTOR and organisation.pk != team.force_id:
        return f"A police mentor of {team} works for {team.force}"
    if role in CLINICAL_ROLES and organisation.pk != team.trust_id:
        return f"This role in {team} is held by staff of {team.trust}"
    return ""

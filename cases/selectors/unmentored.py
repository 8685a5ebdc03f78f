"""Open cases one of whose mentors cannot work with patients today: a check has lapsed, a role has ended, they have left.

The case keeps its mentors' names until somebody hands it over; whoever leads the team looks after it meanwhile (S30).
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q

from accounts.models import Membership, MembershipQuerySet, Team, User
from accounts.roles import CLINICAL_ROLES, Act, Role
from accounts.selectors import teams_in_which
from cases.models import Case
from cases.permissions import visible_patients
from core.access_guard import recorded_query
from core.models import GuardedQuerySet

MOST_UNMENTORED = 100


def cases_without_mentor(user: User) -> GuardedQuerySet[Case]:
    """For whoever leads a team: its open cases that lack a mentor, by the patient's name; slice it.

    Each row says ``clinical_works`` and ``police_works``, and ``clinical_is_here`` and ``police_is_here`` of those whose
    role goes on while a check has lapsed.
    """
    cases: Any = (  # annotated cases are cases
        Case.objects.filter(
            _lacks_mentor(),
            team__in=teams_in_which(user, Act.CHANGE_CASE),
            patient__in=visible_patients(user, Act.CHANGE_CASE),
        )
        .annotate(
            clinical_works=Exists(_clinical(Membership.objects.cleared())),
            police_works=Exists(_police(Membership.objects.cleared())),
            clinical_is_here=Exists(_clinical(Membership.objects.current())),
            police_is_here=Exists(_police(Membership.objects.current())),
        )
        .select_related("patient", "clinical_mentor", "police_mentor")
        .order_by("patient__family_name", "patient__given_name", "patient_id")
    )
    found: GuardedQuerySet[Case] = cases
    return found


def number_without_mentor(team: Team, mentor: User) -> int:
    """How many open cases of the team this person is named for and cannot mentor today. For background work."""
    able = Membership.objects.cleared()
    of_mentor = Q(~Exists(_clinical(able)), clinical_mentor=mentor) | Q(
        ~Exists(_police(able)), police_mentor=mentor
    )
    with recorded_query("cases without a mentor counted"):
        return Case.objects.filter(of_mentor, team=team, closed_on__isnull=True).count()


def mentors_who_cannot_work() -> list[User]:
    """Everybody who is named as a mentor of such a case, in whichever team. For background work."""
    able = Membership.objects.cleared()
    clinical = Case.objects.filter(~Exists(_clinical(able)), closed_on__isnull=True)
    police = Case.objects.filter(~Exists(_police(able)), closed_on__isnull=True)
    with recorded_query("mentors who cannot work looked for"):
        return list(
            User.objects.filter(
                Exists(clinical.filter(clinical_mentor=OuterRef("pk")))
                | Exists(police.filter(police_mentor=OuterRef("pk")))
            ).order_by("pk")
        )


def _lacks_mentor() -> Q:
    able = Membership.objects.cleared()
    return Q(~Exists(_clinical(able)) | ~Exists(_police(able)), closed_on__isnull=True)


def _clinical(memberships: MembershipQuerySet) -> MembershipQuerySet:
    return memberships.filter(
        user=OuterRef("clinical_mentor"), team=OuterRef("team"), role__in=sorted(CLINICAL_ROLES)
    )


def _police(memberships: MembershipQuerySet) -> MembershipQuerySet:
    return memberships.filter(user=OuterRef("police_mentor"), team=OuterRef("team"), role=Role.POLICE_MENTOR)

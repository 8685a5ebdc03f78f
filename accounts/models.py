"""Users, organisations, teams and memberships with dates. Nothing about patients belongs here."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser, Group, UserManager
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeBoundary, RangeOperators
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils import timezone

from accounts.roles import TEAM_ROLES, Role
from core.models import BaseModel, GuardedQuerySet


class Regime(models.TextChoices):
    """The data protection law an item falls under (S26)."""

    UK_GDPR = "UK GDPR", "UK GDPR"
    PART_3 = "Part 3", "Data Protection Act 2018 part 3"


class Organisation(BaseModel):
    """A controller of records: a trust, a force, or a service whose responders read released plans."""

    class Kind(models.TextChoices):
        NHS_TRUST = "NHS trust", "NHS trust"
        POLICE_FORCE = "police force", "Police force"
        AMBULANCE_SERVICE = "ambulance service", "Ambulance service"
        EMERGENCY_DEPARTMENT = "emergency department", "Emergency department"
        CRISIS_LINE = "crisis line", "Crisis line"

    name = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=30, choices=Kind.choices)
    # Who added it looks after it until it has an administrator of its own.
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, editable=False
    )

    class Meta(BaseModel.Meta):
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def regime(self) -> Regime:
        """Health bodies: UK GDPR; forces, for law enforcement: part 3 of the DPA 2018."""
        return Regime.PART_3 if self.kind == self.Kind.POLICE_FORCE else Regime.UK_GDPR


class PeopleManager(UserManager.from_queryset(GuardedQuerySet)):  # type: ignore[misc]
    """Django's user manager on our query sets."""

    use_in_migrations = False


class User(AbstractUser):
    """Somebody who signs in. Deactivated when they leave, never deleted: the trail names them for good.

    Superuser and staff flags carry no right here; rights come from memberships alone (accounts.roles).
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="users", null=True)
    email = models.EmailField("email address", unique=True)
    phone = models.CharField(max_length=20, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[PeopleManager] = PeopleManager()

    class Meta(AbstractUser.Meta):
        base_manager_name = "objects"
        constraints = [
            models.CheckConstraint(
                condition=Q(left_at__isnull=True) | Q(is_active=False),
                name="user_who_left_is_inactive",
            )
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Team(BaseModel):
    """Clinicians and police officers of two organisations who support people together."""

    name = models.CharField(max_length=120, unique=True)
    trust = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="clinical_teams")
    force = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="police_teams")
    phone = models.CharField(max_length=20, help_text="Answered around the clock.")
    # Guardian grants on patients go to this group; who is in it is decided by dated memberships alone.
    group = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="team")

    class Meta(BaseModel.Meta):
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(trust=F("force")), name="team_of_two_organisations")
        ]

    def __str__(self) -> str:
        return self.name


class MembershipQuerySet(GuardedQuerySet["Membership"]):
    def current(self) -> MembershipQuerySet:
        """Memberships of active users that hold today (London's date), whether or not their checks are in date."""
        return self.filter(current_membership())

    def cleared(self) -> MembershipQuerySet:
        """Of these, the ones whose staff checks are in date: only they open work with patients (S30)."""
        return self.filter(cleared_membership())


def current_membership(prefix: str = "", *, today: date | None = None) -> Q:
    """The condition for a membership to hold today; the prefix leads to it (``group__team__…__``)."""
    today = today or timezone.localdate()
    return (
        Q(**{f"{prefix}starts_on__lte": today})
        & (Q(**{f"{prefix}ends_on__isnull": True}) | Q(**{f"{prefix}ends_on__gte": today}))
        & Q(**{f"{prefix}user__is_active": True})
        & Q(**{f"{prefix}ended_at__isnull": True})
    )


def cleared_membership(prefix: str = "", *, today: date | None = None) -> Q:
    """The condition for a membership to carry its role's rights today: it holds, and no check has lapsed (S30)."""
    today = today or timezone.localdate()
    return current_membership(prefix, today=today) & Q(**{f"{prefix}cleared_until__gte": today})


class Membership(BaseModel):
    """A user's role in a team, or for a whole organisation, from the first to the last day inclusive.

    ``ended_at`` ends it at once, on the next request; the last day alone ends it at midnight. ``cleared_until`` is the
    last day on which everything the role requires (accounts.clearance) is in date: empty while something is missing,
    ``ALWAYS`` where the role requires nothing. The database keeps it by triggers and takes no other value.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=40, choices=Role.choices)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="memberships", null=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")
    starts_on = models.DateField(default=timezone.localdate)
    ends_on = models.DateField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True)
    # A default of the database, so that a new object comes back with what the trigger wrote.
    cleared_until = models.DateField(null=True, editable=False, db_default=None)

    objects = MembershipQuerySet.as_manager()  # type: ignore[misc]  # a query set of its own

    class Meta(BaseModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=sorted(TEAM_ROLES), team__isnull=False)
                | Q(~Q(role__in=sorted(TEAM_ROLES)), team__isnull=True),
                name="membership_team_fits_role",
            ),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="membership_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="membership_ended_at_and_by",
            ),
            ExclusionConstraint(
                name="membership_periods_apart",
                expressions=[
                    ("user", RangeOperators.EQUAL),
                    ("role", RangeOperators.EQUAL),
                    (
                        Func(F("team"), Value(0), function="COALESCE"),
                        RangeOperators.EQUAL,
                    ),
                    ("organisation", RangeOperators.EQUAL),
                    (
                        Func(
                            F("starts_on"),
                            F("ends_on"),
                            RangeBoundary(inclusive_lower=True, inclusive_upper=True),
                            function="DATERANGE",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}, {self.team or self.organisation}"

    @property
    def is_current(self) -> bool:
        """Whether it holds today; the account of its user is another matter."""
        today = timezone.localdate()
        return (
            self.starts_on <= today
            and (self.ends_on is None or self.ends_on >= today)
            and self.ended_at is None
        )

    @property
    def is_cleared(self) -> bool:
        return self.cleared_until is not None and self.cleared_until >= timezone.localdate()


class StaffCheck(BaseModel):
    """Training, vetting or a confidentiality agreement of one person, good until the end of ``valid_until``.

    A row is added for every renewal and never edited; of each kind the one recorded last counts, even when its date is
    the earlier one: so a vetting that is withdrawn ends access at once, and what was recorded before stays readable.
    """

    class Kind(models.TextChoices):
        TRAINING = "training", "Training for joint work"
        VETTING = "vetting", "Vetting"
        CONFIDENTIALITY = "confidentiality agreement", "Confidentiality agreement"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="staff_checks")
    kind = models.CharField(max_length=30, choices=Kind.choices)
    valid_until = models.DateField()
    evidence = models.CharField(
        max_length=200, help_text="What was seen: a certificate's number, a letter's date."
    )
    # Empty for what the system itself recorded: the first installation, invented people.
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True)
    recorded_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(BaseModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["training", "vetting", "confidentiality agreement"]),
                name="staff_check_of_known_kind",
            ),
            models.CheckConstraint(condition=~Q(evidence=""), name="staff_check_with_evidence"),
            models.CheckConstraint(
                condition=Q(recorded_by__isnull=True) | ~Q(recorded_by=F("user")), name="staff_check_not_own"
            ),
        ]
        indexes = [models.Index(F("user"), F("kind"), F("id").desc(), name="staff_check_newest")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} until {self.valid_until}"


class ProfessionalRegistration(BaseModel):
    """Entry in a professional register; without a current one nobody approves a plan (S01).

    One that was withdrawn is over before the day since which the person is no longer on the register, and stays as it
    is: back on the register is a row of its own, under the old number or another one.
    """

    class Body(models.TextChoices):
        NMC = "NMC", "Nursing and Midwifery Council"
        HCPC = "HCPC", "Health and Care Professions Council"
        SWE = "SWE", "Social Work England"
        GMC = "GMC", "General Medical Council"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="registrations")
    body = models.CharField(max_length=10, choices=Body.choices)
    number = models.CharField(max_length=20)
    valid_until = models.DateField()
    withdrawn_on = models.DateField(null=True, db_default=None)
    withdrawal_evidence = models.CharField(max_length=200, db_default="")

    class Meta(BaseModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["body", "number"],
                condition=Q(withdrawn_on__isnull=True),
                name="registration_number_in_use_once",
            ),
            # Whatever asks for the date alone, the clearance of a role and an approval, is right about it.
            models.CheckConstraint(
                condition=Q(withdrawn_on__isnull=True) | Q(valid_until__lt=F("withdrawn_on")),
                name="registration_over_when_withdrawn",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_on__isnull=True, withdrawal_evidence="")
                | Q(withdrawn_on__isnull=False) & ~Q(withdrawal_evidence=""),
                name="registration_withdrawn_with_evidence",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.body} {self.number}"


class HomePostcode(BaseModel):
    """Where somebody lives, as a keyed digest that nobody reads back: it serves to notice that they opened the record
    of somebody at the same address (S32), and nothing else. Given by themselves, and taken back when they like."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="home_postcode")
    digest = models.CharField(max_length=64)
    given_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Home postcode {self.pk}"


class ClearanceChange(BaseModel):
    """Somebody's role, check, registration or account has changed, and nobody has looked yet at their caseload and open break-glass.

    Written in the transaction of the change, for administrators see no case; removed by the background work that looks.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"Clearance change {self.pk}"


class Invitation(BaseModel):
    """A link by e-mail with which somebody sets their first password; only its token's digest is kept."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="invitations")
    token_digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="invitations_sent", null=True)
    invited_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Invitation {self.pk}"


class SecondFactorReset(BaseModel):
    """A lost second factor: one administrator asks, another one confirms."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="second_factor_resets")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    confirmed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True)

    class Meta(BaseModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("requested_by")),
                name="second_factor_reset_two_people",
            ),
            models.CheckConstraint(
                condition=~Q(requested_by=F("user"))
                & (Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("user"))),
                name="second_factor_reset_not_own",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
                name="second_factor_reset_confirmed_by_and_at",
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(confirmed_at__isnull=True, refused_at__isnull=True),
                name="second_factor_reset_one_open",
            ),
        ]

    def __str__(self) -> str:
        return f"Second factor reset {self.pk}"


class HeldSubmission(BaseModel):
    """What somebody had typed when their session ended, encrypted, and given back to nobody else."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    path = models.CharField(max_length=300)
    ciphertext = models.BinaryField()
    held_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Held submission {self.pk}"


class Session(AbstractBaseSession):
    """A browser's session, with its user beside the coded data so that it can be listed and ended."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions", null=True)
    signed_in_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)
    device = models.CharField(max_length=200, blank=True)

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        from accounts.session_store import SessionStore

        return SessionStore

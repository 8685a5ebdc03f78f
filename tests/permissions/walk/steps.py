"""The steps of the walk: each goes through the service that the product has for it, and the model says what will come of it.

Where the product has no service yet (exceptions for one person, a grant taken back, an account switched off) the system
writes the row itself.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib.auth.models import Permission
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from accounts.models import Membership, ProfessionalRegistration
from accounts.roles import Act, Role
from accounts.services.leaving import end_person
from accounts.services.people import add_membership, end_membership
from accounts.services.registrations import add_registration, withdraw_registration
from accounts.services.staff_checks import record_check
from audit.models import LogEntry
from cases.models import BreakGlass, Case, Patient, PatientGroupObjectPermission, PatientUserObjectPermission
from cases.permissions import patients_under_review, visible_patients
from cases.selectors.break_glass import Statement
from cases.services.break_glass import (
    Answer,
    BreakGlassRequest,
    Opening,
    end_break_glass,
    end_openings_of_former_role,
    open_break_glass_for,
)
from cases.services.cases import close_case, hand_over, open_case
from cases.services.contacts import ContactFacts, log_contact
from cases.services.patients import PatientDetails, register_patient
from core.acting import Acting
from core.errors import NotVisible
from tests.permissions.walk.machine import Told, Walk
from tests.permissions.walk.model import CLINICAL, KINDS, Glass, HeldCase, HeldRole
from tests.permissions.walk.seen import blind, forget_roles
from tests.permissions.walk.stage import (
    BEA,
    CAL,
    LENA,
    NORTH,
    ORGANISATION_OF,
    PATIENTS,
    PETE,
    SIA,
    SOUTH,
    TRUST,
    may_hold,
)

ANYBODY = st.integers(0, 9)
WORKERS = st.integers(0, 7)
TEAM = st.sampled_from([NORTH, SOUTH])
PATIENT = st.integers(0, PATIENTS + 1)  # counted round where fewer were registered on the way
MENTORS = {"clinical": WORKERS, "police": st.integers(5, 6)}
HOURS = [dt.timedelta(hours=hours) for hours in (1, 1, 2, 5, 14)]
DAYS = [dt.timedelta(days=days) for days in (1, 1, 3, 9, 27, 28, 29)]
# A world in which nobody works any more proves little.
LEFT_AT_MOST, OPEN_AT_LEAST, WORKING_AT_LEAST = 1, 3, 4
POLICE = ("police mentor",)


def is_at_work(walk: AccessWalk) -> bool:
    """Whether as many people see somebody as the steps that take access away must leave."""
    working = sum(bool(walk.world.those(user, Act.OPEN_RECORD)) for user in range(len(walk.users)))
    return working > WORKING_AT_LEAST


class AccessWalk(Walk):
    # Looking.

    @rule(by=ANYBODY, number=PATIENT, is_theirs=st.booleans())
    def open_record(self, by: int, number: int, is_theirs: bool) -> None:
        about = self.patient(number)
        by = self.one_of_theirs(by, Act.OPEN_RECORD, about) if is_theirs else by
        key, user = self.patients[about], self.users[by]

        def work() -> None:
            if visible_patients(user).filter(pk=key).first() is None:
                raise NotVisible("No such patient.")

        refused = "" if self.world.may(by, Act.OPEN_RECORD, about) else "NotVisible"
        self.step("open", work, by=by, about=about, refused=refused, told=self.told_of(by, about))

    @rule(by=ANYBODY)
    def list_patients(self, by: int) -> None:
        seen = self.world.those(by, Act.OPEN_RECORD)
        self.step(
            "list" if seen else "list nobody",
            lambda: list(visible_patients(self.users[by])),
            by=by,
            told=lambda _: Told({patient: self.world.explanations(by, patient) for patient in seen}),
        )

    @rule(by=st.integers(7, 9))
    def list_for_review(self, by: int) -> None:
        seen = {patient for patient in self.world.patients if self.world.reviews(by, patient)}
        self.step(
            "list for review" if seen else "list nobody for review",
            lambda: list(patients_under_review(self.users[by])),
            by=by,
            told=lambda _: Told({patient: self.world.explanations(by, patient) for patient in seen}),
        )

    # Working with patients.

    @rule(by=WORKERS, number=PATIENT, is_clinical=st.booleans(), is_theirs=st.booleans())
    def log(self, by: int, number: int, is_clinical: bool, is_theirs: bool) -> None:
        about = self.patient(number)
        by = self.one_of_theirs(by, Act.LOG_CONTACT, about) if is_theirs else by
        facts = ContactFacts(
            happened_at=timezone.now() - dt.timedelta(hours=1),
            outcome="met",
            account="Tea.",
            clinical_text="Slept badly." if is_clinical else "",
        )
        refused = self.world.refusal(by, Act.LOG_CONTACT, about)
        if not refused and is_clinical and not self.world.may(by, Act.WRITE_CLINICAL, about):
            refused = "NotAllowed"

        def told(_: Any) -> Told:
            self.contacts.add(about)
            if is_clinical:
                self.notes.add(about)
            kinds = ["cases.contact"] + ["cases.contactclinicalnote"] * is_clinical
            return Told({about: self.world.explanations(by, about)}, tuple((kind, about) for kind in kinds))

        self.step(
            "log",
            lambda: log_contact(
                by=self.users[by],
                patient=self.loaded_patient(about),
                submission_key=uuid.uuid4(),
                facts=facts,
            ),
            by=by,
            about=about,
            refused=refused,
            told=told,
        )

    @precondition(lambda self: len(self.patients) < PATIENTS + 2)
    @rule(by=WORKERS, team=TEAM, **MENTORS)
    def register(self, by: int, team: int, clinical: int, police: int) -> None:
        refused = "" if self.world.works_in(by, Act.REGISTER_PATIENT, team) else "NotAllowed"
        if not refused and not self.can_take_on(team, clinical, police):
            refused = "DomainError"
        details = PatientDetails("Registered", f"Walker {len(self.patients)}", dt.date(1980, 1, 1))

        def told(patient: Patient) -> Told:
            number = len(self.patients)
            self.patients.append(patient.pk)
            self.world.home_team.append(team)
            self.note_case(HeldCase(number, team, clinical, police))
            changes = ("cases.patient", "cases.case", "cases.patientgroupobjectpermission")
            return Told({number: self.world.explanations(by, number)}, self.changes(changes, number))

        self.step(
            "register",
            lambda: register_patient(
                by=self.users[by],
                team=self.stage.teams[team],
                clinical_mentor=forget_roles(self.users[clinical]),
                police_mentor=forget_roles(self.users[police]),
                details=details,
            ),
            by=by,
            refused=refused,
            told=told,
        )

    # Cases.

    @rule(number=PATIENT, team=TEAM, is_staffed=st.booleans(), **MENTORS)
    def open_another_case(self, number: int, team: int, is_staffed: bool, clinical: int, police: int) -> None:
        without = [about for about in self.world.patients if not self.has_open_case(about, team)]
        if not without:
            return
        if is_staffed:
            known = [
                about
                for about in without
                if any((c.patient, c.team) == (about, team) for c in self.world.cases)
            ]
            without = known or without
            clinical, police = self.who_mentor(clinical, police, team)
        about = without[number % len(without)]
        lead = LENA if team == NORTH else SIA
        refused = "" if self.world.works_in(lead, Act.REGISTER_PATIENT, team) else "NotAllowed"
        if not refused and not self.can_take_on(team, clinical, police):
            refused = "DomainError"

        def told(_: Case) -> Told:
            changes = ["cases.case"]
            if (about, team) not in self.world.grants:
                changes.append("cases.patientgroupobjectpermission")
            self.note_case(HeldCase(about, team, clinical, police))
            return Told({about: {"system"}}, self.changes(changes, about))

        self.step(
            "open a case",
            lambda: open_case(
                by=forget_roles(self.users[lead]),
                patient=self.loaded_patient(about),
                team=self.stage.teams[team],
                clinical_mentor=forget_roles(self.users[clinical]),
                police_mentor=forget_roles(self.users[police]),
            ),
            by=None,
            about=about,
            refused=refused,
            told=told,
            touched=(lead, clinical, police),
        )

    @rule(by=WORKERS, number=st.integers(0, 20), is_theirs=st.booleans(), **MENTORS)
    def hand_over(self, by: int, number: int, is_theirs: bool, clinical: int, police: int) -> None:
        number %= len(self.world.cases)
        case = self.world.cases[number]
        if is_theirs:
            by = self.one_of_theirs(by, Act.CHANGE_CASE, case.patient)
            clinical, police = self.who_mentor(clinical, police, case.team)
        loaded = self.loaded_case(number)
        refused = self.refusal_to_change(by, case)
        if not refused and not (
            self.world.can_mentor(clinical, case.team, CLINICAL, stays=clinical == case.clinical)
            and self.world.can_mentor(police, case.team, POLICE, stays=police == case.police)
        ):
            refused = "DomainError"

        def told(_: Case) -> Told:
            case.clinical, case.police, case.version = clinical, police, case.version + 1
            return self.told_of(by, case.patient, "cases.case")(_)

        self.step(
            "hand over",
            lambda: hand_over(
                by=self.users[by],
                case=loaded,
                version=case.version,
                clinical_mentor=forget_roles(self.users[clinical]),
                police_mentor=forget_roles(self.users[police]),
            ),
            by=by,
            about=case.patient,
            refused=refused,
            told=told,
            touched=(clinical, police),
        )

    @precondition(lambda self: sum(case.closed is None for case in self.world.cases) > OPEN_AT_LEAST)
    @rule(by=WORKERS, number=st.integers(0, 20), is_theirs=st.booleans(), is_closed=st.booleans())
    def close(self, by: int, number: int, is_theirs: bool, is_closed: bool) -> None:
        # A case that has closed and whose patient has a newer one in the team: its lead may still change cases there.
        replaced = [
            place
            for place, case in enumerate(self.world.cases)
            if case.closed is not None and self.has_open_case(case.patient, case.team)
        ]
        if is_closed and replaced:
            number = replaced[number % len(replaced)]
        number %= len(self.world.cases)
        case = self.world.cases[number]
        by = self.one_of_theirs(by, Act.CHANGE_CASE, case.patient) if is_theirs else by
        loaded = self.loaded_case(number)

        def told(_: Case) -> Told:
            case.closed, case.version = self.world.today, case.version + 1
            return self.told_of(by, case.patient, "cases.case")(_)

        self.step(
            "close",
            lambda: close_case(
                by=self.users[by],
                case=loaded,
                version=case.version,
                next_service="GP",
                step_down_note="Agreed.",
            ),
            by=by,
            about=case.patient,
            refused=self.refusal_to_change(by, case),
            told=told,
            touched=(case.clinical, case.police),
        )

    # Roles and checks, by the administrator of the person's organisation.

    @rule(
        user=WORKERS,
        team=TEAM,
        which=st.integers(0, 4),
        first=st.sampled_from([0, 0, 0, 2]),
        days=st.sampled_from([None, None, 0, 4, 30]),
    )
    def give_role(self, user: int, team: int, which: int, first: int, days: int | None) -> None:
        organisation = ORGANISATION_OF[user]
        fitting: list[str] = may_hold(organisation, team)
        refused = "" if fitting else "NotAllowed"
        roles = fitting or [Role.POLICE_MENTOR]
        role = ([*roles, Role.IG_OFFICER])[which % (len(roles) + 1)] if fitting else roles[0]
        place = None if role == Role.IG_OFFICER else team
        starts_on = self.world.today + dt.timedelta(days=first)
        ends_on = None if days is None else starts_on + dt.timedelta(days=days)
        held = HeldRole(0, user, role, place, starts_on, ends_on)
        if not refused and (not self.world.active[user] or self.overlaps(held)):
            refused = "DomainError"

        def told(membership: Membership) -> Told:
            held.key = membership.pk
            self.world.roles.append(held)
            return Told(changes=(("accounts.membership", None),))

        self.step(
            "give a role",
            lambda: add_membership(
                by=self.stage.administrators[organisation],
                user=self.users[user],
                role=role,
                team=self.stage.team(place),
                starts_on=starts_on,
                ends_on=ends_on,
            ),
            by=self.stage.administrators[organisation],
            refused=refused,
            told=told,
            touched=(user,),
        )

    @precondition(is_at_work)
    @rule(number=st.integers(0, 30), is_reader=st.booleans(), is_looked_at=st.booleans())
    def end_role(self, number: int, is_reader: bool, is_looked_at: bool) -> None:
        living = [role for role in self.world.roles if not role.is_ended]
        ended = [role for role in self.world.roles if role.is_ended][:1]
        readers = {glass.user for glass in self.world.glasses if self.goes_on(glass)}
        of_readers = [role for role in living if role.user in readers and role.role in CLINICAL]
        among = of_readers if is_reader and of_readers else [*living, *ended]
        role = among[number % len(among)]
        administrator = self.stage.administrators[ORGANISATION_OF[role.user]]

        def told(_: None) -> Told:
            role.ended_at = self.world.now
            return Told(changes=(("accounts.membership", None),))

        self.step(
            "end a role",
            lambda: end_membership(by=administrator, membership=Membership.objects.get(pk=role.key)),
            by=administrator,
            refused="DomainError" if role.is_ended else "",
            told=told,
            touched=(role.user,),
        )
        # Otherwise some hours pass first, or the role is given again.
        if is_looked_at:
            self.end_what_outlived_a_role(role.user)

    @precondition(lambda self: self.left < LEFT_AT_MOST and is_at_work(self))
    @rule(user=WORKERS, is_switched_off=st.booleans())
    def leave(self, user: int, is_switched_off: bool) -> None:
        switched_off = [each for each in range(8) if not self.world.active[each]]
        user = switched_off[user % len(switched_off)] if is_switched_off and switched_off else user
        administrator = self.stage.administrators[ORGANISATION_OF[user]]

        def told(_: None) -> Told:
            self.left += 1
            self.gone.add(user)
            held = [role for role in self.world.roles if role.user == user and not role.is_ended]
            self.world.active[user] = False
            for role in held:
                role.ended_at = self.world.now
            return Told(changes=(("accounts.user", None), *[("accounts.membership", None)] * len(held)))

        self.step(
            "leave",
            lambda: end_person(by=administrator, user=self.users[user]),
            by=administrator,
            refused="" if self.world.active[user] else "DomainError",
            told=told,
            touched=(user,),
        )
        self.users[user].refresh_from_db()

    @rule(user=st.sampled_from([PETE, CAL, BEA]))
    def switch_account(self, user: int) -> None:
        """Off, or on again: no service does it, sign-in locks do something like it."""
        if user in self.gone or (self.world.active[user] and not is_at_work(self)):
            return

        def work() -> None:
            self.users[user].is_active = not self.world.active[user]
            self.users[user].save(update_fields=["is_active"])

        def told(_: None) -> Told:
            self.world.active[user] = not self.world.active[user]
            return Told(changes=(("accounts.user", None),))

        self.step("switch an account", work, by=None, told=told, touched=(user,))

    @rule(user=WORKERS, kind=st.sampled_from(KINDS), days=st.sampled_from([-1, 0, 30, 400, 400, 400]))
    def check(self, user: int, kind: str, days: int) -> None:
        administrator = self.stage.administrators[ORGANISATION_OF[user]]
        days = max(days, 0) if not is_at_work(self) else days
        until = self.world.today + dt.timedelta(days=days)

        def told(_: Any) -> Told:
            is_known = self.recorded.get((user, kind)) == until  # the same form again adds nothing
            self.recorded[user, kind] = self.world.checks[user][kind] = until
            return Told(changes=() if is_known else (("accounts.staffcheck", None),))

        self.step(
            "withdraw a check" if days < 0 else "record a check",
            lambda: record_check(
                by=administrator, user=self.users[user], kind=kind, valid_until=until, evidence="Seen"
            ),
            by=administrator,
            refused="" if self.world.active[user] else "DomainError",
            told=told,
            touched=(user,),
        )

    @rule(user=st.integers(0, 4), days=st.sampled_from([0, 10, 400]))
    def register_professionally(self, user: int, days: int) -> None:
        administrator = self.stage.administrators[TRUST]
        until = self.world.today + dt.timedelta(days=days)

        def told(made: ProfessionalRegistration) -> Told:
            self.registrations[user][made.pk] = until
            self.world.registered[user] = max(self.registrations[user].values())
            return Told(changes=(("accounts.professionalregistration", None),))

        self.step(
            "register professionally",
            lambda: add_registration(
                by=administrator,
                user=self.users[user],
                body="HCPC",
                number=f"W{uuid.uuid4().hex[:12]}",
                valid_until=until,
            ),
            by=administrator,
            told=told,
            touched=(user,),
        )

    @precondition(is_at_work)
    @rule(user=st.integers(0, 4))
    def strike_off(self, user: int) -> None:
        """Every registration is withdrawn since today."""
        yesterday = self.world.today - dt.timedelta(days=1)
        held = {key for key, until in self.registrations[user].items() if until > yesterday}
        if not held:
            return

        administrator = self.stage.administrators[TRUST]

        def work() -> None:
            for registration in ProfessionalRegistration.objects.filter(pk__in=held):
                withdraw_registration(
                    by=administrator,
                    registration=registration,
                    withdrawn_on=self.world.today,
                    evidence="Struck off",
                )

        def told(_: None) -> Told:
            self.registrations[user] |= dict.fromkeys(held, yesterday)
            self.world.registered[user] = max(self.registrations[user].values())
            return Told(changes=(("accounts.professionalregistration", None),) * len(held))

        self.step("strike off", work, by=administrator, told=told, touched=(user,))

    # Exceptions, grants and break-glass.

    @rule(user=WORKERS, number=PATIENT, hours=st.sampled_from([1, 30, 400]))
    def make_exception(self, user: int, number: int, hours: int) -> None:
        about = self.patient(number)
        until = self.world.now + dt.timedelta(hours=hours)

        def work() -> None:
            PatientUserObjectPermission.objects.update_or_create(
                user=self.users[user],
                content_object_id=self.patients[about],
                permission=Permission.objects.get(codename="view_patient"),
                defaults={"expires_at": until, "reason": "cover", "granted_by": self.users[LENA]},
            )

        def told(_: None) -> Told:
            # Made again in the same moment until the same hour, it is no change.
            is_change = self.world.exceptions.get((user, about)) != until
            self.world.exceptions[user, about] = until
            # The entry names the object, and for that the patient is read.
            kinds = ["cases.patientuserobjectpermission"] if is_change else []
            return Told({about: {"system"}}, self.changes(kinds, about))

        self.step("make an exception", work, by=None, told=told, touched=(user,))

    @rule(number=PATIENT, team=TEAM)
    def take_back_grant(self, number: int, team: int) -> None:
        # The last one stays: without any, the database takes the record for one that is being registered.
        with_both = [
            about for about in self.world.patients if {(about, NORTH), (about, SOUTH)} <= self.world.grants
        ]
        if not with_both:
            return
        about = with_both[number % len(with_both)]

        def work() -> None:
            PatientGroupObjectPermission.objects.get(
                group=self.stage.teams[team].group, content_object_id=self.patients[about]
            ).delete()

        def told(_: None) -> Told:
            self.world.grants.discard((about, team))
            return Told({about: {"system"}}, self.changes(["cases.patientgroupobjectpermission"], about))

        self.step("take back a grant", work, by=None, told=told, touched=(LENA if team == NORTH else SIA,))

    @rule(by=WORKERS, number=PATIENT, hours=st.integers(1, 4), is_needed=st.booleans())
    def break_glass(self, by: int, number: int, hours: int, is_needed: bool) -> None:
        hidden = [about for about in self.world.patients if not self.world.may(by, Act.OPEN_RECORD, about)]
        about = hidden[number % len(hidden)] if is_needed and hidden else self.patient(number)
        still_open = [glass for glass in self.world.glasses if self.goes_on(glass)]
        if not is_needed and still_open and number % 2:
            by, about = still_open[-1].user, still_open[-1].patient
        request = BreakGlassRequest(
            whom=Statement(reference=self.loaded_patient(about).reference),
            reason="crisis",
            sentence="The crisis line has them on the phone now.",
            hours=hours,
            submission_key=uuid.uuid4(),
        )
        opens = not self.world.may(by, Act.OPEN_RECORD, about)
        is_open = self.world.open_glass(by, about) is not None
        expected = Answer.IS_OPEN_ALREADY if is_open else Answer.NEEDS_NO_GLASS
        refused = "" if self.world.working(by, Act.BREAK_GLASS) else "NotAllowed"

        def told(opening: Opening) -> Told:
            assert opening.answer is (Answer.OPENED if opens else expected)
            if not opens:
                return Told(action=LogEntry.Action.SEARCH)
            now = self.world.now
            self.world.glasses.append(Glass(by, about, now, now + dt.timedelta(hours=hours)))
            with blind(Acting(is_system=True)):
                self.glasses.append(BreakGlass.objects.get(submission_key=request.submission_key).pk)
            subjects = {about: self.world.explanations(by, about)}
            return Told(subjects, self.changes(["cases.breakglass"], about), LogEntry.Action.SEARCH)

        self.step(
            "break the glass" if opens else "break an open glass" if is_open else "break no glass",
            lambda: open_break_glass_for(by=self.users[by], request=request),
            by=by,
            refused=refused,
            told=told,
            touched=(LENA,),
        )

    @precondition(lambda self: self.glasses)
    @rule(by=WORKERS, number=st.integers(0, 9), is_own=st.booleans())
    def end_glass(self, by: int, number: int, is_own: bool) -> None:
        open_now = [place for place, glass in enumerate(self.world.glasses) if self.goes_on(glass)]
        number = open_now[number % len(open_now)] if is_own and open_now else number % len(self.glasses)
        glass = self.world.glasses[number]
        by = glass.user if is_own else by
        key, about = self.glasses[number], glass.patient
        goes_on = self.goes_on(glass)
        # Who has no role left finds nothing to end: the background work ends it.
        is_its_author = by == glass.user and self.world.finds(by, about)
        leads = self.world.works_in(by, Act.CHANGE_CASE, self.world.home_team[about])
        names = self.world.explanations(by, about) or {"break-glass review"}

        def told(_: BreakGlass) -> Told:
            glass.is_ended = True
            return Told({about: names}, self.changes(["cases.breakglass"], about))

        self.step(
            "end break-glass",
            lambda: end_break_glass(by=self.users[by], patient_id=self.patients[about], key=key),
            by=by,
            about=about,
            refused="" if goes_on and (is_its_author or leads) else "NotVisible",
            told=told,
            touched=(glass.user,),
        )

    @precondition(lambda self: self.glasses)
    @rule(user=WORKERS)
    def end_what_outlived_a_role(self, user: int) -> None:
        """The background work looks at whoever's role was ended; the walk has no ticks."""
        user = next((who for who in range(len(self.users)) if self.world.outlived_a_role(who)), user)
        over = self.world.outlived_a_role(user)
        if not over:
            with blind(Acting(is_system=True)):
                assert end_openings_of_former_role(self.users[user]) == 0
            self.count_and_compare("nothing outlived a role", {user})
            return

        def told(number: int) -> Told:
            assert number == len(over)
            for glass in over:
                glass.is_ended = True
            return Told(
                {glass.patient: {"system"} for glass in over},
                tuple(
                    change for glass in over for change in self.changes(["cases.breakglass"], glass.patient)
                ),
            )

        self.step(
            "end what outlived a role",
            lambda: end_openings_of_former_role(self.users[user]),
            by=None,
            told=told,
            touched=(user,),
        )

    # Time.

    @rule(how_long=st.sampled_from(HOURS), user=ANYBODY)
    def hours_pass(self, how_long: dt.timedelta, user: int) -> None:
        self.pass_time(how_long)
        self.count_and_compare("hours pass", {user, *(glass.user for glass in self.world.glasses[-1:])})

    @rule(how_long=st.sampled_from(DAYS), user=ANYBODY)
    def days_pass(self, how_long: dt.timedelta, user: int) -> None:
        self.pass_time(how_long)
        self.count_and_compare(
            "days pass", {user, (user + 3) % len(self.users), (user + 5) % len(self.users)}
        )

    # What several steps need.

    def patient(self, number: int) -> int:
        return number % len(self.patients)

    def one_of_theirs(self, by: int, act: Act, about: int) -> int:
        """Somebody who may do this, where there is anybody."""
        theirs = [user for user in range(len(self.users)) if self.world.may(user, act, about)]
        return theirs[by % len(theirs)] if theirs else by

    def who_mentor(self, clinical: int, police: int, team: int) -> tuple[int, int]:
        """Two who can take on a case of the team, where there is anybody."""

        def one(user: int, roles: tuple[str, ...]) -> int:
            fitting = [each for each in range(len(self.users)) if self.world.can_mentor(each, team, roles)]
            return fitting[user % len(fitting)] if fitting else user

        return one(clinical, CLINICAL), one(police, POLICE)

    def goes_on(self, glass: Glass) -> bool:
        return not glass.is_ended and self.world.now < glass.ends_at

    def has_open_case(self, about: int, team: int) -> bool:
        return any((c.patient, c.team, c.closed) == (about, team, None) for c in self.world.cases)

    def changes(self, kinds: Any, about: int) -> tuple[tuple[str, int | None], ...]:
        """A permission is no item of the record: its patient stands on the entry beside it."""
        return tuple((kind, None if kind.endswith("objectpermission") else about) for kind in kinds)

    def told_of(self, by: int, about: int, *kinds: str) -> Any:
        return lambda _: Told({about: self.world.explanations(by, about)}, self.changes(kinds, about))

    def note_case(self, case: HeldCase) -> None:
        with blind(Acting(is_system=True)):
            newest = Case.objects.get(
                patient=self.patients[case.patient], team=self.stage.teams[case.team], closed_on=None
            )
        self.world.cases.append(case)
        self.cases.append(newest.pk)
        self.world.grants.add((case.patient, case.team))

    def can_take_on(self, team: int, clinical: int, police: int) -> bool:
        return self.world.can_mentor(clinical, team, CLINICAL) and self.world.can_mentor(police, team, POLICE)

    def refusal_to_change(self, by: int, case: HeldCase) -> str:
        if refused := self.world.refusal(by, Act.CHANGE_CASE, case.patient):
            return refused
        if not self.world.works_in(by, Act.CHANGE_CASE, case.team):
            return "NotAllowed"
        return "" if case.closed is None else "DomainError"

    def overlaps(self, new: HeldRole) -> bool:
        far = dt.date(9999, 1, 1)
        return any(
            (held.user, held.role, held.team) == (new.user, new.role, new.team)
            and not held.is_ended
            and held.first <= (new.last or far)
            and new.first <= (held.last or far)
            for held in self.world.roles
        )

    def loaded_patient(self, number: int) -> Patient:
        with blind(Acting(is_system=True)):
            return Patient.objects.select_related("team").get(pk=self.patients[number])

    def loaded_case(self, number: int) -> Case:
        with blind(Acting(is_system=True)):
            return Case.objects.select_related("team").get(pk=self.cases[number])

"""Where a removal must be noticed: for each part of the product the few test files that are about it, the quickest first."""

from __future__ import annotations

from dataclasses import dataclass

SERVICES = "tests/permissions/test_services_ask_themselves.py"
SELECTORS = "tests/permissions/test_selectors_ask_themselves.py"
PEOPLES = "tests/permissions/test_people_services_ask_themselves.py"
UNKNOWN = "tests/permissions/test_unknown_keys.py"
EACH = "tests/permissions/test_each_condition.py"
WALK = "tests/permissions/test_state_machine.py"
WORLDS = "tests/permissions/test_visible_patients.py"
MATRIX = "tests/permissions/test_matrix.py"
GLASS = (
    "tests/safeguards/test_s31_nobodys_existence.py",
    "tests/safeguards/test_s31_break_glass.py",
    "tests/safeguards/test_s31_review.py",
    "tests/safeguards/test_s31_recorded_and_told.py",
    "tests/safeguards/test_s31_overdue_review.py",
)
GUARD = (
    "tests/unit/test_access_guard.py",
    "tests/audit_trail/test_writing.py",
    "tests/audit_trail/test_fail_closed.py",
)
CONTACTS = (
    "tests/safeguards/test_s12_clinical_only_text.py",
    "tests/safeguards/test_s15_signed_entries.py",
    "tests/safeguards/test_s11_review_of_police_presence.py",
    "tests/integration/test_contacts.py",
)
PEOPLE = (
    "tests/safeguards/test_s30_staff_checks.py",
    "tests/integration/test_people_pages.py",
    "tests/integration/test_invitations.py",
)
PLANS = (
    "tests/integration/test_plans.py",
    "tests/safeguards/test_s02_approver.py",
    "tests/safeguards/test_s01_approval.py",
    "tests/integration/test_plans_pages.py",
)
TRAIL = (
    "tests/audit_trail/test_officer_pages.py",
    "tests/audit_trail/test_export.py",
    "tests/safeguards/test_s32_close_to_the_patient.py",
)
ATTEMPTS = ("tests/audit_trail/test_attempts.py", "tests/audit_trail/test_every_page.py")


@dataclass(frozen=True)
class Places:
    """By the beginning of a module's name; the longest that fits counts."""

    tests: dict[str, tuple[str, ...]]

    def of(self, module: str) -> tuple[str, ...]:
        fitting = [part for part in self.tests if module.startswith(part)]
        return self.tests[max(fitting, key=len)]


CATCHING = Places(
    {
        "core": GUARD,
        "core.middleware": ("tests/unit/test_refusals.py",),
        "core.acting": ("tests/audit_trail/test_fail_closed.py",),
        "audit": (*TRAIL, *GUARD, *ATTEMPTS),
        "audit.context": (*GUARD, *ATTEMPTS),
        "audit.writing": (*GUARD, *ATTEMPTS),
        "audit.middleware": (*GUARD, *ATTEMPTS),
        "audit.findings": ("tests/audit_trail/test_unexplained_changes.py",),
        "audit.alerts": (
            "tests/audit_trail/test_alert_life.py",
            "tests/safeguards/test_s32_close_to_the_patient.py",
        ),
        "accounts": (
            *PEOPLE,
            "tests/integration/test_sessions.py",
            "tests/integration/test_sign_in.py",
            MATRIX,
        ),
        "accounts.gate": ("tests/unit/test_refusals.py", MATRIX),
        "accounts.sign_in_events": ("tests/integration/test_step_up.py", "tests/integration/test_sign_in.py"),
        "accounts.permissions": (PEOPLES, *PEOPLE),
        "accounts.services": (
            PEOPLES,
            *PEOPLE,
            "tests/integration/test_sessions.py",
            "tests/integration/test_sign_in.py",
        ),
        "accounts.services.held_submissions": ("tests/integration/test_sessions_held_text.py", UNKNOWN),
        "accounts.views": (UNKNOWN, *PEOPLE),
        "cases": (SELECTORS, SERVICES, MATRIX),
        "cases.permissions": (EACH, WORLDS, WALK),
        "cases.look_ups": ("tests/safeguards/test_s27_blind_duplicates.py", *ATTEMPTS),
        "cases.selectors": (SELECTORS, MATRIX, *CONTACTS),
        "cases.selectors.break_glass": GLASS,
        "cases.selectors.patients": (
            SELECTORS,
            "tests/integration/test_patients_registering.py",
            "tests/safeguards/test_s28_no_lookup_across_teams.py",
        ),
        "cases.services": (SERVICES, *CONTACTS, WALK),
        "cases.services.visits": (
            SERVICES,
            "tests/integration/test_visits.py",
            "tests/safeguards/test_s10_police_at_planned_therapy.py",
        ),
        "cases.services.break_glass": (*GLASS, WALK),
        "cases.services.cases": (
            "tests/integration/test_cases.py",
            WALK,
            "tests/integration/test_caseload.py",
        ),
        "cases.services.drafts": (SERVICES, "tests/integration/test_drafts.py"),
        "cases.services.patients": (
            SERVICES,
            "tests/safeguards/test_s27_blind_duplicates.py",
            "tests/integration/test_patients_registering.py",
            "tests/integration/test_patients_record.py",
        ),
        "cases.views": (UNKNOWN, MATRIX, *ATTEMPTS, *CONTACTS),
        "cases.views.cases": ("tests/integration/test_cases.py", UNKNOWN, MATRIX),
        "crisis_plans": (SELECTORS, SERVICES, *PLANS, MATRIX),
        "crisis_plans.services": (SERVICES, *PLANS, "tests/integration/test_plans_races.py"),
        "crisis_plans.views": (UNKNOWN, MATRIX),
        "reminders": (SELECTORS, "tests/integration/test_reminders_pages.py", MATRIX),
        "reminders.services": (
            "tests/integration/test_outbox.py",
            "tests/integration/test_reminders_pages.py",
        ),
        "sim_casework": (MATRIX, *ATTEMPTS),
        "sim_casework.pages.demo": ("tests/integration/test_demo_only.py",),
    }
)


def every_file() -> list[str]:
    """What the run has to collect: each file that some removal names."""
    from tests.mutations import listed, locks

    named = [tests for _, _, _, tests in listed.TEXTS]
    named += [*listed.TAKEN_OUT.values(), listed.MARKS, *CATCHING.tests.values()]
    named += [(locks.EVERY_TABLE, locks.RAW, locks.ALERTS), locks.BACKSTOP]
    named += [*locks.OF_TRIGGER.values(), *locks.OF_TABLES.values()]
    return sorted({test.split("::")[0] for tests in named for test in tests})

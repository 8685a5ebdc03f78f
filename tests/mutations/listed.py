"""Removals written out: conditions inside of an expression, marks of views, and whole middlewares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from core.step_up import asks_for_step_up
from tests.mutations.places import ATTEMPTS, CATCHING, EACH, GLASS, GUARD, MATRIX, SERVICES, WALK, WORLDS
from tests.mutations.removals import Removal, of_text

STAFF, CASES = "tests/safeguards/test_s30_staff_checks.py", "tests/integration/test_cases.py"
MARKS = ("tests/permissions/test_step_up_marks.py",)
STEP_UP = ("tests/integration/test_step_up.py",)
RULE = (EACH, WORLDS, WALK)
SESSIONS = ("tests/integration/test_sessions.py", "tests/integration/test_sign_in.py")

TEXTS: list[tuple[str, str, str, tuple[str, ...]]] = [
    # The rule in Python.
    (
        "cases.permissions",
        "        cleared_membership(_MEMBERS),\n        _case_allows(act),",
        "        _case_allows(act),",
        RULE,
    ),
    (
        "cases.permissions",
        "        _case_allows(act),\n        content_object=OuterRef",
        "        content_object=OuterRef",
        RULE,
    ),
    ("cases.permissions", '        content_object=OuterRef("pk"),\n        **{', "        **{", RULE),
    (
        "cases.permissions",
        'f"{_MEMBERS}user": user, f"{_MEMBERS}role__in": roles_that_may(act)',
        'f"{_MEMBERS}user": user',
        RULE,
    ),
    (
        "cases.permissions",
        'f"{_MEMBERS}user": user, f"{_MEMBERS}role__in": roles_that_may(act)',
        'f"{_MEMBERS}role__in": roles_that_may(act)',
        RULE,
    ),
    ("cases.permissions", '.filter(content_object=OuterRef("pk"))))\n', "))\n", RULE),
    ("cases.permissions", '.filter(patient=OuterRef("pk"))))', "))", RULE),
    (
        "cases.permissions",
        "    if act in READING_ACTS:\n        allowed |= Q(Exists(_exc",
        "    if True:\n        allowed |= Q(Exists(_exc",
        RULE,
    ),
    ("cases.permissions", "    return of_patient & is_open\n", "    return of_patient\n", RULE),
    ("cases.permissions", "return of_patient & (is_open | ", "return of_patient & (Q() | ", RULE),
    (
        "cases.permissions",
        "timedelta(days=settings.CLOSED_CASE_READ_DAYS)",
        "timedelta(days=settings.CLOSED_CASE_READ_DAYS + 1)",
        RULE,
    ),
    ("cases.permissions", "        user__is_active=True,\n        expires_at", "        expires_at", RULE),
    ("cases.permissions", "        expires_at__gt=timezone.now(),\n", "", RULE),
    (
        "cases.permissions",
        ".filter(Exists(Membership.objects.cleared().filter(user=user, role__in=roles_that_may(act))))",
        "",
        RULE,
    ),
    (
        "cases.permissions",
        "        created_by=user,\n        created_by__is_active",
        "        created_by__is_active",
        (*RULE, *GLASS),
    ),
    ("cases.permissions", "        ended_at__isnull=True,\n", "", (*RULE, *GLASS)),
    ("cases.permissions", "        ends_at__gt=timezone.now(),\n", "", (*RULE, *GLASS)),
    ("cases.permissions", ".filter(Exists(_roles_under_break_glass(user, act)))", "", (*RULE, *GLASS)),
    ("accounts.models", 'Q(**{f"{prefix}starts_on__lte": today})\n        & ', "", RULE),
    (
        "accounts.models",
        '\n        & (Q(**{f"{prefix}ends_on__isnull": True}) | Q(**{f"{prefix}ends_on__gte": today}))',
        "",
        RULE,
    ),
    ("accounts.models", '\n        & Q(**{f"{prefix}user__is_active": True})', "", RULE),
    ("accounts.models", '\n        & Q(**{f"{prefix}ended_at__isnull": True})\n', "\n", RULE),
    (
        "accounts.models",
        ' & Q(**{f"{prefix}cleared_until__gte": today})',
        "",
        RULE,
    ),
    (
        "accounts.selectors",
        "[m for m in current_memberships(user) if m.is_cleared]",
        "current_memberships(user)",
        (f"{MATRIX}::test_mentor_whose_check_has_lapsed", STAFF),
    ),
    (
        "accounts.selectors",
        "if m.team and act in ACTS_OF_ROLE[m.role]",
        "if m.team",
        (CASES, SERVICES, *RULE),
    ),
    (
        "cases.permissions",
        'organisation=OuterRef("team__trust")) | Q(organisation=OuterRef("team__force")',
        "organisation__isnull=False",
        RULE,
    ),
    # The recorder.
    ("core.models", "        recorder.saw(instance)\n", "", GUARD),
    (
        "core.models",
        "        recorder = require_recorder()\n        instance",
        "        recorder = require_recorder.__globals__['current_recorder'].get()\n        instance",
        GUARD,
    ),
    (
        "core.models",
        "        recorder.saw(instance)\n        return",
        "        if instance.is_clinical_only is not True:\n            recorder.saw(instance)\n        return",
        (*GUARD, *CATCHING.of("cases.services")),
    ),
    (
        "core.models",
        "            rows = list(super().__iter__())\n        yield from rows",
        "            yield from super().__iter__()",
        GUARD,
    ),
    ("core.access_guard", "    recorder.noted_query(reason)\n", "", GUARD),
    (
        "core.access_guard",
        "        recorder.noted_write(writes._meta.db_table, reason)\n",
        "",
        ("tests/audit_trail/test_write_backstop.py",),
    ),
    (
        "core.access_guard",
        "        if reason not in writes.written_by:",
        "        if False:",
        ("tests/audit_trail/test_write_backstop.py", *GUARD),
    ),
    (
        "core.acting",
        "            _tell_database(before)",
        "            pass",
        ("tests/row_policies/test_raw_sql.py",),
    ),
    (
        "core.acting",
        "        _tell_database(who)\n        yield",
        "        yield",
        ("tests/row_policies/test_raw_sql.py",),
    ),
    (
        "audit.context",
        "            if instance.is_clinical_only:\n",
        "            if False:\n",
        ("tests/safeguards/test_s12_clinical_only_text.py", *GUARD),
    ),
    (
        "audit.context",
        "            self.seen.setdefault(key, set()).add(instance._meta.label)\n",
        "            pass\n",
        GUARD,
    ),
    ("audit.context", "        self.queries.append(reason)\n", "        pass\n", GUARD),
    (
        "audit.context",
        "            if context.has_something_to_tell or actor is not None:\n                write()",
        "            pass",
        GUARD,
    ),
    (
        "audit.context",
        "            try_to_write_refusal(context, outcome=_outcome_of(error))\n",
        "            pass\n",
        GUARD,
    ),
    ("audit.middleware", "                    write()\n", "                    pass\n", (*GUARD, *ATTEMPTS)),
    (
        "audit.middleware",
        "                    write_refusal(context, outcome=refused)\n",
        "                    pass\n",
        ATTEMPTS,
    ),
    (
        "audit.middleware",
        "                    transaction.set_rollback(True)\n",
        "                    pass\n",
        (*GUARD, *ATTEMPTS),
    ),
    (
        "audit.middleware",
        "            return self.fail_closed()\n",
        "            return locals().get('response') or self.fail_closed()\n",
        GUARD,
    ),
    ("audit.middleware", "                if response.streaming:", "                if False:", GUARD),
    ("audit.middleware", "            asked_for=patient_in(request.path_info),\n", "", ATTEMPTS),
    (
        "audit.writing",
        "    rows, subject_rows = [], []\n",
        "    rows, subject_rows = [], []\n    subjects = {}\n",
        GUARD,
    ),
    # Pages and sessions.
    ("cases.views.gate", "raise Http404\n", "raise PermissionDenied\n", (MATRIX,)),
    (
        "accounts.gate",
        "            if not may(signed_in_user(request), act):",
        "            if False:",
        (MATRIX,),
    ),
    ("core.step_up", '    return getattr(view, "needs_step_up", False) is True', "    return False", STEP_UP),
    ("accounts.step_up", 'if record.get("method") == "mfa"', "", (*STEP_UP, *SESSIONS)),
    (
        "accounts.step_up",
        "-CLOCKS_APART <= now - at < account_settings.REAUTHENTICATION_TIMEOUT",
        "True",
        STEP_UP,
    ),
]
TAKEN_OUT = {
    "audit.middleware.TrailMiddleware": (*GUARD, *ATTEMPTS),
    "accounts.middleware.SecondFactorMiddleware": SESSIONS,
    "accounts.middleware.SessionLimitsMiddleware": SESSIONS,
    "accounts.middleware.StepUpMiddleware": STEP_UP,
    "django.contrib.auth.middleware.LoginRequiredMiddleware": (MATRIX,),
}


def written_out() -> Iterator[Removal]:
    for module, old, new, tests in TEXTS:
        words = " ".join(old.split())[:90]
        yield of_text(
            module, old, new, tests, name=f"{module}: {words} → {' '.join(new.split())[:60] or 'nothing'}"
        )
    for middleware in settings.MIDDLEWARE:
        if middleware in TAKEN_OUT:
            yield Removal(f"settings: no {middleware}", TAKEN_OUT[middleware], apply=_without(middleware))
    for name, view in _marked():
        yield Removal(f"{name}: does not ask for the second factor again", MARKS, apply=_unmarked(view))


def _without(middleware: str) -> Callable[[], None]:
    def apply() -> None:
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != middleware]

    return apply


def _unmarked(view: Any) -> Callable[[], None]:
    def apply() -> None:
        view.needs_step_up = False

    return apply


def _marked() -> Iterator[tuple[str, Any]]:
    def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                space = f"{pattern.namespace}:" if pattern.namespace else ""
                yield from walk(pattern.url_patterns, prefix + space)
            elif isinstance(pattern, URLPattern) and asks_for_step_up(pattern.callback):
                yield f"{prefix}{pattern.name}", pattern.callback

    yield from walk(get_resolver().url_patterns, "")

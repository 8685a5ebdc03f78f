"""Removals that no test can notice, each with the reason. A line that is no removal any more makes the run fail."""

_JOINED = "the membership is of who acts, and the row is joined to it by its user: the line says it twice"
_OFFICER = "staff checks bind the roles that open records; an officer's membership is cleared for always"
_CLEARED = "cleared() asks the same of the membership without which the row counts for nothing"

_NO_RIGHT = "the application has no right to change or remove rows of it at all (test_every_table)"

EQUIVALENT: dict[str, str] = {
    "cases.permissions: .filter(Exists(_roles_under_break_glass(user, act))) → nothing": (
        "who asks has been asked may(BREAK_GLASS) before, and each role that may break the glass reads all a record has"
    ),
    "cases.permissions: user__is_active=True, expires_at → expires_at": _CLEARED,
    "crisis_plans.services.drafting:_reloaded: never if fresh is None: raise NotVisible('No such version.')": (
        "the row was locked, and the right to it asked, a moment before in the same transaction; None would be a fault"
    ),
    **{
        f"{rule}(uuid): {condition} is not asked": _JOINED
        for rule in ("may_read_patient", "may_read_clinical")
        for condition in ("e.user_id = acting", "b.created_by_id = acting")
    },
    **{
        f"{table}: {policy} lets everybody pass": _NO_RIGHT
        for table in ("audit_alert", "audit_alertentry", "audit_alertstep")
        for policy in ("change_rows", "remove_rows")
    },
    **{
        f"lookup_{whom}_under_review(): m.cleared_until >= core_today() is not asked": _OFFICER
        for whom in ("workers", "people")
    },
}

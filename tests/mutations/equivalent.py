"""Removals that no test can notice, each with the reason. A line that is no removal any more makes the run fail."""

_JOINED = "the membership is of who acts, and the row is joined to it by its user: the line says it twice"

EQUIVALENT: dict[str, str] = {
    **{
        f"{rule}(uuid): {condition} is not asked": _JOINED
        for rule in ("may_read_patient", "may_read_clinical")
        for condition in ("e.user_id = acting", "b.created_by_id = acting")
    },
}

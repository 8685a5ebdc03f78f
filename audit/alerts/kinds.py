"""What an alert can be about, in words. A new kind is a line here and no migration."""

from __future__ import annotations

from enum import StrEnum


class AlertKind(StrEnum):
    """The order is that of the page that lists them."""

    OWN_RECORD = "own record"
    NEXT_OF_KIN = "next of kin"
    SAME_ADDRESS = "same address"
    SAME_SURNAME = "same surname"
    REFUSALS = "refused in a burst"
    BREAK_GLASS_UNREVIEWED = "break-glass not reviewed"
    UNEXPLAINED_CHANGE = "unexplained change"


# What connects somebody with a patient beyond the work (S32), strongest first, and the sentence that says so after
# "The worker opened this record". None names the patient: an officer of the worker's organisation may not know them.
TIES: dict[AlertKind, str] = {
    AlertKind.OWN_RECORD: "It bears their own full name.",
    AlertKind.NEXT_OF_KIN: "The next of kin on it bears their full name.",
    AlertKind.SAME_ADDRESS: "The postcode on it is theirs.",
    AlertKind.SAME_SURNAME: "A surname on it is theirs.",
}


def title_of(kind: str) -> str:
    """The words for a kind as it is stored, also for one that was dropped since."""
    return kind[:1].upper() + kind[1:]

"""Refusals in words fit for the user. Faults of the program are ordinary exceptions, not these."""

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError


def is_fault_of_the_database(error: BaseException | None) -> bool:
    """Whether the database went away, or lets nothing be read or written: nothing can be shown now, and it will pass.

    What it refuses because of the values themselves is a fault of the program, like any other exception.
    """
    if isinstance(error, DataError | IntegrityError):
        return False
    return isinstance(error, DatabaseError | InterfaceError)


class DomainError(Exception):
    """A rule of the casework refuses what was asked; the message is shown to the user as it stands.

    ``field`` names the form field the message belongs to, if it belongs to one.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class NotVisible(DomainError):
    """What was asked for does not exist for this user; a page answers 404, like for nothing at all."""


class NotAllowed(DomainError):
    """The user may know of it but not do this; a page answers 403."""


class VersionClash(DomainError):
    """Somebody else saved the record since this user opened it; both texts are to be shown."""

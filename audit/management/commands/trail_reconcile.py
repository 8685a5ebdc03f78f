"""Compares changes of rows with the trail, and says which have no entry; on the trail itself that somebody asked."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from audit.command_line import active_user, add_who_and_why, given_reason, machine_account, moment
from audit.context import access_context
from audit.findings import Found, named_findings
from audit.models import LogEntry, UnexplainedChange
from audit.presenters import finding_facts
from audit.providers import find_officer
from audit.reconciliation import compare_again, compare_changes
from audit.sentences import change_in_words
from core.errors import DomainError, NotAllowed

SECONDS = 600


class Command(BaseCommand):
    help = (
        "List every change of a watched row that has no entry on the trail, and every entry whose change is missing. "
        "USER is an information governance officer. Exit code 1 when there is any; migrations and maintenance by the "
        "tables' owner are listed too, but do not count as that."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_who_and_why(parser)
        parser.add_argument(
            "--since", metavar="DATE", help="date or ISO date-time; without it, from the first change noted"
        )

    def handle(self, *args: object, **options: Any) -> None:
        reason = given_reason(options)
        since = moment(options["since"]) if options["since"] else None
        user = active_user(
            options["username"], route="trail_reconcile", reason=reason, action=LogEntry.Action.ACCESS
        )
        try:
            with access_context(
                route="trail_reconcile", actor=user, purpose="information governance", reason=reason
            ) as context:
                officer = find_officer(user)
                if not officer.may_read:
                    raise NotAllowed("You may not read the trail. Ask an information governance officer.")
                found = named_findings(officer, compare_again(since))
                numbers = Counter(each.change.kind for each in found)
                context.notes |= {"run_by": machine_account(), "findings": dict(numbers)}
        except DomainError as error:
            raise CommandError(error.message) from error
        except DatabaseError as error:
            raise CommandError(
                "The comparison could not be made or put on the trail. Is the database in order?"
            ) from error
        is_complete = compare_changes(SECONDS)
        for each in found:
            self.stdout.write(_line(each))
        self._conclude(numbers, is_complete=is_complete)

    def _conclude(self, numbers: Counter[str], *, is_complete: bool) -> None:
        kinds = UnexplainedChange.Kind
        self.stdout.write(
            f"without_entry={numbers[kinds.NO_ENTRY]} without_change={numbers[kinds.NO_CHANGE]} "
            f"maintenance={numbers[kinds.MAINTENANCE]}"
        )
        if not is_complete:
            self.stdout.write("The daily comparison is far behind and has not caught up yet.")
        if numbers[kinds.NO_ENTRY] or numbers[kinds.NO_CHANGE]:
            raise CommandError("Some changes and the trail do not match.", returncode=1)


def _line(found: Found) -> str:
    change = found.change
    at = timezone.localtime(change.at).isoformat(timespec="seconds")
    facts = "; ".join(f"{name}: {value}" for name, value in finding_facts(found))
    did = change_in_words(change.operation, change.table_name)
    return f"{at}  {change.get_kind_display()}  {change.table_name}: {did}  [{facts}]"

"""The first step of an installation: one organisation and the administrator who invites everybody else."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Membership, Organisation
from accounts.roles import Role
from accounts.services.invitations import invite_first_administrator
from accounts.services.people import add_membership, add_organisation, add_person
from audit.context import access_context
from core.errors import DomainError


class Command(BaseCommand):
    help = (
        "Creates the first organisation and its administrator, and prints and e-mails the link with which they set "
        "their password. Refused once there is an administrator."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", required=True, help="name of the trust, force or service")
        parser.add_argument("--kind", required=True, choices=Organisation.Kind.values)
        parser.add_argument("--username", required=True)
        parser.add_argument("--email", required=True)
        parser.add_argument("--first-name", required=True)
        parser.add_argument("--last-name", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        reason = "First installation: no administrator existed"
        try:
            with access_context(route="create_first_administrator", is_system=True, reason=reason):
                link = _create(options)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Created. {options['username']} sets a password here within 7 days:\n{link}")


def _create(options: dict[str, Any]) -> str:
    if Membership.objects.filter(role=Role.ADMINISTRATOR).exists():
        raise DomainError("There is already an administrator, who can invite others in the browser.")
    organisation = add_organisation(by=None, name=options["organisation"], kind=options["kind"])
    user = add_person(
        by=None,
        username=options["username"],
        email=options["email"],
        first_name=options["first_name"],
        last_name=options["last_name"],
        organisation=organisation,
    )
    add_membership(by=None, user=user, role=Role.ADMINISTRATOR)
    return invite_first_administrator(user)

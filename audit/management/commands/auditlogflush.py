"""Takes the place of auditlog's command of this name, which would empty or rewrite the trail."""

from typing import NoReturn

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Refused: the trail is never emptied or rewritten."

    def handle(self, *args: object, **options: object) -> NoReturn:
        raise CommandError("The trail is never emptied or rewritten.")

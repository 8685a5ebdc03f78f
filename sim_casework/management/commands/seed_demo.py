"""Tells the demo's stories once, and lets one review fall due soon after each start."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts.models import Team, User
from audit.context import access_context
from cases.permissions import visible_patients
from crisis_plans.selectors import current_plan
from crisis_plans.services.reviews import announce_review
from sim_casework.stories.alerts import tell_alerts, tell_namesakes
from sim_casework.stories.break_glass import tell_break_glass
from sim_casework.stories.patients import REVIEW_STORY, Pair, tell_north, tell_south, told_by
from sim_casework.stories.people import tell_lapses, tell_people

SHOWCASE_REVIEW_IN = timedelta(seconds=45)


class Command(BaseCommand):
    help = "Fill the demo with invented people and their stories. Refused outside of the demo."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Invented people are for the demo only. Nothing was written.")
        if not User.objects.exists():
            # All or nothing: a start that is killed here tells everything at the next one.
            with transaction.atomic():
                self._tell_stories()
        tell_alerts(User.objects.get(username="ivy.inch"))
        self._let_a_review_fall_due()

    def _tell_stories(self) -> None:
        with access_context(route="seed_demo", is_system=True, reason="demo"):
            people = tell_people()
        north, south = Team.objects.order_by("name")
        pairs = [
            Pair(north, people["amira.adeyemi"], people["pete.parr"], people["lena.lund"]),
            Pair(north, people["callum.carrow"], people["pru.pell"], people["lena.lund"]),
        ]
        nora, omar = tell_north(pairs)
        tell_namesakes(pairs)
        tell_south(
            [
                Pair(south, people["sol.sorrel"], people["saul.stone"], people["sia.sand"]),
                Pair(south, people["sara.sedge"], people["shan.spry"], people["sia.sand"]),
            ]
        )
        tell_break_glass([people["sol.sorrel"], people["sara.sedge"]], people["lena.lund"], [nora, omar])
        tell_lapses(people)
        self.stdout.write(f"Told the stories of {len(people)} invented people and the patients of two teams.")

    def _let_a_review_fall_due(self) -> None:
        """Brings today's review forward to a moment that somebody watching the demo will see."""
        lead = User.objects.get(username="lena.lund")
        given, family = REVIEW_STORY
        with told_by(lead):
            patient = visible_patients(lead).filter(given_name=given, family_name=family).first()
            version = current_plan(lead, patient) if patient else None
            if version and version.review_on and version.review_on <= timezone.localdate():
                announce_review(version=version, at=timezone.now() + SHOWCASE_REVIEW_IN)

"""Proves that nothing leaves unrecorded, in a database of its own with invented people. See sim_casework.proving."""

from __future__ import annotations

import logging
import os
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.test.utils import setup_test_environment, teardown_test_environment

from sim_casework.proving.planting import plant
from sim_casework.proving.proof import Proof
from sim_casework.proving.scene import make_scene
from sim_casework.proving.scratch import (
    DATABASE,
    STATE_VARIABLE,
    run_manage,
    scratch_database,
    server_of,
)


class Command(BaseCommand):
    help = (
        "Plant canaries in every sensitive field, walk every address as everybody by GET, HEAD and POST, and require an "
        "entry with that patient for each canary that comes back. In a scratch database; exit 1 unless it is proved."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--quick", action="store_true", help="one row of a kind, the fullest record of each team"
        )
        parser.add_argument("--as", dest="who", nargs="+", metavar="USER", help="walk as these people only")

    def handle(self, *args: Any, **options: Any) -> None:
        if getattr(settings, "PROVING", False):
            self._walk(is_quick=options["quick"], who=options["who"])
        elif not settings.ALLOW_TEST_NHS_NUMBERS:
            raise CommandError(
                "The prover invents people and writes rows that no service would. It runs under the settings of the demo "
                "or the tests only, never where real data is kept. Nothing was done."
            )
        else:
            self._start(options)

    def _start(self, options: dict[str, Any]) -> None:
        """Only the child meets the scratch database; this process is told of it and connects to none."""
        arguments = ["prove_trail", *(["--quick"] if options["quick"] else [])]
        arguments += ["--as", *options["who"]] if options["who"] else []
        with scratch_database() as environment:
            code = run_manage(arguments, environment, check=False)
        if code:
            sys.exit(code)

    def _walk(self, *, is_quick: bool, who: list[str] | None) -> None:
        began = time.monotonic()
        logging.disable(logging.CRITICAL)
        setup_test_environment()
        try:
            scene = make_scene()
            with server_of(Path(os.environ[STATE_VARIABLE])).connect(DATABASE) as superuser:
                planted = plant(superuser)
                patients = [*scene.northern, *scene.southern]
                proof = Proof(
                    superuser,
                    scene,
                    planted,
                    [scene.northern[0], scene.southern[0]] if is_quick else patients,
                    who=who,
                    most=1 if is_quick else 100,
                    is_sample=is_quick,
                    say=self._say,
                )
                verdict = proof.walk()
                proof.errands()
        finally:
            teardown_test_environment()
            logging.disable(logging.NOTSET)
        for line in verdict.lines():
            self.stdout.write(line)
        self.stdout.write(f"{time.monotonic() - began:.0f} seconds")
        if not verdict.is_proved:
            sys.exit(1)

    def _say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()

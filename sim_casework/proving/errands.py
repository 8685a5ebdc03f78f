"""What leaves by other ways than a page: text held over a lost session, files written by commands, e-mails."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path

from django.apps import apps
from django.core import mail
from django.core.management import call_command, get_commands, load_command_class
from django.core.management.base import CommandError
from django.db import transaction
from django.urls import reverse

from accounts import session_clock
from accounts.roles import Act, roles_that_may
from core.errors import DomainError
from reminders import ticks
from sim_casework.proving.canaries import Canaries, Canary
from sim_casework.proving.visitors import Visitor, sign_in
from sim_casework.proving.walking import Answer, Walk, last_entry, read_entries, undone

# Commands that take no --as, and why no record comes out of them.
WITHOUT_RECORDS: dict[str, str] = {
    "auditlogflush": "refused",
    "auditlogmigratejson": "refused",
    "create_first_administrator": "makes one account, before there are patients",
    "demo": "starts the demo's processes",
    "prove_trail": "this proof, in a database of its own",
    "run_due": "prints counts; what it sends is read here as e-mail",
    "seed_demo": "writes the demo's stories; refused elsewhere",
}
SYSTEM = Visitor("the system")


def held_text(visitor: Visitor, patient: uuid.UUID, canaries: Canaries) -> list[Answer]:
    """A form sent after the session was over, and given back after the next sign-in."""
    assert visitor.user is not None
    canary = Canary("accounts.HeldSubmission.ciphertext", patient, "held", owner=visitor.user.pk)
    word = canaries.add_word(canary)
    walk = Walk(visitor)
    sign_in(walk.client, visitor.user)
    with undone(walk.client):
        session = walk.client.session
        session[session_clock.LAST_SEEN_AT] = 0
        session.save()
        form = reverse("cases:contact_log", args=[patient])
        answers = [walk.ask("POST", form, {"account": [word], "outcome": ["met"]}, last_entry())]
        sign_in(walk.client, visitor.user)
        answers.append(walk.ask("GET", reverse("accounts:held_submission"), None, last_entry()))
    return answers


def commands(everybody: Iterable[Visitor]) -> Iterator[Answer]:
    """Each command that reads records, run as whoever may and as somebody who may not."""
    officers = [one for one in everybody if one.roles & set(roles_that_may(Act.READ_TRAIL))]
    others = [one for one in everybody if one.records][:1]
    for name in own_commands():
        if name not in WITHOUT_RECORDS:
            for visitor in [*officers, *others]:
                yield _run(name, visitor)


def own_commands() -> list[str]:
    ours = {config.name for config in apps.get_app_configs() if "site-packages" not in config.path}
    return sorted(name for name, app in get_commands().items() if app in ours)


def unknown_commands() -> list[str]:
    """Commands that neither take --as nor stand above with a reason."""
    return [
        f"manage.py {name}: it takes no --as, and nobody says why no record comes out of it"
        for name in own_commands()
        if name not in WITHOUT_RECORDS and "--as" not in _options(name)
    ]


def _options(name: str) -> set[str]:
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    return {option for action in parser._actions for option in action.option_strings}


def _run(name: str, visitor: Visitor) -> Answer:
    told, failed = StringIO(), 0
    with tempfile.TemporaryDirectory() as folder, transaction.atomic():
        out = Path(folder) / "out"
        arguments = ["--as", visitor.name, "--reason", "proving"]
        arguments += ["--out", str(out)] if "--out" in _options(name) else []
        last = last_entry()
        try:
            call_command(name, *arguments, stdout=told, stderr=told)
        except (CommandError, DomainError, SystemExit) as refusal:
            failed, _ = 1, told.write(str(refusal))
        answer = Answer(
            visitor,
            "COMMAND",
            f"manage.py {name}",
            status=403 if failed else 200,
            content=out.read_bytes() if out.exists() else b"",
            content_type="text/csv",
            headers=told.getvalue(),
        )
        read_entries(answer, last)
        transaction.set_rollback(True)
    return answer


def mails() -> Answer:
    """One tick of the reminders: what goes out by e-mail names nobody."""
    mail.outbox.clear()
    last = last_entry()
    ticks.tick()
    sent = b"\n".join(one.message().as_bytes() for one in mail.outbox)
    answer = Answer(
        SYSTEM, "TICK", "reminders", 200, b"", "", headers=f"{len(mail.outbox)} e-mails", mails=sent
    )
    read_entries(answer, last)
    return answer

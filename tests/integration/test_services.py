"""What tests/services.py and tests/databases.py promise to every other test."""

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from core.models import Heartbeat


@pytest.mark.django_db
def test_the_application_role_owns_nothing_and_bypasses_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == ("sim_app", False)
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_committed_rows_of_one_test_are_gone_in_the_next(
    turn: int, superuser_connection: psycopg.Connection
) -> None:
    assert superuser_connection.execute("SELECT count(*) FROM core_heartbeat").fetchone() == (0,)
    with transaction.atomic():
        Heartbeat.objects.create(name="beat", at=timezone.now())
    assert superuser_connection.execute("SELECT count(*) FROM core_heartbeat").fetchone() == (1,)


@pytest.mark.django_db
def test_owner_connection_owns_the_tables(owner_connection: psycopg.Connection) -> None:
    owners = owner_connection.execute(
        "SELECT DISTINCT tableowner, current_user::text FROM pg_tables WHERE schemaname = 'public'"
    )
    assert owners.fetchall() == [("sim_owner", "sim_owner")]

"""What the embedded services refuse, and where they keep their things."""

import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sim_casework.devstack.claims import claim_port, state_lock
from sim_casework.devstack.errors import StackRefusedError
from sim_casework.devstack.paths import SOCKET_FOLDER_LIMIT, StackPaths
from sim_casework.devstack.postgres import PostgresServer
from sim_casework.devstack.service_user import ServiceUser


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    shutil.rmtree(StackPaths(tmp_path / "state").sockets, ignore_errors=True)


def test_state_dir_decides_where_everything_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    paths = StackPaths.from_environment()
    inside = (paths.postgres_data, paths.valkey_data, paths.outbox, paths.logs, paths.lock)
    assert {path.parent for path in inside} == {tmp_path}


def test_without_state_dir_it_lies_in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIR", "")
    assert StackPaths.from_environment().state.name == ".state"


@pytest.mark.parametrize("name", ["x" * 100, "with a space", "per%cent", "größe"])
def test_a_state_dir_unfit_for_socket_addresses_gets_a_short_private_folder(state: Path, name: str) -> None:
    sockets = StackPaths(state / name).sockets
    assert len(str(sockets)) <= SOCKET_FOLDER_LIMIT
    assert sockets != StackPaths(state / f"{name}2").sockets
    ServiceUser.current().own_folder(sockets)
    try:
        assert sockets.stat().st_mode & 0o777 == 0o700
    finally:
        sockets.rmdir()


def test_a_folder_put_there_by_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trap").symlink_to(tmp_path)
    with pytest.raises(StackRefusedError, match="belongs to somebody else"):
        ServiceUser.current().own_folder(tmp_path / "trap")


def test_the_secret_is_one_and_private_whoever_asks_first(state: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: StackPaths(state).secret_key(), range(32)))
    assert len(answers) == 1
    assert len(answers.pop()) >= 50
    assert [path.name for path in state.iterdir()] == ["secret-key"]
    assert (state / "secret-key").stat().st_mode & 0o777 == 0o600


def test_a_data_folder_of_another_major_is_refused_in_words(state: Path) -> None:
    paths = StackPaths(state)
    paths.postgres_data.mkdir(parents=True)
    (paths.postgres_data / "PG_VERSION").write_text("12\n")
    server = PostgresServer(paths.postgres_data, paths.sockets, state / "log")
    with pytest.raises(StackRefusedError, match="was written by PostgreSQL 12, and this is PostgreSQL"):
        server.prepare()


def test_a_wrong_app_pg_bin_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    monkeypatch.setenv("APP_PG_BIN", str(state))
    server = PostgresServer(state / "postgres", state / "sockets", state / "log")
    with pytest.raises(StackRefusedError, match="There is no PostgreSQL in"):
        server.prepare()


def test_a_locked_state_names_who_holds_it(state: Path) -> None:
    state.mkdir()
    paths = StackPaths(state)
    with (
        state_lock(paths, 8123),
        pytest.raises(StackRefusedError, match="localhost:8123"),
        state_lock(paths, 8124),
    ):
        pytest.fail("locked twice")
    with state_lock(paths, 8125):
        assert "localhost:8125" in paths.lock.read_text()


def test_a_taken_port_is_refused_with_another_one_to_try() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackRefusedError, match=f"PORT={port + 1}"):
            claim_port(port, patience=0)
    assert f"127.0.0.1:{port}" in claim_port(port)

"""The embedded engine: made, started, killed, found again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import asyncpg
import pytest

from moyai.base import engine_place
from moyai.base.config import Home
from moyai.base.db import connect
from moyai.base.engine import Engine, EngineError
from moyai.base.processes import is_alive, processes_working_in


def wait_until(condition, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.02)


async def answer(platform) -> int:
    conn = await connect(platform.dsn())
    try:
        return await conn.fetchval("select 1")
    finally:
        await conn.close()


def test_it_does_not_run_as_root(platform):
    owner = Path(f"/proc/{platform.engine.pid}").stat().st_uid
    assert owner != 0
    assert platform.engine.data.stat().st_mode & 0o777 == 0o700


async def test_it_survives_the_kill_of_the_server(fresh_platform):
    engine = fresh_platform.engine
    conn = await fresh_platform.connect()
    await conn.execute("insert into identity.seen_token (fingerprint, expires_at) values ('kept', now())")
    os.kill(engine.pid, signal.SIGKILL)
    began = time.monotonic()
    engine.start()
    assert time.monotonic() - began < 5
    conn = await fresh_platform.connect()
    assert await conn.fetchval("select count(*) from identity.seen_token where fingerprint = 'kept'") == 1


async def test_it_survives_the_kill_of_all_its_processes(fresh_platform):
    for pid in processes_working_in(fresh_platform.engine.data):
        os.kill(pid, signal.SIGKILL)
    fresh_platform.engine.start()
    assert await answer(fresh_platform) == 1


async def test_a_session_left_by_a_killed_server_is_ended(fresh_platform):
    engine = fresh_platform.engine
    conn = await fresh_platform.connect()
    session = await conn.fetchval("select pg_backend_pid()")
    os.kill(session, signal.SIGSTOP)  # a session that does not notice the server's death by itself
    os.kill(engine.pid, signal.SIGKILL)
    engine.start()
    assert not is_alive(session)
    assert await answer(fresh_platform) == 1


async def test_a_lock_file_that_names_a_living_stranger_does_not_hinder(fresh_platform):
    engine = fresh_platform.engine
    engine.stop()
    lock_file = engine.data / "postmaster.pid"
    lock_file.write_text(f"{os.getpid()}\n{engine.data}\n0\n5432\n\n\n\nready\n")
    engine.start()
    assert await answer(fresh_platform) == 1


async def test_a_running_server_of_another_process_is_replaced(fresh_platform):
    """As after the supervisor was killed: its server may still be there when the next one starts."""
    first = fresh_platform.engine
    second = Engine(fresh_platform.home, durable=False)
    second.start()
    wait_until(lambda: first._server.poll() is not None)
    assert await answer(fresh_platform) == 1
    second.stop()


async def test_values_and_statements_stay_out_of_the_log(fresh_platform):
    conn = await fresh_platform.connect()
    marked = "marked-value-7714"
    insert = "insert into registry.purpose (purpose_id, name_ja, name_en) values ($1, 'x', 'x')"
    await conn.execute(insert, marked)
    with pytest.raises(asyncpg.UniqueViolationError):
        await conn.execute(insert, marked)
    with pytest.raises(asyncpg.PostgresError):
        await conn.raw.execute(f"select '{marked}'::int")
    fresh_platform.engine.stop()
    log = fresh_platform.engine.log_file.read_text()
    assert "ready to accept connections" in log
    assert marked not in log


async def test_settings_promise_durability_outside_tests(platform):
    settings = " ".join(Engine(platform.home).command())
    assert "fsync=on" in settings
    assert "synchronous_commit=on" in settings
    assert "full_page_writes=off" not in settings


def test_logins_without_scram_are_not_started(stopped_platform, scratch):
    home = Home(stopped_platform)
    rules = home.engine / "data" / "pg_hba.conf"
    kept = rules.read_text()
    rules.write_text("local all all trust\n")
    try:
        with pytest.raises(EngineError, match="without SCRAM"):
            Engine(home, durable=False).start()
    finally:
        rules.write_text(kept)


@pytest.mark.skipif(os.geteuid() != 0, reason="another account is only used by root")
def test_a_closed_directory_is_left_closed(scratch):
    closed = scratch / "closed"
    closed.mkdir(mode=0o700)
    home = Home(closed / "platform")
    socket = engine_place.place(home)
    try:
        assert home.engine.is_symlink()
        assert closed.stat().st_mode & 0o777 == 0o700
        assert not str(socket).startswith(str(closed))
        assert engine_place.place(home) == socket
    finally:
        shutil.rmtree(home.engine.resolve())


def test_data_that_is_gone_is_not_begun_anew(own_home):
    shutil.rmtree(own_home.engine)
    own_home.engine.symlink_to(own_home.directory / "nowhere")
    with pytest.raises(EngineError, match="data is gone"):
        Engine(own_home, durable=False).start()


def test_a_long_path_gets_a_short_socket(scratch):
    home = Home(scratch / ("long-" * 20))
    socket = engine_place.place(home)
    assert len(f"{socket}/.s.PGSQL.5432") <= 107
    assert engine_place.place(home) == socket


@pytest.mark.skipif(os.geteuid() != 0, reason="another account is only used by root")
def test_programs_behind_a_closed_directory_are_copied(scratch, monkeypatch):
    runs_as = engine_place.account(scratch / "none")
    package = engine_place.binaries(runs_as).parents[1]
    monkeypatch.setattr(engine_place, "_ELSEWHERE", (scratch / "elsewhere",))
    copied = engine_place._copy(package)
    assert runs_as.can_enter(copied)
    assert engine_place._copy(package) == copied
    command = [str(copied / "postgres"), "--version"]
    assert "18." in subprocess.run(command, capture_output=True, text=True, **runs_as.options()).stdout

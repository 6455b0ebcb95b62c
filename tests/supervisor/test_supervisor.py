"""What dies is started again; what stops, stops in order; nothing outlives the supervisor."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import msgspec
import pytest

from moyai.base import tasks
from moyai.base.config import Held
from moyai.base.db import connect
from moyai.base.engine_place import Account
from moyai.base.processes import AlreadyRunning, is_alive
from moyai.base.roles import SERVE
from moyai.supervisor import StartError, Supervisor, bind, engine_running, keeper

PROGRAMS = str(Path(__file__).with_name("programs.py"))


def program(name: str, *arguments: str) -> list[str]:
    return [sys.executable, PROGRAMS, name, *arguments]


async def until(condition, seconds: float = 10) -> float:
    """Wait for a condition; the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "waited too long"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


@pytest.fixture
async def supervisor(own_home):
    made = Supervisor(own_home, durable=False)
    yield made
    await made.stop()


async def test_a_killed_program_runs_again(supervisor):
    supervisor.add("sleeper", program("sleep"))
    await supervisor.start()
    for _ in range(3):
        before = supervisor.pids["sleeper"]
        os.kill(before, signal.SIGKILL)
        assert await until(lambda pid=before: supervisor.pids.get("sleeper", pid) != pid) < 3
    assert supervisor.restarts["sleeper"] == 3


async def test_a_killed_engine_recovers_with_what_was_committed(supervisor, own_home):
    await supervisor.start()
    before = supervisor.pids["postgres"]
    conn = await connect(own_home.dsn(SERVE))
    await conn.execute("insert into identity.seen_token (fingerprint, expires_at) values ('kept', now())")
    os.kill(before, signal.SIGKILL)
    began = time.monotonic()
    while True:
        try:
            conn = await connect(own_home.dsn(SERVE))
            break
        except Exception:
            assert time.monotonic() - began < 10
            await asyncio.sleep(0.05)
    assert await conn.fetchval("select count(*) from identity.seen_token where fingerprint = 'kept'") == 1
    await conn.close()


async def test_callers_wait_in_the_queue_while_a_server_restarts(supervisor):
    (listening,) = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    supervisor.add("serve", program("serve", str(listening.fileno())), ready=url, listening=listening)
    await supervisor.start()
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            first = int(await answer.text())
        os.kill(first, signal.SIGKILL)
        async with session.get(url) as answer:
            assert int(await answer.text()) != first


async def test_a_spare_takes_over_at_once(supervisor, own_home):
    note = own_home.directory / "begun"
    supervisor.add("slow", program("slow", str(note)), standby="--standby")
    await supervisor.start()
    await until(lambda: note.exists())
    for times in (2, 3):
        await asyncio.sleep(7)  # until the next spare has loaded
        os.kill(supervisor.pids["slow"], signal.SIGKILL)
        assert await until(lambda n=times: len(note.read_text().split()) == n) < 1.2
        assert note.read_text().split()[-1] == str(supervisor.pids["slow"])
    await asyncio.sleep(2)
    spare = supervisor._children["slow"].program._spare.pid
    await supervisor.stop()
    assert not is_alive(spare)


async def test_run_file_names_the_processes_of_now_and_goes_with_them(supervisor, own_home):
    supervisor.add("sleeper", program("sleep"))
    await supervisor.start()
    supervisor.describe(base_url="http://localhost:1")
    assert own_home.run_file.stat().st_mode & 0o777 == 0o600
    before = supervisor.pids["sleeper"]
    os.kill(before, signal.SIGKILL)
    await until(lambda: supervisor.pids.get("sleeper", before) != before)
    written = json.loads(own_home.run_file.read_text())
    assert written["processes"] == supervisor.pids
    assert written["base_url"] == "http://localhost:1"
    await supervisor.stop()
    assert not own_home.run_file.exists()


async def test_two_supervisors_do_not_share_a_directory(supervisor, own_home):
    await supervisor.start()
    with pytest.raises(AlreadyRunning, match=f"already running in .*process {os.getpid()}"):
        await Supervisor(own_home).start()


async def test_a_short_command_uses_the_running_engine_or_its_own(own_home, supervisor):
    async def name() -> str:
        conn = await connect(own_home.dsn(SERVE))
        try:
            return await conn.fetchval("select current_user")
        finally:
            await conn.close()

    with engine_running(own_home, durable=False):
        assert await name() == SERVE
    with pytest.raises(OSError):  # noqa: PT011 (no server, no socket)
        await name()
    await supervisor.start()
    with engine_running(own_home):
        assert await name() == SERVE
    assert await name() == SERVE


async def test_a_program_that_cannot_start_is_named_with_its_log(supervisor, own_home):
    supervisor.add("broken", program("fail"), ready="http://127.0.0.1:9/")
    with pytest.raises(StartError, match=r"broken did not start; its log is .*broken\.log"):
        await supervisor.start()
    assert "cannot start" in (own_home.logs / "broken.log").read_text()


async def test_what_is_added_later_starts_beside_what_runs(supervisor):
    supervisor.add("first", program("sleep"))
    await supervisor.start()
    before = supervisor.pids
    supervisor.add("second", program("sleep"))
    await supervisor.start()
    assert {name: supervisor.pids[name] for name in before} == before
    assert supervisor.pids.keys() == {"postgres", "first", "second"}
    with pytest.raises(ValueError, match="first already"):
        supervisor.add("first", program("sleep"))


async def test_a_program_that_went_missing_is_tried_again(supervisor, own_home):
    script = own_home.directory / "program"
    script.write_text("#!/bin/sh\nexec sleep 600\n")
    script.chmod(0o755)
    supervisor.add("script", [str(script)])
    await supervisor.start()
    script.rename(script.with_suffix(".away"))
    before = supervisor.pids["script"]
    os.kill(before, signal.SIGKILL)
    await asyncio.sleep(0.5)
    assert "script" not in supervisor.pids
    script.with_suffix(".away").rename(script)
    await until(lambda: supervisor.pids.get("script", before) != before)


async def test_stop_ends_the_stubborn_and_what_programs_started_themselves(supervisor, own_home, monkeypatch):
    monkeypatch.setattr("moyai.supervisor.keeper._STOP_SECONDS", 0.5)
    note = own_home.directory / "grandchild"
    supervisor.add("stubborn", program("stubborn"))
    supervisor.add("parent", program("parent", str(note)))
    await supervisor.start()
    await until(lambda: note.exists() and note.read_text() and "ready" in log(own_home, "stubborn"))
    pids = [*supervisor.pids.values(), int(note.read_text())]
    await supervisor.stop()
    await until(lambda: not any(is_alive(pid) for pid in pids))


def log(home, name: str) -> str:
    return (home.logs / f"{name}.log").read_text()


def launch(home) -> subprocess.Popen:
    return subprocess.Popen(program("supervise", str(home.directory)))


async def started_outside(home) -> subprocess.Popen:
    outside = launch(home)
    await until(lambda: home.run_file.exists() and "state" in home.run_file.read_text(), 20)
    return outside


async def test_nothing_outlives_a_killed_supervisor(own_home, supervisor):
    outside = await started_outside(own_home)
    pids = json.loads(own_home.run_file.read_text())["processes"]
    outside.kill()
    outside.wait()
    await until(lambda: not any(is_alive(pid) for pid in pids.values()))
    await supervisor.start()
    assert set(supervisor.pids) == {"postgres"}


async def test_a_terminated_supervisor_stops_cleanly(own_home):
    outside = await started_outside(own_home)
    pids = json.loads(own_home.run_file.read_text())["processes"]
    outside.terminate()
    await until(lambda: outside.poll() is not None)
    assert outside.returncode == 0
    assert not any(is_alive(pid) for pid in pids.values())
    assert "database system is shut down" in log(own_home, "postgres")
    assert not own_home.run_file.exists()


def test_a_port_is_not_shared_with_a_stranger():
    sockets = bind("127.0.0.1", 0, count=2)
    port = sockets[0].getsockname()[1]
    assert {one.getsockname()[1] for one in sockets} == {port}
    with pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", port, count=2)
    for one in sockets:
        one.close()


async def test_f1_the_watch_survives_whatever_goes_wrong_in_it(supervisor, own_home, monkeypatch):
    supervisor.add("sleeper", program("sleep"))
    supervisor.add("other", program("sleep"))
    await supervisor.start()
    child, failed = supervisor._children["sleeper"], []

    def full(*_, **__):
        failed.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    before = supervisor.pids
    with monkeypatch.context() as disk:
        for target, name in ((child.program, "spawn"), (supervisor, "_write_run_file")):
            disk.setattr(target, name, full)
        for target, name in ((keeper.log, "warning"), (keeper.log, "info"), (tasks.log, "error")):
            disk.setattr(target, name, full, raising=False)
        for name in ("sleeper", "other"):
            os.kill(before[name], signal.SIGKILL)
        await until(lambda: supervisor.pids.get("other", before["other"]) != before["other"])
        await until(lambda: len(failed) > 4)
    await until(lambda: "sleeper" in supervisor.pids)
    await until(lambda: json.loads(own_home.run_file.read_text())["processes"] == supervisor.pids)


def arguments_and_environment(pid: int) -> bytes:
    return b"".join(Path(f"/proc/{pid}/{file}").read_bytes() for file in ("cmdline", "environ"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts processes under other accounts")
async def test_m7_a_process_has_its_own_account_and_what_it_may_open_in_neither_argument_nor_environment(
    supervisor, own_home
):
    open_to_all = own_home.directory / "notes"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    note, held = open_to_all / "note", Held({"store": b"key of stores"}, {"moyai_serve": "marked-password"})
    shell = 'read held; echo "$(id -u) $(id -g) $held" > "$0.new"; mv "$0.new" "$0"; sleep 600'
    account = Account(61_999, 62_000, switch=True)
    supervisor.add("serve-1", ["/bin/sh", "-c", shell, str(note)], held=held, account=account)
    await supervisor.start()
    await until(lambda: note.exists())
    uid, gid, said = note.read_text().split(maxsplit=2)
    assert (uid, gid) == ("61999", "62000")
    assert msgspec.json.decode(said, type=Held) == held
    assert b"marked-password" not in arguments_and_environment(supervisor.pids["serve-1"])
    for name in ("serve-1.jsonl", "serve-1-access.jsonl"):
        there = (own_home.logs / name).stat()
        assert (there.st_uid, there.st_mode & 0o777) == (61_999, 0o640)
    os.kill(supervisor.pids["serve-1"], signal.SIGKILL)
    note.unlink()
    await until(lambda: note.exists())  # and again after it died


async def test_a_log_beyond_its_bound_is_begun_anew(supervisor, own_home):
    await supervisor.start()
    supervisor._most_log_bytes = 1000
    (own_home.logs / "serve-1.jsonl").write_text("{}\n" * 1000)
    await until(lambda: (own_home.logs / "serve-1.jsonl").stat().st_size == 0)
    assert (own_home.logs / "serve-1.jsonl.1").stat().st_size == 3000

"""`moyai check` finds what is wrong and says what to do."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import sys

import msgspec
import pytest

from moyai.base.engine import Engine
from moyai.base.roles import OWNER
from moyai.commands import check as checking
from moyai.commands.check import worst_case_connections
from moyai.recovery import manifest
from moyai.supervisor.attach import lock
from tests.recovery.test_restore import slot_is_read


@pytest.fixture
def running(fresh_platform):
    """A platform that holds its directory's lock, as one that the supervisor runs."""
    with lock(fresh_platform.home):
        yield fresh_platform


async def look(home) -> dict[str, checking.Finding]:
    """`check` in a thread: it runs an event loop of its own."""
    import asyncio

    return {finding.name: finding for finding in await asyncio.to_thread(checking.check, home)}


def levels(findings) -> dict[str, str]:
    """What is not in order. Whether accounts can reach this interpreter is this machine's affair (tests of `accounts`)."""
    return {
        name: finding.level for name, finding in findings.items() if finding.level != "ok" and name != "users"
    }


BESIDE_THE_DATA = {"journal.path": "warning", "keys.path": "warning"}


async def test_a_platform_in_order_has_nothing_to_complain_of(running):
    # the test's engine is the one thing that is not as it should be: it does not wait for the disk
    findings = await look(running.home)
    assert levels(findings) == {"durability": "error"} | BESIDE_THE_DATA
    assert {"config", "key", "connections", "clock", "roles", "database moyai_control"} <= findings.keys()


def test_a_stopped_platform_is_started_for_the_moment(own_home):
    findings = {finding.name: finding for finding in checking.check(own_home)}
    assert levels(findings) == BESIDE_THE_DATA
    assert not (Engine(own_home).data / "postmaster.pid").exists()


def test_a_wrong_setting_is_named(own_home):
    with own_home.config_file.open("a") as file:
        file.write("colour = 'blue'\n")
    (finding,) = checking.check(own_home)
    assert finding.level == "error"
    assert "colour" in finding.en


def test_i8_a_mode_that_is_only_described_is_an_error(own_home):
    text = own_home.config_file.read_text()
    own_home.config_file.write_text(text + '\n[brokers]\npersonal = "external"\n')
    found = {finding.name: finding for finding in checking.check(own_home)}
    assert found["brokers.personal"].level == "error"
    assert "brokers.non_personal" not in found


def test_a_key_that_others_may_read_is_refused(own_home):
    own_home.kek_file.chmod(0o644)
    findings = {finding.name: finding for finding in checking.check(own_home)}
    assert findings["key"].level == "error"
    assert "chmod 600" in findings["key"].en


def test_key_and_journal_on_another_disk_are_not_complained_of(own_home, tmp_path):
    if tmp_path.stat().st_dev == own_home.directory.stat().st_dev:
        pytest.skip("there is one file system only")
    shutil.move(own_home.kek_file, tmp_path / "kek")
    with own_home.config_file.open("a") as file:
        file.write(f"[keys]\npath = '{tmp_path}/kek'\n[journal]\npath = '{tmp_path}/journal.jsonl'\n")
    assert levels({finding.name: finding for finding in checking.check(own_home)}) == {}


def test_h5_a_damaged_journal_is_an_error(own_home):
    own_home.journal_file.write_text("[1,\n")
    findings = {finding.name: finding for finding in checking.check(own_home)}
    assert findings["journal"].level == "error"
    assert "byte 0" in findings["journal"].en


def test_a_key_that_does_not_fit_is_recognised(own_home):
    own_home.kek_file.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    findings = {finding.name: finding for finding in checking.check(own_home)}
    assert "not the key that sealed" in findings["key"].en


async def test_a_newer_database_is_named(running):
    owner = await running.connect(OWNER)
    await owner.execute("insert into public.moyai_schema_version (version, name) values (9999, 'later')")
    findings = await look(running.home)
    assert findings["database moyai_control"].level == "error"
    assert "9999" in findings["database moyai_control"].en


async def test_settings_that_may_exhaust_the_server_are_refused(running):
    text = running.home.config_file.read_text()
    running.home.config_file.write_text(text + "store_pools = 500\n")
    findings = await look(running.home)
    assert findings["connections"].level == "error"
    assert str(worst_case_connections(running.home.config())) in findings["connections"].en


async def test_a_serving_role_with_too_many_rights_is_named(running):
    admin = await running.connect("moyai_admin", "postgres")
    await admin.execute("grant moyai_owner to moyai_serve")
    findings = await look(running.home)
    assert findings["roles"].level == "error"
    assert "moyai_serve" in findings["roles"].en


async def test_clocks_apart_are_an_error(running, monkeypatch):
    from datetime import timedelta

    now = checking.utc_now
    monkeypatch.setattr(checking, "utc_now", lambda: now() + timedelta(seconds=6))
    assert (await look(running.home))["clock"].level == "error"


def test_the_defaults_fit_the_server_they_come_with(own_home):
    config = own_home.config()
    assert worst_case_connections(config) < config.database.max_connections - 10


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has accounts to choose")
async def backup(home, look_for: str) -> checking.Finding:
    """What is said of the backup, once it is this or ten seconds have passed: the server notices a loss a moment later."""
    import asyncio

    for _ in range(50):
        found = (await look(home))["backup"]
        if found.level == look_for:
            break
        await asyncio.sleep(0.2)
    return found


async def test_h5_a_continuous_backup_that_nobody_writes_is_complained_of(running, tmp_path):
    import asyncio

    home, target = running.home, tmp_path / "continuous"
    with home.config_file.open("a") as file:
        file.write(f'[backup]\ncontinuous = "{target}"\n')
    never_begun = await backup(home, "warning")
    assert never_begun.level == "warning"
    assert str(target) in never_begun.en
    command = [sys.executable, "-m", "moyai", "backup", str(target), "--continuous"]
    following = await asyncio.create_subprocess_exec(*command, "--dir", str(home.directory))
    try:
        await slot_is_read(await running.connect(OWNER))
        assert (await backup(home, "ok")).level == "ok"
        ours = manifest.read(target)
        manifest.write(target, msgspec.structs.replace(ours, slot="moyai_of_another_backup"))
        assert (await backup(home, "warning")).level == "warning"
        manifest.write(target, ours)
    finally:
        following.terminate()
        await following.wait()
    assert (await backup(home, "warning")).level == "warning"


def test_m7_processes_that_stay_root_are_complained_of(own_home):
    own_home.directory.chmod(0o700)
    findings = {finding.name: finding for finding in checking.check(own_home)}
    assert findings["users"].level == "warning"
    assert "stay root" in findings["users"].en

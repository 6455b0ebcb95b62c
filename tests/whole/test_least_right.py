"""Started by root, `serve` and `worker` run under accounts of their own, and tell the whole story with their own keys (M7)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from moyai.base.config import Home
from moyai.base.engine_place import Account
from tests.browser import ROOT
from tests.stack import free_port, small_scenario

pytestmark = [pytest.mark.heavy, pytest.mark.stack]

NOBODY = Account(65534, 65534, switch=True)
START_SECONDS, STORY_SECONDS = 120, 300
PROGRAM = "import moyai.app, moyai.worker"


@pytest.fixture
def python(monkeypatch) -> str:
    """An interpreter that any account can run, with this environment's packages."""
    if os.geteuid() != 0:
        pytest.skip("only root can start processes under other accounts")
    packages = next(one for one in sys.path if one.endswith("site-packages"))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{packages}")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for found in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        try:
            if (
                subprocess.run([found, "-c", PROGRAM], capture_output=True, **NOBODY.options()).returncode
                == 0
            ):
                return found
        except OSError:
            continue
    pytest.skip("every interpreter lies where other accounts cannot reach it")


def account_of(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    real, effective, saved, files = next(line.split()[1:] for line in lines if line.startswith("Uid:"))
    assert real == effective == saved == files
    return int(real)


def can_read(path: Path, uid: int, gid: int) -> bool:
    done = subprocess.run(["/bin/cat", str(path)], capture_output=True, user=uid, group=gid, extra_groups=[])
    return done.returncode == 0


def test_m7_processes_run_as_ordinary_users_with_their_own_keys(python, scratch, tmp_path):
    directory = Path(scratch) / "least"
    directory.mkdir()
    directory.chmod(0o755)
    described = small_scenario(directory)
    home, output = Home(directory / "dir"), tmp_path / "output"
    command = [python, "-m", "moyai", "up", str(described), "--dir", str(home.directory)]
    with output.open("wb") as file:
        story = subprocess.Popen(
            [*command, "--port", str(free_port()), "--once", "--json"], cwd=ROOT, stdout=file, stderr=file
        )
    try:
        uids = running(home, story)
        own = json.loads((home.directory / "accounts.json").read_bytes())
        assert uids["serve-1"] == uids["serve-2"] == own["serve"]
        assert uids["worker"] == own["worker"]
        assert len({0, own["serve"], own["worker"], uids["postgres"]}) == 4
        for uid in (own["serve"], own["worker"]):
            for secret in (home.kek_file, home.directory / "secrets.sealed", home.run_file):
                assert not can_read(secret, uid, own["group"])
            assert can_read(home.config_file, uid, own["group"])
        assert not can_read(home.journal_file, 65534, 65534)
        assert story.wait(STORY_SECONDS) == 0, output.read_text()[-3000:]
    finally:
        if story.poll() is None:
            story.terminate()
            story.wait(60)
    assert home.journal_file.read_bytes().count(b"\n") > 0  # a withdrawal of the story, written by `serve`
    assert (home.logs / "serve-1.jsonl").stat().st_uid == own["serve"]
    assert "processes run as root" not in (home.logs / "supervisor.jsonl").read_text()


def running(home: Home, story: subprocess.Popen[bytes]) -> dict[str, int]:
    """The accounts of the processes, by name, once all of them run."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert story.poll() is None
        try:
            pids = json.loads(home.run_file.read_bytes())["processes"]
            if {"serve-1", "serve-2", "worker", "postgres"} <= set(pids):
                return {name: account_of(pid) for name, pid in pids.items()}
        except (FileNotFoundError, json.JSONDecodeError):
            pass
        time.sleep(0.1)
    raise AssertionError("not started")

"""The command: quick help, plain failures, JSON alone where JSON is asked for."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from moyai.cli import app


def moyai(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "moyai", *arguments], capture_output=True, text=True, timeout=60
    )


def test_help_names_every_command_and_loads_nothing_heavy():
    shown = moyai("--help")
    assert shown.returncode == 0
    for name in app:
        assert name in shown.stdout
    code = (
        "import sys, moyai.cli; print([m for m in ('asyncpg', 'aiohttp', 'starlette') if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["serve", "worker", "migrate"])
def test_a_directory_without_a_platform_is_said_in_one_line(tmp_path, command):
    done = moyai(command, "--dir", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"moyai: no platform at {tmp_path}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [["introspect"], ["demo", "code", "anybody"]])
def test_a_platform_that_does_not_run_is_said_in_one_line(own_home, command):
    done = moyai(*command, "--dir", str(own_home.directory))
    assert done.returncode == 1
    assert done.stderr == "moyai: the platform does not answer; does it run? (moyai up, or moyai check)\n"


def test_check_prints_json_alone(own_home):
    done = moyai("check", "--dir", str(own_home.directory), "--json")
    findings = json.loads(done.stdout)
    assert {"name", "level", "ja", "en"} == set(findings[0])
    assert done.returncode == 0


def test_check_fails_where_something_is_wrong(own_home):
    own_home.kek_file.chmod(0o644)
    done = moyai("check", "--dir", str(own_home.directory))
    assert done.returncode == 1
    assert "鍵ファイル" in done.stdout


def test_a_worker_runs_until_it_is_told_to_stop(fresh_platform):
    logged = fresh_platform.home.logs / "worker.jsonl"
    command = [sys.executable, "-m", "moyai", "worker", "--dir", str(fresh_platform.home.directory)]
    process = subprocess.Popen(command)
    until = time.monotonic() + 20
    while not (logged.exists() and "working" in logged.read_text()):
        assert time.monotonic() < until
        time.sleep(0.05)
    process.terminate()
    assert process.wait(10) == 0

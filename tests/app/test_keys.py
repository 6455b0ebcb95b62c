"""`moyai keys`: what the how-to says, run as it stands; each act is on record (security M7: keys by command)."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import sys
from typing import Any

import pytest

from moyai.base import keys
from moyai.base.config import Home
from moyai.base.db import connect
from moyai.base.roles import OWNER
from moyai.supervisor import engine_running
from tests.house.source import ROOT
from tests.house.test_docs import commands

HOW_TO = ROOT / "docs" / "how-to" / "keys.md"


def moyai(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "moyai", *arguments, "--dir", str(home.directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def listed(home: Home) -> list[dict[str, Any]]:
    return json.loads(moyai(home, "keys", "list", "--json").stdout)


async def _recorded(home: Home) -> list[dict[str, Any]]:
    conn = await connect(home.dsn(OWNER))
    try:
        rows = await conn.fetch("select body from ledger.content where kind in (80, 102) order by at")
        assert (await keys.current(conn, home.box(), "oidc")).key_id
        return [json.loads(row["body"]) for row in rows]
    finally:
        await conn.close()


def test_m7_every_line_of_the_how_to_works_and_is_on_record(own_home: Home) -> None:
    lines = [shlex.split(line) for line in commands(HOW_TO)]
    assert [line[2] for line in lines] == ["list", "rotate", "rotate", "rotate", "revoke"]
    with engine_running(own_home):  # as on a platform that runs, and quicker
        for line in lines:
            done = moyai(own_home, *line[1:])
            assert done.returncode == 0, done.stderr
        acts = asyncio.run(_recorded(own_home))
        known = {one["key_id"]: one for one in listed(own_home)}
    assert [(one["kind"], one["detail"]["purpose"]) for one in acts] == [
        ("key_rotated", "oidc"),
        ("key_rotated", "receipt"),
        ("key_rotated", "log"),
        ("key_revoked", "oidc"),
    ]
    first, *_, last = (one["detail"] for one in acts)
    assert last["key_id"] == first["new"], "revoked is what signed"
    assert last["reason"].startswith("a copy")
    assert [known[key]["state"] for key in (first["old"], first["new"], last["new"])] == [
        "verifies",
        "revoked",
        "signs",
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["rotate", "tokens"], "none of oidc, receipt, grant, log"),
        (["revoke", "no-such-key", "--reason", "x"], "there is no key no-such-key"),
        (["revoke", "oidc", "--reason", " "], "a reason is needed"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_and_changes_nothing(
    own_home: Home, line: list[str], says: str
) -> None:
    with engine_running(own_home):
        done = moyai(own_home, "keys", *line)
        assert (done.returncode, says in done.stderr) == (1, True), done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert asyncio.run(_recorded(own_home)) == []

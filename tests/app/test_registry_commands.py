"""`moyai apply` and `moyai introspect` as commands: what they print, and how they fail."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.app.test_introspection import TYPE_2_1
from tests.conftest import Platform

SCENARIO = Path(__file__).parents[2] / "scenarios" / "type-2.1.toml"


async def moyai(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "moyai", *arguments, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_apply_then_introspect_a_platform(fresh_platform: Platform):
    at = ("--dir", str(fresh_platform.home.directory))
    code, out, err = await moyai("apply", str(SCENARIO), *at)
    assert code == 0, err
    assert re.search(r"^\+ +service +kenko-mimamori", out, re.MULTILINE)
    code, out, _ = await moyai("apply", str(SCENARIO), *at, "--json")
    report = json.loads(out)
    assert {change["outcome"] for change in report["changes"]} == {"unchanged"}
    assert report["waiting"] == ["c1", "c2"]
    code, out, err = await moyai("introspect", *at, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"state": TYPE_2_1.state, "performance": TYPE_2_1.performance}
    code, out, _ = await moyai("introspect", *at)
    assert "自治体のみ" in out


async def test_mistakes_are_said_in_one_line(fresh_platform: Platform, tmp_path: Path):
    at = ("--dir", str(fresh_platform.home.directory))
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[[organisation]]\n", encoding="utf-8")
    for arguments, told in (
        (("apply", str(tmp_path / "none.toml"), *at), "does_not_exist"),
        (("apply", str(wrong), *at), "organisation"),
        (("introspect", "--dir", str(tmp_path)), "no platform at"),
    ):
        code, out, err = await moyai(*arguments)
        assert (code, out) == (1, "")
        assert told in err
        assert "Traceback" not in err

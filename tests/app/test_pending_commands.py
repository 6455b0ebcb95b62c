"""`moyai apply --as`, `pending`, `confirm`, `revoke`: people at a terminal, with password and code, never a mere name."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest
from pyotp.totp import TOTP

from moyai.base.db import connect
from moyai.base.roles import SERVE
from moyai.identity import staff, staff_logins
from moyai.identity.model import IssuedLogin
from moyai.identity.staff_model import StaffDeclaration
from tests.conftest import Platform
from tests.logins import next_codes, own_login

REGISTRY = """
[[organization]]
organization_id = "unei"
kind = "operating_organization"
name_ja = "運営機構"
name_en = "Operating organisation"

[[client]]
client_id = "unei-operator"
kind = "operator"
organization = "unei"
name_ja = "運用"
name_en = "Operations"
scopes = ["registry:write"]
"""
STAFF = """
[[staff]]
login = "mado-1"
name = "窓口 一"
organization_id = "unei"
roles = ["desk"]
staff_number = "11"
"""
WIDER = REGISTRY.replace('["registry:write"]', '["registry:write", "registry:suspend"]')


class Site:
    """A platform with two operators who have chosen their own secrets."""

    def __init__(self, platform: Platform, file: Path) -> None:
        self.home, self.file = platform.home, file
        self.people: dict[str, IssuedLogin] = {}

    async def run(self, *arguments: str, as_: str | None = None, password: str = "") -> tuple[int, str, str]:
        typed = ""
        if as_ is not None:
            login = self.people[as_]
            conn = await connect(self.home.dsn(SERVE))
            await next_codes(conn, as_)
            await conn.close()
            typed = f"{password or login.password}\n{TOTP(login.totp_secret).now()}\n"
            arguments = (*arguments, "--as", as_)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "moyai", *arguments, "--dir", str(self.home.directory),
            stdin=PIPE, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        out, err = await process.communicate(typed.encode())
        return process.returncode or 0, out.decode(), err.decode()

    async def apply(self, text: str, as_: str | None = None) -> Any:
        self.file.write_text(text, encoding="utf-8")
        code, out, err = await self.run("apply", str(self.file), "--json", as_=as_)
        assert code == 0, err
        return json.loads(out)

    async def hire(self, login: str, number: str, role: str = "operator") -> None:
        conn = await connect(self.home.dsn(SERVE))
        try:
            await staff.declare(conn, StaffDeclaration(login, "運営の人", "unei", [role], number), "test")
            issued = await staff_logins.issue_login(conn, self.home.box(), login, "test")
            self.people[login] = await own_login(conn, self.home.box(), issued)
        finally:
            await conn.close()


@pytest.fixture
async def site(fresh_platform: Platform, tmp_path: Path) -> Site:
    made = Site(fresh_platform, tmp_path / "registry.toml")
    await made.apply(REGISTRY)
    await made.hire("one", "1001")
    await made.hire("two", "1002")
    return made


async def test_m10_a_change_that_needs_two_is_confirmed_by_another(site: Site):
    report = await site.apply(WIDER, as_="one")
    (waiting,) = [one for one in report["changes"] if one["outcome"] == "pending"]
    assert (waiting["noun"], waiting["id"], waiting["fields"]) == ("client", "unei-operator", ["scopes"])
    code, out, _ = await site.run("pending", "--json")
    assert [one["pending_id"] for one in json.loads(out)] == [waiting["pending"]]
    code, out, _ = await site.run("pending")
    assert "1 waiting, soonest first; 1 take effect at the time shown, 1 give somebody power" in out
    for said in (  # H7, stranger 10: in words, and the id whole
        f"{waiting['pending']}\n",
        "対象 / about: クライアント unei-operator 運用 (運営機構 / Operating organisation)",
        "求めた人 / asked by: 運営機構 運営の人（職員番号 1001）",
        "権限 / Scopes: registry:write → registry:write, registry:suspend",
        "取り下げなければ実行 / takes effect unless revoked: ",
    ):
        assert said in out
    code, out, err = await site.run("confirm", waiting["pending"], as_="one")
    assert (code, "second_person_required" in err) == (1, True)
    code, out, err = await site.run("confirm", waiting["pending"], as_="two")
    assert (code, "done" in out) == (0, True), err
    again = await site.apply(WIDER, as_="one")
    assert {one["outcome"] for one in again["changes"]} == {"unchanged"}


async def test_m10_a_name_alone_is_nobody(site: Site):
    report = await site.apply(WIDER)
    (waiting,) = [one for one in report["changes"] if one["outcome"] == "pending"]
    code, _, err = await site.run("confirm", waiting["pending"], as_="two", password="not hers at all")
    assert (code, "login_failed" in err) == (1, True)
    code, out, err = await site.run("revoke", waiting["pending"], as_="one")
    assert (code, "revoked" in out) == (0, True), err


async def test_m10_only_operators_apply(site: Site):
    await site.hire("eye", "1003", "auditor")
    code, _, err = await site.run("apply", str(site.file), as_="eye")
    assert (code, "forbidden" in err) == (1, True)


async def test_b1_first_secrets_are_printed_on_the_machine_and_two_say_whose_they_are(site: Site):
    report = await site.apply(REGISTRY + STAFF)
    assert report["unconfirmed"] == ["mado-1"]
    code, out, err = await site.run("issue", "mado-1", "--json", as_="one")
    assert code == 0, err
    issued = json.loads(out)
    assert issued["login"] == "mado-1"
    code, _, err = await site.run("issue", "one")
    assert (code, "login_exists" in err) == (1, True)
    conn = await connect(site.home.dsn(SERVE))
    row = await conn.fetchrow("select issued_by, in_force_since from identity.staff where login = 'mado-1'")
    one = await conn.fetchval("select staff_id from identity.staff where login = 'one'")
    await conn.close()
    assert row is not None
    assert (row["issued_by"], row["in_force_since"]) == (f"staff:{one}", None)

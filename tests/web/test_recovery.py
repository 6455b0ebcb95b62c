"""A3: a lost authenticator is replaced by a clerk, for whoever stands at the desk; a program only asks."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from moyai.base.db import Connection
from moyai.consent import history
from moyai.identity import residents
from tests.logins import PROOF
from tests.web import in_process
from tests.web.peers import Person, form_of
from tests.web.test_desk import Desk, _id_in, _secrets, desk
from tests.web.test_identity_api import _desk as program_of

__all__ = ["desk"]

GROUND = "認証アプリの入った電話をなくした"


async def somebody(at: Desk) -> tuple[str, tuple[str, str, str]]:
    """A resident, and the login that was handed over."""
    resident = _id_in(await at.enrol())
    record = f"/desk/residents/{resident}"
    return resident, _secrets(await at.send(f"{record}?reason=recovery", f"{record}/credentials"))


async def told(control: Connection, resident: str) -> list[str]:
    """What the resident reads, newest first."""
    found = await residents.by_id(control, resident)
    assert found is not None
    return [row.text_ja for row in (await history.page(control, found.resident_key)).rows]


async def test_a3_a_program_gets_nothing_and_a_clerk_reads_why_it_asked(
    desk: Desk, app: object, web: httpx.AsyncClient
) -> None:
    resident, old = await somebody(desk)
    async with in_process.client_of(app) as http:
        program = await program_of(desk.control, http, desk.town.c1)
        asked = await program.call("POST", f"/residents/{resident}/authenticator", {"ground": GROUND})
    assert (asked.status_code, asked.json()) == (202, {"resident_id": resident, "state": "waiting"})
    async with in_process.client_of(app) as browser:
        assert (await Person(browser, *old).log_in()).status_code == 303
    at = f"/desk/residents/{resident}/recover"
    page = await desk.http.get(at)
    assert GROUND in page.text
    new = _secrets(await desk.http.post(at, data={**form_of(page, at), **PROOF}))
    async with in_process.client_of(app) as browser:
        assert (await Person(browser, *new).log_in()).status_code == 303
    assert not await desk.control.fetchval("select exists (select from identity.desk_request)")
    read = await told(desk.control, resident)
    assert any("運転免許証で本人を確かめ、申出書（番号 2026-0001）により" in one for one in read)
    assert any("システムが、ログインの再発行を申し出ました。職員が行うまで" in one for one in read)


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ({"form": ""}, "申出書の番号を入れてください"),
        ({"form": " \n"}, "申出書の番号を入れてください"),
        ({"document_class": "none"}, "本人を確かめた書類を選んでください"),
        ({"document_class": "library_card"}, "本人を確かめた書類を選んでください"),
    ],
)
async def test_a3_nothing_is_replaced_without_request_and_document(
    desk: Desk, app: object, left_out: dict[str, str], said: str
) -> None:
    resident, old = await somebody(desk)
    at = f"/desk/residents/{resident}/recover"
    answer = await desk.send(at, at, **{**PROOF, **left_out})
    assert answer.status_code in (403, 422)
    assert said in answer.text
    async with in_process.client_of(app) as browser:
        assert (await Person(browser, *old).log_in()).status_code == 303


@pytest.mark.parametrize("body", [{}, {"ground": ""}, {"ground": "x", "password": "a good long one"}])
async def test_a3_a_program_says_why(desk: Desk, app: object, body: dict[str, Any]) -> None:
    resident, _ = await somebody(desk)
    async with in_process.client_of(app) as http:
        program = await program_of(desk.control, http, desk.town.c1)
        answer = await program.call("POST", f"/residents/{resident}/authenticator", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert not await desk.control.fetchval("select exists (select from identity.desk_request)")

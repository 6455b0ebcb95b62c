"""A15: whoever is the second of two confirms, or takes back, the request that was read, and none that took its place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import store_desk
from tests.factories import C2
from tests.logins import PROOF
from tests.web import in_process
from tests.web.peers import Person, form_of
from tests.web.test_desk import Desk, _id_in, _secrets, clerk_of, desk, second_clerk
from tests.web.test_desk_transfers import _ask
from tests.web.test_registry_api import Operator, operator
from tests.web.test_registry_pending import clerk, keys_asked

__all__ = ["desk", "operator"]

CHANGED = (409, "もう待っていません")


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, CHANGED[1] if CHANGED[1] in answer.text else answer.text


@dataclass
class Two:
    """A resident of the desk, the first clerk's browser and the second's."""

    desk: Desk
    resident: str
    second: httpx.AsyncClient

    @property
    def record(self) -> str:
        return f"/desk/residents/{self.resident}"

    async def waiting(self, act: str) -> dict[str, object]:
        row = await self.desk.control.fetchrow(
            "select request_id, content from identity.desk_request where act = $1", act
        )
        assert row is not None
        return dict(row)


@pytest.fixture
async def two(desk: Desk, app: object, box: SecretBox) -> AsyncIterator[Two]:
    resident = _id_in(await desk.enrol())
    second = await second_clerk(desk, app, box)
    yield Two(desk, resident, second)
    await second.aclose()


async def _begin(two: Two, evidence: str) -> None:
    ids = await two.desk.control.fetch("select staff_id from identity.staff where login like 'desk-c1%'")
    at = f"{two.record}/protection"
    named = {"evidence": evidence, "others": " ".join(row["staff_id"] for row in ids), "act": "begin"}
    assert (await two.desk.send(at, at, **named)).status_code == 303


@pytest.mark.parametrize("act", ["confirm", "withdraw"])
async def test_a15_protection_is_confirmed_or_taken_back_as_it_was_read(two: Two, act: str) -> None:
    at = f"{two.record}/protection"
    await _begin(two, "支-12")
    read = form_of(await two.second.get(at), at)
    await two.desk.send(at, at, act="withdraw")
    assert said(await two.second.post(at, data={**read, "act": act})) == CHANGED  # nothing waits
    await _begin(two, "支-13")
    before = await two.waiting("protect")
    answer = await two.second.post(at, data={**read, "act": act})
    assert said(answer) == CHANGED
    assert "支-13" in answer.text
    assert await two.waiting("protect") == before
    assert (await two.second.post(at, data={**read, "request": "", "act": act})).status_code == 409
    read = form_of(answer, at)
    assert (await two.second.post(at, data={**read, "act": act})).status_code == 303


async def test_a15_whoever_asks_does_not_replace_what_another_one_asked_meanwhile(two: Two) -> None:
    at = f"{two.record}/protection"
    unread = form_of(await two.second.get(at), at)
    await _begin(two, "支-12")
    before = await two.waiting("protect")
    ids = await two.desk.control.fetch("select staff_id from identity.staff where login like 'desk-c1%'")
    named = {"evidence": "支-99", "others": " ".join(row["staff_id"] for row in ids), "act": "begin"}
    assert said(await two.second.post(at, data={**unread, **named})) == CHANGED
    assert await two.waiting("protect") == before


@pytest.mark.parametrize("act", ["", "withdraw"])
async def test_a15_an_erasure_is_confirmed_or_taken_back_as_it_was_read(two: Two, act: str) -> None:
    at = f"{two.record}/erase"
    unread = form_of(await two.second.get(at), at)
    await two.desk.send(at, at, ground="誤った登録", typed=two.resident)
    sent = {"ground": "死亡", "typed": two.resident, "act": act}
    assert said(await two.second.post(at, data={**unread, **sent})) == CHANGED
    read = form_of(await two.second.get(at), at)
    await two.desk.send(at, at, act="withdraw")
    await two.desk.send(at, at, ground="死亡", typed=two.resident)
    before = await two.waiting("erase")
    answer = await two.second.post(at, data={**read, **sent})
    assert (said(answer), "死亡" in answer.text) == (CHANGED, True)
    assert await two.waiting("erase") == before
    done = await two.second.post(at, data={**form_of(answer, at), **sent})
    assert done.status_code == (303 if act else 200)


async def test_a15_a_recovery_is_confirmed_as_it_was_read(two: Two) -> None:
    at, control = f"{two.record}/recover", two.desk.control
    login = _secrets(await two.desk.send(f"{two.record}?reason=recovery", f"{two.record}/credentials"))[0]
    key = await control.fetchval(
        "select resident_key from identity.resident where resident_id = $1", two.resident
    )
    await store_desk.hold_recovery(control, key, 14)
    unread = form_of(await two.second.get(at), at)
    assert (await two.desk.send(at, at, **PROOF)).headers["location"].endswith("done=second")
    assert "別の職員が行ってください" in (await two.desk.http.get(at)).text
    answer = await two.second.post(at, data={**unread, **PROOF})
    assert said(answer) == CHANGED
    assert "別の職員が、次の日時に申し出ました" in answer.text
    handed = await two.second.post(at, data={**form_of(answer, at), **PROOF})
    assert _secrets(handed)[0] == login


async def test_a15_a_transfer_that_took_anothers_place_is_not_confirmed(
    desk: Desk, app: object, box: SecretBox
) -> None:
    """Each transfer has an id, and what it says never changes."""
    resident = _id_in(await desk.enrol())
    async with in_process.client_of(app) as miki:
        await clerk_of(desk.control, box, miki, "c2")
        await _ask(miki)
        first = await desk.control.fetchval("select transfer_id::text from identity.transfer")
        at = f"/desk/transfers/{first}"
        read = form_of(await desk.http.get("/desk/transfers"), at)
        taken_back = form_of(await miki.get("/desk/transfers"), at)
        await miki.post(at, data={**taken_back, "act": "decline"})
        await _ask(miki, address="香川県木田郡三木町池戸1")
        for act in ("confirm", "decline"):
            answer = await desk.http.post(at, data={**read, "act": act})
            assert (said(answer), resident in answer.text) == (CHANGED, True)
    assert await desk.control.fetchval("select count(*) from identity.transfer where state = 'pending'") == 1
    found = "select municipality_code from identity.resident where resident_id = $1"
    assert await desk.control.fetchval(found, resident) != C2


async def test_a15_an_act_in_the_console_is_confirmed_by_its_own_name(
    app: object, operator: Operator, control: Connection, box: SecretBox
) -> None:
    pending, _ = await keys_asked(operator, control)
    first, second = (
        await clerk(app, control, box, "one", "1001"),
        await clerk(app, control, box, "two", "1002"),
    )
    at = f"/console/pending/{pending}"
    read = form_of(await second.http.get("/console/pending"), at)
    shown = form_of(await first.http.get("/console/pending"), at)
    await first.http.post(at, data={**shown, "act": "revoke"})
    again = {"kind": "component", "name_ja": "歩数", "name_en": "Walking", "scopes": ["personal:store"]}
    body = {**again, "component": "walking", "jwks": operator.party.key.jwks}
    other = (await operator.call("PUT", "/registry/v1/clients/walking-app", body)).json()["pending"]
    for act in ("confirm", "revoke"):
        assert said(await second.http.post(at, data={**read, "act": act})) == CHANGED
    states = await control.fetch("select pending_id::text, state, first_staff_id from registry.pending")
    assert {row["pending_id"]: row["state"] for row in states} == {pending: "revoked", other: "waiting"}
    assert [row["first_staff_id"] for row in states] == [None, None]


async def test_a15_the_resident_confirms_the_move_that_was_read(
    desk: Desk, app: object, box: SecretBox, control: Connection
) -> None:
    resident = _id_in(await desk.enrol())
    record = f"/desk/residents/{resident}"
    login = _secrets(await desk.send(f"{record}?reason=recovery", f"{record}/credentials"))
    async with in_process.client_of(app) as miki, in_process.client_of(app) as browser:
        await clerk_of(control, box, miki, "c2")
        await _ask(miki)
        await Person(browser, *login).log_in()
        first = await control.fetchval("select transfer_id::text from identity.transfer")
        read = form_of(await browser.get("/portal/transfers"), f"/portal/transfers/{first}")
        shown = form_of(await miki.get("/desk/transfers"), f"/desk/transfers/{first}")
        await miki.post(f"/desk/transfers/{first}", data={**shown, "act": "decline"})
        await _ask(miki)
        for act in ("confirm", "decline"):
            answer = await browser.post(f"/portal/transfers/{first}", data={**read, "act": act})
            assert (answer.status_code, "もう終わっています" in answer.text) == (409, True)
    assert await control.fetchval("select count(*) from identity.transfer where state = 'pending'") == 1

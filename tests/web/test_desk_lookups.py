"""Look-ups: each has a reason, each is in the history of whom it met, as an office and never as a login name."""

from __future__ import annotations

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.consent import history
from moyai.ledger import Kind
from tests import factories
from tests.factories import Town
from tests.web.peers import form_of
from tests.web.test_desk import clerk_of


@pytest.fixture
async def town(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Town:
    made = await factories.make_town(control)
    await clerk_of(control, box, web, "c1")
    return made


async def _lines(control: Connection, resident: factories.Made) -> list[history.Row]:
    return (await history.page(control, resident.key)).rows


async def test_low_a_record_opens_for_a_reason_which_the_resident_reads(
    control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    record = f"/desk/residents/{town.hanako.id}"
    asked = await web.get(record)
    assert town.hanako.id in asked.text
    assert "讃岐" not in asked.text
    assert await _lines(control, town.hanako) == []
    without = await web.post(record, data={**form_of(asked, record), "reason": "other"})
    assert without.status_code == 422
    opened = await web.post(record, data={**form_of(asked, record), "reason": "identity_check"})
    assert "讃岐" in opened.text
    line = (await _lines(control, town.hanako))[0]
    assert line.text_ja == "高松市の窓口職員が、登録内容を見ました（理由：本人確認）。"
    assert "desk-c1" not in f"{line}"


async def test_a_search_stands_in_the_history_of_whom_it_showed(
    control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    page = await web.get("/desk")
    fields = {**form_of(page, "/desk/search"), "text": "さぬき"}
    assert (await web.post("/desk/search", data=fields)).status_code == 422
    found = await web.post("/desk/search", data={**fields, "reason": "other", "note": "電話の折り返し"})
    assert town.hanako.id in found.text
    # words about one of those who were found are no reading for the others: they stay with the search itself
    assert (await _lines(control, town.hanako))[0].text_ja.endswith("（理由：そのほか）。")
    searched = await control.fetchval(
        "select body from ledger.content where resident_key = 0 and kind = $1", int(Kind.STAFF_ACCESS)
    )
    assert "電話の折り返し" in searched


async def test_m9_a_refused_look_is_on_record(
    control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    record = f"/desk/residents/{town.midori.id}"
    assert (await web.get(f"{record}?reason=procedure")).status_code == 404
    assert (await web.get(f"{record}/recover")).status_code == 404
    page = await web.get("/desk")
    fields = {**form_of(page, "/desk/search"), "text": town.midori.id, "reason": "procedure"}
    assert "0 人" in (await web.post("/desk/search", data=fields)).text
    lines = await _lines(control, town.midori)
    assert [line.kind for line in lines] == ["staff_access_refused"] * 3
    assert "高松市" in lines[0].text_ja

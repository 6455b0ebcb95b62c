"""The portal's first page answers three questions: who may use my data, where is it, how do I stop it."""

from __future__ import annotations

import re

import httpx

from moyai.base.db import Connection
from tests.admin import as_admin
from tests.factories import Town
from tests.web.portal.happenings import exchanged, locate, source


def section(text: str, heading: str) -> str:
    """The text of one of the three answers, without tags."""
    found = re.search(
        rf'<section class="answer[^>]*aria-labelledby="{heading}".*?</section>', text, re.DOTALL
    )
    assert found
    return re.sub(r"<[^>]+>|\s+", " ", found.group(0))


async def test_who_may_use_my_data(town: Town, joined: str, visitor: httpx.AsyncClient) -> None:
    who = section((await visitor.get("/portal")).text, "q-who")
    assert "健康見守りアプリ" in who
    assert "歩数、在宅のようす" in who
    assert "体重" not in who, "what was refused is nobody's to use"


async def test_a_suspended_organisation_may_not(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    await control.execute("update registry.organization set state = 'suspended', suspended_at = clock_timestamp(), suspension_reason = 'x' where organization_id = 'koiki'")  # fmt: skip
    text = (await visitor.get("/portal")).text
    assert "在宅のようす" not in section(text, "q-who")
    assert "いまは止まっている" in text


async def test_where_is_it(control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient) -> None:
    await locate(control, town, "steps", 1280)
    where = section((await visitor.get("/portal")).text, "q-where")
    assert "歩数" in where
    assert "高松市・1,280 件" in where


async def test_how_do_i_stop_it_leads_to_the_question(
    town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    text = (await visitor.get("/portal")).text
    assert 'href="/portal/services/kenko-mimamori/withdrawal"' in text
    asked = await visitor.get("/portal/services/kenko-mimamori/withdrawal")
    assert "「健康見守り" in asked.text
    assert "在宅のようす" in asked.text


async def test_before_any_service_it_leads_to_the_list(town: Town, visitor: httpx.AsyncClient) -> None:
    text = (await visitor.get("/portal")).text
    assert "まだ、どのサービスも使っていません。" in text
    assert 'href="/portal/services"' in text
    assert "いまは、だれも使えません。" in section(text, "q-who")


async def test_what_happened_lately_is_on_the_first_page(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    await exchanged(control, town, source("vitals", code="consent_refused"))
    text = (await visitor.get("/portal")).text
    assert "あなたが断ったので、渡していません。" in text


async def test_a_name_with_markup_is_shown_as_text(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    await control.execute(
        "update registry.component set name_ja = '<script>x</script>' where component_id = 'mimamori'"
    )
    text = (await visitor.get("/portal")).text
    assert "<script>x" not in text
    assert "&lt;script&gt;x" in text


async def test_what_a_restore_lost_is_said_on_the_first_page_and_in_the_history(
    control: Connection, joined: str, visitor: httpx.AsyncClient
) -> None:
    async with as_admin(control):
        await control.execute(
            "insert into platform.restore (restore_id, state_at, lost_until, journal, replayed_at) values"
            " (gen_random_uuid(), '2026-11-25T01:00Z', '2026-11-26T02:30Z', true, clock_timestamp())"
        )
    for path in ("/portal", "/portal/history"):
        words = re.sub(r"<[^>]+>|\s+", "", (await visitor.get(path)).text)
        assert (
            "2026年11月25日(水)10時00分から2026年11月26日(木)11時30分までの同意の記録は、失われました。"
            in words
        )
        assert "この間にやめたこと、消したことは、そのまま止まっています。" in words

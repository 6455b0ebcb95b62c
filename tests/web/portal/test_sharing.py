"""Sharing in the portal (R-004): a relative views the chosen items and no others, and only while it lives."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Page, expect

from moyai.base.db import Connection, connect
from moyai.base.provision import Store
from moyai.base.secrets import SecretBox
from tests.factories import Made, Town, tie
from tests.pages import assert_good_page
from tests.web.portal.conftest import Visit
from tests.web.portal.test_stopping import csrf

pytestmark = pytest.mark.browser


@pytest.fixture
async def stored(
    control: Connection, town: Town, joined: str, organization_store: Store, box: SecretBox
) -> AsyncIterator[None]:
    """Steps and presence of Hanako lie in a real store; what she refused (weight) does, too."""
    for organization in (town.c1, town.koiki):
        await _register(control, organization, organization_store)
    await tie(control, town.hanako, town.mimamori)
    items = await connect(organization_store.dsn(box))
    subjects = [
        await _keep(control, items, town, town.undo_app, "steps", b'{"date": "2026-11-23", "steps": 6210}'),
        await _keep(control, items, town, town.sensor, "presence", b'{"at_home": true}'),
        await _keep(control, items, town, town.kenko_app, "vitals", b'{"weight_kg": 51.5}'),
    ]
    yield
    await items.execute("delete from store.item where subject = any($1)", subjects)
    items.raw.terminate()


async def _register(control: Connection, organization: Made, store: Store) -> None:
    await control.execute(
        "insert into registry.store (broker, organization_key, host, port, database, role, sealed_password)"
        " values ('personal', $1, $2, $3, $4, $5, $6)",
        organization.key,
        store.host,
        store.port,
        store.database,
        store.role,
        store.sealed_password,
    )


async def _keep(
    control: Connection, items: Connection, town: Town, component: Made, dataset: str, content: bytes
) -> object:
    subject = await tie(control, town.hanako, component)
    await items.execute(
        "insert into store.item (subject, dataset_id, item_id, content) values ($1, $2, 'item-1', $3::json)",
        subject,
        dataset,
        content.decode(),
    )
    return subject


async def offer(page: Page) -> str:
    """Fill in the form for steps alone; gives the code."""
    await page.get_by_label("歩数").check()
    await page.get_by_label("相手の名前").fill("花代")
    await page.get_by_label("あなたとの関係").fill("娘")
    await page.get_by_label("相手の画面に出る、あなたの呼び名").fill("母")
    await page.get_by_role("button", name="合言葉をつくる").click()
    return await page.locator(".share-code").inner_text()


async def take(page: Page, code: str) -> None:
    await page.get_by_label(re.compile("合言葉")).fill(code)
    await page.get_by_role("button", name="合言葉を使う").click()


async def test_m13_a_relative_reads_on_to_the_oldest_item(
    town: Town, visit: Visit, stored: None, control: Connection, organization_store: Store, box: SecretBox
) -> None:
    subject = await control.fetchval(
        "select subject from identity.pairwise where resident_key = $1 and component_key = $2",
        town.hanako.key,
        town.undo_app.key,
    )
    items = await connect(organization_store.dsn(box))
    await items.execute(
        "insert into store.item (subject, dataset_id, item_id, content)"
        " select $1, 'steps', 'more-' || n, '{\"steps\": 1}'::json from generate_series(1, 100) n",
        subject,
    )
    await items.close()
    mother = await visit(town.hanako, "/portal/sharing", javascript=False)
    daughter = await visit(town.midori, "/portal/sharing", javascript=False)
    await take(daughter, await offer(mother))
    rows = daughter.locator("tbody tr")
    await expect(rows).to_have_count(100)
    await daughter.get_by_role("link", name="もっと前を見る").click()
    await expect(rows).to_have_count(1)
    await expect(daughter.get_by_role("link", name="もっと前を見る")).to_have_count(0)
    await daughter.get_by_role("link", name="新しいほうへ戻る").click()
    await expect(rows).to_have_count(100)


@pytest.mark.requirement("R-004", part="portal", of=["api", "portal"])
async def test_a_relative_sees_the_chosen_items_while_the_sharing_lives(
    town: Town, visit: Visit, stored: None
) -> None:
    mother = await visit(town.hanako, "/portal/sharing", javascript=False)
    code = await offer(mother)
    # the relative lives in the other town and uses no service
    daughter = await visit(town.midori, "/portal/sharing", javascript=False)
    await take(daughter, code)
    await expect(daughter.get_by_role("heading", level=1)).to_have_text(re.compile("母（健康見守り"))
    text = await daughter.locator("main").inner_text()
    assert "6,210" in text
    assert "51.5" not in text
    assert "在宅のようす" not in text
    await mother.get_by_role("link", name="家族と共有").click()
    await mother.get_by_role("link", name="花代さんとの共有をやめる").click()
    await mother.get_by_role("button", name="はい、やめます").click()
    answer = await daughter.reload()
    assert answer is not None
    assert answer.status == 403
    assert "6,210" not in await daughter.locator("main").inner_text()
    await mother.get_by_role("link", name="動きの記録").click()
    history = await mother.locator(".moves").inner_text()
    for happened in (
        "花代さん（娘）に「歩数」を見せるための合言葉をつくりました",
        "花代さん（娘）が合言葉を入力し、「歩数」を見られるようになりました",
        "花代さん（娘）が、「歩数」を見ました",
        "花代さん（娘）との共有をやめました",
    ):
        assert happened in history


async def test_a_withdrawn_consent_closes_the_shared_items_too(
    town: Town, visit: Visit, stored: None
) -> None:
    mother = await visit(town.hanako, "/portal/sharing", javascript=False)
    await mother.get_by_label("在宅のようす").check()
    code = await offer(mother)
    daughter = await visit(town.midori, "/portal/sharing", javascript=False)
    await take(daughter, code)
    assert "6,210" in await daughter.locator("main").inner_text()
    await mother.get_by_role("link", name="同意", exact=True).click()
    await mother.get_by_role("link", name="「歩数」を止める").first.click()
    await mother.get_by_role("button", name="はい、止めます").click()
    await daughter.reload()
    text = await daughter.locator("main").inner_text()
    assert "いまは見られません" in text


async def test_a_wrong_code_is_told_beside_the_field(town: Town, visit: Visit, stored: None) -> None:
    page = await visit(town.midori, "/portal/sharing", javascript=False)
    await take(page, "AAAA-AAAA")
    field = page.get_by_label(re.compile("合言葉"))
    assert await field.get_attribute("aria-invalid") == "true"
    await expect(page.locator(".field__error")).to_contain_text("この合言葉は使えません")


async def test_nothing_chosen_is_asked_again_and_what_was_typed_stays(
    town: Town, visit: Visit, stored: None
) -> None:
    page = await visit(town.hanako, "/portal/sharing", javascript=False)
    await page.get_by_label("相手の名前").fill("花代")
    await page.get_by_label("あなたとの関係").fill("娘")
    await page.get_by_label("相手の画面に出る、あなたの呼び名").fill("母")
    await page.get_by_role("button", name="合言葉をつくる").click()
    await expect(page.locator(".field__error")).to_contain_text("見てもらうデータを、1つ以上選んでください。")
    assert await page.get_by_label("相手の名前").input_value() == "花代"


@pytest.mark.parametrize("width", [360, 1280])
async def test_the_shared_items_read_well(town: Town, visit: Visit, stored: None, width: int) -> None:
    code = await offer(await visit(town.hanako, "/portal/sharing"))
    page = await visit(town.midori, "/portal/sharing", width=width)
    await take(page, code)
    await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("母"))
    await assert_good_page(page)


async def test_people_each_missing_field_says_so_itself_and_what_was_ticked_stays(
    town: Town, visitor: httpx.AsyncClient, stored: None
) -> None:
    page = await visitor.get("/portal/sharing")
    given = {"csrf": csrf(page.text), "service": "kenko-mimamori", "links": "kenko-steps", "relation": "娘"}
    answer = await visitor.post("/portal/sharing", data=given)
    assert answer.status_code == 422
    for name, said in (("viewer_name", True), ("shown_as", True), ("relation", False), ("links", False)):
        assert (f'id="e-{name}"' in answer.text) is said, name
    assert " checked" in answer.text.split('id="c-links-kenko-steps"')[1].split(">")[0]

"""People H7: whoever has to decide reads who asks what of whom, what becomes what, and what happens if nobody acts."""

from __future__ import annotations

import re

import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.registry import others_entries, two_persons
from moyai.registry.pending import Asker
from tests.pages import assert_good_page
from tests.registry.samples import ACTOR, CITY, CLIENT, SERVICE, STEPS, WALKING, but
from tests.registry.test_two_persons import OTHER_KEYS
from tests.web.test_console import Visit, visit
from tests.web.test_registry_api import Operator, operator
from tests.web.test_registry_pending import clerk, keys_asked, press, role_asked

__all__ = ["operator", "visit"]


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.split("<main")[1]).split())


async def test_h7_an_act_is_read_in_names_and_words(
    app: object, operator: Operator, control: Connection, box: SecretBox
):
    pending, _ = await keys_asked(operator, control)
    one = await clerk(app, control, box, "one", "1001")
    shown = words((await one.http.get("/console/pending")).text)
    for said in (
        "だれが求めたか 運営機構のプログラム「",
        "対象 クライアント「歩数」",
        "どの組織の 高松市",
        "いつまで 期限はありません",
        "だれも何もしないと 実行されません。",
        "変わる項目 いま 変わったあと 公開鍵",
        "あなたが一人目になります",
        "「取り下げる」を押すと、実行されません",
    ):
        assert said in shown
    assert pending in shown, "whole, for records"
    await press(one, pending, "confirm")
    two = await clerk(app, control, box, "two", "1002")
    shown = words((await two.http.get("/console/pending")).text)
    assert "一人目の確認 運営機構 運営の人（職員番号 1001）" in shown
    assert "だれも何もしないと 上の日時に、実行されます。" in shown
    assert "すぐに実行します" in shown
    english = words((await two.http.get("/console/pending?lang=en")).text)
    assert "Of which organisation Takamatsu City" in english
    assert "If nobody does anything It takes effect at that time." in english


async def test_h7_old_stands_beside_new(app: object, operator: Operator, control: Connection, box: SecretBox):
    await registry.register_organization(control, but(CITY, contact="087-839-0000"), ACTOR)
    body = {"kind": "municipality", "name_ja": "高松市", "name_en": "Takamatsu City"}
    body |= {"municipality_codes": ["372013"], "contact": "0120-000-000"}  # type: ignore[dict-item]
    answer = await operator.call("PUT", "/registry/v1/organizations/city", body)
    assert answer.status_code == 202
    one = await clerk(app, control, box, "one", "1001")
    assert "問い合わせ先 087-839-0000 0120-000-000" in words((await one.http.get("/console/pending")).text)


async def test_h7_a_person_who_asks_is_named_and_staff_too(
    app: object, control: Connection, box: SecretBox, operator: Operator
):
    one = await clerk(app, control, box, "one", "1001")
    await role_asked(one, "shadow-op")
    shown = words((await one.http.get("/console/pending")).text)
    assert "だれが求めたか 運営機構 運営の人（職員番号 1001）" in shown
    assert "上の日時に、実行されます。" in shown


async def test_h7_what_is_void_by_now_says_so_before_anybody_confirms(
    app: object, operator: Operator, control: Connection, box: SecretBox
):
    await keys_asked(operator, control)
    one = await clerk(app, control, box, "one", "1001")
    assert "確認しても、実行されません" not in (await one.http.get("/console/pending")).text
    await registry.register_component(control, but(WALKING, description_ja="別"), ACTOR)
    assert "確認しても、実行されません" in (await one.http.get("/console/pending")).text


async def test_h7_every_page_of_the_console_says_how_much_waits(
    app: object, operator: Operator, control: Connection, box: SecretBox
):
    one = await clerk(app, control, box, "one", "1001")
    assert "確認待ち 1" not in (await one.http.get("/console")).text
    pending, _ = await keys_asked(operator, control)
    for path in ("", "/organizations", "/services", "/stores", "/pending", "/record", "/staff"):
        assert "確認待ち 1" in (await one.http.get(f"/console{path}")).text, path
    await press(one, pending, "revoke")
    assert "確認待ち" not in (await one.http.get("/console")).text


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1280])
async def test_h7_what_waits_holds_on_a_phone_and_on_a_desk(visit: Visit, control: Connection, width: int):
    """With an address, keys and names as long as they come."""
    await registry.register_client(control, CLIENT, ACTOR)
    place = "https://" + "very-long-name." * 12 + "example.jp/" + "a" * 120
    asker = Asker("client:nobody-known-by-this-long-name", "unei")
    for put, declared in (
        (others_entries.put_service, but(SERVICE, url=place)),
        (two_persons.put_client, but(CLIENT, jwks=OTHER_KEYS, redirect_uris=[place])),
        (others_entries.put_dataset, but(STEPS, name_ja="歩数" * 60)),
    ):
        assert (await put(control, declared, asker)).outcome == "pending"
    page = await visit("/console/pending", width)
    await assert_good_page(page)
    assert "確認待ち 3" in await page.inner_text("nav")

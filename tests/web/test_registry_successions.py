"""`/registry/v1/successions`: asked for by the operating organisation, confirmed by two, public with its document."""

from __future__ import annotations

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.errors import CODES
from moyai.registry import acting
from moyai.registry.successions import record_succession
from tests.pages import assert_good_page
from tests.registry.samples import employed
from tests.registry.test_successions import of_city
from tests.registry.test_two_persons import A, B
from tests.serving import served
from tests.web.conftest import PageAt
from tests.web.test_registry_api import Operator, operator

__all__ = ["operator"]

PATH = "/registry/v1/successions"
BODY = {
    "kind": "merger",
    "noun": "organization",
    "id": "city",
    "name_ja": "新しい市",
    "name_en": "New City",
    "document": {"title": "総務省告示", "number": "第12号"},
    "effective_date": "2026-04-01",
    "notice_ja": "市が合併しました。",
    "notice_en": "The city has merged.",
}


async def test_c1_it_waits_then_takes_effect_and_is_public(
    operator: Operator, control: Connection, web: httpx.AsyncClient
):
    await employed(control, "unei", "operator", ("a", "1001"), ("b", "1002"))
    asked = await operator.call("POST", PATH, BODY)
    assert (asked.status_code, asked.json()["outcome"], asked.json()["id"]) == (
        202,
        "pending",
        "organization:city",
    )
    assert (await web.get(PATH)).json() == {"successions": []}
    for person in (A, B):
        await acting.confirm(control, asked.json()["pending"], person)
    (known,) = (await web.get(PATH)).json()["successions"]
    assert (known["kind"], known["after"]["name_ja"], known["document_number"]) == (
        "merger",
        "新しい市",
        "第12号",
    )
    assert (known["effective_date"], known["way"]) == ("2026-04-01", "second_person")
    assert not {"actor", "body_sha256"} & set(known), "who acted for the operator is not public"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (BODY | {"document": {"title": "総務省告示"}}, "invalid_request"),
        (BODY | {"effective_date": "2999-01-01"}, "invalid_request"),
        (BODY | {"kind": "sale"}, "invalid_request"),
        (BODY | {"id": "nowhere"}, "does_not_exist"),
    ],
    ids=["no number", "future", "unknown kind", "unknown party"],
)
async def test_what_is_refused(operator: Operator, body: object, code: str):
    refused = await operator.call("POST", PATH, body)
    assert refused.json()["code"] == code


async def test_c1_a_plain_put_leads_to_the_act(operator: Operator):
    refused = await operator.call(
        "PUT",
        "/registry/v1/organizations/city",
        {"name_ja": "別の市", "name_en": "Other", "kind": "municipality", "municipality_codes": ["372013"]},
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "succession_required")
    assert "/registry/v1/successions" in CODES["succession_required"].next_en


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1280])
async def test_c1_everybody_reads_it_on_the_public_page(
    operator: Operator, control: Connection, app: object, page_at: PageAt, width: int
):
    await record_succession(control, of_city(), "client:unei")
    async with served(app) as base:
        page = await page_at(width)
        await page.goto(f"{base}/organizations")
        await assert_good_page(page, japanese=True)
        text = await page.locator("main").inner_text()
        assert "合併がありました" in text
        assert "総務省告示 第12号" in text

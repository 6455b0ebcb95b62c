"""P0-4: the desk shows consents and stops them for a resident who stands there; it never gives one."""

from __future__ import annotations

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.consent import history
from tests import factories
from tests.factories import Town
from tests.web.peers import Party, form_of
from tests.web.test_desk import clerk_of

PROOF = {"form": "申-17", "document_class": "my_number_card"}


@pytest.fixture
async def town(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Town:
    made = await factories.make_town(control)
    await clerk_of(control, box, web, "c1")
    for name in ("steps", "vitals"):
        await factories.make_consent(control, made.hanako, made.links[name])
    await factories.make_membership(control, made.hanako, made.kenko)
    return made


async def _given(control: Connection, town: Town) -> int:
    return await control.fetchval(
        "select count(*) from consent.state where resident_key = $1 and state = 1", town.hanako.key
    )


async def _stop(web: httpx.AsyncClient, town: Town, what: str, **change: str) -> httpx.Response:
    at = f"/desk/residents/{town.hanako.id}/consents"
    page = await web.get(f"{at}?reason=stop_request")
    assert page.status_code == 200, page.text
    return await web.post(at, data={**form_of(page, at), "what": what, **PROOF, **change})


async def test_p0_4_one_link_is_stopped_and_the_rest_goes_on(
    control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    sheet = await _stop(web, town, f"link:{town.kenko.id}:{town.links['steps'].id}")
    assert "止めたことの控え" in sheet.text
    assert "申-17" in sheet.text
    article = sheet.text.split("<article")[1].split("</article>")[0]
    for said in ("健康見守り", "歩数", "サービスの利用は続いています", "高松市", "マイナンバーカード"):
        assert said in article, f"m2: {said}"
    assert town.kenko.id not in article
    assert "T" not in article.split("止めた日時")[1].split("</dd>")[0].split("</time>")[0].split(">")[-1]
    assert await _given(control, town) == 1


async def test_p0_4_everything_is_stopped_and_the_resident_reads_the_office(
    control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    assert (await _stop(web, town, "everything")).status_code == 200
    assert await _given(control, town) == 0
    lines = (await history.page(control, town.hanako.key)).rows
    assert lines[0].text_ja.startswith("高松市の窓口職員が、あなたの申出で")
    assert any("「歩数」" in line.text_ja and "申出書（番号 申-17）" in line.text_ja for line in lines), "m1"
    assert '"form":"申-17"' in lines[0].proof.body
    assert '"document_class":"my_number_card"' in lines[0].proof.body
    assert "desk-c1" not in f"{lines}"


@pytest.mark.parametrize(
    "change", [{"form": ""}, {"document_class": "none"}, {"document_class": ""}, {"what": "nothing"}]
)
async def test_stopping_needs_the_proof_of_the_request(
    control: Connection, web: httpx.AsyncClient, town: Town, change: dict[str, str]
) -> None:
    answer = await _stop(web, town, **{"what": "everything", **change})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert await _given(control, town) == 2


async def test_residents_of_others_are_not_shown_nor_stopped(
    control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    assert (
        await web.get(f"/desk/residents/{town.midori.id}/consents?reason=consultation")
    ).status_code == 404


async def test_s6_a_look_says_why_and_nothing_is_made_up(
    control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    at = f"/desk/residents/{town.hanako.id}/consents"
    for query in ("", "?reason=other", "?reason=made-up"):
        asked = await web.get(f"{at}{query}")
        assert (asked.status_code, "どの理由で記録を開きますか" in asked.text, "歩数" in asked.text) == (
            200,
            True,
            False,
        )
    assert not (await history.page(control, town.hanako.key)).rows
    assert (await web.get(f"{at}?reason=consultation")).status_code == 200
    for line in (await history.page(control, town.hanako.key)).rows:
        assert '"reason":"consultation"' in line.proof.body


async def test_s6_a_program_says_why_it_looks(
    control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    party = Party(web, "desk-c1")
    await factories.make_client(
        control,
        organization=town.c1,
        client_id="desk-c1",
        kind="desk",
        jwks=party.key.jwks,
        scopes=("identity:enrol",),
    )
    token = (await party.token(grant_type="client_credentials")).json()["access_token"]
    path = f"/identity/v1/residents/{town.hanako.id}/consents"
    for query in ("", "?reason=", "?reason=made-up", "?reason=other"):
        refused = await party.call("GET", f"{path}{query}", token)
        assert (refused.status_code, refused.json()["code"]) == (422, "reason_required"), query
    assert not (await history.page(control, town.hanako.key)).rows
    assert (await party.call("GET", f"{path}?reason=procedure", token)).status_code == 200
    (line,) = (await history.page(control, town.hanako.key)).rows
    assert '"reason":"procedure"' in line.proof.body

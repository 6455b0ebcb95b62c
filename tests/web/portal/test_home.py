"""The portal's first page answers three questions: who may use my data, where is it, how do I stop it."""

from __future__ import annotations

import re

import httpx

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.consent import sharing
from tests.admin import as_admin
from tests.consent.conftest import Walk, calls
from tests.factories import Town
from tests.web.portal.happenings import exchanged, locate, source
from tests.web.portal.test_changed_texts import NEW_PURPOSE_OF_STEPS


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
    assert "いまは停止中" in text


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


async def shared_with_megumi(conn: Connection, box: SecretBox, town: Town, *links: str) -> str:
    """Hanako shares with her daughter Megumi, who took the code. Gives the sharing's id."""
    offer = await sharing.share(
        conn, calls(town.hanako), town.kenko.id, links, relation="娘", viewer_name="恵", days=30
    )
    assert await sharing.accept(conn, calls(town.midori), offer.code) is not None
    return str(offer.sharing.sharing_id)


async def test_p0_3_everybody_who_may_look_is_named_with_the_way_to_end_it(
    control: Connection, box: SecretBox, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    shared = await shared_with_megumi(control, box, town, "kenko-steps", "kenko-presence")
    for path in ("/portal", "/portal/consents"):
        text = (await visitor.get(path)).text
        assert "恵（娘）" in text
        assert f'href="/portal/sharing/{shared}/end"' in text
    asked = await visitor.get(f"/portal/sharing/{shared}/end")
    assert "恵さん（娘）との共有をやめますか" in asked.text
    assert "恵（娘）" in section((await visitor.get("/portal")).text, "q-who"), (
        "the question alone ends nothing"
    )


async def test_h3_a_text_that_was_decided_anew_is_shown_to_nobody_by_an_earlier_sharing(
    control: Connection, box: SecretBox, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    """No page names a viewer whom the gate refuses: the sharing stands on the text that it was made on."""
    await shared_with_megumi(control, box, town, "kenko-steps", "kenko-presence")
    await control.raw.execute(NEW_PURPOSE_OF_STEPS)
    walk = Walk(control, box, calls(town.hanako), town.kenko.id)
    await walk.decide((await walk.present()).sha256, {"kenko-steps": "given"})
    who = section((await visitor.get("/portal")).text, "q-who")
    assert ("恵（娘）" in who, "在宅のようす" in who) == (True, True)
    viewer = who.partition("恵（娘）")[2]
    assert "歩数" not in viewer.partition("</li>")[0]
    shared = (await visitor.get("/portal/sharing")).text
    assert "<s>歩数</s>" in shared
    asked = (await visitor.get("/portal/services/kenko-mimamori/withdrawal?link=kenko-steps")).text
    assert "見られなくなります" not in asked


async def test_p0_3_what_was_stopped_leaves_the_sharing_and_nobody_may_look(
    control: Connection, box: SecretBox, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    await shared_with_megumi(control, box, town, "kenko-steps", "kenko-presence")
    service = "/portal/services/kenko-mimamori/withdrawal"
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', (await visitor.get(service)).text)
    assert token
    await visitor.post(service, data={"csrf": token.group(1), "link": "kenko-steps"})
    # what was withdrawn has left the sharing for good: given again, it is not shown to anybody by itself
    assert "<s>歩数</s>" not in (await visitor.get("/portal/sharing")).text
    who = section((await visitor.get("/portal")).text, "q-who")
    assert "在宅のようす" in who
    assert "歩数" not in who
    await visitor.post(service, data={"csrf": token.group(1), "link": "kenko-presence"})
    assert "恵" not in section((await visitor.get("/portal")).text, "q-who")


async def test_places_are_organisations_and_kinds_are_kinds(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    for dataset in ("steps", "vitals", "presence"):
        await locate(control, town, dataset, 3)
    where = section((await visitor.get("/portal")).text, "q-where")
    assert "3種類のデータが、2つの組織にあります" in where


async def test_the_same_sharing_form_sent_twice_makes_one_sharing(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    """A reload of the page with the code, or a double click."""
    page = (await visitor.get("/portal/sharing")).text
    hidden = dict(re.findall(r'name="(csrf|once|service)" value="([^"]+)"', page))
    form = hidden | {"links": "kenko-steps", "viewer_name": "恵", "relation": "娘", "days": "30"}
    first, second = [await visitor.post("/portal/sharing", data=form) for _ in range(2)]
    assert "share-code" in first.text
    assert (second.status_code, second.headers["location"]) == (303, "/portal/sharing")
    assert await control.fetchval("select count(*) from consent.sharing") == 1

"""Letting others see more asks for a second factor that was shown just now (H2)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from tests.factories import make_consent, tie
from tests.pages import assert_good_page
from tests.serving import served
from tests.web.conftest import PageAt
from tests.web.peers import form_of, members_of
from tests.web.touch_point import CALLBACK, Scene, make_scene

SHARINGS = "/consent/v1/sharings"


@pytest.fixture
async def scene(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Scene:
    """Hanako logged in six minutes ago, in her browser and in the app; her steps may be used."""
    scene = await make_scene(control, box, web)
    await tie(control, scene.town.hanako, scene.town.undo_app)
    await make_consent(control, scene.town.hanako, scene.town.links["steps"])
    ago = "interval '6 minutes'"
    await control.execute(
        f"update identity.authorization_grant set second_factor_at = second_factor_at - {ago},"
        f" authenticated_at = authenticated_at - {ago}"
    )
    await control.execute(
        f"update identity.session set authenticated_at = authenticated_at - {ago}, factors = ("
        f"select jsonb_agg(jsonb_build_object('name', f->>'name', 'at', (f->>'at')::timestamptz - {ago}))"
        " from jsonb_array_elements(factors) f)"
    )
    return scene


def _body(scene: Scene) -> dict[str, Any]:
    link = scene.town.links["steps"].id
    return {"service_id": scene.town.kenko.id, "links": [link], "relation": "娘", "viewer_name": "恵"}


async def _share(scene: Scene, token: str) -> httpx.Response:
    return await scene.app.call("POST", SHARINGS, token, json=_body(scene))


async def _sharings(control: Connection) -> int:
    return await control.fetchval("select count(*) from consent.sharing")


async def test_h2_an_app_shares_only_after_a_log_in_just_now(scene: Scene, control: Connection) -> None:
    answer = await _share(scene, scene.tokens["access_token"])
    assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert 'acr_values="jp-ds500:ial2:aal2"' in challenge
    assert 'max_age="300"' in challenge
    new = (await scene.refresh()).json()
    assert (await _share(scene, new["access_token"])).status_code == 401
    assert await _sharings(control) == 0

    asked = scene.app.request(CALLBACK, scope="openid consent", max_age=str(answer.json()["max_age"]))
    page = await scene.hanako.http.get("/oauth2/authorize", params=asked)
    assert page.headers["location"].startswith("/login")
    code = members_of(await scene.hanako.authorize(asked, step=1))["code"]
    tokens = (await scene.app.redeem(code, CALLBACK)).json()
    assert (await _share(scene, tokens["access_token"])).status_code == 201


async def _press(scene: Scene, **typed: str) -> httpx.Response:
    page = await scene.hanako.http.get("/portal/sharing")
    form = form_of(page, "/portal/sharing")
    chosen = {"links": scene.town.links["steps"].id, "relation": "娘", "viewer_name": "恵", "shown_as": "母"}
    return await scene.hanako.http.post("/portal/sharing", data={**form, **chosen, **typed})


async def test_h2_the_portal_shares_only_with_a_code(scene: Scene, control: Connection) -> None:
    """A browser that was left alone shares nothing."""
    assert 'name="second_factor"' in (await scene.hanako.http.get("/portal/sharing")).text
    for typed, words in (({}, "確認コードを入れてください"), ({"second_factor": "000000"}, "違います")):
        answer = await _press(scene, **typed)
        assert (answer.status_code, words in answer.text) == (422, True), answer.text
        assert "checked" in answer.text
    assert await _sharings(control) == 0
    checked = await _press(scene, second_factor=scene.hanako.code(1))
    assert (checked.status_code, await _sharings(control)) == (200, 0), "a code decides nothing"
    assert ("まだ、何も決まっていません" in checked.text, "checked" in checked.text) == (True, True)
    assert 'name="second_factor"' not in (await scene.hanako.http.get("/portal/sharing")).text
    assert ((await _press(scene)).status_code, await _sharings(control)) == (200, 1)


async def test_people_h3_a_post_that_carries_a_code_decides_nothing_however_fresh_it_is(
    scene: Scene, control: Connection
) -> None:
    """Enter in the field of the code, and the page with the code loaded again."""
    for _ in range(2):
        assert (await _press(scene, second_factor=scene.hanako.code(1))).status_code == 200
    assert await _sharings(control) == 0


async def test_h2_a_code_is_good_once_here_too(scene: Scene, control: Connection) -> None:
    assert (await _press(scene, second_factor=scene.hanako.code(-1))).status_code == 422
    assert await _sharings(control) == 0


async def test_h2_a_code_that_was_guessed_at_is_counted_like_a_log_in(
    scene: Scene, control: Connection
) -> None:
    await _press(scene, second_factor="000000")
    assert await control.fetchval("select max(failures) from identity.guess") >= 1
    assert await _sharings(control) == 0


async def test_h2_what_ends_access_asks_for_nothing(scene: Scene) -> None:
    path = f"/consent/v1/services/{scene.town.kenko.id}/withdrawal"
    answer = await scene.app.call("POST", path, scene.tokens["access_token"], json={})
    assert answer.status_code != 401


@pytest.mark.browser
async def test_people_h3_enter_in_the_code_only_checks_it(
    scene: Scene, control: Connection, app: object, page_at: PageAt
) -> None:
    async with served(app) as site:
        name = app.state.platform.cookie_name  # type: ignore[attr-defined]
        page = await page_at(320)
        cookie = {"name": name, "value": scene.hanako.http.cookies[name], "url": site}
        await page.context.add_cookies([cookie])  # type: ignore[list-item]
        await page.goto(f"{site}/portal/sharing")
        await page.get_by_label("確認コード").wait_for()
        await assert_good_page(page)
        await page.locator("[name=links]").first.check()
        for name, value in {"viewer_name": "恵", "relation": "娘", "shown_as": "母"}.items():
            await page.fill(f"[name={name}]", value)
        await page.get_by_label("確認コード").fill(scene.hanako.code(1))
        await page.get_by_label("確認コード").press("Enter")
        await page.get_by_text("まだ、何も決まっていません").wait_for()
        await assert_good_page(page)
        assert await _sharings(control) == 0
        await page.get_by_role("button", name="合言葉をつくる").click()
        await page.locator(".share-code").wait_for()
        assert await _sharings(control) == 1

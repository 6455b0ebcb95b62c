"""A touch point: a public client that acts for the resident, with refresh tokens bound to its key."""

from __future__ import annotations

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from tests.web.peers import Key, form_of
from tests.web.touch_point import Scene, make_scene


@pytest.fixture
async def scene(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Scene:
    return await make_scene(control, box, web)


async def test_the_token_opens_the_residents_api(scene: Scene) -> None:
    assert scene.tokens["scope"] == "openid consent"
    assert await scene.works()


async def test_another_key_cannot_use_the_token(scene: Scene) -> None:
    scene.app.dpop = Key()
    answer = await scene.app.call("GET", "/consent/v1/consents", scene.tokens["access_token"])
    assert (answer.status_code, answer.json()["code"]) == (401, "proof_invalid")


async def test_refreshing_gives_new_tokens_each_time(scene: Scene) -> None:
    once = (await scene.refresh(scene.tokens["refresh_token"])).json()
    twice = (await scene.refresh(once["refresh_token"])).json()
    assert len({scene.tokens["refresh_token"], once["refresh_token"], twice["refresh_token"]}) == 3
    assert await scene.works(twice["access_token"])


async def test_a_second_use_ends_the_family(scene: Scene) -> None:
    new = (await scene.refresh(scene.tokens["refresh_token"])).json()
    replay = await scene.refresh(scene.tokens["refresh_token"])
    assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")
    assert (await scene.refresh(new["refresh_token"])).status_code == 400
    assert not await scene.works(new["access_token"])


async def test_a_stolen_refresh_token_is_useless_without_the_key(scene: Scene) -> None:
    key, scene.app.dpop = scene.app.dpop, Key()
    assert (await scene.refresh(scene.tokens["refresh_token"])).json()["error"] == "invalid_grant"
    scene.app.dpop = key
    assert (await scene.refresh(scene.tokens["refresh_token"])).status_code == 200


async def test_a_scope_can_be_narrowed_and_not_widened(scene: Scene) -> None:
    narrow = (await scene.refresh(scene.tokens["refresh_token"], scope="openid")).json()
    assert narrow["scope"] == "openid"
    wide = await scene.refresh(narrow["refresh_token"], scope="openid registry:write")
    assert wide.json()["error"] == "invalid_scope"


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_revoking_either_token_ends_both(scene: Scene, which: str) -> None:
    form = {"token": scene.tokens[which]}
    assert (await scene.app.post("/oauth2/revoke", form)).status_code == 200
    assert not await scene.works()
    assert (await scene.refresh(scene.tokens["refresh_token"])).status_code == 400


async def test_revoking_something_unknown_is_no_error(scene: Scene) -> None:
    assert (await scene.app.post("/oauth2/revoke", {"token": "made-up"})).status_code == 200
    assert await scene.works()


async def test_logging_out_with_the_sessions_own_id_token_needs_no_question(
    scene: Scene, web: httpx.AsyncClient
) -> None:
    answer = await web.get(
        "/oauth2/logout",
        params={
            "id_token_hint": scene.tokens["id_token"],
            "post_logout_redirect_uri": "http://127.0.0.1/bye",
            "state": "s",
        },
    )
    assert answer.headers["location"] == "http://127.0.0.1/bye?state=s"
    assert not await scene.works()
    assert (await web.get("/portal")).headers["location"].startswith("/login")


async def test_logging_out_without_it_asks_first(scene: Scene, web: httpx.AsyncClient) -> None:
    page = await web.get("/oauth2/logout")
    assert page.status_code == 200
    assert await scene.works()
    answer = await web.post("/logout", data=form_of(page, "/logout"))
    assert answer.headers["location"] == "/"
    assert not await scene.works()


@pytest.mark.parametrize("hint", ["junk", "a.b.c", "access_token", "é"])
async def test_a_hint_that_is_no_id_token_still_asks(scene: Scene, web: httpx.AsyncClient, hint: str) -> None:
    page = await web.get("/oauth2/logout", params={"id_token_hint": scene.tokens.get(hint, hint)})
    assert (page.status_code, "ログアウトしますか" in page.text) == (200, True)
    assert await scene.works()


async def test_logging_out_leads_to_no_strangers_page(scene: Scene, web: httpx.AsyncClient) -> None:
    answer = await web.get(
        "/oauth2/logout",
        params={"client_id": "portal-app", "post_logout_redirect_uri": "https://evil.example/"},
    )
    assert answer.status_code == 400
    assert await scene.works()


async def test_a_token_for_a_resident_is_none_for_a_component(scene: Scene) -> None:
    answer = await scene.app.call("POST", "/personal/v1/exchange", scene.tokens["access_token"], json={})
    assert answer.status_code == 403


async def test_a_touch_point_has_no_token_of_its_own(scene: Scene) -> None:
    answer = await scene.app.token(grant_type="client_credentials")
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")

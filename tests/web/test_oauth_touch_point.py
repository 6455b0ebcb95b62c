"""A touch point: a public client that acts for the resident, with refresh tokens bound to its key."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, desk
from moyai.identity.residents import find
from tests import factories
from tests.web.peers import Key, Party, Person, form_of, members_of

CALLBACK = "http://127.0.0.1:51234/callback"


@dataclass
class Scene:
    app: Party
    hanako: Person
    tokens: dict[str, str]


@pytest.fixture
async def scene(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Scene:
    """Hanako has logged in at a touch point."""
    town = await factories.make_town(control)
    component = await factories.make_component(control, town.unei, "portal-app")
    await factories.make_client(
        control,
        component,
        client_id="portal-app",
        kind="touch_point",
        redirect_uris=("http://127.0.0.1/callback",),
        scopes=("openid", "consent"),
    )
    resident = await find(control, town.hanako.key)
    assert resident is not None
    at = await desk.desk_of(control, town.unei.key, "staff:test")
    issued = await credentials.issue(control, box, at, resident, "test")
    hanako = Person(web, issued.login, issued.password, issued.totp_secret)
    app = Party(web, "portal-app", public=True)
    answer = await hanako.authorize(app.request(CALLBACK, scope="openid consent"))
    tokens = await app.redeem(members_of(answer)["code"], CALLBACK)
    assert tokens.status_code == 200, tokens.text
    return Scene(app, hanako, tokens.json())


async def _refresh(scene: Scene, token: str, **other: str) -> httpx.Response:
    return await scene.app.token(grant_type="refresh_token", refresh_token=token, **other)


async def _works(scene: Scene, token: str) -> bool:
    return (await scene.app.call("GET", "/consent/v1/consents", token)).status_code == 200


async def test_the_token_opens_the_residents_api(scene: Scene) -> None:
    assert scene.tokens["scope"] == "openid consent"
    assert await _works(scene, scene.tokens["access_token"])


async def test_another_key_cannot_use_the_token(scene: Scene) -> None:
    scene.app.dpop = Key()
    answer = await scene.app.call("GET", "/consent/v1/consents", scene.tokens["access_token"])
    assert (answer.status_code, answer.json()["code"]) == (401, "proof_invalid")


async def test_refreshing_gives_new_tokens_each_time(scene: Scene) -> None:
    once = (await _refresh(scene, scene.tokens["refresh_token"])).json()
    twice = (await _refresh(scene, once["refresh_token"])).json()
    assert len({scene.tokens["refresh_token"], once["refresh_token"], twice["refresh_token"]}) == 3
    assert await _works(scene, twice["access_token"])


async def test_a_second_use_ends_the_family(scene: Scene) -> None:
    new = (await _refresh(scene, scene.tokens["refresh_token"])).json()
    replay = await _refresh(scene, scene.tokens["refresh_token"])
    assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")
    assert (await _refresh(scene, new["refresh_token"])).status_code == 400
    assert not await _works(scene, new["access_token"])


async def test_a_stolen_refresh_token_is_useless_without_the_key(scene: Scene) -> None:
    key, scene.app.dpop = scene.app.dpop, Key()
    assert (await _refresh(scene, scene.tokens["refresh_token"])).json()["error"] == "invalid_grant"
    scene.app.dpop = key
    assert (await _refresh(scene, scene.tokens["refresh_token"])).status_code == 200


async def test_a_scope_can_be_narrowed_and_not_widened(scene: Scene) -> None:
    narrow = (await _refresh(scene, scene.tokens["refresh_token"], scope="openid")).json()
    assert narrow["scope"] == "openid"
    wide = await _refresh(scene, narrow["refresh_token"], scope="openid registry:write")
    assert wide.json()["error"] == "invalid_scope"


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_revoking_either_token_ends_both(scene: Scene, which: str) -> None:
    form = {"token": scene.tokens[which]}
    assert (await scene.app.post("/oauth2/revoke", form)).status_code == 200
    assert not await _works(scene, scene.tokens["access_token"])
    assert (await _refresh(scene, scene.tokens["refresh_token"])).status_code == 400


async def test_revoking_something_unknown_is_no_error(scene: Scene) -> None:
    assert (await scene.app.post("/oauth2/revoke", {"token": "made-up"})).status_code == 200
    assert await _works(scene, scene.tokens["access_token"])


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
    assert not await _works(scene, scene.tokens["access_token"])
    assert (await web.get("/portal")).headers["location"].startswith("/login")


async def test_logging_out_without_it_asks_first(scene: Scene, web: httpx.AsyncClient) -> None:
    page = await web.get("/oauth2/logout")
    assert page.status_code == 200
    assert await _works(scene, scene.tokens["access_token"])
    answer = await web.post("/logout", data=form_of(page, "/logout"))
    assert answer.headers["location"] == "/"
    assert not await _works(scene, scene.tokens["access_token"])


@pytest.mark.parametrize("hint", ["junk", "a.b.c", "access_token", "é"])
async def test_a_hint_that_is_no_id_token_still_asks(scene: Scene, web: httpx.AsyncClient, hint: str) -> None:
    page = await web.get("/oauth2/logout", params={"id_token_hint": scene.tokens.get(hint, hint)})
    assert (page.status_code, "ログアウトしますか" in page.text) == (200, True)
    assert await _works(scene, scene.tokens["access_token"])


async def test_logging_out_leads_to_no_strangers_page(scene: Scene, web: httpx.AsyncClient) -> None:
    answer = await web.get(
        "/oauth2/logout",
        params={"client_id": "portal-app", "post_logout_redirect_uri": "https://evil.example/"},
    )
    assert answer.status_code == 400
    assert await _works(scene, scene.tokens["access_token"])


async def test_a_token_for_a_resident_is_none_for_a_component(scene: Scene) -> None:
    answer = await scene.app.call("POST", "/personal/v1/exchange", scene.tokens["access_token"], json={})
    assert answer.status_code == 403


async def test_a_touch_point_has_no_token_of_its_own(scene: Scene) -> None:
    answer = await scene.app.token(grant_type="client_credentials")
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")

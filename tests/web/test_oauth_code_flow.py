"""The code flow: a service logs a resident in and learns one number, its own."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, desk
from moyai.identity.residents import find
from tests import factories
from tests.factories import Town
from tests.logins import own_login
from tests.web import in_process
from tests.web.in_process import BASE
from tests.web.peers import Party, Person, members_of

CALLBACK = "http://localhost:9/callback"


@dataclass
class Scene:
    town: Town
    service: Party
    hanako: Person
    control: Connection


@pytest.fixture
async def scene(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Scene:
    """健康見守り as relying party, and Hanako of C1 with a login."""
    town = await factories.make_town(control)
    service = Party(web, "mimamori-client")
    await factories.make_client(
        control,
        town.mimamori,
        client_id=service.client_id,
        jwks=service.key.jwks,
        redirect_uris=(CALLBACK,),
        scopes=("openid", "personal:exchange"),
    )
    return Scene(town, service, await _person(control, box, web, town, town.hanako.key), control)


async def _person(
    control: Connection, box: SecretBox, web: httpx.AsyncClient, town: Town, resident_key: int
) -> Person:
    resident = await find(control, resident_key)
    assert resident is not None
    at = await desk.desk_of(control, town.unei.key, "staff:test")
    issued = await own_login(control, box, await credentials.issue(control, box, at, resident, "test"))
    return Person(web, issued.login, issued.password, issued.totp_secret)


async def _code(scene: Scene, **other: str) -> str:
    answer = await scene.hanako.authorize(scene.service.request(CALLBACK, **other))
    assert answer.status_code == 303, answer.text
    return members_of(answer)["code"]


async def _public_keys(web: httpx.AsyncClient) -> KeySet:
    return KeySet.import_key_set((await web.get("/oauth2/jwks")).json())


async def test_a_login_gives_the_service_its_own_number(scene: Scene, web: httpx.AsyncClient) -> None:
    answer = await scene.hanako.authorize(scene.service.request(CALLBACK))
    members = members_of(answer)
    assert members["state"] == "some-state"
    assert members["iss"] == BASE
    tokens = (await scene.service.redeem(members["code"], CALLBACK)).json()
    claims = jwt.decode(tokens["id_token"], await _public_keys(web), algorithms=["ES256"]).claims
    assert claims["aud"] == "mimamori-client"
    assert claims["nonce"] == "some-nonce"
    assert claims["acr"] == "jp-ds500:ial2:aal2"
    assert claims["amr"] == ["pwd", "otp"]
    tied = await scene.control.fetchval(
        "select subject::text from identity.pairwise where resident_key = $1 and component_key = $2",
        scene.town.hanako.key,
        scene.town.mimamori.key,
    )
    assert claims["sub"] == tied
    info = await scene.service.call("GET", "/oauth2/userinfo", tokens["access_token"])
    assert info.json() == {"sub": tied}


async def test_the_tie_is_made_once_and_recorded(scene: Scene) -> None:
    first = (await scene.service.redeem(await _code(scene), CALLBACK)).json()
    second = (await scene.service.redeem(await _code(scene), CALLBACK)).json()
    subjects = {t["id_token"].split(".")[1] for t in (first, second)}
    assert len(subjects) == 2
    assert await scene.control.fetchval("select count(*) from identity.pairwise") == 1
    recorded = await scene.control.fetchval(
        "select count(*) from ledger.content where kind = 34 and resident_key = $1", scene.town.hanako.key
    )
    assert recorded == 1


async def test_a_pushed_request_is_followed_by_its_name(scene: Scene) -> None:
    pushed = await scene.service.post("/oauth2/par", scene.service.request(CALLBACK))
    assert pushed.status_code == 201
    by_name = {"client_id": "mimamori-client", "request_uri": pushed.json()["request_uri"]}
    answer = await scene.hanako.authorize(by_name)
    assert (await scene.service.redeem(members_of(answer)["code"], CALLBACK)).status_code == 200
    again = await scene.hanako.http.get("/oauth2/authorize", params=by_name)
    assert again.status_code == 400
    assert "location" not in again.headers


async def test_a_second_use_of_a_code_ends_what_the_first_gave(scene: Scene) -> None:
    code = await _code(scene)
    tokens = (await scene.service.redeem(code, CALLBACK)).json()
    replay = await scene.service.redeem(code, CALLBACK)
    assert (replay.status_code, replay.json()["error"], replay.json()["code"]) == (
        400,
        "invalid_grant",
        "grant_invalid",
    )
    info = await scene.service.call("GET", "/oauth2/userinfo", tokens["access_token"])
    assert (info.status_code, info.json()["code"]) == (401, "token_invalid")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_verifier": "x" * 43}, "code_verifier"),
        ({"code_verifier": ""}, "code_verifier"),
        ({"redirect_uri": "http://localhost:9/other"}, "redirect_uri"),
        ({"redirect_uri": ""}, "redirect_uri"),
        ({"code": "no-such-code"}, "does not exist"),
    ],
)
async def test_a_code_is_good_only_as_it_was_asked_for(
    scene: Scene, change: dict[str, str], error: str
) -> None:
    answer = await scene.service.redeem(await _code(scene), CALLBACK, change)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert error in answer.json()["error_description"]


async def test_another_client_cannot_redeem_the_code(scene: Scene, web: httpx.AsyncClient) -> None:
    thief = Party(web, "kyufu-client")
    await factories.make_client(
        scene.control,
        scene.town.kyufu,
        client_id="kyufu-client",
        jwks=thief.key.jwks,
        redirect_uris=(CALLBACK,),
    )
    thief.verifier = scene.service.verifier
    answer = await thief.redeem(await _code(scene), CALLBACK)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_resident_of_the_wrong_municipality_gets_no_tie(
    scene: Scene, app: object, box: SecretBox
) -> None:
    async with in_process.client_of(app) as browser:
        midori = await _person(scene.control, box, browser, scene.town, scene.town.midori.key)
        members = members_of(await midori.authorize(scene.service.request(CALLBACK)))
    assert members["error"] == "access_denied"
    assert members["error_description"] == "outside_user_scope"
    assert "code" not in members
    assert await scene.control.fetchval("select count(*) from identity.pairwise") == 0


@pytest.mark.parametrize(
    ("table", "state", "code"),
    [
        ("service", "registered", "service_not_certified"),
        ("organization", "registered", "organization_not_certified"),
        ("organization", "suspended", "organization_suspended"),
    ],
)
async def test_an_uncertified_service_gets_no_tie(scene: Scene, table: str, state: str, code: str) -> None:
    if table == "service":
        await scene.control.execute("update registry.service set state = $1", state)
    else:
        await scene.control.execute(
            "update registry.organization set state = $1 where organization_id = 'c1'", state
        )
    members = members_of(await scene.hanako.authorize(scene.service.request(CALLBACK)))
    assert (members["error"], members["error_description"]) == ("access_denied", code)


async def test_one_login_serves_several_services(scene: Scene, web: httpx.AsyncClient) -> None:
    other = Party(web, "undo-client")
    await factories.make_client(
        scene.control,
        scene.town.undo_app,
        client_id="undo-client",
        jwks=other.key.jwks,
        redirect_uris=(CALLBACK,),
    )
    await _code(scene)
    assert members_of(await scene.hanako.authorize(other.request(CALLBACK)))["code"]
    subjects = await scene.control.fetch("select distinct subject from identity.pairwise")
    assert len(subjects) == 2


async def test_prompt_none_asks_nobody(scene: Scene, web: httpx.AsyncClient) -> None:
    asked = scene.service.request(CALLBACK, prompt="none")
    assert members_of(await web.get("/oauth2/authorize", params=asked))["error"] == "login_required"
    await scene.hanako.log_in()
    assert members_of(await web.get("/oauth2/authorize", params=asked))["error"] == "interaction_required"
    await factories.tie(scene.control, scene.town.hanako, scene.town.mimamori)
    assert members_of(await web.get("/oauth2/authorize", params=asked))["code"]


@pytest.mark.parametrize("demand", [{"prompt": "login"}, {"max_age": "0"}])
async def test_a_service_may_demand_a_fresh_login(
    scene: Scene, web: httpx.AsyncClient, demand: dict[str, str]
) -> None:
    await factories.tie(scene.control, scene.town.hanako, scene.town.mimamori)
    await scene.hanako.log_in(step=-1)
    answer = await web.get("/oauth2/authorize", params=scene.service.request(CALLBACK, **demand))
    assert answer.headers["location"].startswith("/login")
    answer = await scene.hanako.log_in(answer.headers["location"])
    answer = await web.get(answer.headers["location"])
    assert members_of(answer)["code"]


async def test_the_login_page_names_the_service(scene: Scene, web: httpx.AsyncClient) -> None:
    answer = await web.get("/oauth2/authorize", params=scene.service.request(CALLBACK))
    page = await web.get(answer.headers["location"])
    assert "mimamori-client" in page.text
    assert "form-action 'self' http://localhost:9" in page.headers["content-security-policy"]

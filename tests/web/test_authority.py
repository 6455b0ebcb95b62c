"""Sessions and authorisations belong to the person, and a client's standing is read at each use (H3, M1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from moyai.base.config import Home
from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, residents, sessions, store_sessions
from tests import factories
from tests.conftest import RolledBack
from tests.logins import SHOWN, clerk_at, next_codes
from tests.web import in_process
from tests.web.peers import Key, Party, Person, form_of, members_of
from tests.web.touch_point import CALLBACK, Scene, make_scene

NEW = "みどりの舟が三つ並ぶ港"


@pytest.fixture
async def scene(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Scene:
    return await make_scene(control, box, web)


@pytest.fixture
async def there(home: Home, control_db: RolledBack, box: SecretBox) -> AsyncIterator[httpx.AsyncClient]:
    """A visitor of another process of the platform."""
    async with in_process.running(home, control_db, box) as app, in_process.client_of(app) as client:
        yield client


Ending = Callable[[Scene], Awaitable[None]]


@pytest.fixture
def endings(control: Connection, box: SecretBox, journal: Journal) -> dict[str, Ending]:
    async def recovery(scene: Scene) -> None:
        assert await credentials.recover(
            control, box, await clerk_at(control, scene.town.c1), scene.resident, "test", journal, SHOWN
        )

    async def password(scene: Scene) -> None:
        form = form_of(await scene.hanako.http.get("/login/password"), "/login/password")
        await next_codes(control, scene.hanako.login)
        typed = {**form, "old": scene.hanako.password, "code": scene.hanako.code(), "new": NEW, "again": NEW}
        answer = await scene.hanako.http.post("/login/password", data=typed)
        assert answer.status_code == 303, answer.text

    async def closing(scene: Scene) -> None:
        await residents.close_for_erasure(control, scene.resident, journal)

    async def erasure(scene: Scene) -> None:
        await residents.erase(control, scene.resident.resident_key, "staff:test", "本人の申出", journal)

    async def own_word(scene: Scene) -> None:
        await sessions.end_all(control, scene.resident.resident_key)

    return {
        "recovery": recovery,
        "password": password,
        "closing": closing,
        "erasure": erasure,
        "own_word": own_word,
    }


@pytest.mark.parametrize("way", ["recovery", "password", "closing", "erasure", "own_word"])
async def test_h3_everything_that_acts_for_the_resident_ends_in_every_process(
    scene: Scene, there: httpx.AsyncClient, endings: dict[str, Ending], way: str
) -> None:
    code, http = await scene.code(), scene.hanako.http
    waiting = await there.get(
        "/oauth2/authorize", params=scene.app.request(CALLBACK, scope="openid consent", state="waiting")
    )
    cookies = dict(http.cookies)
    assert (await scene.call(at=there)).status_code == 200
    await endings[way](scene)
    for process in (None, there):
        answer = await scene.call(at=process)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    assert (await scene.refresh()).json()["error"] == "invalid_grant"
    assert (await scene.app.redeem(code, CALLBACK)).json()["error"] == "invalid_grant"
    for name, value in cookies.items():
        there.cookies.set(name, value)
    assert (await there.get("/portal")).headers["location"].startswith("/login")
    assert waiting.headers["location"].startswith("/login")


async def test_h3_the_browser_that_changes_the_password_goes_on_and_another_one_does_not(
    scene: Scene, app: object, endings: dict[str, Ending]
) -> None:
    async with in_process.client_of(app) as browser:
        other = Person(browser, scene.hanako.login, scene.hanako.password, scene.hanako.totp.secret)
        await other.log_in(step=1)
        assert (await browser.get("/portal")).status_code == 200
        await endings["password"](scene)
        assert (await browser.get("/portal")).status_code == 303
    assert (await scene.hanako.http.get("/portal")).status_code == 200


async def test_h3_a_login_that_was_begun_before_opens_nothing_afterwards(
    scene: Scene, control: Connection, control_db: RolledBack
) -> None:
    """The password was checked, then everything was ended, then the session was written."""
    begun = await credentials.check_password(control_db, scene.hanako.login, scene.hanako.password)
    await sessions.end_all(control, scene.resident.resident_key)
    opened = await sessions.open_session(control, begun, ("pwd", "otp"))
    assert await sessions.caller_of(control, opened.cookie) is None


async def test_h3_an_authorisation_that_was_begun_before_gives_nothing_afterwards(
    scene: Scene, control: Connection
) -> None:
    """The session was read, then everything was ended, then the grant was written: nothing is left to revoke it."""
    await store_sessions.end_all_of_resident(control, scene.resident.resident_key)
    await control.execute("update identity.authorization_grant set revoked_at = null")
    assert (await scene.call()).json()["code"] == "token_invalid"
    assert (await scene.refresh()).json()["error"] == "invalid_grant"


async def test_h3_others_go_on(
    scene: Scene, control: Connection, box: SecretBox, app: object, journal: Journal
) -> None:
    midori = await residents.find(control, scene.town.midori.key)
    assert midori is not None
    await credentials.issue(control, box, scene.desk, midori, "test")
    await credentials.recover(
        control, box, await clerk_at(control, scene.town.c1), midori, "test", journal, SHOWN
    )
    assert await scene.works()
    assert (await scene.hanako.http.get("/portal")).status_code == 200


# --- what is registered now -----------------------------------------------------------------------------------


async def test_m1_a_touch_point_of_a_suspended_organisation_does_nothing(
    scene: Scene, control: Connection
) -> None:
    suspend = "update registry.organization set state = $1 where organization_key = $2"
    await control.execute(suspend, "suspended", scene.town.unei.key)
    answer = await scene.call()
    assert (answer.status_code, answer.json()["code"]) == (403, "organization_suspended")
    refused = await scene.refresh()
    assert (refused.json()["error"], refused.json()["code"]) == ("invalid_grant", "organization_suspended")
    await control.execute(suspend, "certified", scene.town.unei.key)
    assert (await scene.refresh()).status_code == 200
    assert await scene.works()


async def test_m1_taking_a_scope_bites_on_the_next_call_and_refresh(
    scene: Scene, control: Connection
) -> None:
    await control.execute(
        "update registry.client set scopes = '{openid}' where client_key = $1", scene.client.key
    )
    answer = await scene.call()
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    new = (await scene.refresh()).json()
    assert new["scope"] == "openid"
    assert not await scene.works(new["access_token"])
    wide = await scene.refresh(new["refresh_token"], scope="openid consent")
    assert wide.json()["error"] == "invalid_scope"


async def test_m1_a_redirect_uri_that_was_taken_back_gets_no_tokens(
    scene: Scene, control: Connection
) -> None:
    code = await scene.code()
    pushed = await scene.app.post("/oauth2/par", scene.app.request(CALLBACK))
    await control.execute(
        "update registry.client set redirect_uris = '{http://127.0.0.1/other}' where client_key = $1",
        scene.client.key,
    )
    answer = await scene.app.redeem(code, CALLBACK)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    by_name = {"client_id": "portal-app", "request_uri": pushed.json()["request_uri"]}
    answer = await scene.hanako.http.get("/oauth2/authorize", params=by_name)
    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_m1_a_service_that_was_suspended_learns_nothing_more(
    scene: Scene, web: httpx.AsyncClient, control: Connection
) -> None:
    service = Party(web, "mimamori-client")
    await factories.make_client(
        control,
        scene.town.mimamori,
        client_id=service.client_id,
        jwks=service.key.jwks,
        redirect_uris=(CALLBACK,),
        scopes=("openid",),
    )
    answer = await scene.hanako.authorize(service.request(CALLBACK))
    tokens = (await service.redeem(members_of(answer)["code"], CALLBACK)).json()
    assert (await service.call("GET", "/oauth2/userinfo", tokens["access_token"])).status_code == 200
    await control.execute("update registry.service set state = 'suspended'")
    refused = await service.call("GET", "/oauth2/userinfo", tokens["access_token"])
    assert (refused.status_code, refused.json()["code"]) == (403, "service_suspended")


async def test_m1_a_client_without_a_resident_has_the_scopes_that_it_is_registered_with_now(
    web: httpx.AsyncClient, control: Connection, scene: Scene
) -> None:
    office = Party(web, "desk-c1")
    office.key = Key()
    client = await factories.make_client(
        control,
        organization=scene.town.c1,
        client_id="desk-c1",
        kind="desk",
        jwks=office.key.jwks,
        scopes=("identity:enrol",),
    )
    token = (await office.token(grant_type="client_credentials")).json()["access_token"]
    assert (await office.call("GET", "/identity/v1/transfers", token)).status_code == 200
    await control.execute("update registry.client set scopes = '{}' where client_key = $1", client.key)
    answer = await office.call("GET", "/identity/v1/transfers", token)
    assert (answer.status_code, answer.json()["required_scope"]) == (403, "identity:enrol")

"""The resident sees who is logged in and acts for them, and ends it: one by one, or all others (H3)."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from moyai.base.clock import utc_now
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, live_access, residents, sessions, store_sessions
from moyai.identity.model import ResidentCaller, Session
from moyai.web.device import device_of
from tests import factories
from tests.pages import assert_good_page
from tests.serving import served
from tests.web import in_process
from tests.web.conftest import PageAt
from tests.web.peers import Party, Person, form_of, members_of
from tests.web.touch_point import CALLBACK, Scene, make_scene

SESSIONS, AUTHORIZATIONS = "/identity/v1/me/sessions", "/identity/v1/me/authorizations"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"


@pytest.fixture
async def scene(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Scene:
    web.headers["user-agent"] = FIREFOX
    return await make_scene(control, box, web)


async def _other_app(scene: Scene) -> tuple[Party, dict[str, Any]]:
    """The same app on another device: another key, another authorisation."""
    app = Party(scene.hanako.http, "portal-app", public=True)
    answer = await scene.hanako.authorize(app.request(CALLBACK, scope="openid consent"))
    return app, (await app.redeem(members_of(answer)["code"], CALLBACK)).json()


async def _other_browser(scene: Scene, browser: httpx.AsyncClient) -> None:
    other = Person(browser, scene.hanako.login, scene.hanako.password, scene.hanako.totp.secret)
    assert (await other.log_in(step=1)).status_code == 303


async def _call(scene: Scene, method: str, path: str) -> httpx.Response:
    return await scene.app.call(method, path, scene.tokens["access_token"])


async def _listed(scene: Scene, path: str) -> list[dict[str, Any]]:
    answer = await _call(scene, "GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json()[path.rpartition("/")[2]]


async def _press(http: httpx.AsyncClient, act: str, name: str = "") -> httpx.Response:
    form = form_of(await http.get("/portal/access"), "/portal/access")
    return await http.post("/portal/access", data={**form, "act": act, "id": name})


async def test_h3_a_session_names_method_factors_with_times_level_and_device(scene: Scene) -> None:
    (one,) = await _listed(scene, SESSIONS)
    assert (one["method"], one["aal"], one["device"]) == ("own_password", 2, "Firefox / Windows")
    assert [factor["name"] for factor in one["factors"]] == ["pwd", "otp"]
    assert one["factors"][0]["at"] < one["factors"][1]["at"]
    assert one["current"] is False
    page = (await scene.hanako.http.get("/portal/access")).text
    for words in ("Firefox / Windows", "いま使っている画面", "パスワード", "確認コード", "portal-app"):
        assert words in page
    assert 'lang="en" translate="no">Firefox' in page


async def test_h3_an_authorisation_names_the_app_its_scopes_and_where_it_was_allowed(scene: Scene) -> None:
    await _other_app(scene)
    newest, own = await _listed(scene, AUTHORIZATIONS)
    assert (own["client_id"], own["kind"], own["organization_id"]) == ("portal-app", "touch_point", "unei")
    assert (own["scopes"], own["device"]) == (["openid", "consent"], "Firefox / Windows")
    assert (own["current"], newest["current"]) == (True, False)
    assert (own["used_at"] is None, newest["used_at"]) == (False, None)


async def test_h3_what_is_not_registered_any_more_is_not_listed_as_a_scope(
    scene: Scene, control: Connection
) -> None:
    await control.execute(
        "update registry.client set scopes = '{openid}' where client_key = $1", scene.client.key
    )
    page = await scene.hanako.http.get("/portal/access")
    assert page.status_code == 200
    assert (await _call(scene, "GET", AUTHORIZATIONS)).status_code == 403


async def test_h3_an_authorisation_is_ended_from_the_portal(scene: Scene) -> None:
    (one,) = await _listed(scene, AUTHORIZATIONS)
    answer = await _press(scene.hanako.http, "authorization", one["authorization_id"])
    assert answer.headers["location"] == "/portal/access?done=authorization"
    assert not await scene.works()
    assert (await scene.refresh()).json()["error"] == "invalid_grant"
    assert (await scene.hanako.http.get("/portal")).status_code == 200
    again = await _press(scene.hanako.http, "authorization", one["authorization_id"])
    assert again.status_code == 404


async def test_h3_an_authorisation_is_ended_over_the_api_also_the_own_one(scene: Scene) -> None:
    app, tokens = await _other_app(scene)
    newest, own = await _listed(scene, AUTHORIZATIONS)
    assert (await _call(scene, "DELETE", f"{AUTHORIZATIONS}/{newest['authorization_id']}")).status_code == 204
    assert (await app.call("GET", SESSIONS, tokens["access_token"])).json()["code"] == "token_invalid"
    assert (await _call(scene, "DELETE", f"{AUTHORIZATIONS}/{own['authorization_id']}")).status_code == 204
    assert not await scene.works()


async def test_h3_all_other_authorisations_are_ended(scene: Scene) -> None:
    app, tokens = await _other_app(scene)
    code = await scene.code()
    assert (await _call(scene, "DELETE", AUTHORIZATIONS)).status_code == 204
    assert (await app.call("GET", SESSIONS, tokens["access_token"])).json()["code"] == "token_invalid"
    assert (await app.redeem(code, CALLBACK)).json()["error"] == "invalid_grant"
    assert await scene.works()
    assert (await scene.hanako.http.get("/portal")).status_code == 200


async def test_h3_a_device_is_logged_out_with_what_was_allowed_in_it(scene: Scene, app: object) -> None:
    async with in_process.client_of(app) as browser:
        await _other_browser(scene, browser)
        current, lost = await _listed(scene, SESSIONS)
        if current["device"] == "Firefox / Windows":
            current, lost = lost, current
        assert (await _press(browser, "session", lost["session_id"])).status_code == 303
        assert (await browser.get("/portal")).status_code == 200
    assert (await scene.hanako.http.get("/portal")).status_code == 303
    assert not await scene.works()


async def test_h3_a_device_is_logged_out_over_the_api_and_the_own_authorisation_goes_on(scene: Scene) -> None:
    (one,) = await _listed(scene, SESSIONS)
    assert (await _call(scene, "DELETE", f"{SESSIONS}/{one['session_id']}")).status_code == 204
    assert (await scene.hanako.http.get("/portal")).status_code == 303
    assert await scene.works()
    assert (await _call(scene, "DELETE", f"{SESSIONS}/{one['session_id']}")).status_code == 404


async def test_h3_everything_else_is_ended_from_the_portal(scene: Scene, app: object) -> None:
    async with in_process.client_of(app) as browser:
        await _other_browser(scene, browser)
        answer = await _press(browser, "others")
        assert answer.headers["location"] == "/portal/access?done=others"
        assert (await browser.get("/portal")).status_code == 200
    assert (await scene.hanako.http.get("/portal")).status_code == 303
    assert not await scene.works()


async def test_h3_everything_else_is_ended_over_the_api(scene: Scene) -> None:
    app, tokens = await _other_app(scene)
    assert (await _call(scene, "DELETE", SESSIONS)).status_code == 204
    assert (await app.call("GET", SESSIONS, tokens["access_token"])).json()["code"] == "token_invalid"
    assert (await scene.hanako.http.get("/portal")).status_code == 303
    assert await scene.works()
    assert (await scene.refresh()).status_code == 200


async def test_h3_nobody_ends_what_is_another_persons(
    scene: Scene, control: Connection, box: SecretBox, app: object
) -> None:
    midori = await residents.find(control, scene.town.midori.key)
    assert midori is not None
    issued = await credentials.issue(control, box, scene.desk, midori, "test")
    (one,), (session,) = await _listed(scene, AUTHORIZATIONS), await _listed(scene, SESSIONS)
    async with in_process.client_of(app) as browser:
        await Person(browser, issued.login, issued.password, issued.totp_secret).log_in()
        for act, name in (
            ("authorization", one["authorization_id"]),
            ("session", session["session_id"]),
            ("authorization", "junk"),
            ("session", ""),
        ):
            assert (await _press(browser, act, name)).status_code == 404
        assert (await _press(browser, "junk")).status_code == 422
        assert (await browser.post("/portal/access", data={"act": "others"})).status_code == 403
    assert (await _call(scene, "DELETE", f"{AUTHORIZATIONS}/{uuid.uuid4()}")).status_code == 404
    assert await scene.works()


async def _app_caller(scene: Scene, control: Connection) -> ResidentCaller:
    """As the app's token was read, before anything else happened."""
    row = await control.fetchrow(
        "select grant_id from identity.authorization_grant where resident_key = $1",
        scene.resident.resident_key,
    )
    assert row is not None
    one = scene.resident
    return ResidentCaller(
        one.resident_key, one.resident_id, str(row["grant_id"]), "portal-app", 2, 2, frozenset({"consent"}), utc_now()
    )  # fmt: skip


async def _generation(control: Connection, scene: Scene) -> int:
    return await store_sessions.generation(control, scene.resident.resident_key, None)


async def test_a7_an_app_that_was_ended_meanwhile_ends_nothing_and_stays_ended(
    scene: Scene, control: Connection
) -> None:
    """The thief's token was judged, then the owner ended everything, then the thief's word is carried out."""
    caller = await _app_caller(scene, control)
    await sessions.end_all(control, scene.resident.resident_key)
    with pytest.raises(Problem, match="token_invalid"):
        async with control.transaction():
            await live_access.end_others(control, caller, None)
    assert await _generation(control, scene) == 1
    assert not await scene.works()
    assert (await scene.refresh()).json()["error"] == "invalid_grant"


async def test_a7_an_app_that_was_ended_alone_stays_ended(scene: Scene, control: Connection) -> None:
    caller = await _app_caller(scene, control)
    (one,) = await _listed(scene, AUTHORIZATIONS)
    assert (await _press(scene.hanako.http, "authorization", one["authorization_id"])).status_code == 303
    with pytest.raises(Problem, match="token_invalid"):
        async with control.transaction():
            await live_access.end_others(control, caller, None)
    assert not await scene.works()
    assert (await scene.hanako.http.get("/portal")).status_code == 200


async def _session(scene: Scene, control: Connection, app: object) -> Session:
    cookie = scene.hanako.http.cookies[app.state.platform.cookie_name]  # type: ignore[attr-defined]
    session = await sessions.read_session(control, cookie)
    assert session is not None
    return session


async def test_a7_a_browser_of_an_earlier_generation_ends_nothing(
    scene: Scene, control: Connection, app: object
) -> None:
    session = await _session(scene, control, app)
    # another end of everything whose statement did not see this session's row yet
    await store_sessions.end_all_of_resident(
        control, scene.resident.resident_key, session=session.session_hash
    )
    with pytest.raises(Problem, match="unauthenticated"):
        async with control.transaction():
            await sessions.end_others(control, session)
    assert await _generation(control, scene) == 1
    assert (await scene.hanako.http.get("/portal")).status_code == 303


async def test_a7_a_browser_that_was_logged_out_meanwhile_ends_nothing(
    scene: Scene, control: Connection, app: object
) -> None:
    session = await _session(scene, control, app)
    await sessions.close(control, session)
    with pytest.raises(Problem, match="unauthenticated"):
        async with control.transaction():
            await sessions.end_others(control, session)
    assert await _generation(control, scene) == 0


async def test_a20_ending_all_others_makes_no_session_younger(
    scene: Scene, control: Connection, app: object
) -> None:
    await control.execute(
        "update identity.session set created_at = created_at - interval '11 hours 50 minutes'"
    )
    before = await control.fetchrow("select created_at from identity.session")
    assert (await _press(scene.hanako.http, "others")).headers["location"] == "/portal/access?done=others"
    (after,) = await control.fetch(
        "select created_at, expires_at <= created_at + interval '12 hours' as ends from identity.session"
    )
    assert before is not None
    assert (after["created_at"], after["ends"]) == (before["created_at"], True)


async def test_a21_an_app_ends_itself_and_others_only_with_a_second_factor_shown_just_now(
    scene: Scene, control: Connection
) -> None:
    await _other_app(scene)
    (session,) = await _listed(scene, SESSIONS)
    newest, own = await _listed(scene, AUTHORIZATIONS)
    await control.execute(
        "update identity.authorization_grant set second_factor_at = second_factor_at - interval '6 minutes'"
    )
    for path in (
        SESSIONS,
        f"{SESSIONS}/{session['session_id']}",
        AUTHORIZATIONS,
        f"{AUTHORIZATIONS}/{newest['authorization_id']}",
    ):
        answer = await _call(scene, "DELETE", path)
        assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
    assert (await scene.hanako.http.get("/portal")).status_code == 200
    assert (await _call(scene, "DELETE", f"{AUTHORIZATIONS}/{own['authorization_id']}")).status_code == 204
    assert not await scene.works()


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox / Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36", "Chrome / Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/131.0 Safari/537.36 Edg/131.0", "Edge / Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Safari/604.1",
            "Safari / iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/131.0 Mobile Safari/537.36", "Chrome / Android"),
        ("<script>alert(1)</script>", ""),
        ("", ""),
    ],
    ids=["firefox", "chrome", "edge", "iphone", "android", "script", "none"],
)
def test_a_device_is_named_in_known_words_only(agent: str, words: str) -> None:
    request = Request({"type": "http", "headers": [(b"user-agent", agent.encode())]})
    assert device_of(request) == words


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1280])
async def test_the_page_is_good_and_ends_without_scripts(
    scene: Scene, app: object, page_at: PageAt, width: int, control: Connection
) -> None:
    await _other_app(scene)
    service = Party(scene.hanako.http, "mimamori-client")
    await factories.make_client(
        control, scene.town.mimamori, client_id=service.client_id, jwks=service.key.jwks,
        redirect_uris=(CALLBACK,), scopes=("openid",),
    )  # fmt: skip
    await scene.hanako.authorize(service.request(CALLBACK))
    async with served(app) as site:
        name = app.state.platform.cookie_name  # type: ignore[attr-defined]
        page = await page_at(width, javascript=width != 320)
        cookie = {"name": name, "value": scene.hanako.http.cookies[name], "url": site}
        await page.context.add_cookies([cookie])  # type: ignore[list-item]
        await page.goto(f"{site}/portal/access")
        if width != 320:
            await assert_good_page(page)
        await page.get_by_role("button", name="」への許可を取り消す").first.wait_for()
        await page.get_by_role("button", name="」のログインを終わらせる").first.wait_for()
        await page.get_by_text("この画面では、データを渡すのは止まりません。").wait_for()
        await page.get_by_role("button", name="ほかのログインと許可を、すべて終わらせる").click()
        await page.get_by_text("この画面のほかは、すべて終わらせました。").wait_for()
    assert not await scene.works()

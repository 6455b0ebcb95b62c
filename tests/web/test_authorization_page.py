"""Nobody acts for a resident whom the resident was not asked about, on a page that names who asks (H2)."""

from __future__ import annotations

import html

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, residents, sessions
from tests import factories
from tests.pages import assert_good_page
from tests.serving import served
from tests.web import in_process
from tests.web.conftest import PageAt
from tests.web.peers import Party, Person, form_of, members_of
from tests.web.touch_point import CALLBACK, Scene, make_scene

DECISION = "/oauth2/authorize/decision"


@pytest.fixture
async def scene(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Scene:
    """Hanako is logged in, and her touch point has been allowed before."""
    return await make_scene(control, box, web)


@pytest.fixture
async def service(control: Connection, web: httpx.AsyncClient, scene: Scene) -> Party:
    """A confidential service."""
    party = Party(web, "mimamori-client")
    await factories.make_client(
        control,
        scene.town.mimamori,
        client_id=party.client_id,
        jwks=party.key.jwks,
        redirect_uris=(CALLBACK,),
        scopes=("openid",),
    )
    return party


async def _ask(scene: Scene, party: Party | None = None, **other: str) -> httpx.Response:
    asked = (party or scene.app).request(CALLBACK, **{"scope": "openid consent", **other})
    return await scene.hanako.http.get("/oauth2/authorize", params=asked)


async def _midori(scene: Scene, control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Person:
    midori = await residents.find(control, scene.town.midori.key)
    assert midori is not None
    issued = await credentials.issue(control, box, scene.desk, midori, "test")
    return Person(web, issued.login, issued.password, issued.totp_secret)


async def test_h2_a_touch_point_is_authorised_only_through_a_page_that_names_it(scene: Scene) -> None:
    """Also in a browser that is logged in, also the second time."""
    for _ in range(2):
        page = await _ask(scene)
        assert (page.status_code, "location" in page.headers) == (200, False)
        for words in ("portal-app", "あなたの代わりに、データを使うことに同意する", "30日"):
            assert words in page.text
        assert members_of(await scene.hanako.answer(page))["code"]


async def test_h2_the_page_says_only_what_is_asked_for(scene: Scene) -> None:
    page = await _ask(scene, scope="openid")
    assert "同意する" not in page.text
    assert "番号で見分ける" in page.text
    english = await scene.hanako.http.get(
        "/oauth2/authorize", params={**scene.app.request(CALLBACK), "lang": "en"}
    )
    assert "Do not allow" in english.text


DEVICE = ("いまお使いの機器の中のプログラム", "基盤は確かめられません")


async def test_b6_the_page_names_the_site_that_the_answer_goes_to(scene: Scene, control: Connection) -> None:
    """And says nothing of programs on this device, where the answer goes to a site."""
    places = {
        "https://evil.example/cb": "evil.example",
        "https://town.evil.example:8443/cb?a=b": "town.evil.example:8443",
    }
    await control.raw.execute(
        "update registry.client set redirect_uris = $1 where client_id = 'portal-app'", list(places)
    )
    for place, site in places.items():
        for language, words in (("ja", "というサイトに渡ります"), ("en", "goes to the site")):
            asked = {**scene.app.request(place, scope="openid consent"), "lang": language}
            page = await scene.hanako.http.get("/oauth2/authorize", params=asked)
            assert (page.status_code, f'<strong translate="no">{site}</strong>' in page.text) == (200, True)
            assert words in page.text
            assert not any(word in page.text for word in (*DEVICE, "on this device"))


async def test_b6_the_page_names_no_site_where_a_program_on_this_device_asks(
    scene: Scene, service: Party
) -> None:
    page = await _ask(scene)
    assert all(word in page.text for word in DEVICE)
    assert "というサイトに" not in page.text
    assert DEVICE[0] in (await _ask(scene, service, scope="openid")).text


async def test_h2_prompt_none_asks_nobody_and_gets_nothing(scene: Scene) -> None:
    members = members_of(await _ask(scene, prompt="none"))
    assert (members["error"], "code" in members) == ("interaction_required", False)
    assert members["error_description"] == "interaction_required"


async def test_h2_not_allowing_gives_nothing(scene: Scene, control: Connection) -> None:
    before = await control.fetchval("select count(*) from identity.authorization_grant")
    page = await _ask(scene)
    members = members_of(await scene.hanako.answer(page, "deny"))
    assert (members["error"], members["error_description"]) == ("access_denied", "authorization_declined")
    assert await control.fetchval("select count(*) from identity.authorization_grant") == before
    again = await scene.hanako.answer(page)
    assert (again.status_code, "location" in again.headers) == (400, False)


@pytest.mark.parametrize("answer", ["", "yes", "ALLOW"])
async def test_h2_any_other_answer_is_no(scene: Scene, answer: str) -> None:
    assert members_of(await scene.hanako.answer(await _ask(scene), answer))["error"] == "access_denied"


async def test_h2_the_answer_comes_from_the_pages_own_form(scene: Scene) -> None:
    form = form_of(await _ask(scene), DECISION)
    for csrf in ("", "0" * 64):
        answer = await scene.hanako.http.post(DECISION, data={**form, "csrf": csrf, "answer": "allow"})
        assert (answer.status_code, "location" in answer.headers) == (403, False)


async def test_h2_nobody_else_answers_the_page(
    scene: Scene, control: Connection, box: SecretBox, app: object
) -> None:
    """Midori, with a form of her own session, and the request that was shown to Hanako."""
    form = form_of(await _ask(scene), DECISION)
    async with in_process.client_of(app) as browser:
        midori = await _midori(scene, control, box, browser)
        await midori.log_in()
        own = form_of(await browser.get("/oauth2/authorize", params=scene.app.request(CALLBACK)), DECISION)
        answer = await browser.post(
            DECISION, data={**own, "request_uri": form["request_uri"], "answer": "allow"}
        )
        assert answer.headers["location"].startswith("/oauth2/authorize?")
        assert (await browser.get(answer.headers["location"])).status_code == 200


async def test_h2_a_page_that_was_never_shown_is_not_answered(scene: Scene) -> None:
    pushed = (await scene.app.post("/oauth2/par", scene.app.request(CALLBACK))).json()
    form = form_of(await _ask(scene), DECISION)
    form = {**form, "request_uri": pushed["request_uri"], "answer": "allow"}
    answer = await scene.hanako.http.post(DECISION, data=form)
    assert answer.headers["location"].startswith("/oauth2/authorize?")


async def test_h3_a_page_from_before_everything_was_ended_is_not_answered(
    scene: Scene, control: Connection
) -> None:
    page = await _ask(scene)
    await sessions.end_all(control, scene.resident.resident_key)
    answer = await scene.hanako.answer(page)
    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_h2_a_service_asks_the_first_time_and_goes_on_silently_then(
    scene: Scene, service: Party
) -> None:
    page = await _ask(scene, service, scope="openid")
    assert page.status_code == 200
    assert "mimamori-client" in page.text
    assert "あなたの代わり" not in page.text
    assert members_of(await scene.hanako.answer(page))["code"]
    assert members_of(await _ask(scene, service, scope="openid"))["code"]
    assert members_of(await _ask(scene, service, scope="openid", prompt="none"))["code"]
    assert (await _ask(scene, service, scope="openid", prompt="consent")).status_code == 200


async def test_h2_a_hint_at_another_person_is_login_required(
    scene: Scene, control: Connection, box: SecretBox, app: object
) -> None:
    own = scene.tokens["id_token"]
    assert (await _ask(scene, id_token_hint=own)).status_code == 200
    async with in_process.client_of(app) as browser:
        midori = await _midori(scene, control, box, browser)
        await midori.log_in()
        for prompt in ("", "none"):
            asked = scene.app.request(CALLBACK, id_token_hint=own, prompt=prompt)
            members = members_of(await browser.get("/oauth2/authorize", params=asked))
            assert members["error"] == "login_required"


@pytest.mark.parametrize("hint", ["junk", "access_token"])
async def test_h2_a_hint_at_nobody_is_login_required(scene: Scene, hint: str) -> None:
    hint = scene.tokens.get(hint, hint)
    assert members_of(await _ask(scene, id_token_hint=hint))["error"] == "login_required"


async def test_h2_who_may_not_be_served_is_not_asked(scene: Scene, control: Connection) -> None:
    await control.execute(
        "update registry.organization set state = 'suspended' where organization_key = $1",
        scene.town.unei.key,
    )
    assert members_of(await _ask(scene))["error_description"] == "organization_suspended"


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1280])
async def test_the_page_is_good_and_answered_without_scripts(
    scene: Scene, app: object, page_at: PageAt, width: int
) -> None:
    async with served(app) as site:
        name = app.state.platform.cookie_name  # type: ignore[attr-defined]
        for javascript in (True, False):
            page = await page_at(width, javascript=javascript)
            cookie = {"name": name, "value": scene.hanako.http.cookies[name], "url": site}
            await page.context.add_cookies([cookie])  # type: ignore[list-item]
            asked = httpx.QueryParams(scene.app.request(CALLBACK, scope="openid consent"))
            await page.goto(f"{site}/oauth2/authorize?{asked}")
            if javascript:
                await assert_good_page(page)
            async with page.expect_request(lambda sent: sent.url.startswith(CALLBACK)) as arrived:
                await page.get_by_role("button", name="許可する", exact=True).click(no_wait_after=True)
            assert "code=" in html.unescape((await arrived.value).url)

"""M11 on the pages and end points: who guesses is told when to try again, and the owner at home goes on."""

from __future__ import annotations

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, desk, guessing
from moyai.identity.guessing import Origin
from moyai.identity.residents import find
from moyai.web.login import waiting_time
from tests import factories
from tests.factories import Town
from tests.logins import own_login
from tests.web import in_process
from tests.web.peers import Key, Party, Person, form_of

BROWSER = "moyai_test_8400_browser"
HERE = "127.0.0.1"


@pytest.fixture
async def town(control: Connection) -> Town:
    return await factories.make_town(control)


@pytest.fixture
async def hanako(control: Connection, box: SecretBox, web: httpx.AsyncClient, town: Town) -> Person:
    resident = await find(control, town.hanako.key)
    assert resident is not None
    at = await desk.desk_of(control, town.unei.key, "staff:test")
    issued = await own_login(control, box, await credentials.issue(control, box, at, resident, "test"))
    return Person(web, issued.login, issued.password, issued.totp_secret)


async def _guessed(conn: Connection, login: str, times: int) -> None:
    """Failures from the tests' own address, without the time that a hash takes."""
    for _ in range(times):
        await conn.execute("update identity.guess set closed_until = '-infinity'")
        await guessing.take(conn, await guessing.paths(conn, login, Origin(HERE)), "login_locked")


async def _password(http: httpx.AsyncClient, login: str, password: str) -> httpx.Response:
    form = form_of(await http.get("/login"), "/login")
    return await http.post("/login", data={**form, "login": login, "password": password})


async def test_m11_the_page_says_in_how_many_minutes(
    control: Connection, web: httpx.AsyncClient, hanako: Person
) -> None:
    await _guessed(control, hanako.login, 11)
    answer = await _password(web, hanako.login, hanako.password)
    assert answer.status_code == 429
    assert 110 < int(answer.headers["retry-after"]) <= 120
    assert "あと2分たってから" in answer.text


async def test_m11_the_owner_goes_on_in_a_browser_that_has_logged_in(
    control: Connection, app: object, web: httpx.AsyncClient, hanako: Person
) -> None:
    assert (await hanako.log_in(step=-1)).status_code == 303
    await _guessed(control, hanako.login, 12)
    async with in_process.client_of(app) as elsewhere:
        assert (await _password(elsewhere, hanako.login, hanako.password)).status_code == 429
    assert (await hanako.log_in()).headers["location"] == "/portal"


async def test_m11_the_cookie_is_sealed_and_says_nothing(
    control: Connection, web: httpx.AsyncClient, hanako: Person
) -> None:
    answer = await hanako.log_in()
    [cookie] = [one for one in answer.headers.get_list("set-cookie") if one.startswith(BROWSER)]
    assert "HttpOnly" in cookie
    row = await control.fetchrow("select * from identity.known_browser")
    assert row is not None
    assert row["login"] == hanako.login
    value = web.cookies[BROWSER]
    assert row["browser_hash"].hex() not in value
    web.cookies.set(BROWSER, value[:-4] + "AAAA", domain="localhost.local")
    assert (await web.get("/login")).status_code == 200
    await _guessed(control, hanako.login, 12)
    web.cookies.clear()
    web.cookies.set(BROWSER, value[:-4] + "AAAA")
    assert (await _password(web, hanako.login, hanako.password)).status_code == 429


async def test_m11_an_unfinished_log_in_makes_no_browser_known(
    control: Connection, web: httpx.AsyncClient, hanako: Person
) -> None:
    assert (await _password(web, hanako.login, hanako.password)).status_code == 303
    assert BROWSER not in web.cookies
    assert await control.fetchval("select count(*) from identity.known_browser") == 0


@pytest.mark.parametrize("wrong", ["key", "client", "code"])
async def test_m11_clients_that_try_keys_and_codes_wait(
    control: Connection, web: httpx.AsyncClient, town: Town, wrong: str
) -> None:
    honest = Party(web, "mimamori-client")
    await factories.make_client(control, town.mimamori, client_id=honest.client_id, jwks=honest.key.jwks)
    thief = Party(web, "nobody" if wrong == "client" else honest.client_id)
    if wrong == "code":
        thief.key = honest.key
    form = {"grant_type": "client_credentials"}
    if wrong == "code":
        form = {"grant_type": "authorization_code", "code": "guessed", "redirect_uri": "http://localhost/"}
    answers = [await thief.token(**form) for _ in range(21)]
    assert [one.status_code == 429 for one in answers] == [False] * 20 + [True]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
    assert answers[-1].json()["code"] == "too_many_requests"


async def test_m11_one_phone_with_an_old_token_does_not_stop_the_others_behind_its_address(
    control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    component = await factories.make_component(control, town.unei, "portal-app")
    phone = Party(web, "portal-app", public=True)
    await factories.make_client(
        control, component, client_id=phone.client_id, kind="touch_point", scopes=("openid", "consent")
    )
    for _ in range(30):
        old = await phone.token(grant_type="refresh_token", refresh_token="has run out")
        assert old.status_code == 400
    rows = await control.fetch("select failures from identity.guess")
    assert [round(row["failures"]) >= 20 for row in rows] == [True]


async def test_m11_a_client_that_shows_its_key_is_never_counted(
    control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    party = Party(web, "mimamori-client")
    await factories.make_client(control, town.mimamori, client_id=party.client_id, jwks=party.key.jwks)
    for _ in range(22):
        assert (await party.token(grant_type="client_credentials")).status_code == 200
    assert await control.fetchval("select count(*) from identity.guess") == 0
    party.key = Key()
    assert (await party.token(grant_type="client_credentials")).status_code == 401
    assert await control.fetchval("select count(*) from identity.guess") == 2


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "1分"), (60, "1分"), (61, "2分"), (7140, "119分"), (7200, "2時間"), (86_400, "24時間"), (0, "")],
)
def test_m11_waiting_is_said_in_minutes_then_in_hours(seconds: int, said: str) -> None:
    assert waiting_time(Problem("login_locked", retry_after=seconds))[0] == said

"""The log-in pages."""

from __future__ import annotations

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, desk, passwords, store_logins
from moyai.identity.model import IssuedLogin
from moyai.identity.residents import find
from moyai.web.login import safe_next
from tests import factories
from tests.logins import SHOWN, clerk_at, own_login
from tests.web.peers import Person, form_of
from tests.web.touch_point import make_scene

NEW = "みどりの舟が三つ並ぶ港"
COOKIE = "moyai_test_8400_session"


@pytest.fixture
async def hanako(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Person:
    town = await factories.make_town(control)
    resident = await find(control, town.hanako.key)
    assert resident is not None
    at = await desk.desk_of(control, town.unei.key, "staff:test")
    issued = await own_login(control, box, await credentials.issue(control, box, at, resident, "test"))
    return Person(web, issued.login, issued.password, issued.totp_secret)


async def _password(person: Person, **change: str) -> httpx.Response:
    form = form_of(await person.http.get("/login"), "/login")
    given = {"login": person.login, "password": person.password, **change}
    return await person.http.post("/login", data={**form, **given})


async def test_a_resident_arrives_at_the_portal(hanako: Person) -> None:
    answer = await hanako.log_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal")


async def test_the_cookie_carries_the_instance_and_is_closed_to_scripts(hanako: Person) -> None:
    cookie = (await hanako.log_in()).headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()


async def test_the_cookie_changes_with_each_step(hanako: Person) -> None:
    await _password(hanako)
    half = hanako.http.cookies[COOKIE]
    form = form_of(await hanako.http.get("/login/code"), "/login/code")
    await hanako.http.post("/login/code", data={**form, "code": hanako.code()})
    whole = hanako.http.cookies[COOKIE]
    assert whole != half
    hanako.http.cookies.clear()
    hanako.http.cookies.set(COOKIE, half, domain="localhost.local")
    assert (await hanako.http.get("/portal", headers={"Cookie": f"{COOKIE}={half}"})).status_code == 303


async def test_a_password_alone_opens_no_page(hanako: Person) -> None:
    assert (await _password(hanako)).headers["location"].startswith("/login/code")
    assert (await hanako.http.get("/portal")).headers["location"].startswith("/login")


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"login": "nobody-at-all"}, {"login": ""}])
async def test_a_wrong_entry_says_no_more_than_that(hanako: Person, change: dict[str, str]) -> None:
    answer = await _password(hanako, **change)
    assert answer.status_code == 401
    assert "ログイン ID、パスワードまたは確認コードが違います" in answer.text
    assert hanako.password not in answer.text


async def test_guessing_is_stopped(hanako: Person) -> None:
    codes = [(await _password(hanako, password=f"guess-{n}")).status_code for n in range(11)]
    assert codes == [401] * 10 + [429]
    assert (await _password(hanako)).status_code == 429


async def test_a_code_is_good_for_one_login(hanako: Person) -> None:
    code = hanako.code()
    hanako.code = lambda step=0: code  # type: ignore[method-assign]
    assert (await hanako.log_in()).status_code == 303
    again = await hanako.log_in()
    assert again.status_code == 401
    assert "もう使われています" in again.text


async def test_a_form_of_another_site_is_refused(hanako: Person) -> None:
    form = {"login": hanako.login, "password": hanako.password}
    assert (await hanako.http.post("/login", data=form)).status_code == 403
    assert (await hanako.http.post("/login", data={**form, "csrf": "0" * 64})).status_code == 403
    assert COOKIE not in hanako.http.cookies


async def test_a_code_page_without_a_password_goes_back(hanako: Person) -> None:
    assert (await hanako.http.get("/login/code?next=/portal")).headers["location"] == "/login?next=%2Fportal"


@pytest.mark.parametrize(
    ("target", "taken"),
    [
        ("/portal/history", True),
        ("/oauth2/authorize?client_id=a&request_uri=b", True),
        ("//evil.example/", False),
        ("/\\evil.example/", False),
        ("https://evil.example/", False),
        ("javascript:alert(1)", False),
        ("/a\r\nLocation: x", False),
        ("", False),
        (None, False),
    ],
)
def test_a_login_leads_only_to_our_own_pages(target: str | None, taken: bool) -> None:
    assert safe_next(target) == (target if taken else "")


async def test_the_pages_are_in_japanese_and_in_english(hanako: Person) -> None:
    assert "パスワード" in (await hanako.http.get("/login")).text
    page = await hanako.http.get("/login?lang=en")
    assert "Password" in page.text
    assert "パスワード" not in page.text


async def _change(hanako: Person, old: str, new: str, again: str) -> httpx.Response:
    page = await hanako.http.get("/login/password")
    form = form_of(page, "/login/password")
    typed = {"old": old, "code": hanako.code(1), "new": new, "again": again}
    return await hanako.http.post("/login/password", data={**form, **typed})


async def test_a_resident_changes_the_password_from_the_paper(hanako: Person) -> None:
    await hanako.log_in()
    new = "みどりの舟が三つ並ぶ港"
    answer = await _change(hanako, hanako.password, new, new)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login/password?done=1")
    assert "パスワードを変えました" in (await hanako.http.get(answer.headers["location"])).text
    assert (await _password(hanako)).status_code == 401
    assert (await _password(hanako, password=new)).status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "status"),
    [
        ("wrong", "a new long one", "a new long one", 401),
        ("", "a new long one", "another long one", 422),
        ("", "short", "short", 422),
    ],
)
async def test_a_bad_change_changes_nothing(
    hanako: Person, old: str, new: str, again: str, status: int
) -> None:
    await hanako.log_in()
    assert (await _change(hanako, old or hanako.password, new, again)).status_code == status
    assert (await _password(hanako)).status_code == 303


async def test_a8_a_password_change_beside_a_recovery_changes_nothing(
    control: Connection,
    box: SecretBox,
    web: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    journal: Journal,
) -> None:
    """Password and code were judged, then the desk handed over new secrets, then the change is written."""
    scene = await make_scene(control, box, web)
    handed: list[IssuedLogin] = []
    make_hash = passwords.make_hash

    async def beside(new: str) -> str:
        if new == NEW and not handed:
            issued = await credentials.recover(
                control, box, await clerk_at(control, scene.town.c1), scene.resident, "test", journal, SHOWN
            )
            assert issued is not None
            handed.append(issued)
        return await make_hash(new)

    monkeypatch.setattr(passwords, "make_hash", beside)
    answer = await _change(scene.hanako, scene.hanako.password, NEW, NEW)
    assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/login")
    row = await store_logins.credential(control, scene.hanako.login)
    assert row is not None
    assert await passwords.verify(row["password_hash"], handed[0].password)
    assert (row["must_change"], row["generation"]) == (True, 1)
    assert not await scene.works()

"""M10: what the desk printed is good for one log-in, in which its owner chooses others; nothing else opens before."""

from __future__ import annotations

import json

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, desk, staff, staff_logins, store_logins
from moyai.identity.model import IssuedLogin
from moyai.identity.residents import find
from moyai.identity.staff_model import StaffDeclaration
from moyai.ledger import Kind
from tests import factories
from tests.factories import Town
from tests.logins import SHOWN, clerk_at, in_force, next_codes
from tests.web import in_process
from tests.web.peers import Party, Person, form_of, secret_of

CALLBACK = "http://127.0.0.1:51234/callback"
OWN = "みどりの舟が三つ並ぶ港"


@pytest.fixture
async def town(control: Connection) -> Town:
    return await factories.make_town(control)


@pytest.fixture
async def sheet(control: Connection, box: SecretBox, town: Town) -> IssuedLogin:
    """What the desk printed for Hanako."""
    resident = await find(control, town.hanako.key)
    assert resident is not None
    at = await desk.desk_of(control, town.unei.key, "staff:test")
    return await credentials.issue(control, box, at, resident, "test")


def _person(http: httpx.AsyncClient, issued: IssuedLogin) -> Person:
    return Person(http, issued.login, issued.password, issued.totp_secret)


async def _until_first(person: Person, step: int = 0) -> httpx.Response:
    """Password and code of the sheet are shown, and no more."""
    form = {**form_of(await person.http.get("/login"), "/login"), "login": person.login}
    answer = await person.http.post("/login", data={**form, "password": person.password})
    page = await person.http.get(answer.headers["location"])
    form = {**form_of(page, "/login/code"), "code": person.code(step)}
    return await person.http.post("/login/code", data=form)


async def _choose(person: Person, **change: str) -> httpx.Response:
    page = await person.http.get("/login/first")
    app = Person(person.http, person.login, OWN, secret_of(page))
    given = {"new": OWN, "again": OWN, "confirmation": app.code(-1), **change}
    return await person.http.post("/login/first", data={**form_of(page, "/login/first"), **given})


async def test_m10_the_sheet_opens_nothing_but_the_choice_of_own_secrets(
    control: Connection, web: httpx.AsyncClient, town: Town, sheet: IssuedLogin
) -> None:
    component = await factories.make_component(control, town.unei, "portal-app")
    app = Party(web, "portal-app", public=True)
    await factories.make_client(
        control,
        component,
        client_id=app.client_id,
        kind="touch_point",
        redirect_uris=("http://127.0.0.1/callback",),
        scopes=("openid", "consent"),
    )
    answer = await _until_first(_person(web, sheet))
    assert answer.headers["location"].startswith("/login/first")
    for page in ("/portal", "/portal/sharing", "/login/password"):
        assert (await web.get(page)).headers["location"].startswith("/login?"), page
    asked = await web.get("/oauth2/authorize", params=app.request(CALLBACK, scope="openid consent"))
    assert asked.headers["location"].startswith("/login?")
    assert (await web.get(asked.headers["location"])).headers["location"].startswith("/login/first?next=")
    silent = app.request(CALLBACK, scope="openid consent", prompt="none")
    refused = await web.get("/oauth2/authorize", params=silent)
    assert "error=login_required" in refused.headers["location"]
    assert await control.fetchval("select count(*) from identity.authorization_grant") == 0
    assert await control.fetchval("select count(*) from identity.known_browser") == 0


@pytest.mark.parametrize(
    ("role", "place"), [("desk", "/desk"), ("operator", "/console"), ("auditor", "/console")]
)
async def test_m10_staff_choose_their_own_secrets_too(
    control: Connection, box: SecretBox, web: httpx.AsyncClient, town: Town, role: str, place: str
) -> None:
    office = "c1" if role == "desk" else "unei"
    await staff.declare(control, StaffDeclaration("mado-c1", "窓口の人", office, [role]), "test")
    person = _person(web, await staff_logins.issue_login(control, box, "mado-c1", "test"))
    await _until_first(person)
    assert (await web.get(place)).headers["location"].startswith("/login?")
    assert (await _choose(person)).headers["location"] == "/console", "nothing is theirs yet"
    waiting = await web.get(place)
    assert (waiting.status_code, "まだ使えません" in waiting.text) == (403, True)
    await in_force(control, "mado-c1")
    assert (await web.get(place)).status_code == 200
    body = json.loads(await control.fetchval("select body from ledger.content where kind = 59"))
    staff_id = await control.fetchval("select staff_id from identity.staff where login = 'mado-c1'")
    assert (body["actor"], body["detail"]) == (f"staff:{staff_id}", {"v": 1, "factors": ["pwd", "otp"]})


async def test_m10_afterwards_the_sheet_is_worth_nothing(
    control: Connection,
    control_db: object,
    app: object,
    web: httpx.AsyncClient,
    town: Town,
    sheet: IssuedLogin,
) -> None:
    person = _person(web, sheet)
    await _until_first(person)
    assert (await _choose(person)).headers["location"] == "/portal"
    assert (await web.get("/portal")).status_code == 200
    await next_codes(control, sheet.login)
    async with in_process.client_of(app) as elsewhere:
        printed = _person(elsewhere, sheet)
        assert (await printed.log_in()).status_code == 401
        half = Person(elsewhere, sheet.login, OWN, sheet.totp_secret)
        assert (await half.log_in()).status_code == 401
    body = await control.fetchval(
        "select body from ledger.content where kind = $1 and resident_key = $2",
        int(Kind.INITIAL_PASSWORD_CHANGED),
        town.hanako.key,
    )
    assert json.loads(body)["actor"] == f"resident:{town.hanako.id}"
    history = await web.get("/portal/history")
    assert "自分のものに変えました" in history.text


async def test_m10_a_copied_sheet_does_not_tell_the_secret_that_its_owner_scans(
    control: Connection, app: object, web: httpx.AsyncClient, sheet: IssuedLogin
) -> None:
    async with in_process.client_of(app) as thief_browser:
        thief = _person(thief_browser, sheet)
        await _until_first(thief, -1)
        seen = secret_of(await thief_browser.get("/login/first"))
        owner = _person(web, sheet)
        await _until_first(owner)
        assert secret_of(await web.get("/login/first")) != seen
        assert (await _choose(owner)).headers["location"] == "/portal"
        # the session that was begun with the copy has ended, whatever it sends now
        assert (await thief_browser.get("/login/first")).headers["location"].startswith("/login?")
        assert (await thief_browser.get("/portal")).headers["location"].startswith("/login?")
    row = await store_logins.credential(control, sheet.login)
    assert row is not None
    assert not row["must_change"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"new": "short", "again": "short"}, "パスワードが短すぎる"),
        ({"again": "something else entirely"}, "二つの欄で違っています"),
        ({"confirmation": "000000"}, "確認コードが違います"),
        ({"new": "THE SHEET'S", "again": "THE SHEET'S"}, "いまのパスワードと同じです"),
        ({"new": "WITHOUT HYPHENS", "again": "WITHOUT HYPHENS"}, "いまのパスワードと同じです"),
    ],
)
async def test_m10_a_bad_choice_changes_nothing(
    control: Connection, web: httpx.AsyncClient, sheet: IssuedLogin, change: dict[str, str], said: str
) -> None:
    person = _person(web, sheet)
    await _until_first(person)
    before = secret_of(await web.get("/login/first"))
    printed = {"THE SHEET'S": sheet.password, "WITHOUT HYPHENS": sheet.password.replace("-", "")}
    typed = {name: printed.get(value, value) for name, value in change.items()}
    answer = await _choose(person, **typed)
    assert answer.status_code == 422
    assert said in answer.text
    assert secret_of(answer) == before
    assert OWN not in answer.text
    row = await store_logins.credential(control, sheet.login)
    assert row is not None
    assert row["must_change"]
    assert (await _choose(person)).headers["location"] == "/portal"


async def test_m10_recovered_secrets_are_initial_again(
    control: Connection,
    box: SecretBox,
    web: httpx.AsyncClient,
    town: Town,
    sheet: IssuedLogin,
    journal: Journal,
) -> None:
    person = _person(web, sheet)
    await _until_first(person)
    await _choose(person)
    resident = await find(control, town.hanako.key)
    assert resident is not None
    at = await clerk_at(control, town.unei)
    again = await credentials.recover(control, box, at, resident, "test", journal, SHOWN)
    assert again is not None
    assert (await web.get("/portal")).headers["location"].startswith("/login?")
    answer = await _until_first(_person(web, again))
    assert answer.headers["location"].startswith("/login/first")


async def test_m10_the_way_on_is_kept_through_the_first_log_in(
    web: httpx.AsyncClient, sheet: IssuedLogin
) -> None:
    answer = await _person(web, sheet).log_in("/login?next=/portal/history")
    assert answer.headers["location"] == "/portal/history"


async def test_m10_the_choice_needs_the_session_and_the_form_of_this_browser(
    app: object, web: httpx.AsyncClient, sheet: IssuedLogin
) -> None:
    assert (await web.get("/login/first?next=/portal")).headers["location"] == "/login?next=%2Fportal"
    await _until_first(_person(web, sheet))
    refused = await web.post("/login/first", data={"new": OWN, "again": OWN, "confirmation": "000000"})
    assert refused.status_code == 403


# --- staff change their password themselves ---------------------------------------------------------------------


async def test_m10_staff_change_their_own_password_with_both_factors(
    control: Connection, box: SecretBox, app: object, web: httpx.AsyncClient, town: Town
) -> None:
    await staff.declare(control, StaffDeclaration("mado-c1", "監査の人", "unei", ["auditor"]), "test")
    person = _person(web, await staff_logins.issue_login(control, box, "mado-c1", "test"))
    await person.log_in()
    await in_force(control, "mado-c1")
    async with in_process.client_of(app) as browser:
        other = Person(browser, person.login, person.password, person.totp.secret)
        assert (await other.log_in()).status_code == 303
        await next_codes(control, person.login)
        form = form_of(await web.get("/login/password"), "/login/password")
        typed = {**form, "old": person.password, "new": OWN, "again": OWN}
        assert (await web.post("/login/password", data={**typed, "code": "000000"})).status_code == 401
        assert (await browser.get("/console")).status_code == 200
        done = await web.post("/login/password", data={**typed, "code": person.code()})
        assert done.headers["location"] == "/login/password?done=1"
        assert 'href="/console"' in (await web.get(done.headers["location"])).text
        assert (await web.get("/console")).status_code == 200
        assert (await browser.get("/console")).status_code == 303
        await next_codes(control, person.login)
        assert (await other.log_in()).status_code == 401
        other.password = OWN
        assert (await other.log_in()).headers["location"] == "/console"

"""M10: staff accounts over HTTP and on the pages, for the operating organisation and an organisation's own administrator."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import staff, staff_logins
from moyai.identity.staff_model import StaffDeclaration
from moyai.registry.declarations import ClientDeclaration
from tests.conftest import Platform
from tests.logins import own_login
from tests.registry.samples import ACTOR, TOWN, certified_service
from tests.web import in_process
from tests.web.peers import Party, Person, form_of

STAFF = "/identity/v1/staff"
BODY: dict[str, Any] = {
    "login": "mado-9",
    "name": "見本 窓口",
    "organization_id": "city",
    "roles": ["desk"],
    "staff_number": "9001",
}


class Program:
    """A desk's or an operator's program with the scope `staff`."""

    def __init__(self, party: Party, token: str) -> None:
        self.party, self.token = party, token

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.party.call(method, path, self.token, json=body)


async def program(control: Connection, web: httpx.AsyncClient, organization: str, kind: str) -> Program:
    party = Party(web, f"{kind}-{organization}")
    declared = ClientDeclaration(
        party.client_id, kind, "職員", "Staff", ["staff"], organization=organization, jwks=party.key.jwks
    )  # type: ignore[arg-type]
    await registry.register_client(control, declared, ACTOR)
    token = (await party.token(grant_type="client_credentials", scope="staff")).json()["access_token"]
    return Program(party, token)


@pytest.fixture
async def operator(control: Connection, web: httpx.AsyncClient) -> Program:
    await certified_service(control)
    return await program(control, web, "unei", "operator")


async def test_m10_an_account_from_creation_to_its_end_over_the_api(operator: Program):
    assert (await operator.call("POST", STAFF, BODY)).status_code == 201
    (one,) = (await operator.call("GET", STAFF)).json()["staff"]
    assert (one["login"], one["organization_id"], one["state"], one["has_login"]) == (
        "mado-9",
        "city",
        "active",
        False,
    )
    at = f"{STAFF}/{one['staff_id']}"
    assert (one["initial"], one["in_force"]) == (False, False)
    assert (await operator.call("POST", f"{at}/credentials")).status_code == 404, "a person hands them over"
    assert (await operator.call("POST", f"{at}/unlock")).status_code == 200
    assert (await operator.call("POST", f"{at}/recovery")).json()["outcome"] == "unchanged"
    assert (await operator.call("POST", f"{at}/suspension", {"reason": "異動"})).status_code == 201
    ended = await operator.call("DELETE", f"{at}/suspension?reason=ok")
    assert (ended.status_code, ended.json()["outcome"]) == (202, "pending")


async def test_m10_a_desks_program_administers_its_own_staff_only(
    operator: Program, control: Connection, web: httpx.AsyncClient
):
    await operator.call("POST", STAFF, BODY)
    await registry.register_organization(control, TOWN, ACTOR)
    town = await program(control, web, "town", "desk")
    assert (await town.call("GET", STAFF)).json() == {"staff": []}
    assert (await town.call("POST", STAFF, {**BODY, "login": "x-1"})).json()["code"] == "forbidden"
    one = (await operator.call("GET", STAFF)).json()["staff"][0]["staff_id"]
    for method, path in (
        ("POST", "unlock"),
        ("POST", "recovery"),
        ("DELETE", "suspension?reason=x"),
    ):
        answer = await town.call(method, f"{STAFF}/{one}/{path}")
        assert answer.json()["code"] == "does_not_exist"
    stopped = await town.call("POST", f"{STAFF}/{one}/suspension", {"reason": "x"})
    assert stopped.json()["code"] == "does_not_exist"


async def test_m10_an_administrator_created_by_a_program_waits(operator: Program):
    answer = await operator.call("POST", STAFF, {**BODY, "roles": ["staff_admin"]})
    assert (answer.status_code, answer.json()["outcome"]) == (202, "pending")


async def clerk(
    app: object, control: Connection, box: SecretBox, login: str, organization: str, role: str, number: str
) -> Person:
    await staff.declare(control, StaffDeclaration(login, "管理の人", organization, [role], number), ACTOR)
    issued = await own_login(control, box, await staff_logins.issue_login(control, box, login, "test"))
    person = Person(in_process.client_of(app), issued.login, issued.password, issued.totp_secret)
    assert (await person.log_in()).status_code == 303
    return person


async def send(person: Person, at: str, action: str, **fields: Any) -> httpx.Response:
    page = await person.http.get(at)
    assert page.status_code == 200, page.text
    return await person.http.post(action, data={**form_of(page, action), **fields})


@pytest.mark.parametrize(
    ("base", "organization", "role"),
    [("/console/staff", "unei", "operator"), ("/desk/staff", "city", "staff_admin")],
)
async def test_m10_the_pages_of_an_account(
    app: object, control: Connection, box: SecretBox, base: str, organization: str, role: str
):
    await certified_service(control)
    boss = await clerk(app, control, box, "boss", organization, role, "1")
    new = {
        "login": "mado-9",
        "name": "見本 窓口",
        "staff_number": "9001",
        "organization_id": "city",
        "role": "desk",
    }
    assert (await send(boss, base, base, **new)).headers["location"] == f"{base}?done=created"
    again = await send(boss, base, base, **{**new, "login": "mado-8"})
    assert (again.status_code, "ほかの職員のもの" in again.text) == (409, True)
    one = await control.fetchval("select staff_id from identity.staff where login = 'mado-9'")
    at = f"{base}/{one}"
    issued = await send(boss, at, at, act="issue")
    assert "mado-9" in issued.text
    for act, done in (
        ("unlock", "changed"),
        ("recover", "changed"),
        ("disable", "created"),
        ("enable", "pending"),
    ):
        answer = await send(boss, at, at, act=act, reason="理由")
        assert answer.headers["location"] == f"{at}?done={done}"
    assert "停止を解く" in (await boss.http.get(at)).text
    assert (await boss.http.get(f"{base}/nobody")).status_code == 404


async def test_m10_an_administrator_of_an_organisation_sees_its_own_and_confirms_its_own(
    app: object, control: Connection, box: SecretBox
):
    await certified_service(control)
    boss = await clerk(app, control, box, "boss", "city", "staff_admin", "1")
    deputy = await clerk(app, control, box, "deputy", "city", "staff_admin", "2")
    await clerk(app, control, box, "other", "unei", "operator", "3")
    page = (await boss.http.get("/desk/staff")).text
    assert ("boss" in page or "管理の人" in page, "運営機構" in page) == (True, False)
    assert (await boss.http.get("/console/staff")).status_code == 403
    new = {"login": "third", "name": "三人目", "staff_number": "3", "role": "staff_admin"}
    assert (
        (await send(boss, "/desk/staff", "/desk/staff", **new)).headers["location"].endswith("done=pending")
    )
    waiting = (await deputy.http.get("/desk/staff")).text.split("<table")[0]
    assert "三人目" in waiting, "by name, not by id"
    assert "staff:" not in waiting.split("<details")[0]
    assert ('href="/desk"' in waiting, 'href="/desk/enrol"' in waiting) == (False, False), (
        "no doors that stay shut"
    )
    pending = await control.fetchval("select pending_id::text from registry.pending")
    path = f"/desk/staff/pending/{pending}"
    alone = await send(boss, "/desk/staff", path, act="confirm")
    assert (alone.status_code, "二人目の職員" in alone.text) == (403, True)
    assert (await send(deputy, "/desk/staff", path, act="confirm")).headers["location"].endswith("done=done")
    assert "三人目" in (await boss.http.get("/desk/staff")).text


async def test_m10_a_clerk_administers_nobody(app: object, control: Connection, box: SecretBox):
    await certified_service(control)
    desk = await clerk(app, control, box, "mado", "city", "desk", "1")
    assert (await desk.http.get("/desk/staff")).status_code == 403
    assert (await desk.http.get("/console/staff")).status_code == 403


async def test_b1_a_program_makes_no_second_person(
    app: object, control: Connection, box: SecretBox, operator: Program
):
    """The attacker's road: a program makes two clerks, and they confirm each other. Their secrets it never sees; and who
    hands them over alone makes accounts that open nothing."""
    await clerk(app, control, box, "boss", "unei", "operator", "1")
    await clerk(app, control, box, "deputy", "unei", "operator", "2")
    for number in ("9901", "9902"):
        made = await operator.call(
            "POST", STAFF, {**BODY, "login": f"ghost-{number}", "staff_number": number}
        )
        assert made.status_code == 201
    ghosts = (await operator.call("GET", STAFF)).json()["staff"][:2]
    for one in ghosts:
        assert (await operator.call("POST", f"{STAFF}/{one['staff_id']}/credentials")).status_code == 404


async def test_b1_a_login_handed_over_opens_after_another_administrator_has_spoken(
    app: object, control: Connection, box: SecretBox
):
    await certified_service(control)
    boss = await clerk(app, control, box, "boss", "city", "staff_admin", "1")
    deputy = await clerk(app, control, box, "deputy", "city", "staff_admin", "2")
    new = {"login": "mado-9", "name": "見本 窓口", "staff_number": "9001", "role": "desk"}
    await send(boss, "/desk/staff", "/desk/staff", **new)
    one = await control.fetchval("select staff_id from identity.staff where login = 'mado-9'")
    at = f"/desk/staff/{one}"
    sheet = re.findall(r'<code translate="no">([^<]+)</code>', (await send(boss, at, at, act="issue")).text)
    assert "はじめてのログイン待ち" in (await boss.http.get(at)).text
    mado = Person(in_process.client_of(app), sheet[0], sheet[1], sheet[2].replace(" ", ""))
    assert (await mado.log_in()).status_code == 303
    shut = await mado.http.get("/desk")
    assert (shut.status_code, "まだ使えません" in shut.text) == (403, True)
    assert "二人の確認待ち" in (await boss.http.get(at)).text
    alone = await send(boss, at, at, act="confirm")
    assert alone.headers["location"].endswith("done=pending")
    pending = await control.fetchval("select pending_id::text from registry.pending where state = 'waiting'")
    path = f"/desk/staff/pending/{pending}"
    assert (await boss.http.get("/desk/staff")).text.count(path) == 1
    done = await send(deputy, "/desk/staff", path, act="confirm")
    assert done.headers["location"].endswith("done=done")
    assert (await mado.http.get("/desk")).status_code == 200


async def test_b11_a_town_gives_no_role_of_the_console(app: object, control: Connection, box: SecretBox):
    await certified_service(control)
    boss = await clerk(app, control, box, "boss", "city", "staff_admin", "1")
    page = (await boss.http.get("/desk/staff")).text
    assert ('value="auditor"' in page, 'value="operator"' in page) == (False, False)
    new = {"login": "eye", "name": "監査", "staff_number": "9", "role": "auditor"}
    assert (await send(boss, "/desk/staff", "/desk/staff", **new)).status_code == 422


async def test_b11_staff_of_a_suspended_organisation_are_shut_out_at_once(
    app: object, control: Connection, box: SecretBox, platform: Platform
):
    await certified_service(control)
    boss = await clerk(app, control, box, "boss", "city", "staff_admin", "1")
    assert (await boss.http.get("/desk/staff")).status_code == 200
    journal = Journal.of(platform.home)
    await registry.suspend_organization(control, "city", "調査", ACTOR, journal)
    shut = await boss.http.get("/desk/staff")
    assert (shut.status_code, "あなたの組織は、利用を停止されています" in shut.text) == (403, True)

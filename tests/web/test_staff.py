"""M10: staff accounts over HTTP and on the pages, for the operating organisation and an organisation's own administrator."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import staff
from moyai.identity.staff_model import StaffDeclaration
from moyai.registry.declarations import ClientDeclaration
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
    issued = await operator.call("POST", f"{at}/credentials")
    assert (issued.status_code, issued.json()["login"]) == (201, "mado-9")
    assert (await operator.call("POST", f"{at}/unlock")).status_code == 200
    assert (await operator.call("POST", f"{at}/recovery")).json()["outcome"] == "changed"
    assert (await operator.call("POST", f"{at}/suspension", {"reason": "異動"})).status_code == 201
    assert (await operator.call("POST", f"{at}/credentials")).json()["code"] == "staff_disabled"
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
        ("POST", "credentials"),
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
    issued = await own_login(control, box, await staff.issue_login(control, box, login, "test"))
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

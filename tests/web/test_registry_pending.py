"""What waits for a second person, over HTTP and in the console: seen, confirmed, revoked by whoever may."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import staff, staff_logins
from moyai.identity.staff_model import StaffDeclaration
from moyai.registry import acting
from moyai.registry.declarations import ClientDeclaration
from moyai.registry.pending import pending_act
from moyai.web import console_pending, staff_pages
from tests.logins import own_login
from tests.registry.samples import ACTOR, TOWN, WALKING, but
from tests.web import in_process
from tests.web.peers import Party, Person, form_of
from tests.web.test_registry_api import Operator, operator, program_of

__all__ = ["operator"]

PENDING = "/registry/v1/pending"


async def keys_asked(operator: Operator, control: Connection) -> tuple[str, Party]:
    """The operating organisation's program asks for other keys for a client of the city; and the city's own program."""
    city = Party(operator.party.http, "city-desk")
    declared = ClientDeclaration(
        "walking-app",
        "component",
        "歩数",
        "Walking",
        ["personal:store"],
        component="walking",
        jwks=Party(operator.party.http, "y").key.jwks,
    )
    await registry.register_client(control, declared, ACTOR)
    desk = ClientDeclaration(
        "city-desk",
        "desk",
        "窓口",
        "Desk",
        ["identity:enrol"],
        organization="city",
        jwks=city.key.jwks,
    )
    await registry.register_client(control, desk, ACTOR)
    await control.raw.execute(
        "update registry.client set in_force_since = in_force_since - interval '25 hours'"
    )
    body = {"kind": "component", "name_ja": "歩数", "name_en": "Walking", "scopes": ["personal:store"]}
    answer = await operator.call(
        "PUT",
        "/registry/v1/clients/walking-app",
        {**body, "component": "walking", "jwks": Party(operator.party.http, "x").key.jwks},
    )
    assert (answer.status_code, answer.json()["outcome"]) == (202, "pending")
    return answer.json()["pending"], city


async def token(party: Party, scope: str) -> str:
    return (await party.token(grant_type="client_credentials", scope=scope)).json()["access_token"]


async def test_m4_the_organisations_own_client_says_yes_and_no_other_program_does(
    operator: Operator, control: Connection
):
    pending, city = await keys_asked(operator, control)
    path = f"{PENDING}/{pending}/confirmation"
    refused = await operator.call("POST", path)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_person_required")
    access = await token(city, "identity:enrol")
    (seen,) = (await city.call("GET", PENDING, access)).json()["pending"]
    assert (seen["act"], seen["id"], seen["fields"], seen["state"]) == (
        "client_keys",
        "walking-app",
        ["jwks"],
        "waiting",
    )
    done = (await city.call("POST", path, access)).json()
    assert (done["state"], done["way"]) == ("done", "organization")
    assert (await registry.client(control, "walking-app")).jwks == seen["change"]["jwks"]
    again = await operator.call("DELETE", f"{PENDING}/{pending}")
    assert (again.status_code, again.json()["code"]) == (409, "pending_ended")


async def test_m4_what_concerns_others_is_not_seen(operator: Operator, control: Connection):
    pending, _ = await keys_asked(operator, control)
    await registry.register_organization(control, TOWN, ACTOR)
    stranger = await program_of(control, operator.party.http, "town")
    nothing = {"waiting": 0, "gives_power": 0, "takes_effect": 0}
    assert (await stranger.call("GET", PENDING)).json() == {"pending": [], "counts": nothing}
    assert (await stranger.call("DELETE", f"{PENDING}/{pending}")).json()["code"] == "does_not_exist"
    assert (await stranger.call("DELETE", f"{PENDING}/nothing")).json()["code"] == "does_not_exist"
    assert len((await operator.call("GET", PENDING)).json()["pending"]) == 1


async def test_a18_a_service_of_the_operating_organisation_neither_sees_nor_ends_what_waits(
    operator: Operator, control: Connection
):
    pending, _ = await keys_asked(operator, control)
    service = Party(operator.party.http, "unei-service")
    await registry.register_component(control, but(WALKING, component_id="own", organization="unei"), ACTOR)
    declared = ClientDeclaration(
        "unei-service",
        "component",
        "運営のサービス",
        "Own service",
        ["personal:store"],
        component="own",
        jwks=service.key.jwks,
    )
    await registry.register_client(control, declared, ACTOR)
    access = await token(service, "personal:store")
    for method, path in (
        ("GET", PENDING),
        ("DELETE", f"{PENDING}/{pending}"),
        ("POST", f"{PENDING}/{pending}/confirmation"),
    ):
        refused = await service.call(method, path, access)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert len((await operator.call("GET", PENDING)).json()["pending"]) == 1


async def test_m10_revoked_by_a_program(operator: Operator, control: Connection):
    pending, _ = await keys_asked(operator, control)
    ended = (await operator.call("DELETE", f"{PENDING}/{pending}")).json()
    assert (ended["state"], ended["ended_by"]) == ("revoked", "client:unei-program")


async def clerk(
    app: object, control: Connection, box: SecretBox, login: str, number: str, role: str = "operator"
) -> Person:
    await staff.declare(control, StaffDeclaration(login, "運営の人", "unei", [role], number), ACTOR)
    issued = await own_login(control, box, await staff_logins.issue_login(control, box, login, "test"))
    person = Person(in_process.client_of(app), issued.login, issued.password, issued.totp_secret)
    assert (await person.log_in()).status_code == 303
    return person


async def press(person: Person, pending: str, act: str) -> httpx.Response:
    page, action = await person.http.get("/console/pending"), f"/console/pending/{pending}"
    return await person.http.post(action, data={**form_of(page, action), "act": act})


async def test_m4_second_person_in_the_console(
    app: object, operator: Operator, control: Connection, box: SecretBox
):
    pending, _ = await keys_asked(operator, control)
    first = await clerk(app, control, box, "one", "1001")
    second = await clerk(app, control, box, "two", "1002")
    assert "二人目" in (await first.http.get("/console/pending")).text
    assert (await press(first, pending, "confirm")).headers["location"].endswith("done=waiting")
    again = await press(first, pending, "confirm")
    assert (again.status_code, "二人目の職員" in again.text) == (403, True)
    assert (await press(second, pending, "confirm")).headers["location"].endswith("done=done")
    assert "二人の確認で実行" in (await second.http.get("/console/pending")).text


async def test_m10_a_member_of_staff_revokes_and_an_auditor_only_looks(
    app: object, operator: Operator, control: Connection, box: SecretBox
):
    pending, _ = await keys_asked(operator, control)
    auditor = await clerk(app, control, box, "eye", "1003", "auditor")
    assert (await press(auditor, pending, "revoke")).status_code == 403
    first = await clerk(app, control, box, "one", "1001")
    assert (await press(first, pending, "revoke")).headers["location"].endswith("done=revoked")
    assert "取下げ" in (await first.http.get("/console/pending")).text


async def test_m4_a_desk_client_with_more_rights_waits(operator: Operator, control: Connection):
    desk: dict[str, Any] = {
        "kind": "desk",
        "name_ja": "窓口",
        "name_en": "Desk",
        "scopes": ["identity:enrol", "identity:erase"],
        "organization": "city",
        "jwks": Party(operator.party.http, "x").key.jwks,
    }
    answer = await operator.call("PUT", "/registry/v1/clients/city-desk-2", desk)
    assert answer.status_code == 202
    (waiting,) = (await operator.call("GET", PENDING)).json()["pending"]
    assert waiting["act"] == "client_rights"


@pytest.mark.parametrize("act", ["", "begin"])
async def test_a_form_that_says_neither_is_refused(
    app: object, operator: Operator, control: Connection, box: SecretBox, act: str
):
    pending, _ = await keys_asked(operator, control)
    first = await clerk(app, control, box, "one", "1001")
    assert (await press(first, pending, act)).status_code == 422


async def flood(operator: Operator, number: int) -> None:
    """The operating organisation's program asks for clients of a desk, more and more."""
    key = Party(operator.party.http, "x").key.jwks
    desk: dict[str, Any] = {
        "kind": "desk",
        "name_ja": "窓口",
        "name_en": "Desk",
        "scopes": ["identity:enrol"],
        "organization": "city",
        "jwks": key,
    }
    for each in range(number):
        answer = await operator.call("PUT", f"/registry/v1/clients/flood-{each}", desk)
        assert answer.status_code == 202


async def role_asked(person: Person, login: str) -> None:
    """A member of staff asks that a new account administers others."""
    page = await person.http.get("/console/staff")
    form = {**form_of(page, "/console/staff"), "login": login, "name": "影", "staff_number": "7777"}
    answer = await person.http.post(
        "/console/staff", data={**form, "organization_id": "unei", "role": "operator"}
    )
    assert answer.headers["location"].endswith("done=pending")


async def test_b5_no_flood_hides_what_takes_effect_by_waiting(
    app: object, operator: Operator, control: Connection, box: SecretBox, monkeypatch: pytest.MonkeyPatch
):
    one = await clerk(app, control, box, "one", "1001")
    monkeypatch.setattr(console_pending, "ON_A_PAGE", 2)
    monkeypatch.setattr(staff_pages, "ON_A_PAGE", 2)
    await role_asked(one, "shadow-op")
    await flood(operator, 4)
    page = (await operator.call("GET", f"{PENDING}?limit=2")).json()
    assert page["counts"] == {"waiting": 5, "gives_power": 5, "takes_effect": 1}
    asked, *_ = page["pending"]
    assert (asked["act"], asked["change"]["login"], asked["gives_power"]) == (
        "staff_rights",
        "shadow-op",
        True,
    )
    seen = [each["id"] for each in page["pending"]]
    while "next" in page:
        page = (await operator.call("GET", f"{PENDING}?limit=2&cursor={page['next']}")).json()
        seen += [each["id"] for each in page["pending"]]
    assert seen == ["unei/7777", *(f"flood-{each}" for each in range(4))]
    for path in ("/console/pending", "/console/staff"):
        assert "できることが増えます" in (shown := (await one.http.get(path)).text)
        assert asked["pending_id"] in shown


async def test_b5_the_console_goes_on_to_the_end_of_the_list(
    app: object, operator: Operator, control: Connection, box: SecretBox, monkeypatch: pytest.MonkeyPatch
):
    one = await clerk(app, control, box, "one", "1001")
    monkeypatch.setattr(console_pending, "ON_A_PAGE", 2)
    await flood(operator, 5)
    ids, at = list[str](), "/console/pending"
    while at:
        shown = (await one.http.get(at)).text
        ids += re.findall(r'action="/console/pending/([0-9a-f-]{36})"', shown)
        more = re.search(r'href="(/console/pending\?after=[A-Za-z0-9_-]+)"', shown)
        at = more and more[1]
    assert (len(ids), len(set(ids))) == (5, 5)
    assert "待っている手続: 5 件" in shown
    assert (await one.http.get("/console/pending?after=!")).status_code == 422


async def test_b5_too_many_that_wait_are_refused_by_name(operator: Operator, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(acting, "MOST_WAITING", 2)
    await flood(operator, 2)
    body = {"kind": "desk", "name_ja": "窓", "name_en": "D", "scopes": ["staff"], "organization": "city"}
    body["jwks"] = Party(operator.party.http, "x").key.jwks  # type: ignore[assignment]
    refused = await operator.call("PUT", "/registry/v1/clients/more", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_pending")


async def six_minutes_ago(control: Connection) -> None:
    """Everybody's last code was shown six minutes ago."""
    await control.execute(
        """
        update identity.session set factors = (
            select jsonb_agg(jsonb_build_object('name', f->>'name', 'at', (f->>'at')::timestamptz - interval '6 minutes'))
              from jsonb_array_elements(factors) f)
        """
    )


async def test_h2_a_second_persons_word_takes_a_code_that_is_shown_just_now(
    app: object, operator: Operator, control: Connection, box: SecretBox
):
    """A browser that was left alone confirms nothing; revoking, which only stops, asks for none."""
    pending, _ = await keys_asked(operator, control)
    first = await clerk(app, control, box, "one", "1001")
    await six_minutes_ago(control)
    asked = await press(first, pending, "confirm")
    assert (asked.status_code, "確認コードを入れてください" in asked.text) == (422, True)
    assert (await pending_act(control, pending)).first_person is None
    action = f"/console/pending/{pending}"
    fields = {**form_of(asked, ""), "act": "confirm"}
    wrong = await first.http.post(action, data={**fields, "second_factor": "000000"})
    assert wrong.status_code == 422
    right = await first.http.post(action, data={**fields, "second_factor": first.code(1)})
    assert (right.status_code, "コードを確かめました" in right.text) == (200, True)
    assert (await pending_act(control, pending)).first_person is None, "a code decides nothing"
    assert (
        (await first.http.post(action, data=form_of(right, ""))).headers["location"].endswith("done=waiting")
    )
    await six_minutes_ago(control)
    assert (await press(first, pending, "revoke")).headers["location"].endswith("done=revoked")

"""`/identity/v1`: the desk's work for programs, from enrolment to a login at a connected service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import pytest
from joserfc import jws

from moyai.base.db import Connection
from moyai.web.erasure import erase_due
from tests import factories
from tests.factories import C2, Town
from tests.web.peers import Party, Person, members_of

CALLBACK = "http://localhost:9/callback"
PERSON = {
    "family_name": "丸亀",
    "given_name": "太郎",
    "family_kana": "マルガメ",
    "given_kana": "タロウ",
    "birth_date": "1950-05-05",
    "address": "香川県高松市番町1-8-15",
    "municipality_code": "372013",
}
EVIDENCE = {"level": 2, "method": "desk_document", "document_class": "drivers_license"}
SCOPES = ("identity:enrol", "identity:recover", "identity:erase")


@dataclass
class Desk:
    """A desk's program with its token."""

    party: Party
    token: str

    async def call(self, method: str, path: str, body: Any = None, **arguments: Any) -> httpx.Response:
        if body is not None:
            arguments["json"] = body
        return await self.party.call(method, f"/identity/v1{path}", self.token, **arguments)

    async def search(self, text: str) -> httpx.Response:
        return await self.call("POST", "/residents/search", {"q": text, "reason": "identity_check"})

    async def enrol(self, **change: str) -> httpx.Response:
        return await self.call("POST", "/residents", {"person": {**PERSON, **change}, "evidence": EVIDENCE})


@pytest.fixture
async def town(control: Connection) -> Town:
    return await factories.make_town(control)


async def _desk(
    control: Connection,
    web: httpx.AsyncClient,
    organization: factories.Made,
    scopes: tuple[str, ...] = SCOPES,
) -> Desk:
    party = Party(web, f"desk-{organization.id}")
    await factories.make_client(
        control,
        organization=organization,
        client_id=party.client_id,
        kind="desk",
        jwks=party.key.jwks,
        scopes=scopes,
    )
    answer = await party.token(grant_type="client_credentials")
    return Desk(party, answer.json()["access_token"])


@pytest.fixture
async def desk(control: Connection, web: httpx.AsyncClient, town: Town) -> Desk:
    return await _desk(control, web, town.c1)


async def _login(desk: Desk, web: httpx.AsyncClient, resident_id: str) -> Person:
    issued = (await desk.call("POST", f"/residents/{resident_id}/credentials", {})).json()
    return Person(web, issued["login"], issued["password"], issued["totp_secret"])


@pytest.mark.requirement("R-001")
async def test_one_person_one_id_which_a_connected_service_accepts(
    control: Connection, web: httpx.AsyncClient, town: Town, desk: Desk
) -> None:
    enrolled = await desk.enrol()
    assert enrolled.status_code == 201
    resident_id = enrolled.json()["resident_id"]
    active = await control.fetch(
        "select r.resident_id from identity.resident r join identity.person p using (resident_key)"
        " where p.family_name = '丸亀' and p.given_name = '太郎' and r.state = 'active'"
    )
    assert [row["resident_id"] for row in active] == [resident_id]
    assert not any(part in resident_id for part in ("1950", "0505", "丸亀", "MARUGAME", "TARO"))

    again = await desk.enrol(address="香川県高松市別の町1", family_kana="まるがめ", given_kana="タロー")
    assert (again.status_code, again.json()["code"]) == (409, "resident_already_enrolled")
    assert again.json()["resident_id"] == resident_id

    service = Party(web, "mimamori-client")
    await factories.make_client(
        control, town.mimamori, client_id=service.client_id, jwks=service.key.jwks, redirect_uris=(CALLBACK,)
    )
    taro = await _login(desk, web, resident_id)
    answer = await taro.authorize(service.request(CALLBACK))
    tokens = (await service.redeem(members_of(answer)["code"], CALLBACK)).json()
    subject = jws.extract_compact(tokens["id_token"].encode()).payload
    assert resident_id.encode() not in subject
    assert (await service.call("GET", "/oauth2/userinfo", tokens["access_token"])).status_code == 200


@pytest.mark.requirement("R-024")
async def test_the_proofing_level_is_on_record_with_its_evidence_and_in_tokens(
    control: Connection, web: httpx.AsyncClient, town: Town, desk: Desk
) -> None:
    resident_id = (await desk.enrol()).json()["resident_id"]
    recorded = await control.fetchrow(
        "select p.level, p.method, p.document_class, p.verifier, p.verified_at is not null as timed"
        " from identity.proofing p join identity.resident r using (resident_key) where r.resident_id = $1",
        resident_id,
    )
    assert recorded is not None
    assert tuple(recorded) == (2, "desk_document", "drivers_license", "c1/client:desk-c1", True)

    by_post = {"level": 3, "method": "postal", "document_class": "my_number_card"}
    refused = await desk.call("POST", f"/residents/{resident_id}/proofing", by_post)
    assert (refused.status_code, refused.json()["code"]) == (422, "proofing_insufficient")
    service = Party(web, "mimamori-client")
    await factories.make_client(
        control, town.mimamori, client_id=service.client_id, jwks=service.key.jwks, redirect_uris=(CALLBACK,)
    )
    taro = await _login(desk, web, resident_id)
    assert await _acr(taro, service) == "jp-ds500:ial2:aal2"
    in_person = {"level": 3, "method": "in_person", "document_class": "my_number_card"}
    assert (await desk.call("POST", f"/residents/{resident_id}/proofing", in_person)).status_code == 200
    assert await _acr(taro, service) == "jp-ds500:ial3:aal2"


async def _acr(person: Person, service: Party) -> str:
    answer = await person.authorize(service.request(CALLBACK))
    tokens = (await service.redeem(members_of(answer)["code"], CALLBACK)).json()
    return msgspec.json.decode(jws.extract_compact(tokens["id_token"].encode()).payload)["acr"]


async def test_a_desk_finds_its_own_residents_only(desk: Desk, town: Town) -> None:
    await desk.enrol()
    found = (await desk.search("まるがめ")).json()
    assert [one["person"]["family_name"] for one in found["residents"]] == ["丸亀"]
    assert (await desk.search("モリ")).json() == {"residents": []}


async def test_low_search_takes_no_name_from_the_url(desk: Desk) -> None:
    answer = await desk.call("GET", "/residents", params={"q": "まるがめ"})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("reason", [{}, {"reason": "curiosity"}, {"reason": "other"}])
async def test_searching_needs_a_reason(desk: Desk, reason: dict[str, str]) -> None:
    answer = await desk.call("POST", "/residents/search", {"q": "まるがめ", **reason})
    assert (answer.status_code, answer.json()["code"]) == (422, "reason_required")


@pytest.mark.parametrize(
    ("method", "act", "body"),
    [
        ("POST", "credentials", {}),
        ("POST", "authenticator", {"ground": "x"}),
        ("POST", "proofing", EVIDENCE),
        ("PUT", "residence", {"municipality_code": "372013", "address": "x"}),
        ("POST", "erasure", {"ground": "x"}),
    ],
)
@pytest.mark.parametrize("which", ["another municipality's", "made up", "hostile"])
async def test_nobody_elses_resident_can_be_touched(
    desk: Desk, town: Town, method: str, act: str, body: Any, which: str
) -> None:
    resident = {
        "another municipality's": town.midori.id,
        "made up": "0000-0000-0000-0000",
        "hostile": "a' or 1=1",
    }
    answer = await desk.call(method, f"/residents/{resident[which]}/{act}", body)
    assert (answer.status_code, answer.json()["code"]) == (404, "does_not_exist")


async def test_the_other_desk_does_not_enrol_for_this_one(
    control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    other = await _desk(control, web, town.c2)
    answer = await other.enrol()
    assert (answer.status_code, answer.json()["code"]) == (403, "other_municipality")


async def test_each_act_needs_its_scope(control: Connection, web: httpx.AsyncClient, town: Town) -> None:
    narrow = await _desk(control, web, town.c1, ("identity:enrol",))
    resident_id = (await narrow.enrol()).json()["resident_id"]
    for act, body in (("authenticator", {"ground": "x"}), ("erasure", {"ground": "x"})):
        answer = await narrow.call("POST", f"/residents/{resident_id}/{act}", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_chosen_login_is_taken_once(desk: Desk) -> None:
    first = (await desk.enrol()).json()["resident_id"]
    second = (await desk.enrol(given_name="次郎", given_kana="ジロウ")).json()["resident_id"]
    wanted = {"login": "marugame", "password": "a good long one"}
    assert (await desk.call("POST", f"/residents/{first}/credentials", wanted)).json()["login"] == "marugame"
    answer = await desk.call("POST", f"/residents/{second}/credentials", wanted)
    assert (answer.status_code, answer.json()["code"]) == (409, "login_taken")
    weak = await desk.call("POST", f"/residents/{second}/credentials", {"password": "short"})
    assert weak.json()["code"] == "password_too_weak"


async def test_a_move_keeps_the_id_and_changes_the_scope(desk: Desk) -> None:
    resident_id = (await desk.enrol()).json()["resident_id"]
    moved = {"municipality_code": C2, "address": "香川県木田郡三木町氷上310"}
    answer = await desk.call("PUT", f"/residents/{resident_id}/residence", moved)
    assert answer.json()["municipality_code"] == C2
    assert answer.json()["resident_id"] == resident_id


async def test_an_erased_resident_is_gone_and_the_record_of_it_stays(
    app: Any, control: Connection, web: httpx.AsyncClient, desk: Desk, town: Town
) -> None:
    resident_id = (await desk.enrol()).json()["resident_id"]
    taro = await _login(desk, web, resident_id)
    leaves = await control.fetchval("select count(*) from ledger.entry")
    answer = await desk.call("POST", f"/residents/{resident_id}/erasure", {"ground": "本人の申出"})
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    await control.execute("update identity.desk_request set expires_at = clock_timestamp() - interval '1 s'")
    assert await erase_due(app.state.platform) == 0, "a program is nobody"
    (clerk,) = await factories.make_clerks(control, town.c1, 1)
    await control.execute("update identity.desk_request set staff_key = $1", clerk.key)
    assert await erase_due(app.state.platform) == 1
    assert (await taro.log_in()).status_code == 401
    assert await control.fetchval("select count(*) from ledger.entry") > leaves
    kept = await control.fetchval("select body from ledger.content where kind = 33 order by at desc limit 1")
    assert "本人の申出" in kept
    again = await desk.call("POST", f"/residents/{resident_id}/erasure", {"ground": "x"})
    assert again.status_code == 404


async def test_m10_an_erasure_that_a_program_asks_for_is_taken_back(
    app: Any, control: Connection, desk: Desk
) -> None:
    resident_id = (await desk.enrol()).json()["resident_id"]
    path = f"/residents/{resident_id}/erasure"
    first = (await desk.call("POST", path, {"ground": "本人の申出"})).json()
    again = (await desk.call("POST", path, {"ground": "本人の申出"})).json()
    assert again["takes_effect_at"] == first["takes_effect_at"]
    assert (await desk.call("DELETE", path)).json() == {"resident_id": resident_id, "withdrawn": True}
    assert (await desk.call("DELETE", path)).json()["withdrawn"] is False
    assert await erase_due(app.state.platform) == 0
    state = await control.fetchval("select state from identity.resident where resident_id = $1", resident_id)
    assert state == "active"


@pytest.mark.parametrize(
    "change",
    [
        {"birth_date": "yesterday"},
        {"family_kana": "Marugame"},
        {"municipality_code": "12"},
        {"family_name": ""},
        {"family_name": "a\x00b"},
        {"postal_code": "760-8571\n"},
        {"family_name": "丸亀\n"},
        {"unknown": "member"},
    ],
)
async def test_bad_entries_are_refused_by_name(desk: Desk, change: dict[str, str]) -> None:
    answer = await desk.enrol(**change)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")

"""`/consent/v1`, deciding and stopping: what a municipal portal or a messaging app does with the resident's token."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.journal import Journal
from tests.factories import Town
from tests.web.consent.conftest import ALL_GIVEN, SERVICE, SignIn, Touch

R108 = ["rules", "api", "portal"]


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.json()["title_ja"]
    return answer.status_code, answer.json()["code"]


@pytest.mark.requirement("R-108", part="api", of=R108)
async def test_the_five_steps_in_their_order(hanako: Touch, control: Connection, town: Town) -> None:
    """Each step names the next; the fifth gives the receipt, and both terms versions are kept with the time."""
    names = []
    for number in range(1, 5):
        answer = await hanako.step(number)
        assert answer.status_code == (201 if number == 1 else 200)
        assert answer.json()["step"] == number
        names.append(answer.json()["next_step"])
    assert names == ["service-terms", "platform", "platform-terms", "decide"]
    made = await hanako.decide("given")
    assert made.status_code == 201
    assert made.json()["links"] == ALL_GIVEN
    row = await control.fetchrow(
        "select s.kind as service, p.kind as platform, m.accepted_at from consent.membership m"
        " join registry.terms_version s on s.terms_key = m.service_terms_key"
        " join registry.terms_version p on p.terms_key = m.platform_terms_key where m.resident_key = $1",
        town.hanako.key,
    )
    assert row is not None
    assert (row["service"], row["platform"]) == ("service", "platform")


@pytest.mark.requirement("R-108", part="api", of=R108)
async def test_a_step_out_of_turn_names_the_one_that_is_expected(hanako: Touch) -> None:
    early = await hanako.post(f"{SERVICE}/enrolment/platform", {"acknowledged": "test"})
    assert problem(early) == (409, "step_skipped")
    assert early.json()["expected_step"] == "choose"
    await hanako.steps(2)
    for path, body in (
        ("enrolment/platform-terms", {"sha256": "0" * 64}),
        ("decision", {"sha256": "0" * 64, "links": "given"}),
    ):
        answer = await hanako.post(f"{SERVICE}/{path}", body)
        assert problem(answer) == (409, "step_skipped")
        assert answer.json()["expected_step"] == "platform"
    assert problem(await hanako.get(f"{SERVICE}/presentation")) == (409, "step_skipped")


@pytest.mark.requirement("R-108", part="api", of=R108)
async def test_declining_leaves_nothing(hanako: Touch, control: Connection) -> None:
    await hanako.steps()
    await hanako.present()
    assert (await hanako.call("DELETE", f"{SERVICE}/enrolment")).status_code == 204
    assert problem(await hanako.get(f"{SERVICE}/enrolment")) == (404, "does_not_exist")
    for table in ("enrolment", "presentation", "membership", "act", "state", "history"):
        assert await control.raw.fetchval(f"select count(*) from consent.{table}") == 0, table


@pytest.mark.requirement("R-112", part="stored_only_if_shown", of=["text", "stored_only_if_shown", "page"])
async def test_no_text_no_consent(hanako: Touch, control: Connection) -> None:
    """Not with an invented hash, not with none, not with half a hash."""
    await hanako.steps()
    bodies: list[tuple[Any, int, str]] = [
        ({"sha256": "0" * 64, "links": "given"}, 409, "text_not_served"),
        ({"links": "given"}, 422, "invalid_request"),
        ({"sha256": None, "links": "given"}, 422, "invalid_request"),
        ({"sha256": "abc", "links": "given"}, 422, "invalid_request"),
        ({"sha256": "0" * 64, "links": "given", "force": True}, 422, "invalid_request"),
    ]
    for body, status, code in bodies:
        assert problem(await hanako.post(f"{SERVICE}/decision", body)) == (status, code)
    assert await control.fetchval("select count(*) from consent.state") == 0


@pytest.mark.requirement("R-112", part="text", of=["text", "stored_only_if_shown", "page"])
async def test_the_text_says_everything_and_its_hash_can_be_checked(hanako: Touch) -> None:
    await hanako.steps()
    shown = await hanako.present()
    for link in shown["text"]["links"]:
        for field in ("purpose_ja", "benefit_ja", "items", "until_ja", "stop_ja"):
            assert link[field], field
        for party in ("generates", "uses", "manages"):
            assert link[party]["organization_ja"], party
    canonical = json.dumps(shown["text"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(canonical.encode()).hexdigest() == shown["sha256"]


async def test_one_link_can_be_refused_and_the_rest_given(hanako: Touch) -> None:
    made = await hanako.join({**ALL_GIVEN, "kenko-vitals": "refused"})
    assert made["links"] == {**ALL_GIVEN, "kenko-vitals": "refused"}


@pytest.mark.parametrize(
    "links",
    [
        {},
        {"kenko-steps": "given"},
        {**ALL_GIVEN, "gyosei-status": "given"},
        {**ALL_GIVEN, "kenko-steps": "maybe"},
        "everything",
        ["kenko-steps"],
        None,
    ],
)
async def test_a_decision_that_is_not_one_word_or_every_link_is_refused(hanako: Touch, links: Any) -> None:
    await hanako.steps()
    assert problem(await hanako.decide(links)) == (422, "invalid_request")


async def test_the_same_decision_sent_twice_is_one_act(hanako: Touch) -> None:
    await hanako.steps()
    sha256 = (await hanako.present())["sha256"]
    first, second = await hanako.decide("given", sha256), await hanako.decide("given", sha256)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


async def test_p0_1_one_word_for_all_never_overturns_a_refusal_or_a_stop(hanako: Touch) -> None:
    """“given” for everything would take back what was refused or stopped by name: those are decided by name."""
    await hanako.join({**ALL_GIVEN, "kenko-vitals": "refused"})
    await hanako.post(f"{SERVICE}/withdrawal", {"links": ["kenko-steps"]})
    answer = await hanako.decide("given")
    assert problem(answer) == (409, "decision_contradictory")
    assert set(answer.json()["links"]) == {"kenko-vitals", "kenko-steps"}
    assert (await hanako.decide("refused")).status_code == 201
    assert (await hanako.decide(ALL_GIVEN)).status_code == 201


async def test_the_text_of_another_session_does_not_count(hanako: Touch, sign_in: SignIn, town: Town) -> None:
    other_app = await sign_in(town.hanako)
    await hanako.steps()
    await other_app.steps()
    sha256 = (await other_app.present())["sha256"]
    assert problem(await hanako.decide("given", sha256)) == (409, "text_not_served")


async def test_one_factor_is_not_enough_to_consent(sign_in: SignIn, town: Town) -> None:
    weak = await sign_in(town.hanako, aal=1)
    answer = await weak.post(f"{SERVICE}/enrolment", {})
    assert problem(answer) == (403, "assurance_insufficient")
    assert answer.json()["required"] == {"ial": 2, "aal": 2}
    assert answer.json()["actual"] == {"ial": 2, "aal": 1}


async def test_a_resident_of_c2_cannot_use_c1s_service(sign_in: SignIn, town: Town) -> None:
    midori = await sign_in(town.midori)
    assert problem(await midori.post(f"{SERVICE}/enrolment", {})) == (403, "outside_user_scope")
    reasons = {
        s["service_id"]: s["reason"] for s in (await midori.get("/consent/v1/services")).json()["services"]
    }
    assert reasons == {"kenko-mimamori": "outside_user_scope", "c2-gyosei": None}


async def test_withdrawing_some_then_all(hanako: Touch, own_journal: Path) -> None:
    await hanako.join()
    some = (await hanako.post(f"{SERVICE}/withdrawal", {"links": ["kenko-vitals"]})).json()
    assert (some["links"], some["left"]) == ({"kenko-vitals": "withdrawn"}, False)
    rest = await hanako.post(f"{SERVICE}/withdrawal", {})
    assert set(rest.json()["links"]) == {"kenko-steps", "kenko-presence"}
    assert rest.json()["left"]
    again = await hanako.post(f"{SERVICE}/withdrawal", {})
    assert (again.status_code, again.json()["act_id"]) == (200, rest.json()["act_id"])
    assert len(list(Journal(own_journal).lines())) == 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"links": []}, 422, "invalid_request"),
        ({"links": ["NO SUCH"]}, 422, "invalid_request"),
        ({"links": ["no-such"]}, 404, "does_not_exist"),
        ({"link": ["kenko-steps"]}, 422, "invalid_request"),
        ([], 422, "invalid_request"),
    ],
)
async def test_a_withdrawal_that_makes_no_sense_changes_nothing(
    hanako: Touch, control: Connection, body: Any, status: int, code: str
) -> None:
    await hanako.join()
    assert problem(await hanako.post(f"{SERVICE}/withdrawal", body)) == (status, code)
    assert await control.fetchval("select count(*) from consent.state where state = 1") == 3


# --- who may call ---------------------------------------------------------------------------------------------


async def test_a_token_without_the_scope_is_refused(sign_in: SignIn, town: Town) -> None:
    reader = await sign_in(town.hanako, scope="openid")
    assert problem(await reader.get("/consent/v1/consents")) == (403, "forbidden")


async def test_no_token_no_answer(web: httpx.AsyncClient, town: Town) -> None:
    for method, path in (("GET", "/consent/v1/consents"), ("POST", f"{SERVICE}/decision")):
        assert problem(await web.request(method, path)) == (401, "unauthenticated")


async def test_a_proof_is_good_once(hanako: Touch) -> None:
    url = "/consent/v1/consents"
    headers = {
        "Authorization": f"DPoP {hanako.token}",
        "DPoP": hanako.key.proof("GET", f"http://localhost:8400{url}", hanako.token),
    }
    assert (await hanako.http.get(url, headers=headers)).status_code == 200
    assert problem(await hanako.http.get(url, headers=headers)) == (401, "proof_replayed")


@pytest.mark.parametrize("content", [b"{", b"\xff", b"", b'{"sha256": "'])
async def test_broken_json_is_a_problem_and_changes_nothing(hanako: Touch, content: bytes) -> None:
    path = f"{SERVICE}/decision"
    headers = {
        "Authorization": f"DPoP {hanako.token}",
        "DPoP": hanako.key.proof("POST", f"http://localhost:8400{path}", hanako.token),
        "Content-Type": "application/json",
    }
    answer = await hanako.http.post(path, content=content, headers=headers)
    assert problem(answer) == (400, "malformed_request")

"""A proof is good once, at whatever process; an `Idempotency-Key` makes retries one exchange."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from tests.web.exchange.conftest import EXCHANGE, STEPS, VITALS, Asked, Road, contents, problem, seconds_ago
from tests.web.in_process import BASE
from tests.web.peers import Key


async def proof(road: Road, **claims: Any) -> str:
    return road.parties["mimamori"].dpop.proof(
        "POST", BASE + EXCHANGE, await road.token("mimamori"), **claims
    )


def key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_urlsafe(12)}


@pytest.fixture
async def person(road: Road) -> Asked:
    return await road.resident("steps", items={"steps": STEPS})


async def test_replayed_proof_is_refused_at_either_process(road: Road, person: Asked) -> None:
    sent = {"DPoP": await proof(road)}
    assert contents(await person.ask("steps", headers=sent))
    for process in (road.here, road.there):
        assert problem(await person.ask("steps", headers=sent, at=process)) == (401, "proof_replayed")
    assert len(await person.recorded()) == 1


async def test_proof_used_at_both_processes_at_once_is_good_once(road: Road, person: Asked) -> None:
    sent = {"DPoP": await proof(road)}
    processes = [road.here, road.there] * 3
    answers = await asyncio.gather(*(person.ask("steps", headers=sent, at=one) for one in processes))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401, 401]
    assert len(await person.recorded()) == 1


async def test_replayed_proof_of_a_refusal_is_refused(road: Road) -> None:
    stranger = await road.resident(items={"steps": STEPS})
    sent = {"DPoP": await proof(road)}
    assert problem(await stranger.ask("steps", headers=sent)) == (403, "consent_missing")
    assert problem(await stranger.ask("steps", headers=sent)) == (401, "proof_replayed")
    assert len(await stranger.recorded()) == 1


async def test_replayed_proof_stores_nothing(road: Road, person: Asked) -> None:
    path = f"{person.items('steps')}/item-1"
    party, token = road.parties["undo-app"], await road.token("undo-app")
    sent = {"DPoP": party.dpop.proof("PUT", BASE + path, token)}
    assert (await person.put("steps", "item-1", {"steps": 1}, headers=sent)).status_code == 200
    for process in (road.here, road.there):
        answer = await person.put("steps", "item-1", {"steps": 2}, headers=sent, at=process)
        assert problem(answer) == (401, "proof_replayed")
    assert contents(await person.ask("steps")) == {"steps": [{"steps": 1}]}


async def test_proof_of_a_retry_is_used_up_too(road: Road, person: Asked) -> None:
    """With the key, without it, and under another one; and the first request's proof under the retry's key."""
    once, first, again = key(), {"DPoP": await proof(road)}, {"DPoP": await proof(road)}
    assert contents(await person.ask("steps", headers={**once, **first}))
    assert contents(await person.ask("steps", headers={**once, **again}))
    for sent in ({**once, **again}, again, {**key(), **again}, {**once, **first}, first, {**key(), **first}):
        answer = await person.ask("steps", headers=sent, at=road.there)
        assert problem(answer) == (401, "proof_replayed")
    assert len(await person.recorded()) == 1


async def test_proof_used_without_a_key_is_no_proof_of_a_retry(road: Road, person: Asked) -> None:
    once, sent = key(), {"DPoP": await proof(road)}
    assert contents(await person.ask("steps", headers=once))
    assert contents(await person.ask("steps", headers=sent))
    assert problem(await person.ask("steps", headers={**once, **sent})) == (401, "proof_replayed")


async def test_retries_are_one_exchange(road: Road, person: Asked) -> None:
    once = key()
    answers = [await person.ask("steps", headers=once, at=at) for at in (road.here, road.there, road.here)]
    assert [contents(answer) for answer in answers] == [{"steps": [STEPS]}] * 3
    assert len({answer.json()["exchange_id"] for answer in answers}) == 1
    assert len({answer.json()["recorded_at"] for answer in answers}) == 1
    assert len(await person.recorded()) == 1


async def test_concurrent_retries_are_one_exchange(road: Road, person: Asked) -> None:
    once = key()
    processes = [road.here, road.there] * 4
    answers = await asyncio.gather(*(person.ask("steps", headers=once, at=one) for one in processes))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.json()["exchange_id"] for answer in answers}) == 1
    assert len(await person.recorded()) == 1


async def test_what_a_retry_released_again_is_on_record(road: Road, person: Asked) -> None:
    once = key()
    first = await person.ask("steps", headers=once)
    await person.ask("steps", headers=once)
    (again,) = await person.recorded("exchange_repeated")
    assert again["actor"] == "component:mimamori"
    assert again["detail"]["exchange"] == first.json()["exchange_id"]


async def test_retry_passes_the_gate_anew(person: Asked) -> None:
    once = key()
    assert contents(await person.ask("steps", headers=once))
    await person.consent("steps", "withdrawn")
    assert problem(await person.ask("steps", headers=once)) == (403, "consent_withdrawn")


async def test_retry_after_a_change_is_told_so(person: Asked) -> None:
    once = key()
    assert contents(await person.ask("steps", headers=once))
    await person.put("steps", "item-1", {"steps": 190003})
    answer = await person.ask("steps", headers=once)
    assert problem(answer) == (409, "idempotency_item_changed")
    assert "190003" not in answer.text


async def test_key_is_not_reused_for_another_request(road: Road, person: Asked) -> None:
    once = key()
    assert contents(await person.ask("steps", headers=once))
    await person.consent("vitals")
    await road.call("kenko-app", "PUT", f"{person.items('vitals')}/item-1", json={"content": VITALS})
    answer = await person.ask("steps", "vitals", headers=once)
    assert problem(answer) == (422, "idempotency_key_reused")
    assert len(await person.recorded()) == 1


@pytest.mark.parametrize("bad", ["", "x" * 201, "with space", "tab\there"])
async def test_key_that_is_none(person: Asked, bad: str) -> None:
    answer = await person.ask("steps", headers={"Idempotency-Key": bad})
    assert problem(answer) == (422, "invalid_request")


@pytest.mark.parametrize(
    "claims",
    [
        {"htm": "GET"},
        {"htu": f"{BASE}/personal/v1/other"},
        {"htu": "http://elsewhere.example/personal/v1/exchange"},
        {"ath": "x" * 43},
        {"iat": seconds_ago(600)},
        {"iat": seconds_ago(-600)},
        {"iat": "now"},
        {"jti": ""},
        {"header": {"alg": "none"}},
        {"header": {"typ": "JWT"}},
        {"header": {"jwk": Key().jwk}},
    ],
    # no moments and keys in the names: workers of a test run must agree on them
    ids=["htm", "htu", "host", "ath", "old", "early", "iat", "jti", "alg", "typ", "key"],
)
async def test_proof_that_does_not_fit(road: Road, person: Asked, claims: dict[str, Any]) -> None:
    before = await road.count()
    answer = await person.ask("steps", headers={"DPoP": await proof(road, **claims)})
    assert problem(answer) == (401, "proof_invalid")
    assert await road.count() == before


async def test_token_of_another_key_or_none(road: Road, person: Asked) -> None:
    token = await road.token("mimamori")
    stolen = Key().proof("POST", BASE + EXCHANGE, token)
    assert problem(await person.ask("steps", headers={"DPoP": stolen})) == (401, "proof_invalid")
    bearer = {"Authorization": f"Bearer {token}"}
    assert problem(await person.ask("steps", headers=bearer)) == (401, "unauthenticated")
    assert problem(await person.ask("steps", headers={"Authorization": "DPoP x.y.z"})) == (
        401,
        "token_invalid",
    )
    cut = {"Authorization": f"DPoP {token[:-8]}"}
    assert problem(await person.ask("steps", headers=cut)) == (401, "token_invalid")

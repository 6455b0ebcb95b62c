"""A19: whoever sends tokens or proofs that are not valid is counted by address, as whoever sends none; nobody else is."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from moyai.base import keys
from moyai.base.db import Connection
from tests.web.in_process import BASE
from tests.web.peers import Key, Party
from tests.web.test_rate_limits import limit
from tests.web.test_staff import Program, operator

__all__ = ["operator"]

STAFF = "/identity/v1/staff"
REFUSED = '"refused";q=5;w=10'


def few(app: Any) -> None:
    """Five in ten seconds."""
    limit(app, address_per_second=0.5)


async def codes(http: httpx.AsyncClient, count: int, **headers: str) -> list[str]:
    answers = [await http.get(STAFF, headers=headers) for _ in range(count)]
    return [one.json()["code"] for one in answers]


TOO_MANY = ["too_many_requests"] * 2


@pytest.mark.parametrize("sent", ["DPoP abc", "DPoP a.b.c", "Bearer abc", "", "none"])
async def test_a19_requests_without_a_valid_token_are_limited_by_address(
    app: Any, operator: Program, web: httpx.AsyncClient, sent: str
) -> None:
    few(app)
    headers = {} if sent == "none" else {"Authorization": sent, "DPoP": "abc"}
    answers = [await web.get(STAFF, headers=headers) for _ in range(7)]
    assert [one.status_code for one in answers] == [401] * 5 + [429] * 2
    assert [one.headers["ratelimit-policy"] for one in answers] == [REFUSED] * 7
    assert [one.headers["ratelimit"].split(";")[1] for one in answers] == [*(f"r={n}" for n in (4, 3, 2, 1, 0)), "r=0", "r=0"]  # fmt: skip
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 10


async def test_a19_a_valid_client_of_the_same_address_is_not_held_back(
    app: Any, operator: Program, web: httpx.AsyncClient
) -> None:
    """Neither one that has asked before, nor one whose token is new to this process."""
    assert (await operator.call("GET", STAFF)).status_code == 200
    few(app)
    assert (await codes(web, 7, Authorization="DPoP abc"))[-2:] == TOO_MANY
    answer = await operator.call("GET", STAFF)
    assert (answer.status_code, answer.headers["ratelimit-policy"].split(";")[0]) == (200, '"client"')
    fresh = (await operator.party.token(grant_type="client_credentials", scope="staff")).json()
    again = await operator.party.call("GET", STAFF, fresh["access_token"])
    assert again.status_code == 200
    assert await codes(web, 1, Authorization="DPoP abc") == ["too_many_requests"]


async def test_a19_bad_proofs_and_missing_scopes_are_counted_too(
    app: Any, operator: Program, web: httpx.AsyncClient
) -> None:
    few(app)
    thief, access = Key(), operator.token
    found: list[str] = []
    for _ in range(6):
        proof = thief.proof("GET", BASE + STAFF, access)
        answer = await web.get(STAFF, headers={"Authorization": f"DPoP {access}", "DPoP": proof})
        found.append(answer.json()["code"])
    assert found == ["proof_invalid"] * 5 + ["too_many_requests"]
    assert (await operator.call("GET", STAFF)).status_code == 200
    assert (await operator.call("GET", "/identity/v1/transfers")).json()["code"] == "too_many_requests"


async def test_a19_each_request_is_counted_once(app: Any, operator: Program, web: httpx.AsyncClient) -> None:
    """What is valid takes nothing from the address, and what is refused nothing from the client."""
    limit(app, address_per_second=0.5, client_per_second=0.5)
    left = [(await operator.call("GET", STAFF)).headers["ratelimit"] for _ in range(3)]
    assert [one.split(";")[:2] for one in left] == [['"client"', f"r={n}"] for n in (4, 3, 2)]
    refused = await web.get(STAFF, headers={"Authorization": "DPoP abc"})
    assert refused.headers["ratelimit"].split(";")[:2] == ['"refused"', "r=4"]
    public = await web.get("/consent/v1/keys")
    assert public.headers["ratelimit"].split(";")[:2] == ['"address"', "r=4"]
    assert (await operator.call("GET", STAFF)).headers["ratelimit"].startswith('"client";r=1;')


async def test_a19_an_unknown_key_is_asked_for_only_while_the_address_has_tries_left(
    app: Any, operator: Program, web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that names a key nobody knows makes the process ask the database: another one may just have made the key."""
    few(app)
    asked: list[str] = []
    before = keys.public_set

    async def counting(conn: Connection, purpose: Any) -> Any:
        asked.append(purpose)
        return await before(conn, purpose)

    monkeypatch.setattr(keys, "public_set", counting)
    for number in range(40):
        key = Key(f"unknown-{number}")
        forged = key.sign({"typ": "at+jwt", "alg": "ES256", "kid": key.kid}, {})
        await web.get(STAFF, headers={"Authorization": f"DPoP {forged}"})
    assert 1 <= len(asked) <= 12, "one for each of five, and one a second"


async def test_a19_invalid_assertions_are_limited_by_address(
    app: Any, operator: Program, web: httpx.AsyncClient
) -> None:
    limit(app, sign_in_per_minute=5)
    stranger = Party(web, operator.party.client_id)
    answers = [await stranger.token(grant_type="client_credentials") for _ in range(7)]
    assert [one.status_code for one in answers] == [401] * 5 + [429] * 2

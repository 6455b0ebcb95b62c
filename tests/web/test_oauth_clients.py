"""How clients prove who they are, and what they get for themselves."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from moyai.base.db import Connection
from tests import factories
from tests.factories import Town
from tests.web.in_process import BASE
from tests.web.peers import ASSERTION_TYPE, Key, Party

TOKEN_URL = f"{BASE}/oauth2/token"


@pytest.fixture
async def town(control: Connection) -> Town:
    return await factories.make_town(control)


@pytest.fixture
async def party(control: Connection, town: Town, web: httpx.AsyncClient) -> Party:
    party = Party(web, "mimamori-client")
    await factories.make_client(control, town.mimamori, client_id=party.client_id, jwks=party.key.jwks)
    return party


async def _ask(party: Party, **other: Any) -> httpx.Response:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": party.assertion(**other),
    }
    proof = party.dpop.proof("POST", TOKEN_URL)
    return await party.http.post("/oauth2/token", data=form, headers={"DPoP": proof})


def _error(answer: httpx.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json()["code"]


async def test_a_client_gets_a_token_bound_to_its_key(party: Party) -> None:
    tokens = (await party.token(grant_type="client_credentials", scope="personal:store")).json()
    assert (tokens["token_type"], tokens["scope"]) == ("DPoP", "personal:store")
    assert "refresh_token" not in tokens


async def test_without_a_scope_it_gets_all_of_its_own(party: Party) -> None:
    tokens = (await party.token(grant_type="client_credentials")).json()
    assert set(tokens["scope"].split()) == {"personal:store", "personal:exchange"}


@pytest.mark.parametrize("scope", ["openid", "consent", "registry:write", "personal:store registry:write"])
async def test_other_scopes_are_refused(party: Party, scope: str) -> None:
    answer = await party.token(grant_type="client_credentials", scope=scope)
    assert _error(answer) == (400, "invalid_scope", "scope_not_allowed")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"aud": "https://elsewhere.example"}, "assertion_invalid"),
        ({"aud": [BASE, "https://elsewhere.example"]}, "assertion_invalid"),
        ({"aud": []}, "assertion_invalid"),
        ({"exp": 1}, "assertion_expired"),
        ({"exp": int(time.time()) + 86_400}, "assertion_invalid"),
        ({"exp": None}, "assertion_invalid"),
        ({"iat": int(time.time()) + 600}, "assertion_invalid"),
        ({"jti": None}, "assertion_invalid"),
        ({"iss": "somebody"}, "client_unknown"),
        ({"sub": "somebody"}, "assertion_invalid"),
    ],
)
async def test_a_wrong_assertion_is_refused(party: Party, change: dict[str, Any], code: str) -> None:
    assert _error(await _ask(party, **change)) == (401, "invalid_client", code)


async def test_an_assertion_is_good_once(party: Party) -> None:
    assert (await _ask(party, jti="the-same-id")).status_code == 200
    assert _error(await _ask(party, jti="the-same-id")) == (401, "invalid_client", "assertion_replayed")


async def test_another_key_does_not_sign_for_this_client(party: Party) -> None:
    party.key = Key(party.key.kid)
    assert _error(await _ask(party)) == (401, "invalid_client", "assertion_invalid")


@pytest.mark.parametrize(
    "header",
    [{"alg": "none"}, {"alg": "HS256"}, {"alg": "ES256", "crit": 5}, {"alg": "ES256", "kid": 7}, {"alg": 1}],
)
async def test_a_strange_header_is_refused(party: Party, header: dict[str, Any]) -> None:
    claims = {
        "iss": party.client_id,
        "sub": party.client_id,
        "aud": BASE,
        "exp": time.time() + 60,
        "jti": "12345678",
    }
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": party.key.sign(header, claims)}
    answer = await party.http.post("/oauth2/token", data={"grant_type": "client_credentials", **form})
    assert _error(answer) == (401, "invalid_client", "assertion_invalid")


async def test_a_component_cannot_go_without_an_assertion(party: Party) -> None:
    party.public = True
    answer = await party.token(grant_type="client_credentials")
    assert _error(answer) == (401, "invalid_client", "assertion_invalid")


async def test_a_disabled_client_is_as_good_as_none(control: Connection, party: Party) -> None:
    await control.execute("update registry.client set state = 'disabled'")
    assert _error(await _ask(party)) == (401, "invalid_client", "client_unknown")


async def test_a_token_needs_a_proof(party: Party) -> None:
    answer = await party.post("/oauth2/token", {"grant_type": "client_credentials"})
    assert _error(answer) == (401, "invalid_dpop_proof", "proof_invalid")


async def test_a_proof_is_good_once(party: Party) -> None:
    proof = party.dpop.proof("POST", TOKEN_URL)
    form = {"grant_type": "client_credentials"}
    assert (await party.post("/oauth2/token", form, proof=proof)).status_code == 200
    assert _error(await party.post("/oauth2/token", form, proof=proof))[2] == "proof_replayed"


async def test_a_proof_for_another_url_is_refused(party: Party) -> None:
    proof = party.dpop.proof("POST", f"{BASE}/oauth2/par")
    answer = await party.post("/oauth2/token", {"grant_type": "client_credentials"}, proof=proof)
    assert _error(answer)[2] == "proof_invalid"


@pytest.mark.parametrize(
    ("form", "error"),
    [({}, "invalid_request"), ({"grant_type": "password"}, "unsupported_grant_type")],
)
async def test_other_grants_are_refused(party: Party, form: dict[str, str], error: str) -> None:
    answer = await party.token(**form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"grant_type=a&grant_type=b", "application/x-www-form-urlencoded"),
        (b"\xff\xfe=%FF", "application/x-www-form-urlencoded"),
        (b"client_assertion=a%00b", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"", ""),
    ],
)
async def test_bad_bodies_get_a_stable_error(web: httpx.AsyncClient, content: bytes, kind: str) -> None:
    answer = await web.post("/oauth2/token", content=content, headers={"Content-Type": kind})
    assert answer.status_code in (400, 415)
    assert answer.json()["error"] == "invalid_request"


async def test_the_provider_describes_itself(web: httpx.AsyncClient) -> None:
    document = (await web.get("/.well-known/openid-configuration")).json()
    assert document["issuer"] == BASE
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document == (await web.get("/.well-known/oauth-authorization-server")).json()
    for name in ("authorization", "token", "userinfo", "revocation", "end_session"):
        assert document[f"{name}_endpoint"].startswith(f"{BASE}/oauth2/")
    keys = (await web.get("/oauth2/jwks")).json()["keys"]
    assert [key["alg"] for key in keys] == ["ES256"]
    assert all("d" not in key for key in keys)


async def test_low_an_assertion_and_a_proof_are_used_up_by_a_refused_request(party: Party) -> None:
    """Not stolen and used elsewhere afterwards, with another key."""
    assertion, proof = party.assertion(), party.dpop.proof("POST", TOKEN_URL)
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    refused = await party.http.post(
        "/oauth2/token", data={**form, "scope": "registry:write"}, headers={"DPoP": proof}
    )
    assert _error(refused) == (400, "invalid_scope", "scope_not_allowed")
    thief = await party.http.post(
        "/oauth2/token", data=form, headers={"DPoP": Key().proof("POST", TOKEN_URL)}
    )
    assert thief.json()["code"] == "assertion_replayed"
    again = await party.http.post(
        "/oauth2/token", data={**form, "client_assertion": party.assertion()}, headers={"DPoP": proof}
    )
    assert again.json()["code"] == "proof_replayed"


async def test_low_an_assertion_is_used_up_although_the_proof_is_missing(party: Party) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": party.assertion(),
    }
    assert (await party.http.post("/oauth2/token", data=form)).json()["code"] == "proof_invalid"
    proof = party.dpop.proof("POST", TOKEN_URL)
    again = await party.http.post("/oauth2/token", data=form, headers={"DPoP": proof})
    assert again.json()["code"] == "assertion_replayed"

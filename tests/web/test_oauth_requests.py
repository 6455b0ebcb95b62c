"""Authorization requests: what is checked before anybody is asked to log in."""

from __future__ import annotations

import httpx
import pytest

from moyai.base.db import Connection
from tests import factories
from tests.web.in_process import BASE
from tests.web.peers import Party, members_of

CALLBACK = "http://localhost:9/callback"


@pytest.fixture
async def service(control: Connection, web: httpx.AsyncClient) -> Party:
    town = await factories.make_town(control)
    service = Party(web, "mimamori-client")
    await factories.make_client(
        control, town.mimamori, client_id=service.client_id, jwks=service.key.jwks, redirect_uris=(CALLBACK,)
    )
    touch_point = await factories.make_component(control, town.unei, "portal-app")
    await factories.make_client(
        control,
        touch_point,
        client_id="portal-app",
        kind="touch_point",
        redirect_uris=("http://127.0.0.1/callback",),
        scopes=("openid", "consent"),
    )
    return service


async def _authorize(party: Party, redirect_uri: str = CALLBACK, **change: str) -> httpx.Response:
    return await party.http.get("/oauth2/authorize", params=party.request(redirect_uri, **change))


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://localhost:9/callback/",
        "http://localhost:9/callback?more=1",
        "http://localhost:10/callback",
        "https://localhost:9/callback",
        "http://localhost:9/Callback",
        "https://evil.example/callback",
        "javascript:alert(1)",
    ],
)
async def test_an_unregistered_redirect_uri_stops_here(service: Party, redirect_uri: str) -> None:
    answer = await _authorize(service, redirect_uri)
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_an_unknown_client_stops_here(service: Party) -> None:
    service.client_id = "nobody"
    answer = await _authorize(service)
    assert answer.status_code == 401
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "too-short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "personal:exchange"}, "invalid_scope"),
        ({"scope": "openid consent"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"nonce": "x" * 600}, "invalid_request"),
    ],
)
async def test_a_bad_request_goes_back_to_the_service(
    service: Party, change: dict[str, str], error: str
) -> None:
    answer = await _authorize(service, **change)
    members = members_of(answer)
    assert answer.headers["location"].startswith(CALLBACK)
    assert (members["error"], members["state"], members["iss"]) == (error, "some-state", BASE)


async def test_a_parameter_given_twice_is_refused(service: Party) -> None:
    answer = await service.http.get("/oauth2/authorize?client_id=a&client_id=b")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("redirect_uri", "known"),
    [
        ("http://127.0.0.1:51234/callback", True),
        ("http://127.0.0.1/callback", True),
        ("http://127.0.0.1:51234/other", False),
        ("http://localhost:51234/callback", False),
        ("https://127.0.0.1:51234/callback", False),
        ("http://user@127.0.0.1:51234/callback", False),
    ],
)
async def test_a_touch_points_port_may_differ(service: Party, redirect_uri: str, known: bool) -> None:
    touch_point = Party(service.http, "portal-app", public=True)
    answer = await _authorize(touch_point, redirect_uri, scope="openid consent")
    assert (answer.status_code == 303) is known


@pytest.mark.parametrize(
    "uri", ["urn:ietf:params:oauth:request_uri:made-up", "https://elsewhere.example/request"]
)
async def test_a_made_up_request_uri_stops_here(service: Party, uri: str) -> None:
    answer = await service.http.get(
        "/oauth2/authorize", params={"client_id": service.client_id, "request_uri": uri}
    )
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_another_client_cannot_use_a_pushed_request(service: Party) -> None:
    pushed = (await service.post("/oauth2/par", service.request(CALLBACK))).json()
    answer = await service.http.get(
        "/oauth2/authorize", params={"client_id": "portal-app", "request_uri": pushed["request_uri"]}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uri": "https://evil.example/"}, "redirect_uri_mismatch"),
        ({"code_challenge_method": "plain"}, "authorization_request_invalid"),
        ({"scope": "personal:exchange"}, "scope_not_allowed"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:a"}, "malformed_request"),
    ],
)
async def test_a_bad_pushed_request_is_refused_at_once(
    service: Party, change: dict[str, str], error: str
) -> None:
    answer = await service.post("/oauth2/par", {**service.request(CALLBACK), **change})
    assert (answer.status_code, answer.json()["code"]) == (400, error)


async def test_a_pushed_request_can_bind_the_key_beforehand(service: Party) -> None:
    proof = service.dpop.proof("POST", f"{BASE}/oauth2/par")
    other = {**service.request(CALLBACK), "dpop_jkt": "x" * 43}
    answer = await service.post("/oauth2/par", other, proof=proof)
    assert answer.json()["code"] == "proof_invalid"

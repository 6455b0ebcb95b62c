"""Anything that `/openapi.json` allows, and much that it does not, sent with true tokens: never a server error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode

from moyai.base import keys
from moyai.base.ids import random_uuid
from moyai.identity import store_oauth, tokens
from moyai.web.operation import AnyOf, Client, Demand, Resident
from moyai.web.routes import ROUTES
from tests.app.test_marked_values import ready, running
from tests.conftest import Platform
from tests.factories import Made, Town, make_client, make_consent, make_town, tie
from tests.personal.conftest import register_store
from tests.stack import free_port
from tests.web.in_process import BASE
from tests.web.peers import Key, Party

EXAMPLES = 16
DEMANDS: dict[tuple[str, str], Demand] = {(each.method, each.path): each.auth for each in ROUTES}
SCOPES = sorted({each.scope for each in DEMANDS.values() if isinstance(each, Client)} | {"openid"})


Holder = tuple[Key, str]
"""A token, and the key it is bound to."""


class Sender:
    """Signs every case with the token that its operation asks for."""

    def __init__(self, url: str, component: Holder, registrar: Holder, resident: Holder) -> None:
        self.url, self.component, self.registrar, self.resident = url, component, registrar, resident

    def _holder(self, demand: Demand | None) -> Holder | None:
        if isinstance(demand, AnyOf):
            return next((found for each in demand.demands if (found := self._holder(each))), None)
        if isinstance(demand, Client):
            return self.registrar if demand.scope.startswith("registry:") else self.component
        return self.resident if isinstance(demand, Resident) else None

    def headers(self, method: str, url: str, demand: Demand | None) -> dict[str, str]:
        holder = self._holder(demand)
        if holder is None:
            return {}
        key, token = holder
        path = unquote(urlsplit(url).path)
        return {"Authorization": f"DPoP {token}", "DPoP": key.proof(method, BASE + path, token)}


@pytest.fixture
async def sender(fresh_platform: Platform) -> AsyncIterator[Sender]:
    """A platform with a consented exchange, a client that may do everything, and a resident's token."""
    control, home = await fresh_platform.pool(), fresh_platform.home
    async with control.transaction() as conn:
        town = await make_town(conn)
        for component in (town.mimamori, town.undo_app):
            await tie(conn, town.hanako, component)
        await make_consent(conn, town.hanako, town.links["steps"])
        await make_client(conn, town.mimamori, client_id="portal-app", kind="touch_point")
    await register_store(control, fresh_platform, town.c1)
    port = free_port()
    text = home.config_file.read_text(encoding="utf-8")
    home.config_file.write_text(text.replace("[server]\n", f"[server]\nport = {port}\n"), encoding="utf-8")
    home.logs.mkdir(parents=True, exist_ok=True)
    with running(fresh_platform, port, home.logs / "output-of-processes"):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            await ready(http)
            component = await _client(fresh_platform, http, "everything", component=town.undo_app)
            registrar = await _client(fresh_platform, http, "registrar", organization=town.unei)
        resident = await _resident(fresh_platform, town)
        yield Sender(f"http://127.0.0.1:{port}", component, registrar, resident)


async def _client(platform: Platform, http: httpx.AsyncClient, client_id: str, **whose: Made) -> Holder:
    party = Party(http, client_id)
    async with (await platform.pool()).transaction() as conn:
        await make_client(conn, client_id=client_id, jwks=party.key.jwks, scopes=tuple(SCOPES), **whose)
    answer = await party.token(grant_type="client_credentials")
    assert answer.status_code == 200, answer.text
    return party.dpop, answer.json()["access_token"]


async def _resident(platform: Platform, town: Town) -> Holder:
    grant_id, key, scope = random_uuid(), Key(), "openid consent"
    async with (await platform.pool()).transaction() as conn:
        await store_oauth.insert_grant(
            conn,
            grant_id,
            "portal-app",
            town.hanako.key,
            scope,
            2,
            ["pwd", "otp"],
            datetime.now(UTC),
            b"session",
            datetime.now(UTC),
            0,
            "",
            3600,
        )
        await store_oauth.bind_grant(conn, grant_id, key.jkt)
        signing = await keys.current(conn, platform.home.box(), "oidc")
    token = tokens.issue_access_token(
        signing, BASE, "portal-app", str(random_uuid()), scope, key.jkt, grant_id
    )
    return key, token


def _server_errors(sender: Sender, operation: Any) -> tuple[str, list[str], int]:
    """What answered 5xx for one operation, with what was sent; and how many cases got past authentication."""
    wrong: list[str] = []
    past = [0]
    label = f"{operation.method.upper()} {operation.path}"
    demand = DEMANDS.get((operation.method.upper(), operation.path))

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    )
    def send(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url=sender.url)
        url = sent["url"]
        case.headers = {**(case.headers or {}), **sender.headers(case.method.upper(), url, demand)}
        answer = case.call(base_url=sender.url)
        past[0] += answer.status_code != 401
        if answer.status_code >= 500 and answer.status_code != 501:
            wrong.append(f"{label}: {answer.status_code} {case.as_curl_command()}")

    send()
    return label, wrong, past[0]


def test_no_server_error(sender: Sender) -> None:
    schema = schemathesis.openapi.from_url(f"{sender.url}/openapi.json")
    wrong: list[str] = []
    past: dict[str, int] = {}
    for result in schema.get_all_operations():
        label, found, count = _server_errors(sender, result.ok())
        past[label] = count
        wrong.extend(found)
    assert wrong == []
    assert len(past) > 40
    signed = [label for label, count in past.items() if count == 0]
    assert signed == [], "these were only ever refused for want of a token"

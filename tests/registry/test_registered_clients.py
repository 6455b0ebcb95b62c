"""Clients: public keys only, exact addresses, the scopes of their kind."""

from __future__ import annotations

from typing import Any

import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.ledger import Kind
from tests.registry.samples import ACTOR, ADVICE, CLIENT, CLIENT_KEY, but, recorded, registered_service


def keys(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"keys": [CLIENT_KEY | change for change in changes]}


@pytest.mark.parametrize(
    "members",
    [
        {"jwks": None},
        {"jwks": {"keys": []}},
        {"jwks": keys({"d": "C" * 43})},
        {"jwks": {"keys": [{"kty": "oct", "k": "secret", "kid": "1"}]}},
        {"jwks": keys({"crv": "P-384"})},
        {"jwks": keys({"x": "short"})},
        {"jwks": keys({}, {})},
        {"jwks": keys({"x": "A" * 43})},
        {"scopes": ["openid", "registry:write"]},
        {"scopes": ["everything"]},
        {"component": None},
        {"organization": "city"},
        {"redirect_uris": ["http://example.jp/callback"]},
        {"redirect_uris": ["https://example.jp/callback#part"]},
        {"redirect_uris": ["https://*.example.jp/callback"]},
        {"redirect_uris": ["https://example.jp/call back"]},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": ["//example.jp"]},
        {"redirect_uris": ["http://[::1/"]},
        {"redirect_uris": ["https://user@example.jp/callback"]},
        {"redirect_uris": ["http://:a; script-src-elem *@127.0.0.1/callback"]},
        {"redirect_uris": ["http://@127.0.0.1/callback"]},
        {"redirect_uris": ["https://example.jp/a/../callback"]},
        {"redirect_uris": ["https://example.jp/a/%2e%2E/callback"]},
        {"redirect_uris": ["https://example.jp\\@evil.example/callback"]},
        {"redirect_uris": ["https://例え.jp/callback"]},
    ],
)
async def test_what_would_be_unsafe_is_refused(control: Connection, members: dict[str, Any]):
    await registered_service(control)
    with pytest.raises(Problem) as refused:
        await registry.register_client(control, but(CLIENT, **members), ACTOR)
    assert refused.value.code == "client_invalid"


async def test_a_component_client_is_registered_once(control: Connection):
    await registered_service(control)
    assert (await registry.register_client(control, CLIENT, ACTOR)).outcome == "created"
    assert (await registry.register_client(control, CLIENT, ACTOR)).outcome == "unchanged"
    stored = await registry.client(control, "advice")
    assert (stored.component_id, stored.organization_id) == ("advice", "city")


async def test_keys_may_be_changed_with_overlap(control: Connection):
    await registered_service(control)
    await registry.register_client(control, CLIENT, ACTOR)
    both = but(CLIENT, jwks=keys({}, {"kid": "advice-2"}))
    assert (await registry.register_client(control, both, ACTOR)).fields == ("jwks",)


async def test_a_touch_point_is_public(control: Connection):
    await registered_service(control)
    touch_point = but(CLIENT, client_id="app", kind="touch_point", scopes=["openid", "consent"])
    with pytest.raises(Problem) as refused:
        await registry.register_client(control, touch_point, ACTOR)
    assert refused.value.code == "client_invalid"
    change = await registry.register_client(control, but(touch_point, jwks=None), ACTOR)
    assert change.outcome == "created"


async def test_an_operators_client_belongs_to_an_organisation(control: Connection):
    await registered_service(control)
    operator = but(
        CLIENT,
        client_id="op",
        kind="operator",
        component=None,
        organization="unei",
        scopes=["registry:write"],
        redirect_uris=[],
    )
    assert (await registry.register_client(control, operator, ACTOR)).outcome == "created"
    assert (await registry.register_client(control, operator, ACTOR)).outcome == "unchanged"
    assert (await registry.client(control, "op")).organization_id == "unei"


async def test_a_clients_component_never_changes(control: Connection):
    await registered_service(control)
    await registry.register_client(control, CLIENT, ACTOR)
    with pytest.raises(Problem) as refused:
        await registry.register_client(control, but(CLIENT, component="walking"), ACTOR)
    assert refused.value.code == "change_not_allowed"


@pytest.mark.parametrize(("kind", "scope"), [("desk", "identity:enrol"), ("operator", "registry:write")])
async def test_m3_a_clients_organisation_never_changes(control: Connection, kind: str, scope: str):
    await registered_service(control)
    client = but(CLIENT, kind=kind, component=None, organization="city", scopes=[scope], redirect_uris=[])
    await registry.register_client(control, client, ACTOR)
    with pytest.raises(Problem) as refused:
        await registry.register_client(control, but(client, organization="unei"), ACTOR)
    assert refused.value.code == "change_not_allowed"
    assert (await registry.client(control, "advice")).organization_id == "city"


async def test_m3_a_component_that_clients_act_for_stays_with_its_organisation(control: Connection):
    await registered_service(control)
    await registry.register_component(control, but(ADVICE, component_id="lone"), ACTOR)
    lone = but(CLIENT, client_id="lone", component="lone")
    await registry.register_client(control, lone, ACTOR)
    with pytest.raises(Problem) as refused:
        await registry.register_component(
            control, but(ADVICE, component_id="lone", organization="unei"), ACTOR
        )
    assert refused.value.code == "change_not_allowed"


async def test_h4_a_disabled_client_stays_disabled_until_its_own_act(control: Connection, journal):
    await registered_service(control)
    await registry.register_client(control, CLIENT, ACTOR)
    await registry.disable_client(control, "advice", "鍵の紛失", ACTOR, journal)
    assert (await registry.client(control, "advice")).state == "disabled"
    assert (await registry.register_client(control, CLIENT, ACTOR)).outcome == "unchanged"
    await registry.register_client(control, but(CLIENT, name_en="Another name"), ACTOR)
    assert (await registry.client(control, "advice")).state == "disabled"
    await registry.enable_client(control, "advice", "鍵の更新を確認", ACTOR)
    assert (await registry.client(control, "advice")).state == "active"
    assert Kind.CLIENT_DISABLED in {act.kind for act in await recorded(control)}

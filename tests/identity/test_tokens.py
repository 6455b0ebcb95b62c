"""Access tokens under keys that end: a revoked key verifies nothing, in any process, a second later (security M7)."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from moyai.base import keys
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.roles import OWNER
from moyai.identity import tokens
from moyai.identity.tokens import TokenVerifier, issue_access_token
from tests.conftest import Platform

ISSUER = "http://localhost:8400"


class Clock:
    """The verifiers' own clock, which stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=made.monotonic, time=time.time))
    return made


@pytest.fixture
async def serve(fresh_platform: Platform) -> Connection:
    return await fresh_platform.connect()


@pytest.fixture
async def owner(fresh_platform: Platform) -> Connection:
    return await fresh_platform.connect(OWNER)


async def issued(conn: Connection, platform: Platform) -> tuple[str, str]:
    """A token, and the id of its key."""
    key = await keys.current(conn, platform.home.box(), "oidc")
    return issue_access_token(key, ISSUER, "mimamori", "mimamori", "exchange", "jkt"), key.key_id


async def test_m7_a_revoked_key_verifies_nothing_in_any_process_a_second_later(
    fresh_platform: Platform, serve: Connection, owner: Connection, clock: Clock
) -> None:
    token, key_id = await issued(serve, fresh_platform)
    processes = [TokenVerifier(ISSUER), TokenVerifier(ISSUER)]
    for one in processes:
        assert await one.verify(serve, token, time.time()) == one.remembered(token, time.time())
    await keys.revoke(owner, fresh_platform.home.box(), key_id, "copied")
    clock.now += 1.001
    for one in processes:
        assert one.remembered(token, time.time()) is None, "what was checked before is checked again"
        with pytest.raises(Problem) as refused:
            await one.verify(serve, token, time.time())
        assert refused.value.code == "token_invalid"


async def test_m7_a_hint_under_a_revoked_key_names_nobody(
    fresh_platform: Platform, serve: Connection, owner: Connection
) -> None:
    _, key_id = await issued(serve, fresh_platform)
    key = await keys.current(serve, fresh_platform.home.box(), "oidc")
    claims = {
        "iss": ISSUER,
        "aud": "mimamori",
        "sub": "00000000-0000-4000-8000-000000000002",
        "sid": "00000000-0000-4000-8000-000000000001",
    }
    hint = tokens._sign(key, "JWT", claims)  # pyright: ignore[reportPrivateUsage]
    assert await tokens.read_id_token_hint(serve, ISSUER, hint) is not None
    await keys.revoke(owner, fresh_platform.home.box(), key_id, "copied")
    assert await tokens.read_id_token_hint(serve, ISSUER, hint) is None


async def test_a_rotated_key_verifies_on_and_the_new_one_at_once(
    fresh_platform: Platform, serve: Connection, owner: Connection, clock: Clock
) -> None:
    old, _ = await issued(serve, fresh_platform)
    verifier = TokenVerifier(ISSUER)
    await verifier.verify(serve, old, time.time())
    await keys.rotate(owner, fresh_platform.home.box(), "oidc")
    new, _ = await issued(serve, fresh_platform)
    clock.now += 0.001
    assert (await verifier.verify(serve, new, time.time())).client_id == "mimamori"
    clock.now += 5
    assert (await verifier.verify(serve, old, time.time())).client_id == "mimamori"


async def test_a_token_of_another_key_is_no_token(
    fresh_platform: Platform, serve: Connection, clock: Clock
) -> None:
    await issued(serve, fresh_platform)
    stranger = keys._generate("ES256")  # pyright: ignore[reportPrivateUsage]
    token = issue_access_token(stranger, ISSUER, "mimamori", "mimamori", "exchange", "jkt")
    with pytest.raises(Problem) as refused:
        await TokenVerifier(ISSUER).verify(serve, token, time.time())
    assert refused.value.code == "token_invalid"

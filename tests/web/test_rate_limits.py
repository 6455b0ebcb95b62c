"""M8: how much one caller may ask: told in the answer's head, refused with 429 beyond, remembered in bounded space."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from moyai.base.config import Limits
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity.model import ClientCaller, ResidentCaller
from moyai.web import rate_limits
from moyai.web.client_address import neighbourhood
from moyai.web.rate_limits import Limit, RateLimits, TooMany


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def limit(app: Any, **settings: float) -> None:
    app.state.platform.limits = RateLimits(replace(Limits(), **settings))


def proxies(app: Any, *networks: str) -> None:
    platform = app.state.platform
    config = platform.config
    platform.config = replace(config, server=replace(config.server, trusted_proxies=list(networks)))


def test_a_bucket_empties_and_fills_evenly() -> None:
    clock = Clock()
    bucket = Limit("test", 10, 5, clock)
    assert [bucket.take("a").left for _ in range(10)] == list(range(9, -1, -1))
    with pytest.raises(TooMany) as refused:
        bucket.take("a")
    assert refused.value.extra["retry_after"] == 1
    assert bucket.take("b").left == 9
    clock.now += 0.5
    assert bucket.take("a").left == 0
    clock.now += 5
    assert bucket.take("a").left == 9


def test_many_callers_take_no_more_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MOST", 100)
    clock = Clock()
    bucket = Limit("test", 10, 5, clock)
    for number in range(1000):
        bucket.take(str(number))
    assert len(bucket._full_at) == 100
    clock.now += 10
    bucket.take("another")
    assert len(bucket._full_at) == 1


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("", ""),
    ],
)
def test_a_network_of_ipv6_is_one_party(address: str, party: str) -> None:
    assert neighbourhood(address) == party


async def test_m8_authorization_requests_of_one_address_are_limited(
    app: Any, web: httpx.AsyncClient, control: Connection
) -> None:
    """Each one was a row, without bound and without a log-in."""
    limit(app, sign_in_per_minute=5)
    answers = [await web.get("/oauth2/authorize") for _ in range(7)]
    assert [one.status_code == 429 for one in answers] == [False] * 5 + [True] * 2
    assert answers[0].headers["ratelimit-policy"] == '"sign-in";q=5;w=60'
    assert answers[0].headers["ratelimit"].startswith('"sign-in";r=4;t=')
    assert answers[-1].headers["ratelimit"].startswith('"sign-in";r=0;t=')
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert (await web.get("/organizations")).status_code == 200


def test_clients_and_people_are_counted_apart() -> None:
    limits = RateLimits(replace(Limits(), client_per_second=0.1))
    client = ClientCaller("undo-app", 1, "undo-app", 1, "c1", 1, frozenset())
    people = [ResidentCaller(n, str(n), "s", "portal-app", 2, 2, frozenset()) for n in (1, 2)]
    for caller in (client, *people):
        assert limits.after(caller) is not None
        with pytest.raises(TooMany):
            limits.after(caller)


async def test_limit_in_the_form_of_an_api(app: Any, web: httpx.AsyncClient) -> None:
    limit(app, address_per_second=0.1)
    assert (await web.get("/consent/v1/keys")).status_code == 200
    answer = await web.get("/consent/v1/keys")
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "too_many_requests"
    assert "retry_after" in answer.json()
    assert (await web.get("/health")).status_code == 200


async def test_forwarded_address_counts_only_from_a_trusted_proxy(app: Any, web: httpx.AsyncClient) -> None:
    """Otherwise a caller would be somebody else with every request."""
    limit(app, address_per_second=0.1)

    async def ask(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return (await web.get("/consent/v1/keys", headers=headers)).status_code

    assert [await ask("192.0.2.1"), await ask("192.0.2.2")] == [200, 429]
    proxies(app, "127.0.0.0/8", "10.0.0.0/8")
    assert [await ask("192.0.2.1"), await ask("192.0.2.2"), await ask("192.0.2.1")] == [200, 200, 429]
    # what stands left of the last untrusted address may be anybody's invention
    assert await ask("198.51.100.9, 192.0.2.1, 10.0.0.5") == 429


async def test_too_many_at_once_are_refused_at_once(app: Any, web: httpx.AsyncClient) -> None:
    platform = app.state.platform
    platform.under_way = platform.config.limits.requests_at_once
    answer = await web.get("/consent/v1/keys")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert (await web.get("/health")).status_code == 200
    platform.under_way = 0
    assert (await web.get("/consent/v1/keys")).status_code == 200
    assert platform.under_way == 0


def test_too_many_is_a_problem_with_a_stable_code() -> None:
    problem = TooMany(Limit("client", 1, 1), 0.2)
    assert isinstance(problem, Problem)
    assert (problem.code, problem.status) == ("too_many_requests", 429)

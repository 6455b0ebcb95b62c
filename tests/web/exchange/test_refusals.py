"""Every refusal over HTTP: its own code, text in both languages, on record, and nothing of the data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest

from moyai.base.clock import utc_now
from moyai.base.errors import CODES
from tests.factories import C2
from tests.web.exchange.conftest import STEPS, VITALS, Asked, Road, contents, problem

WAYS: dict[str, Callable[[Asked], Awaitable[httpx.Response]]] = {}
"""Reason → the way to be refused for it. Each begins with a resident who allowed `steps` and has 180123 of them."""


def way(code: str) -> Callable[[Callable[[Asked], Awaitable[httpx.Response]]], None]:
    def remember(refused: Callable[[Asked], Awaitable[httpx.Response]]) -> None:
        WAYS[code] = refused

    return remember


@asynccontextmanager
async def changed(person: Asked, change: str, back: str) -> AsyncIterator[None]:
    """The registry in another state for a moment; all tests of this package share it."""
    async with person.road.control.connection() as conn:
        await conn.raw.execute(change)
    try:
        yield
    finally:
        async with person.road.control.connection() as conn:
            await conn.raw.execute(back)


@way("consent_missing")
async def _(person: Asked) -> httpx.Response:
    await person.road.call("kenko-app", "PUT", f"{person.items('vitals')}/item-1", json={"content": VITALS})
    return await person.ask("vitals")


@way("consent_refused")
async def _(person: Asked) -> httpx.Response:
    await person.consent("steps", "refused")
    return await person.ask("steps")


@way("consent_withdrawn")
async def _(person: Asked) -> httpx.Response:
    await person.consent("steps", "withdrawn")
    return await person.ask("steps")


@way("consent_expired")
async def _(person: Asked) -> httpx.Response:
    now = utc_now()
    await person.consent("steps", since=now - timedelta(days=366), expires_at=now - timedelta(seconds=1))
    return await person.ask("steps")


@way("purpose_not_registered")
async def _(person: Asked) -> httpx.Response:
    return await person.ask("steps", purpose="watch-over")


@way("consumer_not_linked")
async def _(person: Asked) -> httpx.Response:
    body = {**person.body("steps"), "subject": str(person.subjects["kenko-app"])}
    return await person.road.call("kenko-app", "POST", "/personal/v1/exchange", json=body)


@way("organization_suspended")
async def _(person: Asked) -> httpx.Response:
    change = (
        "update registry.organization set state = 'suspended', suspended_at = clock_timestamp(),"
        " suspension_reason = 'audit' where organization_id = 'c1'"
    )
    back = (
        "update registry.organization set state = 'certified', suspended_at = null,"
        " suspension_reason = null where organization_id = 'c1'"
    )
    async with changed(person, change, back):
        return await person.ask("steps")


@way("organization_not_certified")
async def _(person: Asked) -> httpx.Response:
    set_state = "update registry.organization set state = '{}' where organization_id = 'c1'"
    async with changed(person, set_state.format("registered"), set_state.format("certified")):
        return await person.ask("steps")


@way("service_not_certified")
async def _(person: Asked) -> httpx.Response:
    set_state = "update registry.service set state = '{}' where service_id = 'kenko-mimamori'"
    async with changed(person, set_state.format("registered"), set_state.format("certified")):
        return await person.ask("steps")


@way("service_suspended")
async def _(person: Asked) -> httpx.Response:
    set_state = "update registry.service set state = '{}' where service_id = 'kenko-mimamori'"
    async with changed(person, set_state.format("suspended"), set_state.format("certified")):
        return await person.ask("steps")


@way("outside_user_scope")
async def _(person: Asked) -> httpx.Response:
    """The resident moved to the other municipality."""
    async with person.road.control.connection() as conn:
        await conn.execute(
            "update identity.resident set municipality_code = $2 where resident_key = $1", person.made.key, C2
        )
    return await person.ask("steps")


@way("assurance_insufficient")
async def _(person: Asked) -> httpx.Response:
    await person.consent("steps", aal=1)
    answer = await person.ask("steps")
    assert (answer.json()["required"], answer.json()["actual"]) == (
        {"ial": 2, "aal": 2},
        {"ial": 2, "aal": 1},
    )
    return answer


@way("subject_unknown")
async def _(person: Asked) -> httpx.Response:
    """Another component's subject is nobody here."""
    body = {**person.body("steps"), "subject": str(person.subjects["undo-app"])}
    return await person.road.call("mimamori", "POST", "/personal/v1/exchange", json=body)


@way("resident_inactive")
async def _(person: Asked) -> httpx.Response:
    async with person.road.control.connection() as conn:
        await conn.execute(
            "update identity.resident set state = 'closed' where resident_key = $1", person.made.key
        )
    return await person.ask("steps")


@pytest.fixture
async def person(road: Road) -> Asked:
    made = await road.resident("steps", items={"steps": STEPS})
    assert contents(await made.ask("steps")) == {"steps": [STEPS]}
    return made


@pytest.mark.requirement("R-008")
@pytest.mark.requirement("R-143")
@pytest.mark.parametrize("code", WAYS)
async def test_refusal_has_its_own_code_in_both_languages_and_discloses_nothing(
    person: Asked, code: str
) -> None:
    answer = await WAYS[code](person)
    assert problem(answer) == (403, code)
    document = answer.json()
    assert set(document) <= {
        "type", "title", "title_ja", "status", "code", "next", "next_ja", "correlation_id", "required", "actual"
    }  # fmt: skip
    assert document["title_ja"] == CODES[code].ja
    assert not any(secret in answer.text for secret in ("180123", "61.5", "item-1", person.made.id))


@pytest.mark.parametrize("code", sorted(WAYS.keys() - {"subject_unknown"}))
async def test_refusal_is_on_record_for_the_resident(person: Asked, code: str) -> None:
    await WAYS[code](person)
    entry = (await person.recorded("refusal"))[-1]
    assert entry["detail"]["sources"][0]["code"] == code
    assert "180123" not in str(entry)


async def test_refusal_about_nobody_is_on_record_too(road: Road, person: Asked) -> None:
    async with road.control.connection() as conn:
        query = "select count(*) from ledger.content where resident_key = 0 and kind = 2"
        before = await conn.fetchval(query)
        await WAYS["subject_unknown"](person)
        assert await conn.fetchval(query) == before + 1


@pytest.mark.requirement("R-143")
def test_codes_of_refusals_are_distinct_and_listed() -> None:
    assert set(WAYS) <= set(CODES)
    assert len({CODES[code].ja for code in WAYS}) == len({CODES[code].en for code in WAYS}) == len(WAYS)
    assert all(CODES[code].status == 403 and CODES[code].next_ja for code in WAYS)


@pytest.mark.requirement("R-008")
@pytest.mark.parametrize("where", ["locations", "exchange"])
async def test_where_data_lies_is_told_only_where_the_data_may_go(road: Road, where: str) -> None:
    person = await road.resident("steps", items={"steps": STEPS, "vitals": VITALS})
    ask = person.locate if where == "locations" else person.ask
    assert (await ask("steps")).status_code == 200
    assert problem(await ask("vitals")) == (403, "consent_missing")

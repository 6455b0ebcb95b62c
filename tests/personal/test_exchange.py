"""One exchange, on the real road: gate, separate stores, ledger, answer; in that order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem, Refused
from moyai.ledger.release import Release, Released, release_many
from moyai.personal.model import ExchangeAnswer
from tests.factories import Made, make_link
from tests.personal.conftest import Process, World, close_process, open_process, proof

STEPS = {"steps": 8123}
VITALS = {"weight_kg": 61.5, "systolic": 128}
EXCHANGE, REFUSAL = "exchange", "refusal"


def contents(answer: ExchangeAnswer) -> dict[str, list[Any]]:
    """Dataset → contents, of the sources that answered."""
    return {
        result.dataset: [msgspec.json.decode(item.content) for item in result.items or []]
        for result in answer.results
        if result.status == "ok"
    }


def codes(answer: ExchangeAnswer) -> dict[str, str | None]:
    return {result.dataset: result.code for result in answer.results if result.status != "ok"}


async def test_one_answer_from_separate_databases_of_separate_organisations(world: World) -> None:
    person = await world.resident("steps", "vitals", items={"steps": STEPS, "vitals": VITALS})
    answer = await person.ask("steps", "vitals")
    assert contents(answer) == {"steps": [STEPS], "vitals": [VITALS]}
    sources = {result.dataset: result.source for result in answer.results}
    assert {key: (s.organization_id, s.component_id) for key, s in sources.items() if s} == {
        "steps": ("c1", "undo-app"),
        "vitals": ("koiki", "kenko-app"),
    }


async def test_exchange_is_logged_once_with_both_parties_and_without_content(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    answer = await person.ask("steps")
    (entry,) = await person.recorded()
    assert entry["kind"] == EXCHANGE
    assert (entry["actor"], entry["detail"]["consumer"]) == ("component:mimamori", "mimamori")
    (source,) = entry["detail"]["sources"]
    assert (source["provider"], source["items"]) == ("undo-app", 1)
    assert "8123" not in str(entry)
    async with world.control.connection() as conn:
        assert await conn.fetchval(
            "select count(*) from ledger.entry where entry_id = $1::text::uuid", answer.exchange_id
        )


async def test_refusal_is_recorded_before_it_is_answered(world: World) -> None:
    person = await world.resident(items={"steps": STEPS})
    with pytest.raises(Refused) as refused:
        await person.ask("steps")
    assert refused.value.code == "consent_missing"
    (entry,) = await person.recorded()
    assert entry["kind"] == REFUSAL
    assert entry["detail"]["sources"][0]["code"] == "consent_missing"


async def test_refused_link_does_not_close_the_others(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS, "vitals": VITALS})
    answer = await person.ask("steps", "vitals")
    assert contents(answer) == {"steps": [STEPS]}
    assert codes(answer) == {"vitals": "consent_missing"}


async def test_v2_a_link_that_was_replaced_is_in_neither_answer_nor_record(world: World) -> None:
    """A history is told from the record: it said that the same data was received, and was not handed over."""
    town = world.town
    async with world.control.transaction() as conn:
        await make_link(
            conn,
            town.kenko,
            town.undo_app,
            town.mimamori,
            town.datasets["steps"],
            town.purposes["health-support"],
            state="ended",
        )
    undecided = await world.resident(items={"steps": STEPS})
    with pytest.raises(Refused, match="consent_missing"):
        await undecided.ask("steps")
    person = await world.resident("steps", items={"steps": STEPS})
    answer = await person.ask("steps")
    assert [result.status for result in answer.results] == ["ok"]
    for one in (undecided, person):
        (entry,) = await one.recorded()
        assert len(entry["detail"]["sources"]) == 1


async def test_withdrawal_bites_on_the_next_request_at_every_process(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    async with world.another_process() as other:
        assert contents(await person.ask("steps", at=other.exchange))
        assert contents(await person.ask("steps"))
        await person.withdraw("steps")
        for exchange in (world.process.exchange, other.exchange):
            with pytest.raises(Refused, match="consent_withdrawn"):
                await person.ask("steps", at=exchange)


async def test_no_answer_leaves_before_the_ledger_has_it(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    opened = asyncio.Event()

    async def record_when_told(conn: Connection, entries: Sequence[Release]) -> list[Released]:
        await opened.wait()
        return await release_many(conn, entries)

    process = open_process(world.platform, world.control, record=record_when_told)
    asking = asyncio.create_task(person.ask("steps", at=process.exchange))
    await asyncio.sleep(0.3)
    assert not asking.done()
    assert await person.recorded() == []
    opened.set()
    assert contents(await asking) == {"steps": [STEPS]}
    assert len(await person.recorded()) == 1
    await close_process(process)


async def test_without_the_ledger_nothing_is_answered(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})

    async def broken(conn: Connection, entries: Sequence[Release]) -> list[Released]:
        raise OSError

    process = open_process(world.platform, world.control, record=broken)
    with pytest.raises((Problem, OSError)):
        await person.ask("steps", at=process.exchange)
    await close_process(process)


async def test_proof_is_good_once_at_whatever_process(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    sent = proof()
    await person.ask("steps", sent=sent)
    async with world.another_process() as other:
        for exchange in (world.process.exchange, other.exchange):
            with pytest.raises(Problem, match="proof_replayed"):
                await person.ask("steps", sent=sent, at=exchange)
    assert len(await person.recorded()) == 1


async def test_retry_under_a_key_is_one_exchange(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    first = await person.ask("steps", key="retry-1")
    again = await person.ask("steps", key="retry-1")
    assert (again.exchange_id, contents(again)) == (first.exchange_id, contents(first))
    assert len(await person.recorded()) == 1


async def test_retry_passes_the_gate_anew(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    await person.ask("steps", key="retry-2")
    await person.withdraw("steps")
    with pytest.raises(Refused, match="consent_withdrawn"):
        await person.ask("steps", key="retry-2")


async def test_retry_after_a_change_is_told_so(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    await person.ask("steps", key="retry-3")
    await person.put("steps", "item-1", {"steps": 9000})
    with pytest.raises(Problem, match="idempotency_item_changed"):
        await person.ask("steps", key="retry-3")


async def test_key_is_not_reused_for_another_request(world: World) -> None:
    person = await world.resident("steps", "vitals", items={"steps": STEPS})
    await person.ask("steps", key="retry-4")
    with pytest.raises(Problem, match="idempotency_key_reused"):
        await person.ask("steps", "vitals", key="retry-4")


async def test_requests_that_share_statements_get_their_own_answers(world: World) -> None:
    people = [await world.resident("steps", items={"steps": {"steps": n}}) for n in range(8)]
    stranger = await world.resident(items={"steps": STEPS})
    asked = [person.ask("steps") for person in people]
    bad = [stranger.ask("steps"), people[0].ask("no-such-dataset")]
    answers = await asyncio.gather(*asked, *bad, return_exceptions=True)
    good = [answer for answer in answers if isinstance(answer, ExchangeAnswer)]
    assert [contents(answer)["steps"] for answer in good] == [[{"steps": n}] for n in range(8)]
    failed = [answer.code for answer in answers if isinstance(answer, Problem)]
    assert failed == ["consent_missing", "dataset_unknown"]


@asynccontextmanager
async def store_away(world: World, organization: Made) -> AsyncIterator[Process]:
    """A process that looks for an organisation's store where nobody answers."""
    move = "update registry.store set port = $2 where organization_key = $1"
    async with world.control.connection() as conn:
        port = await conn.fetchval(
            "select port from registry.store where organization_key = $1", organization.key
        )
        await conn.execute(move, organization.key, 1)
    try:
        async with world.another_process() as other:
            yield other
    finally:
        async with world.control.connection() as conn:
            await conn.execute(move, organization.key, port)


async def test_store_that_does_not_answer_is_one_error_among_results(world: World) -> None:
    person = await world.resident("steps", "vitals", items={"steps": STEPS, "vitals": VITALS})
    async with store_away(world, world.town.koiki) as other:
        answer = await person.ask("steps", "vitals", at=other.exchange)
    assert contents(answer) == {"steps": [STEPS]}
    assert codes(answer) == {"vitals": "source_unavailable"}


async def test_retry_gets_what_a_store_could_not_answer_at_first(world: World) -> None:
    person = await world.resident("steps", "vitals", items={"steps": STEPS, "vitals": VITALS})
    async with store_away(world, world.town.koiki) as other:
        first = await person.ask("steps", "vitals", at=other.exchange, key="retry-5")
    again = await person.ask("steps", "vitals", key="retry-5")
    assert contents(again) == {"steps": [STEPS], "vitals": [VITALS]}
    assert again.exchange_id == first.exchange_id
    assert len(await person.recorded()) == 1
    await person.put("steps", "item-1", {"steps": 9000})
    with pytest.raises(Problem, match="idempotency_item_changed"):
        await person.ask("steps", "vitals", key="retry-5")

"""H7: a verdict is judged again when it is recorded. A stop is acknowledged after every release that was judged before
it, and no release bears a later time than a stop that forbids it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem, Refused
from moyai.ledger.model import Kind
from moyai.ledger.release import Judged, Outcome, Release, Released, epochs, prepare, release_many
from tests.personal.conftest import Person, World, close_process, open_process

pytestmark = pytest.mark.usefixtures("plain_contents")

STEPS = {"steps": 8123}


async def withdraw(person: Person) -> None:
    await person.withdraw("steps")


async def close(person: Person) -> None:
    async with person.world.control.transaction() as conn:
        await conn.execute(
            "update identity.resident set state = 'closed' where resident_key = $1", person.made.key
        )


async def untie(person: Person) -> None:
    async with person.world.control.transaction() as conn:
        await conn.execute("delete from identity.pairwise where resident_key = $1", person.made.key)


async def move_away(person: Person) -> None:
    async with person.world.control.transaction() as conn:
        await conn.execute(
            "update identity.resident set municipality_code = '011002' where resident_key = $1",
            person.made.key,
        )


async def set_purpose(person: Person) -> None:
    async with person.world.control.transaction() as conn:
        await conn.execute(
            "update registry.purpose set name_ja = name_ja || '!' where purpose_id = 'health-support'"
        )


STOPS: dict[str, tuple[Callable[[Person], Awaitable[None]], str]] = {
    "consent": (withdraw, "consent_withdrawn"),
    "resident": (close, "resident_inactive"),
    "subject": (untie, "subject_unknown"),
    "scope": (move_away, "outside_user_scope"),
    "text": (set_purpose, "consent_outdated"),
}


@asynccontextmanager
async def held_ledger(world: World):
    """A process whose statements to the ledger wait until told: as if the lane were slow, or a source was."""
    go, came = asyncio.Event(), asyncio.Event()

    async def record_when_told(conn: Connection, releases: Sequence[Release]) -> list[Released]:
        came.set()
        await go.wait()
        return await release_many(conn, releases)

    process = open_process(world.platform, world.control, record=record_when_told)
    yield process, came, go
    go.set()
    await close_process(process)


@pytest.mark.parametrize("what", STOPS)
async def test_h7_what_was_stopped_before_the_record_is_not_released(world: World, what: str) -> None:
    stop, code = STOPS[what]
    person = await world.resident("steps", items={"steps": STEPS})
    async with held_ledger(world) as (process, came, go):
        asking = asyncio.create_task(person.ask("steps", at=process.exchange))
        await came.wait()
        await stop(person)
        go.set()
        with pytest.raises(Refused, match=code):
            await asking
    kinds = [one["kind"] for one in await person.recorded()]
    assert Kind.EXCHANGE not in kinds


async def test_h7_a_stop_waits_for_the_release_that_was_judged_before_it(world: World) -> None:
    """And is later: the withdrawal's own time is taken under the lock that the release holds."""
    person = await world.resident("steps", items={"steps": STEPS})
    async with world.control.transaction() as conn:
        judged = await epochs(conn, person.made.key)
        made = prepare(Kind.EXCHANGE, "component:mimamori", {"sources": []}, judged)
        released = (await release_many(conn, [made]))[0]
        assert released.outcome is Outcome.WRITTEN
        stopping = asyncio.create_task(person.withdraw("steps"))
        await asyncio.sleep(0.3)
        assert not stopping.done(), "the stop is acknowledged only when the release has committed"
    await stopping
    with pytest.raises(Refused, match="consent_withdrawn"):
        await person.ask("steps")


async def test_h7_a_release_does_not_wait_for_whoever_is_closing_and_holds_up_nobody(world: World) -> None:
    slow = await world.resident("steps", items={"steps": STEPS})
    other = await world.resident("steps", items={"steps": STEPS})
    async with world.control.transaction() as conn:
        await conn.execute("update consent.state set aal = aal where resident_key = $1", slow.made.key)
        async with world.control.connection() as second:
            made = [
                prepare(Kind.EXCHANGE, "component:mimamori", {}, await epochs(second, one.made.key))
                for one in (slow, other)
            ]
            outcomes = [one.outcome for one in await release_many(second, made)]
        assert outcomes == [Outcome.BUSY, Outcome.WRITTEN]


async def test_h7_a_registry_change_stops_every_release_until_it_is_committed(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    async with world.control.connection() as second:
        judged = await epochs(second, person.made.key)
        async with world.control.transaction() as conn:
            await conn.execute("update registry.organization set contact = contact")
            assert await outcome(second, judged) is Outcome.BUSY
        assert await outcome(second, judged) is Outcome.CLOSED


async def test_a_consent_that_has_run_out_meanwhile_is_judged_anew(world: World) -> None:
    async with world.control.connection() as conn:
        judged = await epochs(conn, 0)
        assert await outcome(conn, Judged(0, judged.registry_epoch, 0, ends_ms=1)) is Outcome.CLOSED


async def test_an_entry_is_written_once_in_a_batch_and_ever(world: World) -> None:
    async with world.control.connection() as conn:
        judged = await epochs(conn, 0)
        twice = [
            prepare(Kind.REFUSAL, "component:a", {"n": n}, judged, at_ms=1_800_000_000_000, fingerprint=b"p")
            for n in (1, 2)
        ]
        assert [one.outcome for one in await release_many(conn, twice)] == [Outcome.WRITTEN, Outcome.KNOWN]
        assert [one.outcome for one in await release_many(conn, twice[1:])] == [Outcome.KNOWN]


async def test_h7_nothing_of_an_erased_resident_is_written(world: World) -> None:
    person = await world.resident("steps", items={"steps": STEPS})
    async with held_ledger(world) as (process, came, go):
        asking = asyncio.create_task(person.ask("steps", at=process.exchange))
        await came.wait()
        async with world.control.transaction() as conn:
            for statement in (
                "delete from consent.state where resident_key = $1",
                "delete from identity.pairwise where resident_key = $1",
                "update identity.resident set state = 'erased' where resident_key = $1",
                "delete from ledger.content where resident_key = $1",
            ):
                await conn.raw.execute(statement, person.made.key)
        go.set()
        with pytest.raises((Refused, Problem), match="subject_unknown"):
            await asking
    async with world.control.connection() as conn:
        left = await conn.fetchval(
            "select count(*) from ledger.content where resident_key = $1", person.made.key
        )
    assert left == 0


async def outcome(conn: Connection, judged: Judged) -> Outcome:
    made = prepare(Kind.EXCHANGE, "component:mimamori", {}, judged)
    return (await release_many(conn, [made]))[0].outcome

"""Recording acts and reading them back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
import pytest
from msgspec.structs import replace

from moyai import ledger
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.ledger import Act, Event, Kind, Sealed
from moyai.ledger.model import canonical, commit, milliseconds, parse_leaf
from moyai.ledger.release import Judged, Outcome, Release, epochs, prepare, release_many

pytestmark = pytest.mark.usefixtures("plain_contents")

AT = datetime(2026, 11, 24, 9, 30, 0, 123_456, tzinfo=UTC)


def exchange(resident_key: int = 7, at_ms: int = 1_700_000_000_000, fingerprint: bytes = b"proof") -> Release:
    return prepare(
        Kind.EXCHANGE,
        "client:mimamori",
        {"consumer": "mimamori", "sources": [{"provider": "undo-app", "items": 3}]},
        Judged(resident_key, 0, 0),
        at_ms=at_ms,
        fingerprint=fingerprint,
    )


async def release(conn: Connection, *made: Release) -> list[Outcome]:
    """Record entries as judged at this moment."""
    now = await epochs(conn, 0)
    judged = [replace(one.judged, registry_epoch=now.registry_epoch) for one in made]
    done = await release_many(conn, [replace(one, judged=new) for one, new in zip(made, judged, strict=True)])
    return [one.outcome for one in done]


async def opened(conn: Connection, id_: object) -> Event:
    event = await ledger.opening(conn, id_)
    assert isinstance(event, Event)
    return event


async def test_an_act_is_committed_to_with_the_time_of_the_database(control: Connection) -> None:
    before = await control.fetchval("select clock_timestamp()")
    detail = {"名前": "うみ", "a": 'quote " and \\', "z": [1, None]}
    id_ = await ledger.record(control, Act(Kind.CONSENT_GIVEN, 'resident:"at":"', 7, detail))
    event = await opened(control, id_)
    leaf = parse_leaf(event.leaf)
    assert event.opens()
    assert (leaf.kind, leaf.entry_id, leaf.at_ms) == (Kind.CONSENT_GIVEN, id_, milliseconds(event.at))
    assert before - timedelta(milliseconds=1) <= event.at <= before + timedelta(seconds=5)
    assert (event.actor, event.detail, event.index) == ('resident:"at":"', detail, None)
    assert canonical(msgspec.json.decode(event.body)) == event.body


async def test_the_commitment_is_as_documented(control: Connection) -> None:
    id_ = await ledger.record(control, Act(Kind.IMPORTED, "staff:1", detail={"link": "l"}, at=AT))
    event = await opened(control, id_)
    assert event.body == (
        '{"actor":"staff:1","at":"2026-11-24T09:30:00.123Z","detail":{"link":"l"},"kind":"imported"}'
    )
    assert event.leaf[26:] == sha256(b"moyai-commitment-v1\n" + event.salt + event.body.encode()).digest()
    assert len(event.leaf) == 58


async def test_both_roads_make_the_same_bytes(control: Connection) -> None:
    detail = {"code": "consent_missing", "名": 'quote "at":" '}
    made = prepare(Kind.REFUSAL, 'x"at":"', detail, Judged(3, 0, 0))
    assert await release(control, made) == [Outcome.WRITTEN]
    released = await opened(control, made.entry_id)
    id_ = await ledger.record(control, Act(Kind.REFUSAL, 'x"at":"', 3, detail, at=released.at))
    event = await opened(control, id_)
    assert event.body == released.body
    assert event.leaf[:10] == released.leaf[:10]
    for one in (event, released):
        assert one.leaf[26:] == commit(one.salt, one.body)


async def test_the_leaf_shows_no_party_code_or_person(control: Connection) -> None:
    id_ = await ledger.record(control, Act(Kind.REFUSAL, "client:mimamori", 7, {"code": "consent_missing"}))
    again = await ledger.record(control, Act(Kind.REFUSAL, "client:mimamori", 7, {"code": "consent_missing"}))
    first, second = await opened(control, id_), await opened(control, again)
    assert first.leaf[26:] != second.leaf[26:]
    assert b"mimamori" not in first.leaf


async def test_a_replayed_proof_writes_nothing(control: Connection) -> None:
    assert await release(control, exchange()) == [Outcome.WRITTEN]
    assert await release(control, exchange(resident_key=8)) == [Outcome.KNOWN]
    assert await control.fetchval("select count(*) from ledger.content where kind = 1") == 1
    assert await control.fetchval("select count(*) from ledger.entry") == 1


async def test_a_batch_writes_each_entry_once_and_says_which(control: Connection) -> None:
    await release(control, exchange(fingerprint=b"used"))
    batch = [exchange(i, fingerprint=mark) for i, mark in enumerate([b"a", b"used", b"b", b"a", b"c"], 1)]
    new, known = Outcome.WRITTEN, Outcome.KNOWN
    assert await release(control, *batch) == [new, known, new, known, new]
    events = [await opened(control, made.entry_id) for made in (batch[0], batch[2], batch[4])]
    assert all(event.opens() for event in events)
    assert [event.resident_key for event in events] == [1, 3, 5]
    assert len({event.at for event in events}) == 1
    assert await release(control, *batch) == [known] * 5


async def test_history_is_one_residents_newest_first_in_pages(control: Connection) -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    for day in range(5):
        await ledger.record(control, Act(Kind.CONSENT_GIVEN, "x", 7, {"n": day}, at=at + timedelta(days=day)))
    await ledger.record(control, Act(Kind.REFUSAL, "x", 7, {"n": 9}, at=at + timedelta(days=9)))
    await ledger.record(control, Act(Kind.CONSENT_GIVEN, "x", 8, {"n": 8}))
    first = await ledger.history(control, 7, limit=4)
    rest = await ledger.history(control, 7, limit=4, before=(first[-1].at, first[-1].entry_id))
    assert [event.detail["n"] for event in first + rest] == [9, 4, 3, 2, 1, 0]
    assert [event.detail["n"] for event in await ledger.history(control, 7, kinds=[Kind.REFUSAL])] == [9]


async def test_erasure_takes_content_and_salt_and_leaves_the_leaf(control: Connection) -> None:
    id_ = await ledger.record(control, Act(Kind.CONSENT_GIVEN, "x", 7))
    other = await ledger.record(control, Act(Kind.CONSENT_GIVEN, "x", 8))
    leaf = (await opened(control, id_)).leaf
    assert await ledger.erase_contents(control, 7) == 1
    assert await ledger.opening(control, id_) == Sealed(id_, leaf, None)
    assert (await opened(control, other)).opens()
    with pytest.raises(ValueError, match="nobody"):
        await ledger.erase_contents(control, 0)


async def test_an_idempotency_key_remembers_its_exchange(control: Connection) -> None:
    made = exchange()
    await release(control, made)
    at = (await opened(control, made.entry_id)).at
    assert await ledger.recorded_under(control, 1, b"key") is None
    await ledger.remember_key(control, 1, b"key", b"request", made.entry_id, 7, b"answer")
    recorded = await ledger.recorded_under(control, 1, b"key")
    assert recorded == ledger.Recorded(made.entry_id, at, b"request", b"answer")
    assert await ledger.recorded_under(control, 2, b"key") is None


async def test_a_key_is_forgotten_at_erasure_or_after_a_week(control: Connection) -> None:
    for resident_key, key in ((7, b"one"), (8, b"two"), (9, b"three")):
        made = exchange(resident_key, fingerprint=key)
        await release(control, made)
        await ledger.remember_key(control, 1, key, b"request", made.entry_id, resident_key, b"answer")
    await control.execute("delete from ledger.idempotency where key_hash = 'three'")
    await control.execute(
        """
        insert into ledger.idempotency
        values (1, 'three', 'request', gen_random_uuid(), 9, 'answer', clock_timestamp() - interval '8 days')
        """
    )
    await ledger.erase_contents(control, 7)
    assert await ledger.recorded_under(control, 1, b"one") is None
    assert await control.fetchval("select count(*) from ledger.idempotency") == 2
    await ledger.forget_keys(control)
    assert [row["key_hash"] for row in await control.fetch("select key_hash from ledger.idempotency")] == [
        b"two"
    ]


async def test_what_is_not_there_is_said_so(control: Connection) -> None:
    with pytest.raises(Problem) as caught:
        await ledger.opening(control, exchange().entry_id)
    assert caught.value.code == "does_not_exist"

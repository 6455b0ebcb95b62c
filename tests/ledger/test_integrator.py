"""Order, tiles and checkpoints: nothing lost, nothing twice, nothing signed that does not fit."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime

import asyncpg
import pytest
from msgspec.structs import replace

from moyai import ledger
from moyai.base import keys
from moyai.base.clock import TOKYO
from moyai.base.keys import KeyRing
from moyai.base.roles import OWNER
from moyai.ledger import Act, Kind, merkle, note, store_log
from moyai.ledger import log as logs
from moyai.ledger.integrator import Integrator, drain
from moyai.ledger.log import LogClosed
from moyai.ledger.marks import marks
from moyai.ledger.release import Outcome, epochs, prepare, release_many
from moyai.ledger.verifiers import log_keys

pytestmark = pytest.mark.usefixtures("plain_contents")


async def order(log) -> list[object]:
    return [
        row["entry_id"]
        for row in await log.serve.fetch("select entry_id from ledger.sequence order by index")
    ]


async def test_entries_get_contiguous_indexes_and_a_checkpoint_that_is_their_root(log):
    ids = await log.grow(300, 1, 256)
    rows = await log.serve.fetch(
        "select index, leaf from ledger.sequence join ledger.entry using (entry_id) order by index"
    )
    assert [row["index"] for row in rows] == list(range(557))
    assert await order(log) == ids
    tree = merkle.Frontier()
    for row in rows:
        tree.append(merkle.leaf_hash(row["leaf"]))
    latest = await store_log.latest_checkpoint(log.serve)
    checkpoint, _ = note.open_checkpoint(latest["note"], await log_keys(log.serve, "localhost/log/v1"))
    assert (checkpoint.size, checkpoint.root) == (557, tree.root())


async def test_small_rounds_make_the_same_tree_as_one_large_one(log):
    await log.record(700)
    while await log.integrator.step(batch=97):
        pass
    assert (await logs.head(log.serve)).size == 700
    assert [row["size"] for row in await store_log.checkpoints_after(log.serve, 0, 10)] == [
        97,
        194,
        291,
        388,
        485,
        582,
        679,
        700,
    ]


async def test_nothing_is_signed_when_nothing_was_recorded(log):
    await log.grow(5)
    assert await log.integrator.step() == 0
    assert await log.serve.fetchval("select count(*) from ledger.checkpoint") == 1


async def test_a_transaction_that_is_still_open_holds_back_what_began_after_it(log):
    slow = await log.platform.connect()
    transaction = slow.raw.transaction()
    await transaction.start()
    first = await ledger.record(slow, Act(Kind.CONSENT_GIVEN, "slow"))
    second = await ledger.record(log.serve, Act(Kind.CONSENT_GIVEN, "quick"))
    assert await drain(log.integrator) == 0
    assert (await logs.status(log.serve)).waiting_seconds >= 0
    await transaction.commit()
    assert await drain(log.integrator) == 2
    assert await order(log) == [first, second]


async def test_what_was_rolled_back_leaves_no_gap(log):
    other = await log.platform.connect()
    transaction = other.raw.transaction()
    await transaction.start()
    await ledger.record(other, Act(Kind.CONSENT_GIVEN, "undone"))
    await log.record(2)
    await transaction.rollback()
    assert await drain(log.integrator) == 2
    assert (await logs.head(log.serve)).size == 2


async def test_many_writers_and_two_workers_lose_and_double_nothing(log):
    await log.grow(1)
    writers = [await log.platform.connect() for _ in range(4)]
    others = [log.integrator, log.new_integrator()]
    writing = True

    async def write(conn) -> None:
        for n in range(60):
            async with conn.transaction():
                await ledger.record(conn, Act(Kind.CONSENT_GIVEN, "x", n))
                await ledger.record(conn, Act(Kind.CONSENT_GIVEN, "y", n))

    async def integrate(integrator: Integrator) -> None:
        while writing:
            await integrator.step(batch=7)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(integrate(integrator)) for integrator in others]
    await asyncio.gather(*(write(conn) for conn in writers))
    writing = False
    await asyncio.gather(*tasks)
    await drain(log.integrator)
    assert len(await order(log)) == 481 == await log.serve.fetchval("select count(*) from ledger.entry")
    assert (await logs.head(log.serve)).size == 481


async def test_a_round_that_is_killed_never_happened(log, monkeypatch):
    await log.grow(10)
    await log.record(300)
    save = store_log.save_checkpoint

    async def killed(conn, *args) -> None:
        await save(conn, *args)
        await conn.raw.execute("select pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(store_log, "save_checkpoint", killed)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await log.integrator.step()
    monkeypatch.undo()
    assert (await logs.head(log.serve)).size == 10
    assert await drain(log.new_integrator()) == 300
    assert (await logs.head(log.serve)).size == 310


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("delete from ledger.sequence where index > 280", "has 281 entries, but its last checkpoint signed 300"),
        ("insert into ledger.sequence values (300, gen_random_uuid())", "has 301 entries"),
        ("update ledger.tile set hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0)) where number = 1", "root"),
        ("delete from ledger.tile where level = 1", "damaged"),
        ("delete from ledger.entry where entry_id = (select entry_id from ledger.sequence where index = 299)", "missing"),
        ("update ledger.entry set xact = '9999999999'", "another database engine"),
    ],
)  # fmt: skip
async def test_a_damaged_log_is_never_signed_again(log, damage, says):
    await log.grow(300)
    await log.tamper(damage)
    await log.record(1)
    with pytest.raises(LogClosed, match=says):
        await log.new_integrator().step()
    assert await log.serve.fetchval("select max(size) from ledger.checkpoint") == 300


async def test_days_are_counted_by_kind_provider_consumer_and_code(log):
    at = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)  # already the 25th in Tokyo
    two = [{"provider": "undo-app", "items": 3}, {"provider": "kenko-app", "code": "source_unavailable"}]
    refused = {"consumer": "mimamori", "sources": [{"code": "consent_missing"}]}
    for act in (
        Act(Kind.EXCHANGE, "x", 7, {"consumer": "mimamori", "sources": two}, at=at),
        Act(Kind.EXCHANGE, "x", 8, {"consumer": "mimamori", "sources": two[:1]}, at=at),
        Act(Kind.REFUSAL, "x", 7, refused, at=at),
        Act(Kind.ITEMS_STORED, "x", 7, {"provider": "undo-app", "items": 5}, at=at),
        Act(Kind.EXCHANGE, "x", 7, {"consumer": "mimamori", "sources": []}, at=at),
    ):
        await ledger.record(log.serve, act)
        await drain(log.integrator)
    day = at.date().replace(day=25)
    rows = await ledger.daily(log.serve, day, day)
    assert [(r.kind.code, r.provider, r.consumer, r.code, r.entries, r.items) for r in rows] == [
        ("exchange", "", "mimamori", "", 3, 6),
        ("exchange", "kenko-app", "mimamori", "source_unavailable", 1, 0),
        ("exchange", "undo-app", "mimamori", "", 2, 6),
        ("refusal", "", "mimamori", "consent_missing", 1, 0),
        ("items_stored", "", "", "", 1, 5),
        ("items_stored", "undo-app", "", "", 1, 5),
    ]


async def test_a_rotated_key_signs_on_and_the_old_signatures_hold(log):
    await log.grow(3)
    owner = await log.platform.connect(OWNER)
    async with owner.transaction():
        old = await keys.current(owner, log.box, "log")
        new = await keys.rotate(owner, log.box, "log")
    log.integrator = Integrator(log.worker, KeyRing(log.box), "other")
    await log.grow(3)
    assert old.key_id != new.key_id
    verifiers = await log_keys(log.serve, "localhost/log/v1")
    signed = [row["note"] for row in await store_log.checkpoints_after(log.serve, 0, 10)]
    assert [note.signed_by(note.parse_note(text), verifiers)[0].public for text in signed] == [
        key.ed25519().public_key().public_bytes_raw() for key in (old, new)
    ]


async def test_marks_prove_what_is_shown_and_break_on_what_was_changed(log):
    ids = await log.grow(300)
    waiting = (await log.record(1))[0]
    events = await ledger.history(log.serve, 7, limit=400)
    found = await marks(log.serve, events)
    assert found == dict.fromkeys(ids, "proved") | {waiting: "waiting"}
    await log.tamper(
        'update ledger.content set body = replace(body, \'"act_id":"5"\', \'"act_id":"6"\') where entry_id = $1',
        ids[5],
    )
    await log.tamper(
        "update ledger.entry set leaf = set_byte(leaf, 9, 255 - get_byte(leaf, 9)) where entry_id = $1",
        ids[9],
    )
    found = await marks(log.serve, await ledger.history(log.serve, 7, limit=400))
    assert {id_ for id_, mark in found.items() if mark == "broken"} == {ids[5], ids[9]}
    assert await ledger.mismatched_contents(log.serve) == [(5, ids[5]), (9, ids[9])]


@pytest.mark.parametrize(
    "change",
    [
        "resident_key = 8",
        "resident_key = 0",
        "kind = 11",
        "at = at + interval '1 second'",
        "salt = sha256('')",
    ],
)
async def test_content_whose_columns_are_not_what_was_committed_to_is_found(log, change):
    """Else its owner could hide an entry from one resident's history, or show it in another's."""
    ids = await log.grow(3)
    await log.tamper(f"update ledger.content set {change} where entry_id = $1", ids[1])
    assert await ledger.mismatched_contents(log.serve) == [(1, ids[1])]
    event = await ledger.opening(log.serve, ids[1])
    assert not event.opens()
    assert (await marks(log.serve, [event]))[ids[1]] == "broken"


async def test_one_body_that_cannot_be_counted_holds_up_no_other(log):
    """As the role that may insert it: JSON that jsonb cannot hold, numbers that are none, words too long to index."""
    bodies = [
        '{"detail":{"code":"\\u0000"},"kind":"exchange"}',
        '{"detail":{"items":1e400,"provider":"p"},"kind":"exchange"}',
        '{"detail":{"items":1.5,"provider":"p"},"kind":"exchange"}',
        '{"detail":{"sources":[7,null,[]]},"kind":"exchange"}',
        '{"detail":{"provider":"LONG"},"kind":"exchange"}'.replace("LONG", secrets.token_hex(9000)),
        '{"detail":DEEP,"kind":"exchange"}'.replace("DEEP", "[" * 900 + "]" * 900),
    ]
    good = {"items": 2, "provider": "undo-app", "consumer": "mimamori"}
    judged = replace(await epochs(log.serve, 0), resident_key=7)
    made = [prepare(Kind.EXCHANGE, "x", good, judged) for _ in range(9)]
    for n, body in enumerate(bodies):
        head, _, rest = body.partition('"detail"')
        made[n + 1] = replace(made[n + 1], head=head + '"at":"', rest='","detail"' + rest)
    done = await release_many(log.serve, made)
    assert {one.outcome for one in done} == {Outcome.WRITTEN}
    assert await drain(log.integrator) == 9
    day = done[0].at.astimezone(TOKYO).date()
    rows = await ledger.daily(log.serve, day, day)
    assert sum(row.entries for row in rows if row.provider == "") == 9
    assert [row.entries for row in rows if row.provider == "undo-app"] == [3]

"""Before the first signature of a process: more than half of the registered witnesses say what they have seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from moyai.base import keys
from moyai.base.roles import OWNER
from moyai.ledger import note, store_log, witnesses
from moyai.ledger.log import LogClosed
from moyai.ledger.note import Checkpoint
from moyai.ledger.verifiers import Witness, quorum
from tests.ledger.conftest import ORIGIN, Log, witness_program
from tests.ledger.test_witness import restore_older_state
from tests.serving import served


@pytest.fixture
async def three(log: Log, tmp_path) -> AsyncIterator[list[Any]]:
    """Three running witnesses of one log."""
    program, found = witness_program(), []
    await log.grow(0)
    vkey = (await log.signer()).verifier().vkey()
    async with AsyncExitStack() as servers:
        for name in ("c1", "c2", "c3"):
            key, state = Ed25519PrivateKey.generate(), tmp_path / f"{name}.state"
            made = program.Witness(f"{name}.example/witness", key, state, [vkey])
            url = await servers.enter_async_context(served(program.application(made)))
            made.registered = Witness(name, made.vkey(), url)
            found.append(made)
        yield found


def registered(found: list[Any], *, silent: tuple[str, ...] = ()) -> list[Witness]:
    known = [one.registered for one in found]
    away = "http://127.0.0.1:9"
    return [Witness(w.witness_id, w.verifier_key, away if w.witness_id in silent else w.url) for w in known]


async def restarts(log: Log, known: list[Witness], says: str) -> None:
    """A worker that starts now refuses to sign, and says why."""
    before = await store_log.latest_checkpoint(log.serve)
    await log.record(20)
    with pytest.raises(LogClosed, match=says):
        await log.new_integrator().step(known)
    assert await store_log.latest_checkpoint(log.serve) == before


async def test_a_backup_older_than_the_first_cosignature_is_not_signed(log, three):
    await log.grow(3, 5)
    await witnesses.cosign(log.worker, registered(three))
    await restore_older_state(log, 3)
    assert await store_log.cosigned_sizes(log.serve, ["c1", "c2", "c3"]) == {}
    await restarts(log, registered(three), "has seen 8 entries")


async def test_deleted_cosignatures_do_not_let_a_shorter_log_be_signed(log, three):
    for count in (3, 5):
        await log.grow(count)
        await witnesses.cosign(log.worker, registered(three))
    await restore_older_state(log, 3)
    await log.tamper("delete from ledger.cosignature")
    await restarts(log, registered(three), "has seen 8 entries")


async def test_one_old_witness_of_three_does_not_clear_a_log(log, three):
    await log.grow(3)
    await witnesses.cosign(log.worker, registered(three))
    await log.grow(5)
    await witnesses.cosign(log.worker, registered(three[1:]))
    await restore_older_state(log, 3)
    await restarts(log, registered(three, silent=("c2", "c3")), "too few")
    await restarts(log, registered(three, silent=("c3",)), "c2 has seen 8 entries")


async def test_one_silent_witness_of_three_holds_up_nothing(log, three):
    await log.grow(3)
    await witnesses.cosign(log.worker, registered(three))
    await log.record(2)
    assert await log.new_integrator().step(registered(three, silent=("c2",))) == 2


async def test_a_witness_that_lost_its_memory_does_not_count(log, three):
    await log.grow(3)
    await witnesses.cosign(log.worker, registered(three))
    for one in three[:2]:
        one.state.unlink()
    await restarts(log, registered(three), "too few")


async def test_witnesses_that_have_seen_nothing_say_so_and_a_log_without_any_is_signed(log, three):
    await log.grow(2)
    await log.record(1)
    assert await log.new_integrator().step(registered(three)) == 1
    await log.record(1)
    assert await log.new_integrator().step([]) == 1


def test_two_quorums_always_share_a_witness():
    assert [quorum(n) for n in range(6)] == [0, 1, 2, 2, 3, 3]
    assert all(2 * quorum(n) > n for n in range(1, 50))


async def revoke_key(log: Log) -> None:
    owner = await log.platform.connect(OWNER)
    await keys.revoke(owner, log.box, (await keys.current(owner, log.box, "log")).key_id, "copied")
    log.integrator = log.new_integrator()


async def test_m7_after_the_logs_key_was_revoked_its_true_witnesses_still_clear_it(log, three):
    await log.grow(5)
    await witnesses.cosign(log.worker, registered(three))
    await revoke_key(log)
    assert await witnesses.clear(log.worker, registered(three))
    await log.grow(1)
    newest = await store_log.latest_checkpoint(log.serve)
    assert newest is not None
    assert newest["size"] == 6


async def test_m7_a_checkpoint_under_a_revoked_key_closes_no_log(log, three):
    await log.grow(5)
    thief = await log.signer()
    await witnesses.cosign(log.worker, registered(three))
    await revoke_key(log)
    forged = note.sign_checkpoint(thief, Checkpoint(ORIGIN, 900, bytes(32)))
    for one in three:
        one.state.write_text(str(forged), encoding="utf-8")
    assert not await witnesses.clear(log.worker, registered(three))
    assert (await store_log.log(log.serve))["closed_at"] is None

"""A log that was cut back by a restore goes on under a new origin that names the old; verifiers are told."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest

from moyai.base.roles import OWNER
from moyai.ledger import continuing, note, store_log, witnesses
from moyai.ledger import log as logs
from moyai.ledger.continuing import Continued
from moyai.ledger.note import Checkpoint
from moyai.ledger.verify import examine
from tests.ledger.conftest import ORIGIN, Log

NEW = f"{ORIGIN}/2"


async def seen(log: Log, size: int) -> str:
    """What a witness kept of the log as it was before it was lost: larger than what was restored."""
    return str(note.sign_checkpoint(await log.signer(), Checkpoint(ORIGIN, size, secrets.token_bytes(32))))


async def go_on(log: Log, *shown: str | None, complete: bool = True, saved: tuple[str, ...] = ()) -> Any:
    owner = await log.platform.connect(OWNER)
    async with owner.transaction():
        named = {f"w{number}": text for number, text in enumerate(shown)}
        return await continuing.go_on(owner, named, saved, complete=complete)


async def newest(log: Log) -> str:
    return (await store_log.latest_checkpoint(log.serve) or {"note": ""})["note"]


async def test_a_log_that_nobody_has_seen_larger_keeps_its_origin(log: Log) -> None:
    await log.grow(5)
    assert await go_on(log, await newest(log), "") == Continued(ORIGIN, "", 5)
    assert await go_on(log) == Continued(ORIGIN, "", 5)


@pytest.mark.parametrize("place", ["witness", "file"])
async def test_h5_a_log_shorter_than_somebody_has_seen_never_signs_under_its_origin_again(
    log: Log, place: str
) -> None:
    await log.grow(5)
    larger = await seen(log, 9)
    done = await go_on(log, larger) if place == "witness" else await go_on(log, "", saved=(larger,))
    assert done == Continued(NEW, ORIGIN, 5)
    await log.grow(3)
    assert (await newest(log)).startswith(f"{NEW}\n8\n")
    assert (await logs.status(log.serve)).closed_reason is None


@pytest.mark.parametrize(("shown", "complete"), [((None, None, ""), True), ((), False)])
async def test_where_too_few_know_how_far_it_was_signed_it_gets_a_new_origin(
    log: Log, shown: tuple[str | None, ...], complete: bool
) -> None:
    await log.grow(5)
    assert await go_on(log, *shown, complete=complete) == Continued(NEW, ORIGIN, 5)


async def test_h5_a_witness_that_was_lost_with_the_platform_says_nothing_of_how_far_it_was_signed(
    log: Log, witness: Any
) -> None:
    await log.grow(5)
    await witnesses.cosign(log.worker, log.witnesses)
    [known] = log.witnesses
    owner = await log.platform.connect(OWNER)
    async with owner.transaction():
        told = await continuing.go_on(owner, await continuing.seen_by([known]), (), complete=True)
    assert told == Continued(ORIGIN, "", 5), "it remembers, and has seen no more"
    async with owner.transaction():
        told = await continuing.go_on(owner, {known.witness_id: ""}, (), complete=True)
    assert told == Continued(NEW, ORIGIN, 5)


async def test_verify_says_that_the_log_was_restored_and_what_was_lost(
    log: Log, url: str, tmp_path: Path
) -> None:
    await log.grow(5)
    saved = tmp_path / "saved.checkpoint"
    saved.write_text(await seen(log, 9), encoding="utf-8")
    await go_on(log, await seen(log, 9))
    await log.grow(3)
    report = await asyncio.to_thread(examine, url)
    assert (report.ok, report.origin, report.size) == (True, NEW, 8)
    assert ORIGIN in next(one.en for one in report.unchecked if one.code == "continued")
    told = await asyncio.to_thread(examine, url, checkpoints=[saved])
    assert [(one.code, one.interval) for one in told.findings] == [("entries_lost", (5, 9))]


async def test_a_witness_cosigns_the_new_origin_from_the_beginning_and_remembers_the_old(
    log: Log, witness: Any
) -> None:
    await log.grow(5)
    await witnesses.cosign(log.worker, log.witnesses)
    witness.logs.append((NEW, (await log.signer()).verifier().public))
    await go_on(log, await seen(log, 9))
    log.integrator = log.new_integrator()
    await log.grow(3)
    assert await witnesses.cosign(log.worker, log.witnesses) == {}
    assert (witness.seen()[0], witness.seen(NEW)[0], witness.seen(ORIGIN)[0]) == (8, 8, 5)
    assert await witnesses.clear(log.worker, log.witnesses)

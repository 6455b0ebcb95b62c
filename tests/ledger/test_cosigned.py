"""The newest checkpoint that carries its cosignatures can be had at any time, and proofs are made by it."""

from __future__ import annotations

import pytest

from moyai.base.errors import Problem
from moyai.ledger import note, public, witnesses
from tests.ledger.test_clear import registered, three

assert three  # the fixture


async def size_and_names(log, known) -> tuple[int, set[str]]:
    signed = note.parse_note((await public.cosigned_checkpoint(log.serve, known)).decode())
    keys = [note.parse_vkey(one.verifier_key) for one in known]
    return note.parse_checkpoint(signed.text).size, {key.name[:2] for key in note.signed_by(signed, keys)}


async def test_l1_the_newest_cosigned_checkpoint_is_there_while_newer_ones_wait_for_witnesses(log, three):
    known = registered(three)
    await log.grow(3)
    with pytest.raises(Problem, match="more than half"):
        await public.cosigned_checkpoint(log.serve, known)
    await witnesses.cosign(log.worker, known)
    await log.grow(4)
    await witnesses.cosign(log.worker, known[:2])
    await log.grow(5)
    await witnesses.cosign(log.worker, known[:1])  # one of three makes no quorum
    await log.grow(1)
    assert await size_and_names(log, known) == (7, {"c1", "c2"})
    assert await size_and_names(log, known[:1]) == (12, {"c1"})
    with pytest.raises(Problem):
        await public.cosigned_checkpoint(log.serve, [])


async def test_l1_a_proof_is_by_the_cosigned_checkpoint_as_soon_as_that_has_the_entry(log, three):
    known = registered(three)
    ids = await log.grow(3)
    await witnesses.cosign(log.worker, known)
    ids += await log.grow(4)
    assert [(await public.inclusion(log.serve, id_, known)).size for id_ in (ids[0], ids[6])] == [3, 7]
    await witnesses.cosign(log.worker, known)
    proof = await public.inclusion(log.serve, ids[0], known)
    assert (proof.size, proof.checkpoint.count("— c")) == (7, 3)
    assert (await public.inclusion(log.serve, ids[0])).size == 7

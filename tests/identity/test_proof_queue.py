"""Proofs that are checked in a row: each gets its own answer, and a bad one fails alone."""

from __future__ import annotations

import asyncio
import time

import pytest

from moyai.base.errors import Problem
from moyai.bench.signing import PATH, Sender
from moyai.identity.dpop import Proof, token_hash
from moyai.identity.proof_queue import ProofQueue

BASE_URL = "http://localhost:8080"


@pytest.fixture
def sender() -> Sender:
    made = Sender(BASE_URL)
    made.token = "the-access-token"
    return made


async def _check(queue: ProofQueue, proof: str, sender: Sender) -> Proof:
    return await queue.check(
        proof, method="POST", url=BASE_URL + PATH, token_hash=token_hash(sender.token), now=time.time()
    )


def _with_another_signature(proof: str, other: str) -> str:
    return f"{proof.rpartition('.')[0]}.{other.rpartition('.')[2]}"


async def test_each_of_many_gets_its_own_answer(sender: Sender) -> None:
    queue = ProofQueue()
    proofs = [sender.proof() for _ in range(40)]
    answers = await asyncio.gather(*(_check(queue, proof, sender) for proof in proofs))
    assert len({answer.jti for answer in answers}) == 40
    assert {answer.jkt for answer in answers} == {sender.jkt}


async def test_a_bad_proof_fails_alone(sender: Sender) -> None:
    queue = ProofQueue()
    good = [sender.proof() for _ in range(3)]
    forged = _with_another_signature(good[0], good[1])
    checks = (_check(queue, proof, sender) for proof in (good[0], forged, "é.b.c", good[2]))
    first, second, third, last = await asyncio.gather(*checks, return_exceptions=True)
    assert isinstance(first, Proof)
    assert isinstance(last, Proof)
    for refused in (second, third):
        assert isinstance(refused, Problem)
        assert refused.code == "proof_invalid"


async def test_one_who_gave_up_disturbs_nobody(sender: Sender) -> None:
    queue = ProofQueue()
    asking = [asyncio.create_task(_check(queue, sender.proof(), sender)) for _ in range(3)]
    await asyncio.sleep(0)
    asking[1].cancel()
    first, second, third = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(first, Proof)
    assert isinstance(third, Proof)
    assert isinstance(second, asyncio.CancelledError)

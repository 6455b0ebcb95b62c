"""The example witness, as a program that only knows the log's key, and the worker that heeds it."""

from __future__ import annotations

import asyncio
import base64
import sys
import time
import urllib.request

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from moyai.ledger import log as logs
from moyai.ledger import note, public, store_log, witnesses
from moyai.ledger.log import LogClosed
from moyai.ledger.note import Checkpoint, Signer
from moyai.ledger.verifiers import Witness
from tests.ledger.conftest import ORIGIN, WITNESS_PROGRAM
from tests.serving import listening_socket


async def post(url: str, body: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.post(f"{url}/add-checkpoint", data=body) as answer:
        return answer.status, answer.content_type, await answer.text()


async def submission(
    log, old: int, new: int, *, signer: Signer | None = None, root: bytes | None = None
) -> str:
    proof = [base64.b64encode(hash_).decode() for hash_ in await logs.consistency(log.serve, old, new)]
    head = Checkpoint(ORIGIN, new, root or await logs.root_at(log.serve, new))
    signed = note.sign_checkpoint(signer or await log.signer(), head)
    return "\n".join([f"old {old}", *proof, "", str(signed)])


async def test_checkpoints_are_cosigned_one_after_the_other(log, witness):
    for count in (3, 400, 1):
        await log.grow(count)
        assert await witnesses.cosign(log.worker, log.witnesses) == {}
    text = (await public.checkpoint(log.serve)).decode()
    verifier = note.parse_vkey(witness.vkey())
    assert note.signed_by(note.parse_note(text), [verifier]) == [verifier]
    assert witness.seen()[0] == 404
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{log.witnesses[0].url}/checkpoint") as answer,
    ):
        assert await answer.text() == text


async def test_a_worker_that_knows_nothing_learns_the_size_from_the_witness(log, witness):
    await log.grow(5)
    await witnesses.cosign(log.worker, log.witnesses)
    await log.tamper("delete from ledger.cosignature")
    await log.grow(5)
    assert await witnesses.cosign(log.worker, log.witnesses) == {}
    assert await store_log.cosigned_sizes(log.serve, ["c1"]) == {"c1": 10}


async def test_the_witness_refuses_what_the_protocol_says(log, witness):
    await log.grow(5, 5)
    url = log.witnesses[0].url
    good = await submission(log, 0, 5)
    stranger = Signer(ORIGIN, Ed25519PrivateKey.generate())
    assert (await post(url, await submission(log, 0, 5, signer=stranger)))[0] == 403
    assert (await post(url, good.replace(ORIGIN, "elsewhere/log")))[0] == 404
    assert (await post(url, good.replace("old 0", "old 00")))[0] == 400
    assert (await post(url, good.replace("old 0", "old 6")))[0] == 400
    assert (await post(url, "old 0\n\n" + "x" * 70_000))[0] == 400
    assert (await post(url, "\x00\xff"))[0] == 400
    assert (await post(url, good))[0] == 200
    assert await post(url, await submission(log, 3, 10)) == (409, "text/x.tlog.size", "5\n")
    assert (await post(url, await submission(log, 5, 10, root=bytes(32))))[0] == 422
    assert (await post(url, await submission(log, 5, 5, root=bytes(32))))[0] == 409
    assert (await post(url, await submission(log, 5, 10)))[0] == 200
    assert witness.seen()[0] == 10


async def test_a_silent_or_foreign_witness_is_named_and_stops_nothing(log, witness):
    await log.grow(5)
    silent = Witness("c2", witness.vkey(), "http://127.0.0.1:9")
    other = Signer("c1.example/witness", Ed25519PrivateKey.generate()).verifier(note.WITNESS_KEY)
    foreign = Witness("c3", other.vkey(), log.witnesses[0].url)
    said = await witnesses.cosign(log.worker, [*log.witnesses, silent, foreign])
    assert set(said) == {"c2", "c3"}
    assert "registered key" in said["c3"]
    await log.grow(5)


async def restore_older_state(log, size: int) -> None:
    """What a backup from before the last entries would hold."""
    await log.tamper(f"delete from ledger.cosignature where size > {size}")
    await log.tamper(f"delete from ledger.checkpoint where size > {size}")
    await log.tamper(
        f"delete from ledger.entry where entry_id in (select entry_id from ledger.sequence where index >= {size})"
    )
    await log.tamper(f"delete from ledger.sequence where index >= {size}")
    await log.tamper(f"update ledger.tile set hashes = substr(hashes, 1, {size} * 32), width = {size}")


async def test_a_log_shorter_than_what_a_witness_saw_never_signs_again(log, witness):
    for count in (5, 5):
        await log.grow(count)
        await witnesses.cosign(log.worker, log.witnesses)
    await restore_older_state(log, 5)
    await log.record(9)
    with pytest.raises(LogClosed, match="c1 has seen 10 entries"):
        await log.new_integrator().step(log.witnesses)
    with pytest.raises(LogClosed, match="closed"):
        await log.integrator.step()
    assert (await store_log.latest_checkpoint(log.serve))["size"] == 5
    assert "restored" in (await logs.status(log.serve)).closed_reason


async def test_a_log_that_was_rewritten_and_grew_past_the_witness_is_closed(log, witness):
    await log.grow(5)
    await witnesses.cosign(log.worker, log.witnesses)
    await log.tamper("delete from ledger.cosignature")
    for table in ("checkpoint", "sequence", "entry", "content", "tile"):
        await log.tamper(f"delete from ledger.{table}")
    await log.grow(8)
    with pytest.raises(LogClosed, match="rewritten"):
        await witnesses.cosign(log.worker, log.witnesses)
    with pytest.raises(LogClosed, match="rewritten"):
        await log.new_integrator().step(log.witnesses)


async def test_entries_wait_while_no_witness_says_what_it_saw(log, witness):
    await log.grow(5)
    await witnesses.cosign(log.worker, log.witnesses)
    gone = [Witness("c1", witness.vkey(), "http://127.0.0.1:9")]
    await log.record(1)
    restarted = log.new_integrator()
    with pytest.raises(LogClosed, match="too few of the registered witnesses"):
        await restarted.step(gone)
    assert await restarted.step(log.witnesses) == 1


async def test_a_witness_cannot_close_the_log_by_its_word_alone(log, witness):
    await log.grow(5)
    await witnesses.cosign(log.worker, log.witnesses)
    forged = note.sign_checkpoint(
        Signer(ORIGIN, Ed25519PrivateKey.generate()), Checkpoint(ORIGIN, 999, bytes(32))
    )
    witness.state.write_text(str(forged), encoding="utf-8")
    await log.grow(1)
    assert set(await witnesses.cosign(log.worker, log.witnesses)) == {"c1"}
    assert await log.grow(1)


async def test_the_program_runs_from_its_command_line_and_remembers(log, tmp_path):
    await log.grow(4)
    with listening_socket() as free:
        port = free.getsockname()[1]
    vkey = (await log.signer()).verifier().vkey()
    command = [sys.executable, str(WITNESS_PROGRAM), "--port", str(port), "--name", "c2.example/witness",
               "--key", str(tmp_path / "c2.key"), "--state", str(tmp_path / "c2.state"), "--log-key", vkey]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    keys = []
    for size in (4, 6):
        process = await asyncio.create_subprocess_exec(*command)
        try:
            keys.append(await asyncio.to_thread(_read_when_up, f"{url}/key"))
            registered = [Witness("c2", keys[0].strip(), url)]
            assert await witnesses.cosign(log.worker, registered) == {}
            assert await store_log.cosigned_sizes(log.serve, ["c2"]) == {"c2": size}
        finally:
            process.kill()
            await process.wait()
        await log.grow(2)
    assert keys[0] == keys[1]
    assert (tmp_path / "c2.key").stat().st_mode & 0o077 == 0


def _read_when_up(url: str) -> str:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)

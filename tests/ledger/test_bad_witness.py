"""One witness that answers badly is its own trouble: the others are asked, heard and kept all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from moyai.base.fetch import Unanswered
from moyai.ledger import store_log, witness_call, witnesses
from moyai.ledger.log import LogClosed
from moyai.ledger.verifiers import Witness
from moyai.worker.platform_jobs import Cosigning

OK = b"HTTP/1.1 200 OK\r\n"
DIGITS = b"9" * 5000

BAD = {
    "digits": b"HTTP/1.1 409 Conflict\r\nContent-Length: 5000\r\n\r\n" + DIGITS,
    "not-utf-8": OK + b"Content-Length: 4\r\n\r\n\xff\xfe\x00\x80",
    "redirect": b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
    "giant": OK + b"\r\n" + b"x" * 5_000_000,
    "not-http": b"\x00\x01\x02 hello\r\n\r\n",
    "bad-length": OK + b"Content-Length: -1\r\n\r\n",
    "drip": OK + b"Content-Length: 50000\r\n\r\nx",
    "silent": b"",
}


@asynccontextmanager
async def answering(data: bytes) -> AsyncIterator[str]:
    """A server that answers every request with these bytes, and then keeps the connection open."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(data)
            await writer.drain()
            await reader.read(-1)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
async def bad(witness) -> AsyncIterator[list[Witness]]:
    """One witness of each bad kind, and two whose registration itself is bad."""
    found = [
        Witness("bad-key", "nonsense", witness.registered.url),
        Witness("bad-url", witness.vkey(), "http://[::bad"),
    ]
    async with AsyncExitStack() as servers:
        for name, data in BAD.items():
            url = await servers.enter_async_context(answering(data))
            found.append(Witness(name, witness.vkey(), url))
        yield found


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(witness_call, "SECONDS", 0.5)


async def test_m12_one_bad_witness_ends_the_round_for_no_other(log, witness, bad):
    await log.grow(5)
    said = await witnesses.cosign(log.worker, [*bad, witness.registered])
    assert said.keys() == {one.witness_id for one in bad}
    assert await store_log.cosigned_sizes(log.serve, ["c1"]) == {"c1": 5}


async def test_m12_bad_witnesses_do_not_stop_the_worker_from_asking_the_others(log, witness, bad):
    async def registered() -> list[Witness]:
        return [*bad, witness.registered]

    cosigning = Cosigning(log.worker, registered)
    for size in (3, 6):
        await log.grow(3)
        while (await store_log.cosigned_sizes(log.serve, ["c1"])).get("c1") != size:
            await cosigning.run()


async def test_m12_bad_witnesses_neither_clear_nor_close_a_log(log, witness, bad):
    await log.grow(5)
    await witnesses.cosign(log.worker, [witness.registered])
    await log.record(1)
    with pytest.raises(LogClosed, match="too few"):
        await log.new_integrator().step([*bad, witness.registered])
    assert await log.new_integrator().step([witness.registered]) == 1


async def test_a_witness_without_a_database_of_its_own_fault_is_not_blamed(log, witness):
    """A lost database is raised, for the worker to wait: it is no outcome of a witness."""
    await log.grow(1)
    log.worker.terminate()
    with pytest.raises(Exception, match=r"clos|terminat"):
        await witnesses.cosign(log.worker, [witness.registered])


async def test_a_giant_answer_is_cut_off(bad):
    with pytest.raises(Unanswered, match="more than 65536 bytes"):
        await witness_call.newest(next(one for one in bad if one.witness_id == "giant"))

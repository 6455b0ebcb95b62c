"""`/log/v1` as an outsider meets it: one platform served, verified and read over HTTP."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from moyai import ledger
from moyai.base.keys import KeyRing
from moyai.base.roles import WORKER
from moyai.commands.verifying import Trust
from moyai.ledger import Act, Kind, note
from moyai.ledger.integrator import Integrator, drain
from moyai.ledger.verify import examine
from moyai.ledger.verify_source import VerifyError, copy_log
from tests.serving import served
from tests.web import in_process

pytestmark = pytest.mark.usefixtures("plain_contents")


class Platform:
    def __init__(self, url: str, entries: list) -> None:
        self.url = url
        self.entries = entries


@pytest.fixture
async def platform(fresh_platform):
    """A platform with 300 integrated entries and one that is not."""
    serve, worker = await fresh_platform.pool(), await fresh_platform.pool(WORKER)
    box = fresh_platform.home.box()
    async with serve.transaction() as conn:
        # of one transaction: the order of ids is the order of indexes
        ids = sorted([await ledger.record(conn, Act(Kind.CONSENT_GIVEN, "x", 7)) for _ in range(300)])
    await drain(Integrator(worker, KeyRing(box), "localhost/log/v1"))
    async with serve.connection() as conn:
        ids.append(await ledger.record(conn, Act(Kind.CONSENT_GIVEN, "x", 7)))
    async with in_process.running(fresh_platform.home, serve, box) as app, served(app) as url:
        yield Platform(url, ids)


async def get(url: str):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        json = await answer.json() if "json" in answer.content_type else None
        return answer.status, json, answer.headers, await answer.read()


async def test_the_log_verifies_from_outside_and_as_a_copy(platform, tmp_path: Path):
    report = await asyncio.to_thread(examine, platform.url)
    assert (report.ok, report.size, report.findings) == (True, 300, [])
    await asyncio.to_thread(copy_log, platform.url, tmp_path)
    (tmp_path / "saved").write_bytes((tmp_path / "checkpoint").read_bytes())
    assert await asyncio.to_thread(examine, str(tmp_path)) == report
    kept = await asyncio.to_thread(examine, str(tmp_path), checkpoints=[tmp_path / "saved"])
    assert (report.vouched_size, kept.vouched_size) == (0, 300)


async def test_an_entry_has_a_proof_once_it_is_integrated(platform):
    proof = f"{platform.url}/log/v1/proof/inclusion?entry="
    status, found, headers, _ = await get(proof + str(platform.entries[42]))
    assert (status, found["index"], found["size"]) == (200, 42, 300)
    assert headers["Cache-Control"] == "no-store"
    status, found, _, _ = await get(proof + str(platform.entries[300]))
    assert (status, found["code"]) == (404, "entry_not_integrated")
    status, found, _, _ = await get(proof + str(uuid4()))
    assert (status, found["code"]) == (404, "does_not_exist")


async def test_types_and_caching_are_those_of_tlog_tiles(platform):
    _, _, headers, data = await get(f"{platform.url}/log/v1/checkpoint")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert note.parse_checkpoint(note.parse_note(data.decode()).text).size == 300
    _, _, headers, data = await get(f"{platform.url}/log/v1/tile/0/001.p/44")
    assert headers["Content-Type"] == "application/octet-stream"
    assert "immutable" in headers["Cache-Control"]
    assert len(data) == 44 * 32
    assert len((await get(f"{platform.url}/log/v1/tile/entries/000"))[3]) == 256 * 60


BAD = [
    ("tile/0/001", 404, "does_not_exist"),
    ("tile/0/001.p/45", 404, "does_not_exist"),
    ("tile/entries/001.p/45", 404, "does_not_exist"),
    ("tile/0/x999/x999/x999/x999/x999/x999/x999/999", 404, "does_not_exist"),
    ("tile/entries/x999/x999/x999/x999/x999/x999/x999/999", 404, "does_not_exist"),
    ("tile/64/000", 404, "does_not_exist"),
    ("tile/%00", 404, "does_not_exist"),
    ("proof/inclusion", 422, "invalid_request"),
    ("proof/inclusion?entry=1", 422, "invalid_request"),
    ("proof/consistency?from=5&to=3", 422, "invalid_request"),
    ("proof/consistency?from=-1&to=3", 422, "invalid_request"),
    ("proof/consistency?from=0&to=301", 422, "invalid_request"),
    ("proof/consistency?from=0&to=99999999999999999999", 422, "invalid_request"),
    ("checkpoints?after=x", 422, "invalid_request"),
    ("checkpoints?after=99999999999999999999", 422, "invalid_request"),
]


async def test_bad_input_gets_a_problem(platform):
    answers = [(path, await get(f"{platform.url}/log/v1/{path}")) for path, _, _ in BAD]
    assert [(path, found[0], found[1]["code"]) for path, found in answers] == BAD


async def test_consistency_and_pages_of_checkpoints(platform):
    status, found, _, _ = await get(f"{platform.url}/log/v1/proof/consistency?from=300&to=300")
    assert (status, found) == (200, {"from": 300, "to": 300, "proof": []})
    _, found, _, _ = await get(f"{platform.url}/log/v1/checkpoints?after=300")
    assert found == {"checkpoints": [], "next": None}


async def test_what_cannot_be_examined_is_said_in_one_sentence(tmp_path: Path):
    with pytest.raises(VerifyError, match="neither a URL nor a directory"):
        examine(str(tmp_path / "nowhere"))
    with pytest.raises(VerifyError, match="checkpoint"):
        examine(str(tmp_path))
    with pytest.raises(VerifyError, match="verifier key"):
        Trust(log_keys=["rubbish"]).policy()
    with pytest.raises(VerifyError, match="saved"):
        examine(str(tmp_path), checkpoints=[tmp_path / "saved"])


async def test_the_command_prints_json_and_exits_by_what_it_found(platform, tmp_path: Path):
    async def moyai(*arguments: str) -> tuple[int | None, bytes]:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "moyai", "verify", *arguments, stdout=PIPE, stderr=DEVNULL
        )
        return program.returncode or await program.wait(), (await program.communicate())[0]

    code, printed = await moyai(platform.url, "--copy-to", str(tmp_path / "copy"), "--json")
    assert (code, json.loads(printed)["ok"], json.loads(printed)["size"]) == (3, True, 300)
    bundle = tmp_path / "copy" / "tile" / "entries" / "000"
    data = bundle.read_bytes()
    bundle.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    code, printed = await moyai(str(tmp_path / "copy"))
    assert code == 1
    assert "記録 1 番" in printed.decode()
    assert (await moyai(str(tmp_path / "nowhere")))[0] == 1

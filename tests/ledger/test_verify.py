"""`moyai verify`: what an outsider with nothing but keys can prove, and what nobody can hide from them."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
import urllib.request
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from moyai import ledger
from moyai.base.roles import WORKER
from moyai.ledger import merkle, note, policy, public, verify_source, witnesses
from moyai.ledger.integrator import Integrator
from moyai.ledger.model import parse_leaf
from moyai.ledger.note import Signer
from moyai.ledger.verify import verify
from moyai.ledger.verify_source import Absent, Directory, Url
from tests.conftest import _running as running
from tests.ledger.conftest import Log, witness_program
from tests.serving import served

R142 = ["inclusion", "consistency", "tampering", "erasure"]


async def examined(place: str | Path, **options):
    """A report; the verifier is an ordinary program that blocks, so it runs beside the loop."""

    def run():
        with closing(Url(place) if isinstance(place, str) else Directory(place)) as source:
            return verify(source, **options)

    return await asyncio.to_thread(run)


def codes(report) -> list[str]:
    return [found.code for found in report.findings]


def exported_size(url: str, target: Path) -> int:
    with closing(Url(url)) as source:
        return verify_source.export(source, target)


@pytest.fixture(scope="module")
async def exported(stopped_platform, scratch, tmp_path_factory) -> Path:
    """An exported copy of a log of 600 entries and five checkpoints."""
    target = tmp_path_factory.mktemp("exported")
    async with running(stopped_platform, scratch) as platform:
        log = Log(platform, await platform.connect(), await platform.pool(WORKER))
        await log.grow(100, 156, 100, 200, 44)
        async with served(log.application()) as url:
            assert await asyncio.to_thread(exported_size, url, target) == 600
            assert await examined(url) == await examined(target)
    return target


@pytest.fixture
def copy(exported, tmp_path) -> Path:
    """A copy of one's own to damage."""
    shutil.copytree(exported, tmp_path / "copy")
    return tmp_path / "copy"


def bundle(copy: Path, number: int = 0, width: int = 256) -> Path:
    return copy / merkle.tile_path("entries", number, width)


def edit(file: Path, at: int, new: bytes) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:at] + new + data[at + len(new) :])


def get(url: str):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.loads(answer.read())


async def test_an_untouched_log_verifies(copy):
    report = await examined(copy)
    assert report.ok
    assert (report.size, report.findings) == (600, [])


@pytest.mark.requirement("R-142", part="inclusion", of=R142)
async def test_inclusion_proofs_hold_by_a_calculation_of_our_own(log, url):
    """RFC 9162, section 2.1.3.2, written here once more; the log's key is all that is trusted."""
    ids = await log.grow(70, 300)
    key = note.parse_vkey((await asyncio.to_thread(get, f"{url}/log/v1/keys"))["verifier_keys"][0])
    for id_ in (ids[0], ids[69], ids[255], ids[256], ids[369]):
        proof = await asyncio.to_thread(get, f"{url}/log/v1/proof/inclusion?entry={id_}")
        hash_ = sha256(b"\x00" + base64.b64decode(proof["leaf"])).digest()
        position, last = proof["index"], proof["size"] - 1
        for sibling in map(base64.b64decode, proof["proof"]):
            if position & 1 or position == last:
                hash_ = sha256(b"\x01" + sibling + hash_).digest()
                while not position & 1 and position:
                    position, last = position >> 1, last >> 1
            else:
                hash_ = sha256(b"\x01" + hash_ + sibling).digest()
            position, last = position >> 1, last >> 1
        checkpoint, _ = note.open_checkpoint(proof["checkpoint"], [key])
        assert (hash_, proof["size"]) == (checkpoint.root, checkpoint.size)
        assert base64.b64decode(proof["leaf"])[10:26] == id_.bytes


@pytest.mark.requirement("R-142", part="consistency", of=R142)
async def test_consistency_proofs_hold_for_a_program_that_shares_no_code(log, url):
    await log.grow(3, 256, 41, 200)
    chain = (await asyncio.to_thread(get, f"{url}/log/v1/checkpoints?after=-1"))["checkpoints"]
    heads = [note.parse_checkpoint(note.parse_note(text).text) for text in chain]
    consistent = witness_program().consistent
    for old in heads:
        for new in heads:
            if 0 < old.size < new.size:
                answer = await asyncio.to_thread(
                    get, f"{url}/log/v1/proof/consistency?from={old.size}&to={new.size}"
                )
                proof = [base64.b64decode(hash_) for hash_ in answer["proof"]]
                assert consistent(old.size, new.size, proof, old.root, new.root)
                assert not consistent(old.size, new.size, proof, new.root, new.root)


@pytest.mark.requirement("R-142", part="tampering", of=R142)
async def test_any_changed_byte_of_any_entry_is_found_and_named(copy):
    whole = bundle(copy).read_bytes()
    for index, byte in itertools.product((0, 99, 255), (0, 1, 5, 9, 12, 30, 57)):
        at = index * 60 + 2
        leaf = whole[at : at + 58]
        edit(bundle(copy), at + byte, bytes([leaf[byte] ^ 1]))
        report = await examined(copy)
        assert not report.ok
        assert [(found.code, found.index) for found in report.findings] == [("entry_changed", index)]
        if not 10 <= byte < 26:  # the id itself was not what was changed
            assert report.findings[0].entry_id == str(parse_leaf(leaf).entry_id)
        bundle(copy).write_bytes(whole)


@pytest.mark.requirement("R-142", part="tampering", of=R142)
@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("update ledger.entry set leaf = set_byte(leaf, 40, 255 - get_byte(leaf, 40)) where entry_id = $1", ["entry_changed"]),
        ("delete from ledger.entry where entry_id = $1", ["entry_removed"]),
        ("delete from ledger.sequence where entry_id = $1", ["entry_removed"]),
        ("update ledger.sequence set entry_id = gen_random_uuid() where entry_id = $1", ["entry_removed"]),
    ],
)  # fmt: skip
async def test_changing_or_removing_an_entry_in_the_database_is_found_and_named(log, url, sql, found):
    ids = await log.grow(100, 200)
    await log.tamper(sql, ids[130])
    report = await examined(url)
    assert (codes(report), report.findings[0].index) == (found, 130)
    if "ledger.entry" in sql:
        assert report.findings[0].entry_id == str(ids[130])
        assert str(ids[130]) in report.findings[0].ja


@pytest.mark.requirement("R-142", part="tampering", of=R142)
async def test_reordering_entries_is_found_and_named(log, url):
    ids = await log.grow(100, 200)
    await log.tamper("update ledger.sequence set index = -1 where index = 20")
    await log.tamper("update ledger.sequence set index = 20 where index = 240")
    await log.tamper("update ledger.sequence set index = 240 where index = -1")
    report = await examined(url)
    assert [(f.code, f.index, f.entry_id) for f in report.findings] == [
        ("entry_moved", 20, str(ids[240])),
        ("entry_moved", 240, str(ids[20])),
    ]


@pytest.mark.requirement("R-142", part="tampering", of=R142)
async def test_where_the_hash_was_changed_too_the_interval_is_named(copy):
    leaf = bytearray(bundle(copy).read_bytes()[120 * 60 + 2 :][:58])
    leaf[40] ^= 1
    edit(bundle(copy), 120 * 60 + 2, bytes(leaf))
    edit(copy / "tile/0/000", 120 * 32, merkle.leaf_hash(bytes(leaf)))
    report = await examined(copy)
    assert [(found.code, found.interval) for found in report.findings] == [("history_changed", (100, 256))]
    assert "100 番から 256 番の前まで" in report.findings[0].ja
    assert "100 to 255" in report.findings[0].en


@pytest.mark.parametrize(
    ("path", "at"), [("tile/0/001", 8000), ("tile/0/002.p/88", 0), ("tile/1/000.p/2", 33)]
)
async def test_changed_tiles_are_found_too(copy, path, at):
    edit(copy / path, at, bytes([(copy / path).read_bytes()[at] ^ 1]))
    report = await examined(copy)
    assert codes(report) == ["tile_changed"]
    assert path.split(".")[0] in report.findings[0].en


async def test_missing_and_cut_files_are_found(copy):
    (copy / "tile/0/001").unlink()
    edit_file = bundle(copy, 2, 88)
    edit_file.write_bytes(edit_file.read_bytes()[:-1])
    report = await examined(copy)
    assert codes(report)[:2] == ["tile_unreadable", "tile_unreadable"]
    assert not report.ok


async def test_a_checkpoint_of_another_key_is_refused(copy):
    text = (copy / "checkpoint").read_text()
    (copy / "checkpoint").write_text(text.replace("\n600\n", "\n599\n"))
    assert codes(await examined(copy)) == ["checkpoint_invalid"]
    (copy / "checkpoint").write_text(text)
    other = note.Verifier("localhost/log/v1", note.LOG_KEY, bytes(32)).vkey()
    assert codes(await examined(copy, trust=policy.make([other], []))) == ["checkpoint_invalid"]
    true = Directory(copy).keys().verifier_keys[0]
    assert (await examined(copy, trust=policy.make([true], []))).ok


async def rewritten(log) -> None:
    """The whole log made anew with its true key, entry 150 left out."""
    rows = await log.serve.fetch(
        "select entry_id, leaf from ledger.sequence join ledger.entry using (entry_id) where index <> 150 order by index"
    )
    for table in ("cosignature", "checkpoint", "sequence", "entry", "tile"):
        await log.tamper(f"delete from ledger.{table}")
    for row in rows:
        await log.serve.execute(
            "insert into ledger.entry (entry_id, leaf) values ($1, $2)", row["entry_id"], row["leaf"]
        )
    log.integrator = Integrator(log.worker, log.integrator._keys, "localhost/log/v1")
    await log.grow(20)


@pytest.mark.requirement("R-142", part="tampering", of=R142)
async def test_a_log_rewritten_with_the_true_key_is_convicted_by_a_saved_checkpoint(log, url):
    await log.grow(100)
    early = (await public.checkpoint(log.serve)).decode()
    await log.grow(200)
    late = (await public.checkpoint(log.serve)).decode()
    await rewritten(log)
    assert (await examined(url)).ok  # in itself it is a perfect log
    report = await examined(url, saved=[("early.txt", early), ("late.txt", late)])
    assert [(found.code, found.interval) for found in report.findings] == [("log_rewritten", (100, 300))]
    assert "late.txt" in report.findings[0].en
    assert (await examined(url, saved=[("early.txt", early)])).ok


@pytest.mark.requirement("R-142", part="tampering", of=R142)
async def test_a_log_rewritten_or_cut_back_is_convicted_by_a_witness(log, url, witness):
    await log.grow(300)
    assert await witnesses.cosign(log.worker, log.witnesses) == {}
    trust = policy.make([], [log.witnesses[0].verifier_key])
    good = await examined(url, trust=trust, witnesses=[log.witnesses[0].url])
    assert (good.ok, good.cosigned_by) == (True, ["c1.example/witness"])
    await log.grow(30)
    grown = await examined(url, trust=trust, witnesses=[log.witnesses[0].url])
    assert (grown.ok, grown.size, grown.cosigned_size) == (True, 330, 300)
    await rewritten(log)
    assert codes(await examined(url, witnesses=[log.witnesses[0].url])) == ["log_rewritten"]
    for table in ("checkpoint", "sequence", "entry", "tile"):
        await log.tamper(f"delete from ledger.{table}")
    log.integrator = log.new_integrator()
    await log.grow(10)
    report = await examined(url, witnesses=[log.witnesses[0].url])
    assert [(found.code, found.interval) for found in report.findings] == [("log_shorter", (10, 300))]


async def test_a_forged_cosignature_is_found(copy):
    witness = Signer("c1.example/witness", Ed25519PrivateKey.generate())
    trust = policy.make([], [witness.verifier(note.WITNESS_KEY).vkey()])
    text = (copy / "checkpoint").read_text()
    (copy / "checkpoint").write_text(
        text + witness.cosign(text.partition("\n\n")[0] + "\n", 1_700_000_000).line()
    )
    assert (await examined(copy, trust=trust)).cosigned_by == ["c1.example/witness"]
    (copy / "checkpoint").write_text(text + witness.cosign("another text\n", 1_700_000_000).line())
    assert codes(await examined(copy, trust=trust)) == ["checkpoint_invalid", "not_witnessed"]


async def test_a_witness_that_does_not_answer_is_no_reassurance(copy):
    assert codes(await examined(copy, witnesses=["http://127.0.0.1:9"])) == ["witness_silent"]


@pytest.mark.requirement("R-142", part="erasure", of=R142)
async def test_erasing_a_persons_content_leaves_every_proof_valid(log, url):
    ids = await log.grow(100, 200)
    before = await asyncio.to_thread(get, f"{url}/log/v1/proof/inclusion?entry={ids[130]}")
    assert await ledger.erase_contents(log.serve, 7) == 300
    assert isinstance(await ledger.opening(log.serve, ids[130]), ledger.Sealed)
    assert await log.serve.fetchval("select count(*) from ledger.content") == 0
    assert (await examined(url)).ok
    assert await asyncio.to_thread(get, f"{url}/log/v1/proof/inclusion?entry={ids[130]}") == before
    await log.grow(10)
    assert (await examined(url)).size == 310


async def test_verifying_while_the_log_grows_is_no_finding(log, url):
    await log.grow(300)
    grown = await asyncio.gather(examined(url), log.grow(100, 300, 5))
    assert grown[0].ok


async def test_an_empty_log_and_one_of_whole_tiles_verify(log, url):
    await log.grow(0)
    assert ((await examined(url)).ok, (await examined(url)).size) == (True, 0)
    await log.grow(256)
    assert ((await examined(url)).ok, (await examined(url)).size) == (True, 256)


async def test_there_must_be_a_log(tmp_path):
    with pytest.raises(Absent):
        await examined(tmp_path)
    with pytest.raises(ValueError, match="neither"):
        verify_source.open_source(str(tmp_path / "nowhere"))

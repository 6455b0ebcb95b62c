"""What a verification is worth rests on what the verifier brings along (review M6), and costs what it may cost."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from moyai.commands.verifying import Trust, run
from moyai.ledger import findings, merkle, note, policy, verify_source, witnesses
from moyai.ledger.model import leaf_bytes
from moyai.ledger.note import Checkpoint, Signer
from moyai.ledger.policy import PolicyError
from moyai.ledger.verify import examine
from moyai.ledger.verify_report import FOUND, UNVOUCHED
from tests.ledger.conftest import ORIGIN
from tests.serving import served

NOW = 1_790_000_000


def signer(name: str) -> Signer:
    return Signer(name, Ed25519PrivateKey.generate())


def vkey(one: Signer) -> str:
    return one.verifier(note.WITNESS_KEY).vkey()


class Forged:
    """A whole log that somebody makes from nothing: leaves, tiles, checkpoint and cosignatures, by own keys."""

    def __init__(
        self, place: Path, names: tuple[str, ...] = ("c1.sanuki", "c2.sanuki"), size: int = 300
    ) -> None:
        self.place = place
        self.key, self.witnesses = signer(ORIGIN), [signer(name) for name in names]
        leaves = [leaf_bytes(1, NOW * 1000, uuid4().bytes, secrets.token_bytes(32)) for _ in range(size)]
        tree = merkle.grow(0, {}, [merkle.leaf_hash(leaf) for leaf in leaves])
        for (level, number), hashes in tree.items():
            self.write(merkle.tile_path(level, number, len(hashes) // 32), hashes)
        for number, width in merkle.widths(size, 0):
            part = leaves[number * 256 :][:width]
            self.write(
                merkle.tile_path("entries", number, width), b"".join(b"\x00\x3a" + leaf for leaf in part)
            )
        root = merkle.range_hash(tree, (0, size))
        self.sign(Checkpoint(ORIGIN, size, root))
        named = [{"witness_id": one.name[:2], "verifier_key": vkey(one)} for one in self.witnesses]
        keys = {"origin": ORIGIN, "verifier_keys": [self.key.verifier().vkey()], "witnesses": named}
        self.write("keys.json", msgspec.json.encode(keys))

    def sign(self, head: Checkpoint) -> None:
        signed = note.sign_checkpoint(self.key, head)
        lines = [one.cosign(signed.text, NOW).line() for one in self.witnesses]
        self.write("checkpoint", f"{signed}{''.join(lines)}".encode())

    def write(self, path: str, data: bytes) -> None:
        file = self.place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


@pytest.fixture
def forged(tmp_path) -> Forged:
    return Forged(tmp_path / "forged")


def told(report) -> str:
    return "\n".join(report.lines())


def test_m6_a_log_forged_from_nothing_is_never_said_to_be_good(forged):
    report = examine(str(forged.place))
    assert (report.ok, report.vouched_size, report.exit_code) == (True, 0, UNVOUCHED)
    assert (report.cosigned_by, [one.code for one in report.unchecked]) == ([], ["log_key", "witnesses"])
    assert "nothing vouches for it" in told(report)
    assert "保証するものは何もありません" in told(report)
    assert "Nothing was changed" not in told(report)
    assert "witnesses: c1" not in told(report)


def test_m6_a_forged_log_fails_against_the_true_log_key(forged):
    trust = policy.make([signer(ORIGIN).verifier().vkey()], [])
    report = examine(str(forged.place), trust=trust)
    assert ([one.code for one in report.findings], report.exit_code) == (["checkpoint_invalid"], FOUND)


def test_m6_a_forged_log_fails_against_the_true_witness_keys(forged):
    towns = [vkey(signer("c1.sanuki")), vkey(signer("c2.sanuki"))]
    report = examine(str(forged.place), trust=policy.make([], towns))
    assert ([one.code for one in report.findings], report.exit_code) == (["not_witnessed"], FOUND)
    assert "Nothing was changed" not in told(report)


def test_as_many_witnesses_must_have_signed_as_the_verifier_says(forged):
    log_key, (c1, c2) = forged.key.verifier().vkey(), forged.witnesses
    other = vkey(signer("c3.sanuki"))
    for keys, needed, ok in (
        ([vkey(c1), vkey(c2)], 2, True),
        ([vkey(c1), vkey(c2), other], None, True),  # more than half
        ([vkey(c1), vkey(c2), other], 3, False),
        ([vkey(c1), other], None, False),
        ([vkey(c1), other], 1, True),
    ):
        report = examine(str(forged.place), trust=policy.make([log_key], keys, needed))
        assert (report.ok, report.exit_code) == (ok, 0 if ok else FOUND)
    assert (report.cosigned_by, report.cosigned_size) == (["c1.sanuki"], 300)
    assert report.cosigned_at is not None
    assert report.cosigned_at.timestamp() == NOW
    assert "witnessed at: 2026-09-2" in told(report)


async def test_the_true_log_is_vouched_for_by_keys_a_saved_checkpoint_or_neither(log, url, witness, tmp_path):
    await log.grow(300)
    await witnesses.cosign(log.worker, log.witnesses)
    (tmp_path / "saved").write_text(str(note.parse_note(log_text := await newest(url))), encoding="utf-8")
    assert "c1.example/witness" in log_text
    await log.grow(20)
    log_key, towns = (await log.signer()).verifier().vkey(), [witness.vkey()]
    for options, vouched, code in (
        ({}, 0, UNVOUCHED),
        ({"trust": policy.make([log_key], [])}, 320, 0),
        ({"trust": policy.make([], towns)}, 300, 0),
        ({"checkpoints": [tmp_path / "saved"]}, 300, 0),
    ):
        report = await asyncio.to_thread(examine, url, **options)
        assert (report.ok, report.vouched_size, report.exit_code) == (True, vouched, code)
    report = await asyncio.to_thread(examine, url, trust=policy.make([log_key], towns))
    assert [one.code for one in report.unchecked] == ["unwitnessed"]
    assert "Entries 300 to 319 are not witnessed yet" in told(report)


async def newest(url: str) -> str:
    def read() -> str:
        source = verify_source.Url(url)
        try:
            return source.read("checkpoint").decode()
        finally:
            source.close()

    return await asyncio.to_thread(read)


def first(place: Path, file: Path):
    options = {"checkpoints": (), "witnesses": (), "copy_to": None, "most_entries": 1000}
    return run(str(place), Trust(on_first_use=file), **options, progress=lambda *_: None)


def test_trust_on_first_use_is_only_where_asked_and_then_binds(forged, tmp_path):
    file = tmp_path / "trust.policy"
    report = first(forged.place, file)
    assert (report.exit_code, [one.code for one in report.unchecked]) == (UNVOUCHED, ["first_use"])
    assert first(forged.place, file).exit_code == 0
    other = Forged(tmp_path / "other")
    assert [one.code for one in first(other.place, file).findings] == ["checkpoint_invalid"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "quorum NAME"),
        ("quorum none\nquorum none", "second quorum"),
        ("quorum nobody", "not defined"),
        ("log nonsense\nquorum none", "line 1"),
        ("log WITNESS\nquorum none", "0x04, not 0x01"),
        ("witness a LOG\nquorum a", "0x01, not 0x04"),
        ("witness a WITNESS\nwitness b WITNESS\nquorum a", "twice"),
        ("witness a WITNESS\ngroup g 2 a\nquorum g", "1 to 1"),
        ("witness a WITNESS\ngroup g 99999 a\nquorum g", "1 to 1"),
        ("witness a WITNESS\ngroup g any a\ngroup h any a\nquorum g", "member twice"),
        ("witness none WITNESS\nquorum none", "taken"),
        ("hello\nquorum none", "not understood"),
    ],
)
def test_a_policy_that_is_not_understood_is_refused(text, says):
    one = signer("c1.sanuki")
    text = text.replace("WITNESS", vkey(one)).replace("LOG", signer(ORIGIN).verifier().vkey())
    with pytest.raises(PolicyError, match=says):
        policy.parse(text)


def test_groups_of_groups_are_counted_and_a_policy_survives_its_file():
    names = ["a", "b", "c", "d"]
    lines = [f"witness {name} {vkey(signer(f'{name}.example'))} https://{name}.example" for name in names]
    lines += [
        "# two towns of three, and the prefecture",
        "group towns 2 a b c",
        "group all-of-us all towns d",
    ]
    trust = policy.parse("\n".join([*lines, "\t quorum  all-of-us "]))
    assert policy.parse(trust.text()) == trust
    assert trust.satisfied_by(["a", "c", "d"])
    assert not trust.satisfied_by(["a", "b", "c"])
    assert not trust.satisfied_by(["a", "d"])


# --- a malicious log -----------------------------------------------------------------------------------------


def found(report) -> list[str]:
    return [one.code for one in report.findings]


def test_a_size_that_no_machine_can_read_is_refused_at_once(forged):
    forged.sign(Checkpoint(ORIGIN, 10**17, bytes(32)))
    report = examine(str(forged.place), trust=policy.make([forged.key.verifier().vkey()], []))
    assert (found(report), report.exit_code) == (["gave_up"], FOUND)
    assert "100,000,000,000,000,000 entries" in report.findings[0].en


def test_a_log_of_nothing_but_faults_ends_soon(forged):
    forged.sign(Checkpoint(ORIGIN, 50_000_000, bytes(32)))
    report = examine(str(forged.place))
    assert found(report)[-1] == "gave_up"
    assert len(report.findings) <= findings.MOST_FINDINGS + 1


def test_a_list_of_checkpoints_that_does_not_grow_ends_the_list(forged):
    line = msgspec.json.encode((forged.place / "checkpoint").read_text()) + b"\n"
    forged.write("checkpoints.jsonl", line * 3)
    assert found(examine(str(forged.place))) == ["checkpoints_unordered"]


@pytest.mark.parametrize("how", ["endless", "drip", "huge-line"])
async def test_an_answer_without_end_is_cut_off(how):
    async def pieces():
        while True:
            yield b"x" if how == "drip" else b"x" * 65_536
            await asyncio.sleep(0.05 if how == "drip" else 0)

    async def answer(_: Request) -> Response:
        if how == "huge-line":
            return Response(b"", headers={"X-Long": "x" * 100_000})
        return StreamingResponse(pieces())

    async with served(Starlette(routes=[Route("/{path:path}", answer)])) as url:
        assert await asyncio.to_thread(_absent, url)


def _absent(url: str) -> bool:
    source = verify_source.Url(url, call_seconds=1)
    try:
        with pytest.raises(verify_source.Absent):
            source.read("checkpoint")
    finally:
        source.close()
    return True


async def test_the_whole_examination_has_an_end(log, url):
    await log.grow(3)

    def read() -> None:
        source = verify_source.Url(url, seconds=0)
        try:
            with pytest.raises(findings.GaveUp):
                source.read("checkpoint")
        finally:
            source.close()

    await asyncio.to_thread(read)

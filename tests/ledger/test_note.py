"""Signed notes, checkpoints and cosignatures: the example of the specification, and what must be refused."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from moyai.ledger import note
from moyai.ledger.note import Checkpoint, NoteError, Signer

# https://c2sp.org/tlog-cosignature and https://pkg.go.dev/golang.org/x/mod/sumdb/note
EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""


def signer(name: str = "log.example/1") -> Signer:
    return Signer(name, Ed25519PrivateKey.generate())


def test_the_note_of_the_go_implementation_verifies() -> None:
    verifier = note.parse_vkey(GO_VKEY)
    assert verifier.vkey() == GO_VKEY
    assert note.signed_by(note.parse_note(GO_NOTE), [verifier]) == [verifier]
    with pytest.raises(NoteError):
        note.signed_by(note.parse_note(GO_NOTE.replace("answer", "Answer")), [verifier])


def test_the_example_of_the_specification_is_read_and_written_back() -> None:
    parsed = note.parse_note(EXAMPLE)
    assert str(parsed) == EXAMPLE
    checkpoint = note.parse_checkpoint(parsed.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == parsed.text
    witness = parsed.signatures[1]
    assert int.from_bytes(witness.value[:8], "big") == 1679315147
    assert len(witness.value) == 72


def test_checkpoint_and_cosignature_verify_under_their_keys_only() -> None:
    log, witness, other = signer(), signer("w.example/1"), signer()
    signed = note.sign_checkpoint(log, Checkpoint("log.example/1", 7, bytes(32)))
    line = witness.cosign(signed.text, 1_700_000_000)
    both = note.Note(signed.text, (*signed.signatures, line))
    keys = [log.verifier(), witness.verifier(note.WITNESS_KEY)]
    assert note.signed_by(note.parse_note(str(both)), keys) == keys
    opened, _ = note.open_checkpoint(str(both), keys)
    assert opened.size == 7
    with pytest.raises(NoteError, match="no key of the log"):
        note.open_checkpoint(str(both), [other.verifier()])
    with pytest.raises(NoteError, match="no key of the log"):
        note.open_checkpoint(str(both), [witness.verifier(note.WITNESS_KEY)])


def test_a_cosignature_does_not_hold_at_another_time_or_as_a_plain_signature() -> None:
    witness = signer("w.example/1")
    text = Checkpoint("log.example/1", 7, bytes(32)).text()
    line = witness.cosign(text, 1_700_000_000)
    verifier = witness.verifier(note.WITNESS_KEY)
    assert note.holds(verifier, text, line)
    later = note.Signature(line.name, line.key_id, (1_700_000_001).to_bytes(8, "big") + line.value[8:])
    assert not note.holds(verifier, text, later)
    assert not note.holds(verifier, text, note.Signature(line.name, line.key_id, line.value[8:]))
    assert not note.holds(witness.verifier(), text, line)


def test_a_key_signs_only_under_its_own_name() -> None:
    private = Ed25519PrivateKey.generate()
    log = Signer("log.example/1", private)
    text = Checkpoint("log.example/2", 7, bytes(32)).text()
    with pytest.raises(NoteError, match="no key of the log"):
        note.open_checkpoint(str(note.Note(text, (log.sign(text),))), [log.verifier()])


@pytest.mark.parametrize(
    "broken",
    [
        "no signatures\n",
        "text\n\n",
        "text\n\n— name\n",
        "text\n\n- name AAAAAAA=\n",
        "text\n\n— name AAAAAAA=",
        "text\n\n— name AAAA\n",
        "text\n\n— name AAAAAAB=\n",
        "text\n\n— na+me AAAAAAA=\n",
        "te\rxt\n\n— name AAAAAAA=\n",
        "\n\n— name AAAAAAA=\n",
    ],
)
def test_broken_notes_are_refused(broken: str) -> None:
    with pytest.raises(NoteError):
        note.parse_note(broken)


@pytest.mark.parametrize(
    "text",
    [
        "o\n07\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "o\n-7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "o\n７\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "o\n7\nAAAA\n",
        "\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "o\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nmore\n",
        "o\n7\n",
    ],
)
def test_broken_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(NoteError):
        note.parse_checkpoint(text)


@pytest.mark.parametrize(
    "vkey",
    ["", "name", "name+00000000", GO_VKEY.replace("c74f20a3", "c74f20a4"), "Other" + GO_VKEY, GO_VKEY[:-4]],
)
def test_broken_keys_are_refused(vkey: str) -> None:
    with pytest.raises(NoteError):
        note.parse_vkey(vkey)

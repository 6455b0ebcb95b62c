"""Signed notes, checkpoints and cosignatures after C2SP (signed-note, tlog-checkpoint, tlog-cosignature). Pure.

Only Ed25519: type 0x01 for the log's own signature, 0x04 for a witness's timestamped cosignature.
Everything read here comes from strangers, so parsing accepts exactly one spelling of each thing.
"""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LOG_KEY = 0x01
WITNESS_KEY = 0x04
_MAX_NOTE_BYTES = 65_536
_MAX_SIGNATURES = 64
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")


class NoteError(ValueError):
    """The text is no note, checkpoint or key in the exact form of the specification."""


class Verifier(msgspec.Struct, frozen=True):
    """A public key under a name: what a verifier trusts."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        return _key_id(self.name, self.kind, self.public)

    def vkey(self) -> str:
        """`name+hex key id+base64(kind ‖ public key)`."""
        return f"{self.name}+{self.key_id.hex()}+{_b64(bytes([self.kind]) + self.public)}"


class Signature(msgspec.Struct, frozen=True):
    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        return f"— {self.name} {_b64(self.key_id + self.value)}\n"


class Note(msgspec.Struct, frozen=True):
    """A text (with its final newline) and the signatures under it, not yet verified."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)


class Checkpoint(msgspec.Struct, frozen=True):
    """A tree head: `size` leaves, whose RFC 9162 root is `root` (32 bytes), of the log named `origin`."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{_b64(self.root)}\n"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unbase64(text: str) -> bytes:
    """Standard base64 in its one canonical spelling. Raises NoteError."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise NoteError(f"not base64: {text[:60]}") from error
    if _b64(data) != text:
        raise NoteError(f"not canonical base64: {text[:60]}")
    return data


def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def check_name(name: str) -> str:
    """A key name or origin of ours: non-empty, no spaces, no plus sign. Raises NoteError."""
    if not name or "+" in name or any(character.isspace() for character in name):
        raise NoteError(f"not a key name: {name[:60]!r}")
    return name


def parse_vkey(vkey: str, kind: int | None = None) -> Verifier:
    """Raises NoteError if the key id does not belong to name and key, or the kind is neither 0x01 nor 0x04.

    `kind` is the one kind that will do: a log's key is no witness's, and the other way round.
    """
    parts = vkey.strip().split("+", 2)
    if len(parts) != 3:
        raise NoteError("a verifier key has the form name+hash+key")
    material = unbase64(parts[2])
    verifier = Verifier(check_name(parts[0]), material[0] if material else 0, material[1:])
    if verifier.kind not in (LOG_KEY, WITNESS_KEY) or len(verifier.public) != 32:
        raise NoteError("a verifier key must be Ed25519, of kind 0x01 or 0x04")
    if parts[1] != verifier.key_id.hex():
        raise NoteError("the verifier key's hash does not fit its name and key")
    if kind not in (None, verifier.kind):
        raise NoteError(f"the verifier key is of kind 0x{verifier.kind:02x}, not 0x{kind:02x}")
    return verifier


def parse_note(text: str) -> Note:
    """Raises NoteError unless the text is a signed note, byte for byte."""
    if len(text.encode()) > _MAX_NOTE_BYTES or any(c < " " and c != "\n" for c in text):
        raise NoteError("a note is at most 64 KiB without control characters")
    body, separator, block = text.rpartition("\n\n")
    lines = block.split("\n")
    if not separator or not body or lines.pop() != "" or not 0 < len(lines) <= _MAX_SIGNATURES:
        raise NoteError("a note is a text, an empty line and signature lines")
    return Note(body + "\n", tuple(_parse_line(line) for line in lines))


def _parse_line(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—":
        raise NoteError(f"not a signature line: {line[:60]}")
    data = unbase64(parts[2])
    if len(data) < 5:
        raise NoteError(f"signature too short: {line[:60]}")
    return Signature(check_name(parts[1]), data[:4], data[4:])


def parse_signature_lines(text: str) -> list[Signature]:
    """Signature lines alone, as a witness answers them. Raises NoteError."""
    lines = text.split("\n")
    if lines.pop() != "" or not 0 < len(lines) <= _MAX_SIGNATURES:
        raise NoteError("signature lines end with a newline")
    return [_parse_line(line) for line in lines]


def parse_checkpoint(text: str) -> Checkpoint:
    """The text of a note as a checkpoint; extension lines are refused, ours have none. Raises NoteError."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise NoteError("a checkpoint has an origin, a size and a root hash")
    if not _SIZE.fullmatch(lines[1]):
        raise NoteError(f"not a tree size: {lines[1][:30]}")
    root = unbase64(lines[2])
    if len(root) != 32:
        raise NoteError("a root hash has 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def _cosigned(timestamp: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


class Signer:
    """An Ed25519 private key under a name."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self.name = check_name(name)
        self._private = private
        self._public = private.public_key().public_bytes_raw()

    def verifier(self, kind: int = LOG_KEY) -> Verifier:
        return Verifier(self.name, kind, self._public)

    def sign(self, text: str) -> Signature:
        """The log's own signature over a note text."""
        return Signature(self.name, self.verifier().key_id, self._private.sign(text.encode()))

    def cosign(self, text: str, timestamp: int) -> Signature:
        """A witness's statement of Unix time `timestamp` (seconds) over a checkpoint's text."""
        value = timestamp.to_bytes(8, "big") + self._private.sign(_cosigned(timestamp, text))
        return Signature(self.name, self.verifier(WITNESS_KEY).key_id, value)


def sign_checkpoint(signer: Signer, checkpoint: Checkpoint) -> Note:
    text = checkpoint.text()
    return Note(text, (signer.sign(text),))


def holds(verifier: Verifier, text: str, signature: Signature) -> bool:
    """Whether a signature of this very key is good. A signature of another key is not."""
    if (signature.name, signature.key_id) != (verifier.name, verifier.key_id):
        return False
    message, value = text.encode(), signature.value
    if verifier.kind == WITNESS_KEY:
        timestamp = int.from_bytes(value[:8], "big")
        message, value = _cosigned(timestamp, text), value[8:]
    try:
        Ed25519PublicKey.from_public_bytes(verifier.public).verify(value, message)
    except InvalidSignature:
        return False
    return True


def signed_by(note: Note, verifiers: list[Verifier]) -> list[Verifier]:
    """The keys whose signature the note carries. Raises NoteError if a signature of a known key is bad."""
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    good: list[Verifier] = []
    for signature in note.signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is None:
            continue
        if not holds(verifier, note.text, signature):
            raise NoteError(f"the signature of {verifier.name} does not fit the note")
        good.append(verifier)
    return good


def open_checkpoint(text: str, log_keys: list[Verifier]) -> tuple[Checkpoint, Note]:
    """A checkpoint that one of the log's keys signed under its own name. Raises NoteError otherwise."""
    note = parse_note(text)
    checkpoint = parse_checkpoint(note.text)
    if not any(key.kind == LOG_KEY and key.name == checkpoint.origin for key in signed_by(note, log_keys)):
        raise NoteError("no key of the log has signed this checkpoint")
    return checkpoint, note

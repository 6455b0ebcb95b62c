"""A witness of a Moyai log: cosigns checkpoints that extend what it has seen, and nothing else.

    python examples/witness/witness.py --port 9101 --name c1.example/witness \\
        --key c1.key --state c1.checkpoint --log-key 'localhost:8400/log/v1+…'

It needs only the log's public key and speaks C2SP tlog-witness:

| POST /add-checkpoint | verify the log's signature and the consistency proof, remember, cosign |
| GET /checkpoint      | the newest checkpoint it has cosigned |
| GET /key             | its own verifier key, for the operating organisation's registry |

The state file is the whole point: a witness that loses it must not go on under the same name.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import time
from hashlib import sha256
from pathlib import Path

import uvicorn
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

MOST_BYTES = 65_536
NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
LOG, WITNESS = 1, 4  # signature types of C2SP signed-note


class Rejected(Exception):
    def __init__(self, status: int, text: str, media_type: str = "text/plain") -> None:
        super().__init__(text)
        self.response = PlainTextResponse(text, status, media_type=media_type)


def key_id(name: str, kind: int, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def parse_vkey(vkey: str) -> tuple[str, bytes]:
    """Name and public key of a log's verifier key."""
    name, hash_, material = vkey.split("+", 2)
    kind, public = base64.b64decode(material)[0], base64.b64decode(material)[1:]
    if kind != LOG or key_id(name, kind, public).hex() != hash_:
        raise SystemExit("--log-key is not an Ed25519 verifier key of a log")
    return name, public


def decode(text: str, length: int | None = None) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Rejected(400, "not base64\n") from error
    if length is not None and len(data) != length:
        raise Rejected(400, f"not {length} bytes\n")
    return data


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def consistent(old: int, new: int, proof: list[bytes], old_root: bytes, new_root: bytes) -> bool:
    """RFC 9162, section 2.1.4.2, for 0 < old < new."""
    path = proof if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            first, second = node(sibling, first), node(sibling, second)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second = node(second, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def load_key(file: Path) -> Ed25519PrivateKey:
    if not file.exists():
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()))
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(file.read_bytes()))


class Witness:
    def __init__(self, name: str, key: Ed25519PrivateKey, state: Path, log_keys: list[str]) -> None:
        self.name, self.key, self.state = name, key, state
        self.logs = [parse_vkey(vkey) for vkey in log_keys]
        self.public = key.public_key().public_bytes_raw()
        self.id = key_id(name, WITNESS, self.public)

    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([WITNESS]) + self.public).decode()}"

    def seen(self, origin: str | None = None) -> tuple[int, bytes]:
        """Size and root of the newest cosigned checkpoint; of this origin, where one is named."""
        file = self.state if origin in (None, self._origin()) else self._aside(origin or "")
        if not file.exists():
            return 0, sha256(b"").digest()
        lines = file.read_text(encoding="utf-8").split("\n")
        return int(lines[1]), base64.b64decode(lines[2])

    def add(self, body: str) -> str:
        """The cosignature line for a request of `add-checkpoint`. Raises Rejected."""
        head, _, note = body.partition("\n\n")
        text, _, signatures = note.partition("\n\n")
        first, *proof = head.split("\n")
        old, size, root = self._read(first, text + "\n")
        self._check_signature(text + "\n", signatures)
        hashes = [decode(line, 32) for line in proof]
        if old > size or len(hashes) > 63:
            raise Rejected(400, "the old size is larger than the checkpoint\n")
        seen, seen_root = self.seen(text.split("\n")[0])
        if old != seen or (seen == size and seen_root != root):
            raise Rejected(409, f"{seen}\n", "text/x.tlog.size")
        if not self._extends(old, size, hashes, seen_root, root):
            raise Rejected(422, "the consistency proof does not hold\n")
        return self._cosign(text + "\n", note)

    def _extends(self, old: int, size: int, proof: list[bytes], old_root: bytes, root: bytes) -> bool:
        if old in (0, size):
            return not proof
        return consistent(old, size, proof, old_root, root)

    def _read(self, first: str, text: str) -> tuple[int, int, bytes]:
        lines = text.split("\n")
        old = first.removeprefix("old ")
        if len(lines) != 4 or not all(NUMBER.fullmatch(number) for number in (old, lines[1])):
            raise Rejected(400, "not a request for a cosignature\n")
        if lines[0] not in [name for name, _ in self.logs]:
            raise Rejected(404, "unknown log\n")
        return int(old), int(lines[1]), decode(lines[2], 32)

    def _check_signature(self, text: str, signatures: str) -> None:
        origin = text.split("\n")[0]
        for line in signatures.splitlines():
            for name, public in self.logs:
                if name == origin and line.startswith(f"— {name} "):
                    data = decode(line.split(" ")[-1])
                    if data[:4] == key_id(name, LOG, public):
                        try:
                            Ed25519PublicKey.from_public_bytes(public).verify(data[4:], text.encode())
                            return
                        except InvalidSignature:
                            pass
        raise Rejected(403, "not signed by the log\n")

    def _cosign(self, text: str, note: str) -> str:
        now = int(time.time())
        signature = self.key.sign(f"cosignature/v1\ntime {now}\n{text}".encode())
        value = self.id + now.to_bytes(8, "big") + signature
        line = f"— {self.name} {base64.b64encode(value).decode()}\n"
        self._remember(note + line)
        return line

    def _origin(self) -> str:
        """The log of the newest cosigned checkpoint."""
        return self.state.read_text(encoding="utf-8").split("\n")[0] if self.state.exists() else ""

    def _aside(self, origin: str) -> Path:
        """Where the state of another log is kept: of one that got a new origin when it was restored."""
        return self.state.with_name(f"{self.state.name}.{sha256(origin.encode()).hexdigest()[:16]}")

    def _remember(self, note: str) -> None:
        """On disk before the answer: a witness must never forget what it signed."""
        if self._origin() not in ("", note.split("\n")[0]):
            self.state.rename(self._aside(self._origin()))
        temporary = self.state.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(note)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(self.state)
        directory = os.open(self.state.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)


def application(witness: Witness) -> Starlette:
    async def add_checkpoint(request: Request) -> Response:
        try:
            body = (await request.body())[: MOST_BYTES + 1]
            if len(body) > MOST_BYTES:
                raise Rejected(400, "too long\n")
            # no await between reading and writing the state: requests cannot overtake each other
            return PlainTextResponse(witness.add(body.decode("utf-8")))
        except Rejected as rejected:
            return rejected.response
        except UnicodeDecodeError:
            return PlainTextResponse("not UTF-8\n", 400)

    async def checkpoint(_: Request) -> Response:
        if not witness.state.exists():
            return PlainTextResponse("nothing cosigned yet\n", 404)
        return PlainTextResponse(await run_in_threadpool(witness.state.read_text, "utf-8"))

    async def key(_: Request) -> Response:
        return PlainTextResponse(witness.vkey() + "\n")

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/checkpoint", checkpoint),
            Route("/key", key),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9101)
    parser.add_argument("--name", required=True, help="its name in signatures, e.g. c1.example/witness")
    parser.add_argument(
        "--key", type=Path, required=True, help="private key file, made at first start (0600)"
    )
    parser.add_argument("--state", type=Path, required=True, help="the newest checkpoint it cosigned")
    parser.add_argument(
        "--log-key", action="append", required=True, help="verifier key of the log (repeatable)"
    )
    parser.add_argument("--print-key", action="store_true", help="print its own verifier key and stop")
    options = parser.parse_args()
    witness = Witness(options.name, load_key(options.key), options.state, options.log_key)
    if options.print_key:
        print(witness.vkey())
        return
    uvicorn.run(application(witness), host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()

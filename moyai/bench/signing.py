"""Requests as a consumer would send them, made before a round: a proof is good once, so each is sent once."""

from __future__ import annotations

import base64
import os
import random
import time
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from moyai.bench.data import DATASETS, PURPOSE, Ground, subject
from moyai.identity.dpop import thumbprint, token_hash

PATH = "/personal/v1/exchange"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Sender:
    """A consumer with its key and access token."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.token = ""
        self._key = ec.generate_private_key(ec.SECP256R1())
        numbers = self._key.public_key().public_numbers()
        self._x, self._y = (_b64(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
        header: dict[str, Any] = {
            "typ": "dpop+jwt",
            "alg": "ES256",
            "jwk": {"kty": "EC", "crv": "P-256", "x": self._x, "y": self._y},
        }
        self._header = _b64(msgspec.json.encode(header))

    @property
    def jkt(self) -> str:
        return thumbprint(self._x, self._y)

    def proof(self) -> str:
        """A DPoP proof for one exchange, made now (RFC 9449)."""
        claims = {
            "jti": os.urandom(12).hex(),
            "htm": "POST",
            "htu": self.base_url + PATH,
            "iat": int(time.time()),
            "ath": token_hash(self.token),
        }
        signed = f"{self._header}.{_b64(msgspec.json.encode(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def request(self, ground: Ground, sources: int) -> bytes:
        number = random.randint(1, ground.residents)  # noqa: S311 (which resident is no secret)
        body = msgspec.json.encode(
            {
                "subject": str(subject(ground.component_key, number)),
                "purpose": PURPOSE,
                "datasets": DATASETS[:sources],
            }
        )
        return self._http(PATH, body, f"Authorization: DPoP {self.token}\r\nDPoP: {self.proof()}\r\n")

    def echo(self, ground: Ground, sources: int) -> bytes:
        """The same body to the floor, with headers of the same length."""
        body = self.request(ground, sources).partition(b"\r\n\r\n")[2]
        return self._http("/echo", body, f"Authorization: DPoP {self.token}\r\nDPoP: {'x' * 420}\r\n")

    def _http(self, path: str, body: bytes, headers: str) -> bytes:
        host = self.base_url.removeprefix("http://")
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{headers}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def write_requests(path: Path, requests: list[bytes]) -> None:
    with path.open("wb") as file:
        for request in requests:
            file.write(b"%d\n" % len(request) + request)

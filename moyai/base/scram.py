"""A password as PostgreSQL stores it (RFC 5802/7677), so that the password itself never travels to set it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_ITERATIONS = 4096


def verifier(password: str) -> str:
    """`SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, accepted by `create role … password`.

    `password` must be ASCII: other characters would need normalising (SASLprep) first.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _ITERATIONS)
    stored = hashlib.sha256(_sign(salted, b"Client Key")).digest()
    server = _sign(salted, b"Server Key")
    return f"SCRAM-SHA-256${_ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _sign(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()

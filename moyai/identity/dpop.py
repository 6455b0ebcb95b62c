"""DPoP proofs (RFC 9449): whoever sends a token also shows, for this very request, that they hold its key.

A proof costs one ES256 verification (about 62 µs), which is most of what a request costs here; so nothing else
is done twice: a client's header is the same in every proof, and its parsed key is remembered under it.
Whether a proof was used before is the caller's to ask (`Proof.fingerprint`): the exchange road asks the ledger's
own primary key, every other operation `identity.seen_token`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from moyai.base.clock import TOKEN_LEEWAY_SECONDS
from moyai.base.errors import Problem

PROOF_LIFETIME_SECONDS: Final = 60
PROOF_WINDOW_SECONDS: Final = PROOF_LIFETIME_SECONDS + TOKEN_LEEWAY_SECONDS
"""A proof is good this long before and after the moment it names; it must be remembered for twice as long."""

_MAX_PROOF_BYTES = 4096
_KEYS_REMEMBERED = 4096
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_ES256 = ec.ECDSA(hashes.SHA256())


class Proof(msgspec.Struct, frozen=True):
    """A verified proof: the thumbprint of its key (RFC 7638), its id, and when it was made."""

    jkt: str
    jti: str
    iat_ms: int

    @property
    def fingerprint(self) -> bytes:
        """Names this proof wherever it turns up again. Not made from the signature, which its holder can vary."""
        return f"{self.jkt}:{self.jti}".encode()


class _Jwk(msgspec.Struct, frozen=True):
    kty: str
    crv: str
    x: Annotated[str, msgspec.Meta(min_length=43, max_length=43)]
    y: Annotated[str, msgspec.Meta(min_length=43, max_length=43)]
    d: str | None = None


class _Header(msgspec.Struct, frozen=True):
    typ: str
    alg: str
    jwk: _Jwk


class _Claims(msgspec.Struct, frozen=True):
    jti: Annotated[str, msgspec.Meta(min_length=8, max_length=128)]
    htm: str
    htu: Annotated[str, msgspec.Meta(max_length=2048)]
    iat: Annotated[float, msgspec.Meta(ge=0, lt=1 << 40)]
    ath: str | None = None


_header_decoder = msgspec.json.Decoder(_Header)
_claims_decoder = msgspec.json.Decoder(_Claims)
_known_keys: dict[bytes, tuple[str, ec.EllipticCurvePublicKey]] = {}


def check_proof(
    proof: bytes | str, *, method: str, url: str, token_hash: str | None = None, now: float
) -> Proof:
    """Check one proof against the request it came with.

    `url` is the request's URL without query; `token_hash` the `ath` of the access token that came along (None at
    the token endpoint); `now` Unix time in seconds. Raises Problem `proof_invalid`, naming the check that failed.
    """
    raw = proof.encode("ascii", "replace") if isinstance(proof, str) else proof
    if len(raw) > _MAX_PROOF_BYTES:
        raise Problem("proof_invalid", "the proof is too long")
    parts = raw.split(b".")
    if len(parts) != 3:
        raise Problem("proof_invalid", "the proof is not a compact JWS")
    jkt, key = _known_keys.get(parts[0]) or _read_header(parts[0])
    claims = _read_claims(parts[1])
    _check_claims(claims, method, url, token_hash, now)
    _check_signature(key, raw, parts)
    return Proof(jkt, claims.jti, int(claims.iat * 1000))


def _decode(segment: bytes) -> bytes:
    try:
        return binascii.a2b_base64(segment.translate(_TO_STANDARD) + b"=" * (-len(segment) % 4))
    except (binascii.Error, ValueError) as error:
        raise Problem("proof_invalid", "a part of the proof is not base64url") from error


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read_header(segment: bytes) -> tuple[str, ec.EllipticCurvePublicKey]:
    try:
        header = _header_decoder.decode(_decode(segment))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem("proof_invalid", f"header: {error}") from error
    if header.typ != "dpop+jwt" or header.alg != "ES256":
        raise Problem("proof_invalid", "header: typ must be dpop+jwt and alg ES256")
    jwk = header.jwk
    if jwk.kty != "EC" or jwk.crv != "P-256" or jwk.d is not None:
        raise Problem("proof_invalid", "header: jwk must be a public EC key on P-256")
    known = thumbprint(jwk.x, jwk.y), _public_key(jwk)
    if len(_known_keys) >= _KEYS_REMEMBERED:
        _known_keys.pop(next(iter(_known_keys)))
    _known_keys[segment] = known
    return known


def _public_key(jwk: _Jwk) -> ec.EllipticCurvePublicKey:
    x, y = _decode(jwk.x.encode()), _decode(jwk.y.encode())
    # One key must have one thumbprint: 43 characters leave two spare bits, which have to be zero.
    if _encode(x) != jwk.x or _encode(y) != jwk.y:
        raise Problem("proof_invalid", "header: jwk coordinates are not in canonical form")
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1())
    try:
        return numbers.public_key()
    except ValueError as error:
        raise Problem("proof_invalid", "header: jwk is not a point on P-256") from error


def thumbprint(x: str, y: str) -> str:
    """RFC 7638 thumbprint of a P-256 key, base64url of SHA-256."""
    canonical = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
    return _encode(hashlib.sha256(canonical.encode()).digest())


def token_hash(token: str) -> str:
    """`ath` of an access token: base64url of SHA-256 (RFC 9449, section 4.2)."""
    return _encode(hashlib.sha256(token.encode()).digest())


def _read_claims(segment: bytes) -> _Claims:
    try:
        return _claims_decoder.decode(_decode(segment))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem("proof_invalid", f"claims: {error}") from error


def _check_claims(claims: _Claims, method: str, url: str, expected_hash: str | None, now: float) -> None:
    if claims.htm != method:
        raise Problem("proof_invalid", "htm is not the method of this request")
    if claims.htu != url and _normal_url(claims.htu) != _normal_url(url):
        raise Problem("proof_invalid", f"htu is not the URL of this request, {url}")
    if abs(now - claims.iat) > PROOF_WINDOW_SECONDS:
        raise Problem("proof_invalid", "iat is too far from the platform's time")
    if claims.ath != expected_hash and expected_hash is not None:
        raise Problem("proof_invalid", "ath is not the hash of this access token")


def _normal_url(url: str) -> str:
    """Scheme and host in lower case, default port, query and fragment left out (RFC 9449, section 4.3)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if port == {"http": 80, "https": 443}.get(parts.scheme):
        port = None
    return f"{parts.scheme}://{parts.hostname}{'' if port is None else f':{port}'}{parts.path or '/'}"


def _check_signature(key: ec.EllipticCurvePublicKey, raw: bytes, parts: list[bytes]) -> None:
    signature = _decode(parts[2])
    if len(signature) != 64:
        raise Problem("proof_invalid", "the signature is not 64 bytes")
    der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    try:
        key.verify(der, raw[: len(parts[0]) + 1 + len(parts[1])], _ES256)
    except InvalidSignature as error:
        raise Problem("proof_invalid", "the signature does not fit the key") from error

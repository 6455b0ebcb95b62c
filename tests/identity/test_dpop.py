"""DPoP proofs: one request, one key, one moment."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from moyai.base.errors import Problem
from moyai.identity.dpop import check_proof, token_hash
from tests.web.peers import Key, b64

URL = "http://localhost:8400/personal/v1/exchange"
KEY = Key()
# The list of cases is made when tests are collected, long before the last of them runs: its moments are fixed.
MOMENT = 1_800_000_000


def _check(proof: str, **other: Any) -> Any:
    arguments = {"method": "POST", "url": URL, "token_hash": None, "now": time.time(), **other}
    return check_proof(proof, **arguments)


def _refusal(proof: str, **other: Any) -> str:
    with pytest.raises(Problem) as caught:
        _check(proof, **other)
    assert caught.value.code == "proof_invalid"
    return caught.value.detail or ""


def test_a_proof_names_its_key_and_its_moment() -> None:
    proof = _check(KEY.proof("POST", URL, jti="an-id-of-its-own", iat=int(time.time()) - 2))
    assert proof.jkt == KEY.jkt
    assert proof.fingerprint == f"{KEY.jkt}:an-id-of-its-own".encode()
    assert abs(proof.iat_ms / 1000 - time.time() + 2) < 1.5


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"htm": "GET"}, "htm"),
        ({"htu": "http://localhost:8400/personal/v1/other"}, "htu"),
        ({"htu": "http://evil.example/personal/v1/exchange"}, "htu"),
        ({"iat": MOMENT - 200}, "iat"),
        ({"iat": MOMENT + 200}, "iat"),
        ({"iat": "now"}, "iat"),
        ({"jti": "short"}, "jti"),
        ({"ath": token_hash("another token")}, "ath"),
        ({"header": {"typ": "JWT"}}, "typ"),
        ({"header": {"alg": "none"}}, "alg"),
        ({"header": {"alg": "HS256"}}, "alg"),
        ({"header": {"jwk": {**KEY.jwk, "d": KEY.jwk["x"]}}}, "jwk"),
        ({"header": {"jwk": {**KEY.jwk, "crv": "P-384"}}}, "jwk"),
        ({"header": {"jwk": {**KEY.jwk, "y": KEY.jwk["x"]}}}, "jwk"),
        ({"header": {"jwk": Key().jwk}}, "signature"),
    ],
)
def test_what_is_wrong_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    proof = KEY.proof("POST", URL, "a token", **{"iat": MOMENT, **change})
    assert named in _refusal(proof, token_hash=token_hash("a token"), now=float(MOMENT))


def test_a_proof_for_a_call_must_carry_the_tokens_hash() -> None:
    assert "ath" in _refusal(KEY.proof("POST", URL), token_hash=token_hash("a token"))


@pytest.mark.parametrize("junk", ["", "a.b", "a.b.c", "....", "\x00.\x00.\x00", "é.é.é", "x" * 5000])
def test_junk_is_refused(junk: str) -> None:
    _refusal(junk)


def test_a_changed_claim_breaks_the_signature() -> None:
    header, _, signature = KEY.proof("POST", URL).split(".")
    claims = {"jti": "12345678", "htm": "POST", "htu": URL, "iat": int(time.time())}
    forged = f"{header}.{b64(json.dumps(claims).encode())}.{signature}"
    assert "signature" in _refusal(forged)
    _, payload, _ = KEY.proof("POST", URL).split(".")
    assert "signature" in _refusal(f"{header}.{payload}.{b64(bytes(64))}")


def test_one_key_has_one_thumbprint() -> None:
    """The last character of a coordinate has spare bits: another spelling of the key is not accepted."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    x = KEY.jwk["x"]
    other = x[:-1] + alphabet[alphabet.index(x[-1]) ^ 1]
    assert base64.urlsafe_b64decode(x + "=") == base64.urlsafe_b64decode(other + "=")
    assert "canonical" in _refusal(KEY.proof("POST", URL, header={"jwk": {**KEY.jwk, "x": other}}))


@pytest.mark.parametrize("htu", ["HTTP://LOCALHOST:8400/personal/v1/exchange", URL + "?a=b", URL + "#c"])
def test_the_url_is_compared_in_its_normal_form(htu: str) -> None:
    assert _check(KEY.proof("POST", URL, htu=htu)).jkt == KEY.jkt

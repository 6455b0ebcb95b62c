"""Outside parties for tests over HTTP: a client with its keys, and a person with a browser."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
import time
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.web.in_process import BASE

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An ES256 key that signs whatever it is told to, right or wrong."""

    def __init__(self, kid: str = "key-1") -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        numbers = self._private.public_key().public_numbers()
        self.kid = kid
        self.jwk = {
            "kty": "EC",
            "crv": "P-256",
            "x": b64(numbers.x.to_bytes(32)),
            "y": b64(numbers.y.to_bytes(32)),
        }
        canonical = json.dumps({k: self.jwk[k] for k in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        self.jkt = b64(hashlib.sha256(canonical.encode()).digest())

    @property
    def private_jwk(self) -> dict[str, str]:
        return {**self.jwk, "d": b64(self._private.private_numbers().private_value.to_bytes(32))}

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [{**self.jwk, "kid": self.kid, "alg": "ES256", "use": "sig"}]}

    def sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
        r, s = decode_dss_signature(self._private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{b64(r.to_bytes(32) + s.to_bytes(32))}"

    def proof(self, method: str, url: str, token: str | None = None, **other: Any) -> str:
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(12),
            "htm": method,
            "htu": url,
            "iat": int(time.time()),
        }
        if token is not None:
            claims["ath"] = b64(hashlib.sha256(token.encode()).digest())
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk}
        return self.sign({**header, **other.pop("header", {})}, {**claims, **other})


class Party:
    """A program with a client id. `public` ones (touch points) send no assertion."""

    def __init__(self, http: httpx.AsyncClient, client_id: str, *, public: bool = False) -> None:
        self.http = http
        self.client_id = client_id
        self.public = public
        self.key = Key()
        self.dpop = Key()
        self.verifier = secrets.token_urlsafe(48)

    @property
    def challenge(self) -> str:
        return b64(hashlib.sha256(self.verifier.encode()).digest())

    def assertion(self, **other: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": BASE,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(12),
        }
        return self.key.sign({"alg": "ES256", "kid": self.key.kid}, {**claims, **other})

    def authentication(self, **other: Any) -> dict[str, str]:
        if self.public:
            return {"client_id": self.client_id}
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(**other)}

    async def post(self, path: str, form: dict[str, str], *, proof: str | None = None) -> httpx.Response:
        headers = {} if proof is None else {"DPoP": proof}
        return await self.http.post(path, data={**self.authentication(), **form}, headers=headers)

    async def token(self, **form: str) -> httpx.Response:
        return await self.post("/oauth2/token", form, proof=self.dpop.proof("POST", f"{BASE}/oauth2/token"))

    async def redeem(
        self, code: str, redirect_uri: str, change: dict[str, str] | None = None
    ) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": self.verifier,
        }
        return await self.token(**{**form, **(change or {})})

    def request(self, redirect_uri: str, **other: str) -> dict[str, str]:
        """The parameters of an authorization request."""
        parameters = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": "openid",
            "state": "some-state",
            "nonce": "some-nonce",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**parameters, **other}.items() if value}

    async def call(self, method: str, path: str, token: str, **arguments: Any) -> httpx.Response:
        """An API call with a token and a fresh proof."""
        proof = self.dpop.proof(method, BASE + path, token)
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
        return await self.http.request(method, path, headers=headers, **arguments)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append((given.get("action") or "", {}))
        elif tag == "input" and self.forms and given.get("name"):
            self.forms[-1][1][given["name"] or ""] = given.get("value") or ""


def form_of(page: httpx.Response, action: str) -> dict[str, str]:
    """The fields of the form with this action, as the page filled them in."""
    parser = _Forms()
    parser.feed(page.text)
    return next(fields for found, fields in parser.forms if found == action)


def secret_of(page: httpx.Response) -> str:
    """The authenticator secret that a page offers to the app of this device."""
    found = re.search(r'href="(otpauth://[^"]+)"', page.text)
    assert found is not None, "the page offers no authenticator secret"
    return parse_qs(urlsplit(html.unescape(found[1])).query)["secret"][0]


class Person:
    """Somebody with a login, an authenticator and a browser."""

    def __init__(self, http: httpx.AsyncClient, login: str, password: str, totp_secret: str) -> None:
        self.http = http
        self.login = login
        self.password = password
        self.totp = pyotp.TOTP(totp_secret)

    def code(self, step: int = 0) -> str:
        return self.totp.at(int(time.time()) + 30 * step)

    async def log_in(self, at: str = "/login", *, step: int = 0) -> httpx.Response:
        """Password and code; gives the redirect that follows. `step` takes an earlier (-1) or later code."""
        page = await self.http.get(at)
        form = {**form_of(page, "/login"), "login": self.login, "password": self.password}
        answer = await self.http.post("/login", data=form)
        if answer.status_code != 303:
            return answer
        page = await self.http.get(answer.headers["location"])
        form = {**form_of(page, "/login/code"), "code": self.code(step)}
        answer = await self.http.post("/login/code", data=form)
        if answer.headers.get("location", "").startswith("/login/first"):
            return await self.choose_own(answer.headers["location"])
        return answer

    async def choose_own(self, at: str = "/login/first") -> httpx.Response:
        """The first log-in: an own password, and the app scans a new secret. Its code of the step before is shown, so
        that those of now and of the next step are still good."""
        page = await self.http.get(at)
        self.password = f"my-own-{secrets.token_urlsafe(8)}"
        self.totp = pyotp.TOTP(secret_of(page))
        given = {"new": self.password, "again": self.password, "confirmation": self.code(-1)}
        return await self.http.post("/login/first", data={**form_of(page, "/login/first"), **given})

    async def authorize(self, parameters: dict[str, str], *, step: int = 0) -> httpx.Response:
        """Follow an authorization request through the login if it asks for one; gives the answer's redirect."""
        answer = await self.http.get("/oauth2/authorize", params=parameters)
        if answer.headers.get("location", "").startswith("/login"):
            answer = await self.log_in(answer.headers["location"], step=step)
        if answer.headers.get("location", "").startswith("/oauth2/authorize"):
            answer = await self.http.get(answer.headers["location"])
        if answer.status_code == 200:
            answer = await self.answer(answer)
        return answer

    async def answer(self, page: httpx.Response, answer: str = "allow") -> httpx.Response:
        """Press a button of the page that asks for leave."""
        form = form_of(page, "/oauth2/authorize/decision")
        return await self.http.post("/oauth2/authorize/decision", data={**form, "answer": answer})


def members_of(answer: httpx.Response) -> dict[str, str]:
    """What a redirect carries in its query."""
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}

"""Signed API calls as a client of the platform: what `moyai call` and `moyai up` send. Public API only."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer. `body` is decoded JSON, else text, or bytes where the answer says that it is no text;
    `code` the platform's stable code where it refused."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str | None:
        if self.status < 400 or not isinstance(self.body, dict):
            return None
        code: object = self.body.get("code")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return code if isinstance(code, str) else None


class CallError(Exception):
    """No token could be obtained; the message has the platform's answer."""


def read_key(path: Path) -> ECKey:
    """A private JWK file. Raises CallError naming the file."""
    try:
        return ECKey.import_key(msgspec.json.decode(path.read_bytes(), type=dict[str, Any]))
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise CallError(f"{path} is no private key of a client: {error}") from error


async def read_answer(response: aiohttp.ClientResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    if response.content_type == "application/octet-stream":
        return Answer(response.status, await response.read(), headers)
    text = await response.text()
    try:
        body = msgspec.json.decode(text) if text else None
    except msgspec.DecodeError:
        body = text
    return Answer(response.status, body, headers)


class Signer:
    """DPoP proofs of one key (RFC 9449)."""

    def __init__(self, key: ECKey) -> None:
        self.key = key
        public = key.as_dict(private=False)
        self._public = {name: public[name] for name in ("kty", "crv", "x", "y")}

    def proof(self, method: str, url: str, token: str | None = None) -> str:
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url.partition("?")[0],
            "iat": int(time.time()),
        }
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": self._public}, claims, self.key)


class Client:
    """A registered client with its key."""

    def __init__(self, base_url: str, client_id: str, key: ECKey, session: aiohttp.ClientSession) -> None:
        self.base_url = base_url
        self.client_id = client_id
        self.signer = Signer(key)
        self._session = session
        self._token = ""
        self._until = 0.0

    def assertion(self) -> dict[str, str]:
        """private_key_jwt (RFC 7523), good for a minute and one use."""
        claims: dict[str, Any] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.base_url,
            "exp": int(time.time()) + 60,
            "jti": secrets.token_urlsafe(16),
        }
        header = {"alg": "ES256", "kid": self.signer.key.kid}
        return {
            "client_id": self.client_id,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": jwt.encode(header, claims, self.signer.key),
        }

    async def token(self) -> str:
        """An access token with every scope the client has; kept until it is nearly over."""
        if time.time() > self._until:
            answer = await self.submit("/oauth2/token", {"grant_type": "client_credentials"})
            if answer.status != 200:
                raise CallError(f"{self.client_id} obtained no token: {answer.body}")
            self._token = answer.body["access_token"]
            self._until = time.time() + answer.body["expires_in"] - 60
        return self._token

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One call. `path` may be a whole URL of the platform."""
        url = whole_url(self.base_url, path)
        token = await self.token()
        sent = {"Authorization": f"DPoP {token}", "DPoP": self.signer.proof(method, url, token)}
        async with self._session.request(
            method, url, json=body, headers={**sent, **(headers or {})}
        ) as response:
            return await read_answer(response)

    async def submit(
        self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A form for an OAuth endpoint, where the client shows who it is in the form itself and needs no token."""
        url = whole_url(self.base_url, path)
        sent = {"DPoP": self.signer.proof("POST", url), **(headers or {})}
        async with self._session.post(url, data={**form, **self.assertion()}, headers=sent) as response:
            return await read_answer(response)


def whole_url(base_url: str, url: str) -> str:
    """A URL as it is, a path put behind the platform's base URL."""
    return url if url.startswith("http") else base_url + url


def origin_of(url: str) -> str:
    """Scheme and host of a URL: the platform's base URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"

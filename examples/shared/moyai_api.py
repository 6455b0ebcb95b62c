"""What a program needs to talk to a Moyai platform: tokens, proofs, calls, and logging residents in.

Knows only the public API: OAuth 2.0 with private_key_jwt (RFC 7523) and DPoP (RFC 9449), pushed authorisation
requests (RFC 9126), PKCE (RFC 7636), OpenID Connect. Any library that speaks these would do instead.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Refused(Exception):
    """The platform said no; `code` says why, and `problem` has its text in both languages."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(problem.get("title") or problem.get("error_description") or str(status))
        self.status = status
        self.problem = problem
        self.code: str | None = problem.get("code")
        self.reason: str = problem.get("title_ja") or str(self)


AWAY = {
    "code": "unavailable",
    "title": "The platform does not answer just now.",
    "title_ja": "データ連携基盤が、いま答えません。しばらくしてから、もう一度お試しください。",
}
"""The problem of a platform that could not be reached, in the form of those that it reports itself."""


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True)
class Login:
    """A login on its way: where to send the browser, and what to remember until it comes back."""

    url: str
    state: str
    nonce: str
    verifier: str


class Platform:
    """One client of one platform. `key` is the private JWK registered for the client (for DPoP as well)."""

    def __init__(self, base_url: str, client_id: str, key: ECKey, session: aiohttp.ClientSession) -> None:
        self.base_url = base_url.rstrip("/")
        self.client_id = client_id
        self._key = key
        self._session = session
        self._tokens: dict[str, tuple[float, str]] = {}

    @staticmethod
    def read_key(path: Path) -> ECKey:
        return ECKey.import_key(json.loads(path.read_text()))

    def _proof(self, method: str, url: str, token: str | None = None) -> str:
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url.partition("?")[0],
            "iat": int(time.time()),
        }
        if token:
            claims["ath"] = _b64(hashlib.sha256(token.encode()).digest())
        public = {name: self._key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
        return jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": public}, claims, self._key)

    def _assertion(self) -> dict[str, str]:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.base_url,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
        }
        header = {"alg": "ES256", "kid": self._key.kid}
        return {
            "client_id": self.client_id,
            "client_assertion_type": ASSERTION,
            "client_assertion": jwt.encode(header, claims, self._key),
        }

    async def _form(self, path: str, fields: dict[str, str], dpop: bool = True) -> dict[str, Any]:
        url = self.base_url + path
        headers = {"DPoP": self._proof("POST", url)} if dpop else {}
        return await self._send("POST", url, data={**fields, **self._assertion()}, headers=headers)

    async def _send(self, method: str, url: str, **sent: Any) -> Any:
        """The decoded answer, None where it is empty. Raises Refused, also where no answer came."""
        try:
            async with self._session.request(method, url, **sent) as response:
                body = await response.read()
                answer = json.loads(body) if body else None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Refused(503, AWAY) from error
        if response.status >= 400:
            raise Refused(response.status, answer or {})
        return answer

    async def token(self, scope: str) -> str:
        """An access token for this client itself, bound to its key; kept until it is nearly over."""
        until, token = self._tokens.get(scope, (0.0, ""))
        if until < time.time():
            answer = await self._form("/oauth2/token", {"grant_type": "client_credentials", "scope": scope})
            token = answer["access_token"]
            self._tokens[scope] = (time.time() + answer["expires_in"] - 60, token)
        return token

    async def call(
        self, scope: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """One call with a fresh proof. Raises Refused with the platform's reason."""
        url, token = self.base_url + path, await self.token(scope)
        sent = {"Authorization": f"DPoP {token}", "DPoP": self._proof(method, url, token), **(headers or {})}
        return await self._send(method, url, json=body, headers=sent)

    async def begin_login(self, redirect_uri: str) -> Login:
        """Push an authorisation request; the browser then goes to `Login.url`."""
        login = Login("", secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))
        pushed = await self._form(
            "/oauth2/par",
            {
                "response_type": "code",
                "scope": "openid",
                "redirect_uri": redirect_uri,
                "state": login.state,
                "nonce": login.nonce,
                "code_challenge": _b64(hashlib.sha256(login.verifier.encode()).digest()),
                "code_challenge_method": "S256",
            },
            dpop=False,
        )
        query = urlencode({"client_id": self.client_id, "request_uri": pushed["request_uri"]})
        return Login(f"{self.base_url}/oauth2/authorize?{query}", login.state, login.nonce, login.verifier)

    async def finish_login(self, login: Login, redirect_uri: str, code: str) -> str:
        """Who logged in: the pairwise subject that this component knows the resident as."""
        answer = await self._form(
            "/oauth2/token",
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": login.verifier,
            },
        )
        keys = KeySet.import_key_set(await self._send("GET", f"{self.base_url}/oauth2/jwks"))
        claims = jwt.decode(answer["id_token"], keys, algorithms=["ES256"]).claims
        good = claims["iss"] == self.base_url and claims["aud"] == self.client_id
        if not good or claims["nonce"] != login.nonce or claims["exp"] < time.time() - 30:
            raise Refused(401, {"title": "the ID token is not for this login"})
        return claims["sub"]

"""A person with a browser and a phone: logs in over HTTP as anybody would, and uses the resident's API.

The browser keeps cookies, follows redirects and sends the forms it is shown; the phone is a public touch point
(OAuth code flow with PKCE and DPoP) that makes the code of the authenticator app.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import aiohttp
import msgspec
from joserfc.jwk import ECKey
from pyotp.totp import TOTP

from moyai.calling import Answer, CallError, Signer, read_answer, whole_url
from moyai.identity import passwords

_TOUCH_POINT_REDIRECT = "http://127.0.0.1/callback"
_CODE_SECONDS = 30
_NEW_SECRET = re.compile(r"otpauth://[^\"]*?[?&;]secret=([A-Z2-7]+)")


class Login(msgspec.Struct, frozen=True):
    """What somebody logs in with: what was handed over, and from the first log-in on what they chose themselves."""

    login: str
    password: str
    totp_secret: str


class Authorization(msgspec.Struct):
    """What a touch point holds for a resident: its DPoP key (private JWK) and the tokens bound to that key."""

    key: dict[str, Any]
    access_token: str = ""
    until: float = 0.0
    refresh_token: str | None = None


class _Form(HTMLParser):
    """The first form of a page that holds a field of a given name: where it goes and what it already carries."""

    def __init__(self, page: str, field: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._wanted = field
        self._action, self._fields, self._inside = "", dict[str, str](), False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside, self._action, self._fields = True, given.get("action", ""), {}
        elif tag == "input" and self._inside and given.get("name"):
            self._fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self.action is None and self._wanted in self._fields:
            self.action, self.fields = self._action, self._fields
        if tag == "form":
            self._inside = False


class Page(msgspec.Struct, frozen=True):
    """Where a browser ended up."""

    status: int
    url: str
    text: str

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()}


class Person:
    """One person. `authorization` is what an earlier one held, to go on with. `choosing` is told the password and authenticator that
    they are about to choose at their first log-in, `changed` those that they chose. Use `close` when done."""

    def __init__(
        self,
        base_url: str,
        login: Login,
        touch_point: str,
        authorization: Authorization | None = None,
        choosing: Callable[[Login], None] | None = None,
        changed: Callable[[Login], None] | None = None,
    ) -> None:
        self.base_url = base_url
        self.login = login
        self._choosing = choosing
        self._changed = changed
        self._touch_point = touch_point
        self._browser = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.authorization = authorization or Authorization(
            ECKey.generate_key("P-256", private=True).as_dict(private=True)
        )
        self._signer = Signer(ECKey.import_key(self.authorization.key))
        self._last_code = ""

    async def close(self) -> None:
        await self._browser.close()

    async def visit(self, url: str, *, stop_at: str | None = None) -> Page:
        """Open a URL and follow where it leads, logging in on the way when asked. `stop_at` is a prefix of URLs
        that nobody listens at (a touch point's redirect URI): the browser stops there."""
        page = await self._follow("GET", url, stop_at=stop_at)
        page = await self._fill(
            page, "password", {"login": self.login.login, "password": self.login.password}, stop_at
        )
        for again in range(3):
            # asked again, somebody else used this code up (each is good once): the next one is good already, and where that is
            # used up, too, the one after it in half a minute
            if _Form(page.text, "code").action is not None:
                if again == 2:
                    await asyncio.sleep(_CODE_SECONDS - time.time() % _CODE_SECONDS + 0.1)
                page = await self._fill(page, "code", {"code": await self._code(min(again, 1))}, stop_at)
        found = _NEW_SECRET.search(page.text)
        if found is not None:
            page = await self._choose_own(page, found[1], stop_at)
        # the page that names who asks to act for this person, or to know them
        return await self._fill(page, "request_uri", {"answer": "allow"}, stop_at)

    async def _choose_own(self, page: Page, secret: str, stop_at: str | None) -> Page:
        """The first log-in: a password of one's own, and the authenticator app scans a new secret."""
        chosen = Login(self.login.login, passwords.generate(), secret)
        if self._choosing is not None:
            self._choosing(chosen)
        self.login, self._last_code = chosen, ""
        given = {"new": chosen.password, "again": chosen.password, "confirmation": await self._code(0)}
        page = await self._fill(page, "confirmation", given, stop_at)
        if _NEW_SECRET.search(page.text):
            raise CallError(f"{chosen.login} could not choose a password: {page.status}")
        if self._changed is not None:
            self._changed(chosen)
        return page

    async def submit(self, page: Page, field: str, values: Mapping[str, str]) -> Page:
        """Send the form of a page that has this field. Raises CallError where there is none."""
        form = _Form(page.text, field)
        if form.action is None:
            raise CallError(f"{page.url} shows no form with {field}")
        url = urljoin(page.url, form.action or page.url)
        return await self._follow("POST", url, {**form.fields, **values})

    async def post(self, url: str) -> Page:
        return await self._follow("POST", url, {})

    async def _fill(self, page: Page, field: str, values: Mapping[str, str], stop_at: str | None) -> Page:
        form = _Form(page.text, field)
        if form.action is None:
            return page
        url = urljoin(page.url, form.action)
        return await self._follow("POST", url, {**form.fields, **values}, stop_at)

    async def _code(self, ahead: int) -> str:
        """The current code or the one after it; a code is good once, so the same one is waited out."""
        totp = TOTP(self.login.totp_secret)
        if totp.at(time.time() + ahead * _CODE_SECONDS) == self._last_code:
            await asyncio.sleep(_CODE_SECONDS - time.time() % _CODE_SECONDS + 0.1)
        self._last_code = totp.at(time.time() + ahead * _CODE_SECONDS)
        return self._last_code

    async def code(self) -> str:
        """A code of the authenticator that was not shown yet."""
        return await self._code(0)

    async def _follow(
        self, method: str, url: str, form: Mapping[str, str] | None = None, stop_at: str | None = None
    ) -> Page:
        for _ in range(12):
            async with self._browser.request(method, url, data=form, allow_redirects=False) as response:
                text, status = await response.text(), response.status
                location = response.headers.get("Location")
            if location is None or status not in (301, 302, 303, 307):
                return Page(status, url, text)
            url, method, form = urljoin(url, location), "GET", None
            if stop_at is not None and url.startswith(stop_at):
                return Page(status, url, "")
        raise CallError(f"{url} redirects without end")

    # --- the phone -----------------------------------------------------------------------------------

    async def api(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One call of the resident's API with the touch point's token. `path` may be a whole URL."""
        answer = await self._api(method, path, body, headers)
        if answer.code == "token_invalid":
            # the authorisation was ended, by the resident or the desk: the app asks for it anew
            self.authorization.until, self.authorization.refresh_token = 0.0, None
            answer = await self._api(method, path, body, headers)
        if answer.code == "insufficient_user_authentication":
            await self._authorize(max_age=str(answer.body["max_age"]))
            answer = await self._api(method, path, body, headers)
        return answer

    async def _api(self, method: str, path: str, body: Any, headers: Mapping[str, str] | None) -> Answer:
        token = await self.token()
        url = whole_url(self.base_url, path)
        sent = {"Authorization": f"DPoP {token}", "DPoP": self._signer.proof(method, url, token)}
        async with self._browser.request(
            method, url, json=body, headers={**sent, **(headers or {})}
        ) as response:
            return await read_answer(response)

    async def token(self) -> str:
        """The access token: the one at hand while it lives, then a refreshed one, then that of a new login."""
        held = self.authorization
        if time.time() >= held.until and not (held.refresh_token and await self._refresh(held.refresh_token)):
            await self._authorize()
        return held.access_token

    async def _authorize(self, **more: str) -> None:
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._touch_point,
                "redirect_uri": _TOUCH_POINT_REDIRECT,
                "scope": "openid consent",
                "state": state,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
                **more,
            }
        )
        page = await self.visit(f"{self.base_url}/oauth2/authorize?{query}", stop_at=_TOUCH_POINT_REDIRECT)
        if page.query.get("state") != state or "code" not in page.query:
            raise CallError(f"{self.login.login} could not log in: {page.query or page.status}")
        await self._redeem(page.query["code"], verifier)

    async def _redeem(self, code: str, verifier: str) -> None:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": _TOUCH_POINT_REDIRECT,
            "code_verifier": verifier,
        }
        answer = await self._ask_token(form)
        if answer.status != 200:
            raise CallError(f"{self.login.login} obtained no token: {answer.body}")

    async def _refresh(self, refresh_token: str) -> bool:
        """Whether there is a new token: not if the authorisation was withdrawn, or is too old."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return (await self._ask_token(form)).status == 200

    async def _ask_token(self, form: Mapping[str, str]) -> Answer:
        url = f"{self.base_url}/oauth2/token"
        sent = {**form, "client_id": self._touch_point}
        async with self._browser.post(url, data=sent, headers={"DPoP": self._signer.proof("POST", url)}) as r:
            answer = await read_answer(r)
        if answer.status == 200:
            held, given = self.authorization, answer.body
            held.access_token, held.until = given["access_token"], time.time() + given["expires_in"] - 60
            held.refresh_token = given.get("refresh_token")
        return answer

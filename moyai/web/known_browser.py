"""Where a try to log in comes from: the network, and whether this browser has logged in before.

The cookie is a random number, sealed so that nobody else can make one, and says nothing of whom it is about; which
logins it is known for stands in the database, under its hash. It opens nothing: it only has a counter of its own, so
that strangers' guesses do not stop the owner.
"""

from __future__ import annotations

import base64
import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from starlette.requests import Request
from starlette.responses import Response

from moyai.identity.guessing import BROWSER_DAYS, Origin
from moyai.web.client_address import client_address, neighbourhood
from moyai.web.platform import Platform

_SEALED_AS = "browser"
_BYTES = 32


def _platform(request: Request) -> Platform:
    return request.app.state.platform


def _cookie_name(request: Request) -> str:
    return _platform(request).cookie_name.removesuffix("session") + "browser"


def _number(request: Request) -> bytes | None:
    """The number in the cookie; None where there is none, or none that this platform made."""
    given = request.cookies.get(_cookie_name(request), "")
    if not given or len(given) > 200 or not given.isascii():
        return None
    try:
        number = _platform(request).box.open(
            _SEALED_AS, base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
        )
    except (InvalidTag, ValueError):
        return None
    return number if len(number) == _BYTES else None


def _hash(number: bytes) -> bytes:
    return hashlib.sha256(b"moyai-browser\n" + number).digest()


def origin_of(request: Request) -> Origin:
    number = _number(request)
    return Origin(neighbourhood(client_address(request)), None if number is None else _hash(number))


class Recognised:
    """The browser of a log-in that was completed: `hash` is what to remember, `tell` gives it its cookie."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._number = _number(request) or secrets.token_bytes(_BYTES)
        self.hash = _hash(self._number)

    def tell(self, response: Response) -> None:
        platform = _platform(self._request)
        sealed = base64.urlsafe_b64encode(platform.box.seal(_SEALED_AS, self._number)).rstrip(b"=").decode()
        response.set_cookie(
            _cookie_name(self._request),
            sealed,
            max_age=BROWSER_DAYS * 24 * 3600,
            httponly=True,
            samesite="lax",
            path="/",
            secure=platform.over_tls,
        )

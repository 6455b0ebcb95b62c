"""Password hashes: argon2id, in a thread, a few at a time (each takes 19 MiB and some tens of milliseconds)."""

from __future__ import annotations

import asyncio
import re
import secrets
import unicodedata
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from moyai.base.errors import Problem

MIN_LENGTH: Final = 10
MAX_LENGTH: Final = 200

# OWASP's second recommendation for argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)

_AT_ONCE: Final = 2


asking: ContextVar[str] = ContextVar("asking", default="")
"""The address that a password came from, where somebody logs in: one address cannot fill the queue."""


class Turns:
    """A few hash at once, some wait, more are told to come again: a queue without end would lock out everybody."""

    def __init__(self, at_once: int = _AT_ONCE, most_waiting: int = 32) -> None:
        self.most_waiting = most_waiting
        self._at_once = at_once
        self._free = asyncio.Semaphore(at_once)
        self._inside: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Raises Problem("unavailable") at once when too many wait, or too many from one address."""
        address = asking.get()
        full = self._inside.total() >= self._at_once + self.most_waiting
        if full or (address and self._inside[address] >= max(1, self.most_waiting // 4)):
            raise Problem("unavailable", "too many passwords are being checked", retry_after=3)
        self._inside[address] += 1
        try:
            async with self._free:
                yield
        finally:
            self._inside[address] -= 1
            self._inside += Counter()  # drops those at zero


turns = Turns()
"""Of this process; `serve` sets `most_waiting` from its settings."""

# No l, 1, o, 0: a generated password is read from paper.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def generate() -> str:
    """A password to be handed over: 12 random characters (59 bits) in three groups."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(12))
    return "-".join(letters[i : i + 4] for i in range(0, 12, 4))


def generate_login() -> str:
    """A login name without meaning: 10 random characters in two groups."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(10))
    return f"{letters[:5]}-{letters[5:]}"


def as_generated(typed: str) -> str | None:
    """What was typed, as `generate` would write it: people leave the hyphens out, or type other lines for them. None
    where it is none of ours, or is written so already."""
    letters = _bare(typed)
    text = "-".join(letters[i : i + 4] for i in range(0, 12, 4))
    ours = len(letters) == 12 and set(letters) <= set(_LETTERS)
    return text if ours and text != _normal(typed) else None


def login_as_generated(login: str) -> str | None:
    """The same for a login name."""
    letters = _bare(login)
    text = f"{letters[:5]}-{letters[5:]}"
    return text if len(letters) == 10 and set(letters) <= set(_LETTERS) and text != login else None


def _bare(typed: str) -> str:
    return re.sub(r"[\s\u002d\u00ad\u2010-\u2015\u2212\u30fc]", "", _normal(typed)).lower()


def check_new(password: str) -> None:
    """Raises Problem password_too_weak."""
    text = _normal(password)
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH or len(set(text)) < 4:
        raise Problem("password_too_weak", f"at least {MIN_LENGTH} characters, four of them different")


def _normal(password: str) -> str:
    """One form of a password, whether it was typed full or half width."""
    return unicodedata.normalize("NFKC", password)


def same(one: str, other: str) -> bool:
    """Whether two entries are one password."""
    return _normal(one) == _normal(other)


async def make_hash(password: str) -> str:
    """Raises Problem("unavailable") when too many wait."""
    async with turns.turn():
        return await asyncio.to_thread(_hasher.hash, _normal(password))


async def verify(password_hash: str | None, password: str) -> bool:
    """Whether the password fits. Without a hash (unknown login) it takes as long and says no.

    Raises Problem("unavailable") when too many wait.
    """
    async with turns.turn():
        return await asyncio.to_thread(_verify, password_hash, _normal(password)[:MAX_LENGTH])


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        return _hasher.verify(password_hash or _DUMMY, password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


_DUMMY: Final = _hasher.hash(secrets.token_urlsafe(16))

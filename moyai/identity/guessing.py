"""Whoever guesses waits: longer with each failure in a row, for days, and whatever is guessed.

A try is counted before it is judged, under row locks, so that tries side by side do not slip past; one that was right
is given back. A `Counter` belongs to a path: one account from one network, one account from everywhere, all accounts
from one network, one account in one browser that has logged in before. That last path has a counter of its own and no
other: strangers who guess at an account never stop its owner at home.

| counted | free | then waits | forgotten |
|---|---|---|---|
| an account from one network, or in a known browser | 10 | 1 minute, doubling, to 1 day | by a success there |
| an account from everywhere but its known browsers | 30 | 1 minute, doubling, to 1 day | by a success there |
| all accounts from one network | 100 | 1 minute, doubling, to 30 minutes | one in 2 minutes |
| sharing codes of one viewer | 10 | 6 minutes, doubling, to 1 day | one in an hour |
| people of other desks met by one clerk | 20 | 3 minutes, doubling, to 1 day | one in 3 minutes |
| numbers of one transfer's certificate | 5 | 10 minutes, doubling, to 1 day | never |
| keys and codes of one client that has keys, from one network | 20 | 10 seconds, doubling, to 15 minutes | one in a minute |
| keys, codes and tokens of all clients from one network | 1,000 | 10 seconds, doubling, to 1 minute | one a second |

Many people share a network (a carrier's, a town hall's): what is counted by network alone is generous, and short.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from math import ceil
from typing import Final

import msgspec

from moyai.base.db import Connection, Database
from moyai.base.errors import Problem
from moyai.identity import store_guessing

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400

MEMORY_DAYS: Final = 90
"""A counter that nobody added to for so long is forgotten."""

MOST_COUNTERS: Final = 200_000
"""More are not kept from one sweep to the next: some 30 MB."""

BROWSERS_OF_A_LOGIN: Final = 10
BROWSER_DAYS: Final = 400


class Rule(msgspec.Struct, frozen=True):
    """`free` failures cost nothing; then each makes the next try wait, `first` seconds, twice as long each time, at most
    `longest`. One failure is forgotten in `forget` seconds; 0 for never."""

    name: str
    free: int
    first: float
    longest: float
    forget: float = 0

    def left(self, failures: float, idle: float) -> float:
        """What is left of so many failures, the last of them `idle` seconds ago."""
        return max(0.0, failures - idle / self.forget) if self.forget else failures

    def wait(self, failures: float) -> float:
        """Seconds until the next try after so many failures."""
        over = ceil(failures) - self.free
        return 0.0 if over < 0 else min(self.longest, self.first * 2.0 ** min(over, 40))


ACCOUNT_HERE: Final = Rule("account-here", 10, _MINUTE, _DAY)
ACCOUNT: Final = Rule("account", 30, _MINUTE, _DAY)
BROWSER: Final = Rule("browser", 10, _MINUTE, _DAY)
NETWORK: Final = Rule("network", 100, _MINUTE, 30 * _MINUTE, 2 * _MINUTE)
SHARING: Final = Rule("sharing", 10, 6 * _MINUTE, _DAY, _HOUR)
MEETING: Final = Rule("meeting", 20, 3 * _MINUTE, _DAY, 3 * _MINUTE)
CERTIFICATE: Final = Rule("certificate", 5, 10 * _MINUTE, _DAY)
CLIENT: Final = Rule("client", 20, 10, 15 * _MINUTE, _MINUTE)
CLIENTS: Final = Rule("clients", 1000, 10, _MINUTE, 1)


class Counter(msgspec.Struct, frozen=True):
    """What is counted: a rule, and of whom. `login` where it is about one."""

    rule: Rule
    of: str
    login: str | None = None

    @property
    def key(self) -> bytes:
        return hashlib.sha256(f"moyai-guess\n{self.rule.name}\n{self.of}".encode()).digest()

    @property
    def subject(self) -> bytes | None:
        return None if self.login is None else _subject(self.login)


def _subject(login: str) -> bytes:
    return hashlib.sha256(b"moyai-login\n" + login.encode()).digest()


class Origin(msgspec.Struct, frozen=True):
    """Where a try comes from: what one party holds of the network, and the hash of the browser's cookie, if it has one."""

    network: str = ""
    browser: bytes | None = None


async def paths(conn: Connection, login: str, origin: Origin) -> list[Counter]:
    """What a try at this login is counted by."""
    if origin.browser is not None and await store_guessing.is_known(conn, origin.browser, login):
        return [Counter(BROWSER, f"{login}\n{origin.browser.hex()}", login)]
    counters = [Counter(ACCOUNT_HERE, f"{login}\n{origin.network}", login), Counter(ACCOUNT, login, login)]
    return counters + ([Counter(NETWORK, origin.network)] if origin.network else [])


async def take(conn: Connection, counters: Sequence[Counter], code: str = "too_many_requests") -> float:
    """Count one try by all of these, in the caller's transaction, which must be committed whatever the try brings.
    Gives the seconds for which its login is closed if it fails; 0 if it stays open.

    Raises Problem (`code`, with `retry_after` in seconds) where one of them is closed; then nothing is counted.
    """
    by_key = {one.key: one for one in counters}
    rows = await store_guessing.hold(conn, [(key, one.subject) for key, one in by_key.items()])
    closed = max(float(row["closed"]) for row in rows)
    if closed > 0:
        raise Problem(code, retry_after=ceil(closed))
    counted: list[tuple[bytes, float, float]] = []
    for row in rows:
        rule = by_key[row["counter"]].rule
        failures = rule.left(row["failures"], row["idle"]) + 1
        counted.append((row["counter"], failures, rule.wait(failures)))
    await store_guessing.note(conn, counted)
    return max((wait for key, _, wait in counted if by_key[key].login is not None), default=0.0)


async def give_back(conn: Connection, counters: Sequence[Counter]) -> None:
    """The try was no failure; earlier ones still count."""
    keys = [one.key for one in counters]
    await store_guessing.lock(conn, keys)
    await store_guessing.give_back(conn, keys)


async def succeeded(conn: Connection, counters: Sequence[Counter]) -> None:
    """The whole log-in succeeded: failures on this path are forgotten. Those of other people from the same network are not."""
    await store_guessing.lock(conn, [one.key for one in counters])
    await store_guessing.forget(conn, [one.key for one in counters if one.login is not None])
    await store_guessing.give_back(conn, [one.key for one in counters if one.login is None])


@asynccontextmanager
async def counted(
    database: Database, counters: Sequence[Counter], wrong: frozenset[str], code: str = "too_many_requests"
) -> AsyncGenerator[None]:
    """Around something that can be guessed: only a Problem with one of the codes in `wrong` counts as a failure.

    Raises Problem (`code`) where too much was guessed. The count is a transaction of its own: the refused one takes
    nothing with it.
    """
    async with database.transaction() as conn:
        await take(conn, counters, code)
    failed = False
    try:
        yield
    except Problem as problem:
        failed = problem.code in wrong
        raise
    finally:
        if not failed:
            async with database.transaction() as conn:
                await give_back(conn, counters)


async def forget_login(conn: Connection, login: str, keep: bytes | None = None) -> None:
    """Nothing is held against a login any more, and no browser counts as known but the one that is kept."""
    await unlock(conn, login)
    await store_guessing.forget_browsers(conn, login, keep)


async def unlock(conn: Connection, login: str) -> None:
    """Nothing is held against a login any more; known browsers stay known."""
    keys = await store_guessing.of_subject(conn, _subject(login))
    await store_guessing.lock(conn, keys)
    await store_guessing.forget(conn, keys)


async def remember(conn: Connection, login: str, browser: bytes) -> None:
    """Somebody has logged in wholly in this browser."""
    await store_guessing.remember(conn, browser, login, BROWSERS_OF_A_LOGIN)


async def sweep(conn: Connection) -> None:
    """Bounded, whoever tries whatever: what is old goes, and what is too much."""
    await store_guessing.sweep(conn, MEMORY_DAYS, MOST_COUNTERS)
    await store_guessing.sweep_browsers(conn, BROWSER_DAYS)

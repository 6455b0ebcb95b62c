"""`moyai pending`, `confirm`, `revoke`: what waits for a second person, and one's word on it, at a terminal.

Whoever speaks logs in with password and code, as at the console; a name alone is nobody.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Awaitable, Callable

import msgspec

from moyai.base.clock import rfc3339
from moyai.base.config import Home
from moyai.base.db import Connection, Database, Pool
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.roles import SERVE
from moyai.commands.tables import show
from moyai.identity import credentials, staff
from moyai.registry import acting, successions, two_persons, waiting
from moyai.registry.pending import Pending
from moyai.registry.persons import Person

KNOWN = (staff, successions, two_persons)
"""Rooms whose acts can wait: `acting` knows them once they are imported."""


class Waiting(msgspec.Struct, frozen=True):
    """One act as the table shows it."""

    pending_id: str
    act: str
    id: str
    asked_by: str
    first_person: str
    takes_effect_at: str
    gives_power: str


async def print_waiting(home: Home, *, as_json: bool) -> None:
    pool = await Pool.open(home.dsn(SERVE), max_size=1)
    try:
        async with pool.transaction() as conn:
            found, counted = await waiting.everything(conn), await waiting.counts(conn)
    finally:
        await pool.close()
    rows = [
        Waiting(
            one.pending_id,
            one.act,
            one.id,
            one.asked_by,
            one.first_person or "-",
            "-" if one.takes_effect_at is None else rfc3339(one.takes_effect_at),
            "yes" if one.gives_power else "-",
        )
        for one in found
    ]
    show(found if as_json else rows, as_json=as_json, columns=Waiting.__struct_fields__)
    if not as_json:
        print(
            f"{counted.waiting} waiting, soonest first; {counted.takes_effect} take effect at the time shown, "
            f"{counted.gives_power} give somebody power"
        )


async def confirm(home: Home, pending_id: str, login: str) -> Pending:
    """Raises Problem as `acting.confirm`, and as a log-in does."""
    return await _speak(home, pending_id, login, acting.confirm)


async def revoke(home: Home, pending_id: str, login: str) -> Pending:
    """Raises Problem as `acting.revoke_as`, and as a log-in does."""
    return await _speak(home, pending_id, login, acting.revoke_as)


async def _speak(
    home: Home,
    pending_id: str,
    login: str,
    word: Callable[[Connection, str, Person], Awaitable[Pending]],
) -> Pending:
    staff.introduce()
    pool = await Pool.open(home.dsn(SERVE), max_size=2, before_commit=Journal.of(home).write_due)
    try:
        person = await log_in(home, pool, login)
        async with pool.transaction() as conn:
            return await word(conn, pending_id, person)
    finally:
        await pool.close()


async def logged_in(home: Home, login: str) -> Person:
    """As `log_in`, with a pool of its own."""
    pool = await Pool.open(home.dsn(SERVE), max_size=2, before_commit=Journal.of(home).write_due)
    try:
        return await log_in(home, pool, login)
    finally:
        await pool.close()


async def log_in(home: Home, database: Database, login: str) -> Person:
    """A member of staff at this terminal: password and code are asked for, counted and recorded as at the console.

    Raises Problem: login_failed, login_locked, code_used, staff_disabled, forbidden (no staff, or still the secrets
    that were handed over).
    """
    credential = await credentials.check_password(
        database, login, _ask("パスワード / password: ", hidden=True)
    )
    if credential.staff_key is None or credential.initial:
        raise Problem("forbidden", "log in at /login first, and choose your own password and authenticator")
    await credentials.check_code(database, home.box(), credential.login, _ask("確認コード / code: "))
    async with database.transaction() as conn:
        return await staff.at_terminal(conn, credential.staff_key)


def _ask(prompt: str, *, hidden: bool = False) -> str:
    """What somebody types; where nobody sits there, the next line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass(prompt) if hidden else input(prompt)

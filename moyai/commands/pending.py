"""`moyai pending`, `confirm`, `revoke`: what waits for a second person, and one's word on it, at a terminal.

Whoever speaks logs in with password and code, as at the console; a name alone is nobody.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Awaitable, Callable, Iterator

from moyai.base.clock import rfc3339
from moyai.base.config import Home
from moyai.base.db import Connection, Database, Pool
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.roles import SERVE
from moyai.identity import credentials, staff
from moyai.identity.waiting_read import Readable, every_readable
from moyai.registry import acting, successions, two_persons, waiting
from moyai.registry.pending import Pending
from moyai.registry.persons import Person
from moyai.upkeep.tables import show

KNOWN = (staff, successions, two_persons)
"""Rooms whose acts can wait: `acting` knows them once they are imported."""


async def print_waiting(home: Home, *, as_json: bool) -> None:
    """In words, one act after the other; as JSON, for programs."""
    pool = await Pool.open(home.dsn(SERVE), max_size=1)
    try:
        async with pool.transaction() as conn:
            found, counted = await waiting.everything(conn), await waiting.counts(conn)
        read = [] if as_json else await every_readable(pool, found)
    finally:
        await pool.close()
    if as_json:
        show(found, as_json=True)
        return
    for one in read:
        print("\n".join(_lines(one)), end="\n\n")
    print(
        f"確認待ち {counted.waiting} 件（早く実行されるものから）。{counted.waiting} waiting, soonest first; "
        f"{counted.takes_effect} take effect at the time shown, {counted.gives_power} give somebody power"
    )


def _lines(one: Readable) -> Iterator[str]:
    """One act in words, as the console shows it; its id whole, to be copied."""
    act = one.act
    yield act.pending_id
    yield f"  {act.act_ja} / {act.act_en}" + (
        "  [できることが増えます / gives power]" if act.gives_power else ""
    )
    of = "" if one.organization is None else f" ({one.organization.name_ja} / {one.organization.name_en})"
    yield f"  対象 / about: {one.noun.name_ja} {act.id} {one.thing.name_ja}{of}"
    yield f"  求めた人 / asked by: {one.asked_by.name_ja} ({act.asked_by}), {rfc3339(act.asked_at)}"
    first = one.first_person
    yield "  一人目 / first person: " + (first.name_ja if first else "まだいません / nobody yet")
    for each in one.becomes:
        yield f"  {each.field_ja} / {each.field_en}: {each.old or '—'} → {each.new or '—'}"
    if act.failing is not None:
        yield f"  実行できませんでした。もう一度試します / could not be carried out, is tried again: {act.failing}"
    if one.void:
        yield "  確認しても実行されません: もとの内容が変わりました / confirming does nothing: what it refers to has changed"
    elif act.takes_effect_at is None:
        yield "  だれも確認しなければ、実行されません / does not take effect unless somebody confirms"
    else:
        yield f"  取り下げなければ実行 / takes effect unless revoked: {rfc3339(act.takes_effect_at)}"


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

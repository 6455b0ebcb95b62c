"""SQL of counters of guesses, and of browsers that have logged in before."""

from __future__ import annotations

from collections.abc import Sequence

from moyai.base.db import Connection, Record


async def hold(conn: Connection, counters: Sequence[tuple[bytes, bytes | None]]) -> list[Record]:
    """The rows of these counters (with their subjects), made where they are missing, and locked until the
    transaction ends; `now` is the moment after the last lock was had.

    In one order everywhere, so that two tries with a counter in common never wait for each other.
    """
    await conn.execute(
        """
        insert into identity.guess as g (counter, subject, failures, last_at, closed_until)
        select q.counter, q.subject, 0, clock_timestamp(), '-infinity'
          from unnest($1::bytea[], $2::bytea[]) as q(counter, subject)
         order by q.counter
        on conflict (counter) do update set counter = g.counter
        """,
        [counter for counter, _ in counters],
        [subject for _, subject in counters],
    )
    return await conn.fetch(
        """
        select counter, failures, extract(epoch from clock_timestamp() - last_at)::float8 as idle,
               greatest(0, extract(epoch from closed_until - clock_timestamp()))::float8 as closed
          from identity.guess where counter = any($1)
        """,
        [counter for counter, _ in counters],
    )


async def note(conn: Connection, counted: Sequence[tuple[bytes, float, float]]) -> None:
    """Per counter: failures, and the seconds for which it is closed from now on."""
    await conn.execute(
        """
        update identity.guess g
           set failures = q.failures, last_at = clock_timestamp(),
               closed_until = clock_timestamp() + make_interval(secs => q.seconds)
          from unnest($1::bytea[], $2::float8[], $3::float8[]) as q(counter, failures, seconds)
         where g.counter = q.counter
        """,
        [counter for counter, _, _ in counted],
        [failures for _, failures, _ in counted],
        [seconds for _, _, seconds in counted],
    )


async def lock(conn: Connection, counters: Sequence[bytes]) -> None:
    """As `hold` locks, in the same order; only those that are there."""
    await conn.execute(
        "select from identity.guess where counter = any($1) order by counter for update", list(counters)
    )


async def give_back(conn: Connection, counters: Sequence[bytes]) -> None:
    """One try less, and open again: the wait before this try was kept, and only failures lengthen it.

    The rows are locked. One that counts nothing any more goes.
    """
    await conn.execute("delete from identity.guess where counter = any($1) and failures <= 1", list(counters))
    await conn.execute(
        "update identity.guess set failures = failures - 1, closed_until = '-infinity' where counter = any($1)",
        list(counters),
    )


async def forget(conn: Connection, counters: Sequence[bytes]) -> None:
    """The rows are locked."""
    await conn.execute("delete from identity.guess where counter = any($1)", list(counters))


async def of_subject(conn: Connection, subject: bytes) -> list[bytes]:
    rows = await conn.fetch("select counter from identity.guess where subject = $1", subject)
    return [row["counter"] for row in rows]


async def sweep(conn: Connection, days: int, most: int) -> None:
    """Forget what nobody added to for so long; and of too many rows those with the fewest failures, oldest first."""
    await conn.execute(
        """
        delete from identity.guess
         where last_at < clock_timestamp() - make_interval(days => $1) and closed_until < clock_timestamp()
        """,
        days,
    )
    await conn.execute(
        """
        delete from identity.guess where counter in (
            select counter from identity.guess
             where (select count(*) from identity.guess) > $1
             order by failures >= 5 desc, last_at desc offset $1)
        """,
        most,
    )


# --- browsers ----------------------------------------------------------------------------------------------------


async def is_known(conn: Connection, browser_hash: bytes, login: str) -> bool:
    return await conn.fetchval(
        "select exists (select from identity.known_browser where login = $2 and browser_hash = $1)",
        browser_hash,
        login,
    )


async def remember(conn: Connection, browser_hash: bytes, login: str, most: int) -> None:
    """The browser is known for this login from now on; of more than `most`, those not seen for longest are not."""
    await conn.execute(
        """
        insert into identity.known_browser (browser_hash, login) values ($1, $2)
        on conflict (login, browser_hash) do update set seen_at = clock_timestamp()
        """,
        browser_hash,
        login,
    )
    await conn.execute(
        """
        delete from identity.known_browser where login = $1 and browser_hash in (
            select browser_hash from identity.known_browser where login = $1 order by seen_at desc offset $2)
        """,
        login,
        most,
    )


async def forget_browsers(conn: Connection, login: str, keep: bytes | None) -> None:
    """All browsers of a login but the one that is kept."""
    await conn.execute(
        "delete from identity.known_browser where login = $1 and browser_hash is distinct from $2",
        login,
        keep,
    )


async def sweep_browsers(conn: Connection, days: int) -> None:
    await conn.execute(
        "delete from identity.known_browser where seen_at < clock_timestamp() - make_interval(days => $1)",
        days,
    )

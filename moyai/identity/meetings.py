"""What a desk does not know, it does not learn by trying.

An entry that meets a resident of another desk tells the clerk only that somebody of this name and birth date is
enrolled; the meeting stands in that resident's history although the entry is refused, and whoever meets many is
slowed down.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from moyai import ledger
from moyai.base.db import Connection, Database
from moyai.base.errors import Problem
from moyai.identity import guessing
from moyai.identity.guessing import Counter, Rule
from moyai.identity.model import Desk, Resident
from moyai.ledger import Act, Kind, contents

RULE: Rule = guessing.MEETING


class MeetsSomebody(Problem):
    """An entry that was refused because of residents who are enrolled already.

    `here` are those whom the asking desk looks after; of `elsewhere` it must learn nothing more, of
    `hidden` (protected residents) nothing at all.
    """

    def __init__(
        self,
        code: str,
        detail: str | None,
        here: Sequence[Resident],
        elsewhere: Sequence[Resident],
        hidden: Sequence[Resident] = (),
        **extra: Any,
    ) -> None:
        super().__init__(code, detail, **extra)
        self.here = tuple(here)
        self.elsewhere = tuple(elsewhere)
        self.hidden = tuple(hidden)


@asynccontextmanager
async def counted(database: Database, desk: Desk, wanted: str) -> AsyncGenerator[None]:
    """Around an entry that may meet somebody. Raises Problem too_many_requests.

    The record is a transaction of its own: the refused one takes nothing with it.
    """
    counter = Counter(RULE, desk.actor)
    async with database.transaction() as conn:
        await guessing.take(conn, [counter])
    met: MeetsSomebody | None = None
    try:
        yield
    except MeetsSomebody as problem:
        met = problem
        raise
    finally:
        async with database.transaction() as conn:
            await _settle(conn, desk, counter, wanted, met)


async def _settle(
    conn: Connection, desk: Desk, counter: Counter, wanted: str, met: MeetsSomebody | None
) -> None:
    elsewhere = () if met is None else (*met.elsewhere, *met.hidden)
    for resident in elsewhere:
        await record(conn, desk, resident.resident_key, wanted, "refused")
    if met is None or not met.elsewhere:
        # a protected resident costs what nobody costs: else the count would tell of them
        await guessing.give_back(conn, [counter])


async def record(conn: Connection, desk: Desk, resident_key: int, wanted: str, outcome: str) -> None:
    """That an entry had this resident's name and birth date, in their history."""
    content = contents.Met(organization_id=desk.organization_id, wanted=wanted, outcome=outcome)
    await ledger.record(conn, Act(Kind.ENROLMENT_MET, desk.actor, resident_key, content))

"""Whether this process can serve, said within two seconds whatever hangs: by a session of its own, looked at by one
question at a time, however many ask."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

import msgspec

from moyai.base import store_server
from moyai.base.clock import utc_now
from moyai.base.db import Connection, PostgresError, connect, is_unavailable
from moyai.base.deadlines import within
from moyai.base.tasks import hold

SECONDS = 1.5
"""A prober waits two seconds, say; the rest is the way to it."""

MOST_SECONDS_OFF = 5.0
"""Leeway of tokens and proofs is larger; a clock that is off by more than this will be off by more still."""


class Seen(msgspec.Struct, frozen=True):
    """What a look at the control database found."""

    database: Literal["answers", "does_not_answer"]
    clock: Literal["agrees", "off", "unknown"]


class Probe:
    """One per process. `dsn` is the control database's."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._session: Connection | None = None
        self._looking: asyncio.Task[timedelta | None] | None = None

    async def look(self) -> Seen:
        if self._looking is None or self._looking.done():
            self._looking = hold(self._look(), "look at the database")
        off = await asyncio.shield(self._looking)
        if off is None:
            return Seen("does_not_answer", "unknown")
        return Seen("answers", "off" if abs(off.total_seconds()) > MOST_SECONDS_OFF else "agrees")

    async def _look(self) -> timedelta | None:
        """How far the database's clock is from this one; None if it does not answer."""
        try:
            with within(SECONDS):
                if self._session is None:
                    self._session = await connect(self._dsn)
                asked = utc_now()
                says = await store_server.clock(self._session)
                return says - (asked + (utc_now() - asked) / 2)
        except Exception as error:
            if not isinstance(error, PostgresError) and not is_unavailable(error):
                raise
            self._drop()
            return None

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.give_up()

    def close(self) -> None:
        if self._session is not None:
            self._session.raw.terminate()

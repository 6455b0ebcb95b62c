"""Connections that send nothing, too slowly or too long a head, and those that do not fetch their answer, are ended.

The server has a limit for idle connections only, and one byte puts that off. Here each connection is looked at now and
then (one timer a connection, nothing on the road of a request): what is still in the same phase after its limit ends.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any, cast

import msgspec
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.web import problems
from moyai.web.one_write import OneWriteProtocol


class Phase(Enum):
    """What a connection is doing. Each lasts at most so long (`Limits`)."""

    HEAD = "header_seconds"
    BODY = "body_seconds"
    ANSWER = "answer_seconds"
    IDLE = "idle_seconds"
    ENDING = "ending_seconds"


class ConnectionLimits(msgspec.Struct, frozen=True):
    """Seconds that a connection may spend in each phase."""

    header_seconds: float
    body_seconds: float
    answer_seconds: float
    idle_seconds: float
    ending_seconds: float = 10.0


MOST_HEAD_BYTES = 32 * 1024
"""Of a request before its body: address and headers."""

_LOOKS = 5
"""In the shortest of the limits: a phase is found too long a fifth of that later, at most."""


class LimitedProtocol(OneWriteProtocol):
    """The server's protocol, with limits. Make a class of it with `limited`."""

    limits: ConnectionLimits
    base_url: str

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._phase: tuple[Phase, object] = (Phase.HEAD, None)
        self._since = self.loop.time()
        self._heading, self._head_at_least, self._head_at_most, self._arriving = False, 0, 0, 0
        self._every = min(msgspec.structs.astuple(self.limits)) / _LOOKS
        self._look_at = self.loop.call_later(self._every, self._look)

    def data_received(self, data: bytes) -> None:
        within, self._arriving = self._heading, len(data)
        super().data_received(data)
        if self._heading:
            self._head_at_most += len(data)
            # of the piece in which a head began, the request before may have its part
            self._head_at_least += len(data) if within else 0
            if self._head_at_least > MOST_HEAD_BYTES:
                self._refuse_head()

    def on_message_begin(self) -> None:
        self._heading, self._head_at_least, self._head_at_most = True, 0, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._heading = False
        # counted exactly only where it could be too long
        if self._head_at_most + self._arriving > MOST_HEAD_BYTES:
            sizes = (len(name) + len(value) for name, value in self.headers)
            if len(self.url) + sum(sizes) > MOST_HEAD_BYTES:
                self._refuse_head()
                return
        super().on_headers_complete()

    def _refuse_head(self) -> None:
        self._heading = False
        self._say(Problem("head_too_large"), "431 Request Header Fields Too Large")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._look_at.cancel()
        super().connection_lost(exc)

    def _now(self) -> tuple[Phase, object]:
        """The phase, and what tells it from the same phase of another request."""
        if self.transport.is_closing():
            return Phase.ENDING, None
        cycle, scope = self._under_way()
        if cycle is not None and not cycle.response_complete:
            return (Phase.BODY if cycle.more_body else Phase.ANSWER), cycle
        if cycle is None or scope is not cycle.scope:
            # a new connection, or a head that began and is not complete
            return Phase.HEAD, scope if cycle is not None else None
        return Phase.IDLE, cycle

    def _under_way(self) -> tuple[RequestResponseCycle | None, object]:
        """The newest request with its answer, and the newest head. The server's types leave out that there is none."""
        return cast("RequestResponseCycle | None", self.cycle), self.scope

    def _look(self) -> None:
        phase, what = self._now()
        now = self.loop.time()
        if phase is not self._phase[0] or what is not self._phase[1]:
            self._phase, self._since = (phase, what), now
        elif now - self._since >= getattr(self.limits, phase.value):
            self._end(phase)
            if phase is Phase.ENDING:
                return
        self._look_at = self.loop.call_later(self._every, self._look)

    def _end(self, phase: Phase) -> None:
        cycle, scope = self._under_way()
        waits = cycle if cycle is not None and not cycle.response_complete else None
        if phase in (Phase.HEAD, Phase.BODY) and scope is not None and not (waits and waits.response_started):
            self._say_timeout(waits)
        if phase in (Phase.ANSWER, Phase.ENDING):
            # what was written is not fetched: to wait for that is what has to end
            self.transport.abort()
        else:
            self.transport.close()

    def _say_timeout(self, waits: RequestResponseCycle | None) -> None:
        if waits is not None:
            # whoever still waits for the body learns that there is nobody any more
            waits.disconnected = True
            waits.message_event.set()
        self._say(Problem("request_timeout"), "408 Request Timeout")

    def _say(self, problem: Problem, status: str) -> None:
        body = msgspec.json.encode(problems.document(problem, self.base_url, str(random_uuid())))
        head = (
            f"HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)


def limited(limits: ConnectionLimits, base_url: str) -> type[Any]:
    """The protocol class of one server."""
    return type("Protocol", (LimitedProtocol,), {"limits": limits, "base_url": base_url})

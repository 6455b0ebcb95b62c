"""One deadline for all that a request waits for.

`within` ends whatever is inside it by cancelling it, so nothing inside can forget the deadline. What works for several
requests at once (a lane) is outside of each: it asks for the deadline by name, with `current`.
"""

from __future__ import annotations

import asyncio
from contextvars import Context, ContextVar, copy_context
from math import inf
from types import TracebackType

_deadline: ContextVar[float] = ContextVar("deadline", default=inf)


def current() -> float:
    """The time of the loop at which what runs now is ended; infinity where nothing is set."""
    return _deadline.get()


class within:
    """What is inside ends after so many seconds, or at the deadline it stands in, whichever is earlier.

    Raises TimeoutError where its own deadline passed.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __aenter__(self) -> within:
        at = min(asyncio.get_running_loop().time() + self._seconds, _deadline.get())
        self._before = _deadline.set(at)
        self._timeout = asyncio.timeout_at(at)
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _deadline.reset(self._before)
        await self._timeout.__aexit__(kind, error, trace)

    def expired(self) -> bool:
        return self._timeout.expired()


def without() -> Context:
    """For a task that outlives the request which began it: that request's deadline is not its own."""
    context = copy_context()
    context.run(_deadline.set, inf)
    return context

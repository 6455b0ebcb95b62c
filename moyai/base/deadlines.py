"""One deadline for all that a request waits for.

`within` ends whatever is inside it by cancelling it, so nothing inside can forget the deadline. What works for several
requests at once (a lane) is outside of each: it asks for the deadline by name, with `current`.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import Context, ContextVar, copy_context
from math import inf
from types import TracebackType
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

_deadline: ContextVar[float] = ContextVar("deadline", default=inf)


def current() -> float:
    """The time of the loop at which what runs now is ended; infinity where nothing is set."""
    return _deadline.get()


class until:
    """What is inside ends at this time of the loop, or at the deadline it stands in, whichever is earlier.

    A plain `with`, in a task: nothing is waited for at either end. Raises TimeoutError where its own deadline passed.
    """

    def __init__(self, at: float) -> None:
        self.at = at
        self._passed = False

    def __enter__(self) -> until:
        self._enter(self.at)
        return self

    def _enter(self, at: float) -> None:
        self.at = min(at, _deadline.get())
        self._before = _deadline.set(self.at)
        task = asyncio.current_task()
        assert task is not None  # a coroutine runs in one
        self._task, self._cancelling = task, task.cancelling()
        self._clock = _clock()
        self._clock.add(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clock.active.discard(self)
        _deadline.reset(self._before)
        # as in asyncio.timeout: only where nobody else has cancelled the task is the cancellation our own
        if self._passed and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def end(self) -> None:
        """Cancel what is inside."""
        self._passed = True
        self._task.cancel()

    def expired(self) -> bool:
        """Whether its time passed while something was inside."""
        return self._passed


class within(until):
    """What is inside ends after so many seconds, or at the deadline it stands in, whichever is earlier.

    Raises TimeoutError where its own deadline passed.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(inf)
        self._seconds = seconds

    def __enter__(self) -> until:
        self._enter(asyncio.get_running_loop().time() + self._seconds)
        return self


class _Answer:
    """A future that has to be there by a time."""

    __slots__ = ("_future", "at")

    def __init__(self, future: asyncio.Future[Any], at: float) -> None:
        self._future = future
        self.at = at

    def end(self) -> None:
        if not self._future.done():
            self._future.set_exception(TimeoutError())


async def answered(future: asyncio.Future[T], at: float) -> T:
    """Wait for a future that nobody else waits for, until this time of the loop; nothing is cancelled but the waiting.
    Raises TimeoutError."""
    clock, waiting = _clock(), _Answer(future, at)
    clock.add(waiting)
    try:
        return await future
    finally:
        clock.active.discard(waiting)


class _Ends(Protocol):
    """What has a time, and an end of its own then."""

    at: float

    def end(self) -> None: ...


class _Clock:
    """One timer for all deadlines of a loop. Nearly every deadline is left long before it passes, and a timer of its
    own for each, begun and cancelled, would cost more than all else about it: this one rings at the earliest
    deadline that was there when it was set, and is set anew for those that are there then."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.active: set[_Ends] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = inf

    def add(self, one: _Ends) -> None:
        self.active.add(one)
        if one.at < self._rings_at:
            self._set(one.at)

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = at
        self._timer = None if at == inf else self.loop.call_at(at, self._ring)

    def _ring(self) -> None:
        now = self.loop.time()
        passed = [one for one in self.active if one.at <= now]
        self.active.difference_update(passed)
        for one in passed:
            one.end()
        self._set(min((one.at for one in self.active), default=inf))


class _Clocks(threading.local):
    """A thread runs one loop at a time."""

    clock: _Clock | None = None


_clocks = _Clocks()


def _clock() -> _Clock:
    loop, clock = asyncio.get_running_loop(), _clocks.clock
    if clock is None or clock.loop is not loop:
        clock = _clocks.clock = _Clock(loop)
    return clock


def without() -> Context:
    """For a task that outlives the request which began it: that request's deadline is not its own."""
    context = copy_context()
    context.run(_deadline.set, inf)
    return context

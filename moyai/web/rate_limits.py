"""How much one caller may ask of this process: by client where a token says who it is, else by address.

A request is counted once. One whose token or proof is refused is counted by address, apart from those that send none: it
takes nothing from whoever it claims to be from, and valid ones from the same address go on.

A limit is a bucket that fills evenly (GCRA: one number a caller, the time at which its bucket is full again). Answers
say what is left in `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11). Each `serve` process
counts for itself: a caller that reaches all of them has as many times the limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.config import Limits
from moyai.base.errors import Problem
from moyai.identity import passwords
from moyai.identity.model import Caller, ClientCaller, ResidentCaller
from moyai.web.client_address import client_address, neighbourhood
from moyai.web.operation import AnyOf, Client, Operation, Resident

MOST = 50_000
"""Callers that are remembered by one limit, some megabytes. Beyond, the one that came first is forgotten."""

_SIGN_IN = ("/oauth2/", "/login")
_NEVER = ("/health", "/metrics", "/static/")


class Taken(msgspec.Struct, frozen=True):
    """One request, counted: what is left of the quota, and in how many seconds all of it is there again."""

    limit: Limit
    left: int
    seconds: float


class TooMany(Problem):
    """More than a limit allows; `taken` says of which."""

    def __init__(self, limit: Limit, seconds: float) -> None:
        super().__init__("too_many_requests", f"limit {limit.name}", retry_after=max(1, ceil(seconds)))
        self.taken = Taken(limit, 0, seconds)


class Limit:
    """`quota` requests in `seconds`, of each caller."""

    def __init__(
        self, name: str, quota: int, seconds: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._span = float(seconds)
        self._each = seconds / quota
        self._now = now
        self._full_at: dict[str, float] = {}
        self.name = name
        self.policy = f'"{name}";q={quota};w={seconds}'.encode()

    def take(self, caller: str) -> Taken:
        """Count one request. Raises Problem("too_many_requests")."""
        now = self._now()
        full_at = self._with_one_more(caller, now)
        if len(self._full_at) >= MOST and caller not in self._full_at:
            self._forget(now)
        self._full_at[caller] = full_at
        return Taken(self, int((self._span - (full_at - now)) / self._each), full_at - now)

    def spent(self, caller: str) -> bool:
        """Whether the next request would be one too many. Counts nothing."""
        try:
            self._with_one_more(caller, self._now())
        except TooMany:
            return True
        return False

    def _with_one_more(self, caller: str, now: float) -> float:
        """When the bucket is full again if one more is counted. Raises Problem("too_many_requests")."""
        full_at = max(self._full_at.get(caller, now), now) + self._each
        if full_at - now > self._span:
            raise TooMany(self, full_at - now - self._span)
        return full_at

    def _forget(self, now: float) -> None:
        """Those whose buckets are full need not be remembered; if all are in use, the oldest is forgotten."""
        self._full_at = {caller: at for caller, at in self._full_at.items() if at > now}
        if len(self._full_at) >= MOST:
            del self._full_at[next(iter(self._full_at))]


class RateLimits:
    """The limits of one process."""

    def __init__(self, settings: Limits) -> None:
        self._client = _over(10, "client", settings.client_per_second)
        self._address = _over(10, "address", settings.address_per_second)
        self._refused = _over(10, "refused", settings.address_per_second)
        self._sign_in = Limit("sign-in", max(1, round(settings.sign_in_per_minute)), 60)

    def before(self, request: Request, operation: Operation) -> Taken | None:
        """Count a request that no token speaks for, before anything is done for it."""
        path = operation.path
        if path.startswith(_NEVER) or _has_token(request, operation):
            return None
        address = neighbourhood(client_address(request))
        if not path.startswith(_SIGN_IN):
            return self._address.take(address)
        passwords.asking.set(address)
        return self._sign_in.take(address)

    def refused(self, request: Request, problem: Problem) -> tuple[Problem, Taken | None]:
        """Count a request of which `authenticate` did not find who asks; what it is answered with."""
        if problem.status >= 500 or isinstance(problem, TooMany):
            return problem, None
        try:
            return problem, self._refused.take(neighbourhood(client_address(request)))
        except TooMany as too_many:
            return too_many, None

    def has_tries_left(self, request: Request) -> bool:
        """Whether this address has not used up what it may send that is refused."""
        return not self._refused.spent(neighbourhood(client_address(request)))

    def after(self, caller: Caller) -> Taken | None:
        """Count a request of whoever a token names, once that is known."""
        if isinstance(caller, ClientCaller):
            return self._client.take(caller.client_id)
        if isinstance(caller, ResidentCaller):
            # a touch point's client stands for many people
            return self._client.take(f"{caller.client_id} {caller.resident_key}")
        return None


def _over(seconds: int, name: str, per_second: float) -> Limit:
    return Limit(name, max(1, round(per_second * seconds)), seconds)


def _has_token(request: Request, operation: Operation) -> bool:
    demand = operation.auth
    if isinstance(demand, (Client, Resident)):
        return True
    return isinstance(demand, AnyOf) and "authorization" in request.headers


def tell(response: Response, taken: Taken) -> None:
    """What is left, in the answer's head."""
    response.raw_headers += (
        (b"ratelimit-policy", taken.limit.policy),
        (b"ratelimit", b'"%s";r=%d;t=%d' % (taken.limit.name.encode(), taken.left, ceil(taken.seconds))),
    )

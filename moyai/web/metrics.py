"""What a process counts about its requests, for Prometheus at `/metrics`. No label ever names a person."""

from __future__ import annotations

import contextlib

from prometheus_client import Counter, Histogram

from moyai.web.operation import Operation

_requests = Counter("moyai_requests_total", "Requests answered", ["method", "operation", "status"])
_seconds = Histogram(
    "moyai_request_seconds",
    "Time from the request line to the answer",
    ["operation"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
_known: dict[tuple[str, str, int], Counter] = {}
_timers: dict[str, Histogram] = {}


def observe(operation: Operation, status: int, seconds: float) -> None:
    """Count one answer. A counter that has no room to begin is not counted: the answer is what matters."""
    with contextlib.suppress(OSError):
        _count(operation, status, seconds)


def _count(operation: Operation, status: int, seconds: float) -> None:
    name = (operation.method, operation.path, status)
    counter = _known.get(name)
    if counter is None:
        counter = _known[name] = _requests.labels(operation.method, operation.path, str(status))
        _timers[operation.path] = _seconds.labels(operation.path)
    counter.inc()
    _timers[operation.path].observe(seconds)

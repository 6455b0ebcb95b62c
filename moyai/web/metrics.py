"""What a process counts about its requests, for Prometheus at `/metrics`. No label ever names a person."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import (
    MultiProcessCollector,
    mark_process_dead,  # pyright: ignore[reportUnknownVariableType] (its path is untyped)
)

from moyai.web.operation import Operation

_requests = Counter("moyai_requests_total", "Requests answered", ["method", "operation", "status"])
_seconds = Histogram(
    "moyai_request_seconds",
    "Time from the request line to the answer",
    ["operation"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
_known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}


def observe(operation: Operation, status: int, seconds: float) -> None:
    """Count one answer. A counter that has no room to begin is not counted: the answer is what matters."""
    name = (operation.method, operation.path, status)
    try:
        counter, timer = _known.get(name) or _begin(operation, status)
        counter.inc()
        timer.observe(seconds)
    except OSError:
        return


def _begin(operation: Operation, status: int) -> tuple[Counter, Histogram]:
    method, path = operation.method, operation.path
    known = _requests.labels(method, path, str(status)), _seconds.labels(path)
    _known[method, path, status] = known
    return known


def counted() -> CollectorRegistry:
    """What was counted: by this process alone, or (under a supervisor) by all that share a directory."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory is None:
        return REGISTRY
    _forget_dead(Path(directory))
    together = CollectorRegistry()
    MultiProcessCollector(together)  # pyright: ignore[reportUnusedExpression]
    return together


def _forget_dead(directory: Path) -> None:
    """What a process that died said of stores is no longer so. Its counters stay: what it answered, it answered."""
    for file in directory.glob("gauge_live*_*.db"):
        process = file.stem.rpartition("_")[2]
        if process.isdecimal() and not Path(f"/proc/{process}").exists():
            mark_process_dead(int(process), str(directory))


class StoreState(msgspec.Struct, frozen=True):
    """Whether a store answers all `serve` processes; if not, in how many seconds it is tried again."""

    answers: bool
    retry_seconds: int


def store_states() -> dict[str, StoreState]:
    """What is known of stores that were asked for, by the name of their database."""
    answers: dict[str, float] = {}
    retry: dict[str, float] = {}
    kinds = {"moyai_store_answers": answers, "moyai_store_retry_timestamp_seconds": retry}
    for family in counted().collect():
        for sample in family.samples:
            if sample.name in kinds:
                kinds[sample.name][sample.labels["store"]] = sample.value
    now = time.time()
    return {
        store: StoreState(bool(value), max(0, round(retry.get(store, 0) - now)))
        for store, value in answers.items()
    }

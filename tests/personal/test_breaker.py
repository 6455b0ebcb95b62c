"""A store that does not answer is skipped for a while; one attempt then decides whether it answers again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from moyai.base.errors import Problem
from moyai.personal.breaker import FAILURES, FIRST_SECONDS, LONGEST_SECONDS, Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("moyai_personal_test", clock)


def attempt(breaker: Breaker, error: BaseException | None = None) -> None:
    """One attempt that ends so. Raises Problem("source_unavailable") if it is not let through."""
    started = breaker.attempt()
    started.__enter__()
    started.__exit__(None if error is None else type(error), error, None)


def fail(breaker: Breaker, clock: Clock, times: int = FAILURES) -> None:
    for _ in range(times):
        attempt(breaker, Problem("unavailable"))
        clock.now += 0.01


def refused(breaker: Breaker) -> bool:
    try:
        attempt(breaker)
    except Problem as problem:
        return problem.code == "source_unavailable" and problem.extra["retry_after"] >= 1
    return False


def gauge() -> float | None:
    return REGISTRY.get_sample_value("moyai_store_answers", {"store": "moyai_personal_test"})


def test_opens_after_some_failures_in_a_row(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock, FAILURES - 1)
    attempt(breaker)
    fail(breaker, clock, FAILURES - 1)
    assert not breaker.open
    assert gauge() == 1
    fail(breaker, clock, 1)
    assert breaker.open
    assert gauge() == 0
    assert refused(breaker)


def test_half_open_lets_one_through_and_closes_when_it_answers(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock)
    clock.now += FIRST_SECONDS
    with breaker.attempt():
        assert refused(breaker)
    assert not breaker.open
    assert gauge() == 1
    assert not refused(breaker)


def test_grows_while_the_store_stays_silent(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock)
    waited = FIRST_SECONDS
    for _ in range(8):
        clock.now += waited
        attempt(breaker, TimeoutError())
        waited = min(2 * waited, LONGEST_SECONDS)
        clock.now += waited - 0.1
        assert refused(breaker)
        clock.now += 0.1 - waited + 0.001
    assert waited == LONGEST_SECONDS


def test_those_that_failed_together_count_as_one(breaker: Breaker, clock: Clock) -> None:
    together = [breaker.attempt() for _ in range(16)]
    for one in together:
        one.__enter__()
    for one in together:
        clock.now += 0.001
        one.__exit__(Problem, Problem("deadline_exceeded"), None)
    assert not breaker.open


@pytest.mark.parametrize("error", [ValueError, lambda: Problem("does_not_exist")])
def test_an_error_that_the_store_answered_is_an_answer(
    breaker: Breaker, clock: Clock, error: Callable[[], Exception]
) -> None:
    for _ in range(2 * FAILURES):
        attempt(breaker, error())
        clock.now += 0.01
    assert not breaker.open


def test_attempt_that_was_given_up_says_nothing(breaker: Breaker, clock: Clock) -> None:
    for _ in range(2 * FAILURES):
        attempt(breaker, asyncio.CancelledError())
    assert not breaker.open
    fail(breaker, clock)
    clock.now += FIRST_SECONDS
    attempt(breaker, asyncio.CancelledError())
    assert breaker.open
    assert not refused(breaker)

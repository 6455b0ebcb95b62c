"""What fails for one is tried again later, and the others have their turn meanwhile."""

from __future__ import annotations

import pytest

from moyai.base.errors import Problem
from moyai.base.later import Later


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failing(later: Later[str], key: str, error: Exception) -> None:
    with later.trying(key, "it waits"):
        raise error


@pytest.mark.parametrize("error", [Problem("source_unavailable"), KeyError("x"), ValueError("x")])
def test_i3_whatever_fails_is_left_out_for_a_while_and_raises_nothing(error: Exception) -> None:
    clock = Clock()
    later = Later[str](first=10, longest=100, now=clock)
    failing(later, "a", error)
    assert later.waiting() == ["a"]
    clock.now = 10
    assert later.waiting() == []


def test_it_is_left_out_longer_each_time_and_no_longer_once_it_is_done() -> None:
    clock = Clock()
    later = Later[str](first=10, longest=35, now=clock)
    left_out: list[float] = []
    for _ in range(4):
        failing(later, "a", Problem("source_unavailable"))
        begun = clock.now
        while later.waiting():
            clock.now += 1
        left_out.append(clock.now - begun)
    assert left_out == [10, 20, 35, 35]
    with later.trying("a", "it waits"):
        pass
    failing(later, "a", Problem("source_unavailable"))
    clock.now += 10
    assert later.waiting() == []


def test_a_database_of_our_own_that_is_away_ends_the_round_and_the_one_is_left_out_of_the_next() -> None:
    later = Later[str](first=10, longest=100)
    with pytest.raises(ConnectionError):
        failing(later, "a", ConnectionError())
    assert later.waiting() == ["a"]

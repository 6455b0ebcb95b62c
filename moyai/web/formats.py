"""How times, dates and numbers read on pages: Asia/Tokyo, in words, in the page's language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Any, Literal

from moyai.base.clock import rfc3339, tokyo

_WEEKDAYS = "月火水木金土日"


def moment(at: datetime, language: Literal["ja", "en"]) -> str:
    """`2026年11月24日(火) 18時05分` / `24 Nov 2026, 18:05` in Asia/Tokyo."""
    local = tokyo(at)
    if language == "en":
        return f"{local.day} {local:%b %Y, %H:%M}"
    return f"{day(local, 'ja')} {local.hour}時{local:%M}分"


def day(at: date | datetime, language: Literal["ja", "en"]) -> str:
    local = tokyo(at) if isinstance(at, datetime) else at
    if language == "en":
        return f"{local.day} {local:%b %Y}"
    return f"{local.year}年{local.month}月{local.day}日({_WEEKDAYS[local.weekday()]})"


def number(value: float) -> str:
    return f"{value:,}"


def filters(language: Literal["ja", "en"]) -> dict[str, Callable[..., Any]]:
    """Template filters: `moment`, `day`, `iso` (for `<time datetime>`), `number`."""
    return {
        "moment": partial(moment, language=language),
        "day": partial(day, language=language),
        **_SAME_IN_BOTH,
    }


_SAME_IN_BOTH: dict[str, Callable[..., Any]] = {"iso": rfc3339, "number": number}

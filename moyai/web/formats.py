"""How times, dates and numbers read on pages: Asia/Tokyo, in words, in the page's language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Any, Final, Literal

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


_ERAS: Final = (
    (date(2019, 5, 1), "令和"),
    (date(1989, 1, 8), "平成"),
    (date(1926, 12, 25), "昭和"),
    (date(1912, 7, 30), "大正"),
    (date(1868, 10, 23), "明治"),
)


def born(at: date, language: Literal["ja", "en"]) -> str:
    """A birth date as documents give it: `1948年3月14日（昭和23年）` / `14 Mar 1948`."""
    if language == "en":
        return day(at, "en")
    era = next(((begins, name) for begins, name in _ERAS if at >= begins), None)
    plain = f"{at.year}年{at.month}月{at.day}日"
    if era is None:
        return plain
    year = at.year - era[0].year + 1
    return f"{plain}（{era[1]}{'元' if year == 1 else year}年）"


def number(value: float) -> str:
    return f"{value:,}"


def grouped(text: str) -> str:
    """A secret that somebody types: four letters at a time."""
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def filters(language: Literal["ja", "en"]) -> dict[str, Callable[..., Any]]:
    """Template filters: `moment`, `day`, `born`, `iso` (for `<time datetime>`), `number`, `grouped`."""
    return {
        "moment": partial(moment, language=language),
        "day": partial(day, language=language),
        "born": partial(born, language=language),
        **_SAME_IN_BOTH,
    }


_SAME_IN_BOTH: dict[str, Callable[..., Any]] = {"iso": rfc3339, "number": number, "grouped": grouped}

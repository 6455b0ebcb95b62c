"""Municipalities and prefectures: names, codes, and what a service's user scope covers.

Codes are 全国地方公共団体コード (six digits, the last a check digit). `data/municipalities.tsv` lists all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

PREFECTURES_EN: Final = [
    "Hokkaido",
    "Aomori",
    "Iwate",
    "Miyagi",
    "Akita",
    "Yamagata",
    "Fukushima",
    "Ibaraki",
    "Tochigi",
    "Gunma",
    "Saitama",
    "Chiba",
    "Tokyo",
    "Kanagawa",
    "Niigata",
    "Toyama",
    "Ishikawa",
    "Fukui",
    "Yamanashi",
    "Nagano",
    "Gifu",
    "Shizuoka",
    "Aichi",
    "Mie",
    "Shiga",
    "Kyoto",
    "Osaka",
    "Hyogo",
    "Nara",
    "Wakayama",
    "Tottori",
    "Shimane",
    "Okayama",
    "Hiroshima",
    "Yamaguchi",
    "Tokushima",
    "Kagawa",
    "Ehime",
    "Kochi",
    "Fukuoka",
    "Saga",
    "Nagasaki",
    "Kumamoto",
    "Oita",
    "Miyazaki",
    "Kagoshima",
    "Okinawa",
]


class Municipality(NamedTuple):
    code: str
    prefecture_ja: str
    name_ja: str
    kana: str


@cache
def municipalities() -> dict[str, Municipality]:
    """All municipalities (and wards of designated cities) by their six-digit code."""
    text = resources.files("moyai.registry").joinpath("data/municipalities.tsv").read_text(encoding="utf-8")
    rows = (Municipality(*line.split("\t")) for line in text.splitlines())
    return {row.code: row for row in rows}


def municipality_name(code: str) -> str:
    """The Japanese name, or the code itself where no such municipality exists."""
    known = municipalities().get(code)
    return known.name_ja if known else code


@cache
def codes_of_prefecture(prefecture_code: str) -> tuple[str, ...]:
    """Every municipality code of a prefecture (two digits), in order; empty for no such prefecture."""
    return tuple(sorted(code for code in municipalities() if code[:2] == prefecture_code))


def prefecture_name(prefecture_code: str) -> tuple[str, str]:
    """(Japanese, English) name of a prefecture. Raises KeyError for a code that names none."""
    codes = codes_of_prefecture(prefecture_code)
    if not codes:
        raise KeyError(prefecture_code)
    return municipalities()[codes[0]].prefecture_ja, PREFECTURES_EN[int(prefecture_code) - 1]


def in_scope(scope: Sequence[str], municipality_code: str) -> bool:
    """Whether a resident of that municipality is inside a service's user scope (guidebook 1.2.1)."""
    return municipality_code in scope

"""Cells of a standard CSV: what each kind of value accepts, and the attribute it becomes."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from moyai.context.model import Attribute

_TRUE: Final = frozenset({"1", "有", "○", "〇", "true", "TRUE"})
_FALSE: Final = frozenset({"0", "無", "×", "-", "false", "FALSE"})
_TIME = re.compile(r"(\d{1,2}):(\d\d)(?::\d\d)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?", re.ASCII)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_RESTRICTED = re.compile("[<>\"'=;()]")
# control characters, marks of earlier damage, and 外字, whose meaning only their own system knows
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x80-\x9f\ue000-\uf8ff\ufffd]")

_LATITUDES: Final = (20.0, 46.0)
_LONGITUDES: Final = (122.0, 154.0)


class CellError(ValueError):
    """The cell holds something else than its column may."""


def text(cell: str) -> Attribute:
    """Text as it stands. Characters that NGSI restricts make it `TextUnrestricted` rather than other text."""
    if _UNSTORABLE.search(cell):
        raise CellError
    return {"type": "TextUnrestricted" if _RESTRICTED.search(cell) else "Text", "value": cell, "metadata": {}}


def texts(cell: str) -> Attribute:
    items = [item.strip() for item in re.split("[;；、]", cell) if item.strip()]
    restricted = any(_RESTRICTED.search(item) for item in items)
    for item in items:
        text(item)
    return {"type": "TextUnrestricted" if restricted else "StructuredValue", "value": items, "metadata": {}}


def number(cell: str) -> Attribute:
    plain = _plain(cell)
    if not _NUMBER.fullmatch(plain):
        raise CellError
    return _number(float(plain))


def integer(cell: str) -> Attribute:
    plain = _plain(cell).replace(",", "")
    if not _WHOLE.fullmatch(plain):
        raise CellError
    return _number(int(plain))


def boolean(cell: str) -> Attribute:
    plain = _plain(cell)
    if plain not in _TRUE | _FALSE:
        raise CellError
    return {"type": "Boolean", "value": plain in _TRUE, "metadata": {}}


def time(cell: str) -> Attribute:
    """Hours and minutes, `24:00` included, always with two digits."""
    match = _TIME.fullmatch(_plain(cell))
    if match is None or int(match[1]) * 60 + int(match[2]) > 24 * 60 or int(match[2]) > 59:
        raise CellError
    return {"type": "Text", "value": f"{int(match[1]):02}:{match[2]}", "metadata": {}}


def code(cell: str) -> Attribute:
    return {"type": "Text", "value": municipality_code(cell), "metadata": {}}


def municipality_code(cell: str) -> str:
    """全国地方公共団体コード, six digits; a zero that a spreadsheet took from the front is put back.

    Raises CellError if the check digit (JIS X 0402) does not hold.
    """
    digits = _plain(cell)
    if not re.fullmatch(r"\d{4,6}", digits, re.ASCII):
        raise CellError
    if len(digits) == 4 or (len(digits) == 5 and _has_check_digit(f"0{digits}")):
        digits = f"0{digits}"
    if len(digits) == 5:
        digits += _check_digit(digits)
    if not _has_check_digit(digits):
        raise CellError
    return digits


def _has_check_digit(digits: str) -> bool:
    return _check_digit(digits[:5]) == digits[5]


def _check_digit(digits: str) -> str:
    rest = sum(int(digit) * weight for digit, weight in zip(digits, (6, 5, 4, 3, 2), strict=True)) % 11
    return str((11 - rest) % 10)


def degrees(cell: str, *, latitude: bool) -> float:
    """Decimal degrees within Japan, so that swapped columns are noticed."""
    plain = _plain(cell)
    if not _NUMBER.fullmatch(plain):
        raise CellError
    value = float(plain)
    least, most = _LATITUDES if latitude else _LONGITUDES
    if not least <= value <= most:
        raise CellError
    return value


def point(longitude: float, latitude: float) -> Attribute:
    value = {"type": "Point", "coordinates": [longitude, latitude]}
    return {"type": "geo:json", "value": value, "metadata": {}}


def _plain(cell: str) -> str:
    """Full-width digits and signs as half-width ones."""
    return unicodedata.normalize("NFKC", cell).strip()


def _number(value: float) -> Attribute:
    return {"type": "Number", "value": value, "metadata": {}}


READERS: Final[dict[str, Any]] = {
    "text": text,
    "list": texts,
    "number": number,
    "integer": integer,
    "flag": boolean,
    "yes_no": boolean,
    "time": time,
    "code": code,
}

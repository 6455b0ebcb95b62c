"""What NGSIv2 allows in names and strings, and JSON as it must be read: no repeated keys, at most 50 deep.

Sources: Orion API, "Field syntax restrictions" and "Attribute names restrictions"; Orion's forbidden characters.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final, cast

from moyai.context.errors import bad_request, parse_error

MAX_DEPTH: Final = 50
MAX_NAME: Final = 256

_FORBIDDEN = re.compile("[<>\"'=;()]")
_NAME = re.compile(r"[!-~]{1,256}")
_NOT_IN_NAMES = re.compile(r"[&?/#]")
_RESERVED_ATTRIBUTES: Final = frozenset({"id", "type", "geo:distance", "*"})
BUILTIN_ATTRIBUTES: Final = frozenset(
    {"dateCreated", "dateModified", "dateExpires", "servicePath", "alterationType"}
)


def parse_json(body: bytes) -> object:
    """Decode a request body. Raises NgsiError: ParseError if it is no JSON, BadRequest on a repeated key."""
    try:
        value: object = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise parse_error("Errors found in incoming JSON buffer") from error
    if _deeper_than(value, MAX_DEPTH):
        raise parse_error(f"JSON nested deeper than {MAX_DEPTH} levels")
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise bad_request("duplicated key in JSON object")
    return members


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _deeper_than(value: object, depth: int) -> bool:
    level: list[object] = [value]
    for _ in range(depth):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)


def _children(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from cast("dict[str, object]", value).values()
    elif isinstance(value, list):
        yield from cast("list[object]", value)


def check_text(text: str, where: str) -> None:
    """Refuse the characters that Orion refuses in any string of a request."""
    check_storable(text, where)
    if _FORBIDDEN.search(text):
        raise bad_request(f"Invalid characters in {where}")


def check_storable(text: str, where: str) -> None:
    """Even unrestricted text must be valid Unicode without NUL, or no database could hold it."""
    if "\x00" in text or (not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)):
        raise bad_request(f"Invalid characters in {where}")


def check_name(text: object, what: str) -> str:
    """An entity's id or type, or a name or type of an attribute or of metadata."""
    if not isinstance(text, str):
        raise bad_request(f"{what} must be a string")
    if not text:
        raise bad_request(f"{what} length: 0, min length supported: 1")
    if len(text) > MAX_NAME:
        raise bad_request(f"{what} length: {len(text)}, max length supported: {MAX_NAME}")
    if not _NAME.fullmatch(text) or _NOT_IN_NAMES.search(text) or _FORBIDDEN.search(text):
        raise bad_request(f"Invalid characters in {what}")
    return text


def check_attribute_name(text: object) -> str:
    name = check_name(text, "attribute name")
    if name in _RESERVED_ATTRIBUTES:
        raise bad_request(f"invalid attribute name: {name}")
    return name


def check_value(value: object, where: str, *, unrestricted: bool = False) -> None:
    """Every string in a value, keys of its objects too, must be free of forbidden characters."""
    pending: list[Any] = [value]
    check = check_storable if unrestricted else check_text
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            check(item, where)
        elif isinstance(item, dict):
            pending.extend(cast("dict[str, object]", item).keys())
            pending.extend(cast("dict[str, object]", item).values())
        elif isinstance(item, list):
            pending.extend(cast("list[object]", item))

"""What a list of entities is asked for: ids, types, page, and how many there are in all."""

from __future__ import annotations

from typing import Final

import msgspec

from moyai.context.errors import bad_request
from moyai.context.syntax import check_name

MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 20
MAX_OFFSET: Final = 2**31 - 1


class EntityQuery(msgspec.Struct, frozen=True):
    """A page of a tenant's entities in the order of their creation. No ids or types: all of them."""

    tenant: str = ""
    ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    limit: int = DEFAULT_LIMIT
    offset: int = 0


def names(text: str | None, what: str) -> tuple[str, ...]:
    """A comma-separated list of names, each once. Raises NgsiError (BadRequest) for an empty element."""
    if text is None:
        return ()
    return tuple(dict.fromkeys(check_name(name, what) for name in text.split(",")))


def whole_number(text: str | None, what: str, *, default: int, least: int, most: int) -> int:
    """`limit` and `offset`. Raises NgsiError (BadRequest) for anything but digits in range."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise bad_request(f"Bad pagination {what}: /{text[:20]}/ [must be a decimal number]")
    number = int(text)
    if not least <= number <= most:
        raise bad_request(f"Bad pagination {what}: /{number}/ [must be between {least} and {most}]")
    return number

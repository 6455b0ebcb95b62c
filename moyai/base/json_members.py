"""Members that stand twice in a JSON object: parsers differ in which of them they take, so nobody may send them
(RFC 8259, section 4; RFC 7493, section 2.3)."""

from __future__ import annotations

import json
from typing import Any


class DuplicateMember(ValueError):
    """An object has a member twice. The message is the member's name."""


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) != len(pairs):
        given = [name for name, _ in pairs]
        raise DuplicateMember(next(name for name in given if given.count(name) > 1))


_walk = json.JSONDecoder(object_pairs_hook=_once, parse_float=lambda _: None, parse_int=lambda _: None).decode


def refuse_duplicates(text: str) -> None:
    """Raises DuplicateMember for an object, at any depth, that has a member twice; ValueError or RecursionError for
    what is no JSON or nests too deep."""
    _walk(text)

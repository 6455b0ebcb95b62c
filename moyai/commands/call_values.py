"""Values of `moyai call`: `{name}` in a URL, a body or a form, and where its value comes from.

So a line in the documentation can be sent as it stands, although it must not name anybody: `{subject}` and
`{resident}` are looked up when the line is sent, by whoever may read the platform's directory, and `--take`
reads a member of another answer (or of the standard input, so that two calls can be piped).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

import msgspec

from moyai.calling import CallError

_NAME = re.compile(r"\{([a-z_0-9]+)\}")


class Taking(msgspec.Struct, frozen=True):
    """`--take NAME=SOURCE#POINTER`: SOURCE is a URL to GET or `-`, POINTER a JSON Pointer (RFC 6901)."""

    name: str
    source: str
    pointer: str


def takings(given: list[str]) -> list[Taking]:
    """Raises CallError for what does not have this form."""
    found = [re.fullmatch(r"([a-z_0-9]+)=([^#]+)#(/.*)", one) for one in given]
    if not all(found):
        raise CallError("--take must be NAME=SOURCE#/POINTER")
    return [Taking(*match.groups()) for match in found if match]


def filled_url(url: str, values: Mapping[str, str]) -> str:
    """The URL with its values. Raises CallError where a value is missing: no path has braces of its own."""
    missing = [name for name in _NAME.findall(url) if name not in values]
    if missing:
        raise CallError(f"nothing says what {{{missing[0]}}} is: use --take, or --resident")
    return _NAME.sub(lambda match: quote(values[match[1]], safe=""), url)


def filled(body: Any, values: Mapping[str, str]) -> Any:
    """A decoded body with values inside its strings; other braces stay as they are."""
    if isinstance(body, str):
        return _NAME.sub(lambda match: values.get(match[1], match[0]), body)
    if isinstance(body, list):
        return [filled(one, values) for one in cast("list[Any]", body)]
    if isinstance(body, dict):
        return {name: filled(one, values) for name, one in cast("dict[str, Any]", body).items()}
    return body


def names(*texts: str | None) -> set[str]:
    """Which values these texts ask for."""
    return {name for text in texts if text for name in _NAME.findall(text)}


def member(document: Any, pointer: str) -> str:
    """The member that a JSON Pointer names, as text. Raises CallError where there is none."""
    found = document
    for part in pointer.removeprefix("/").split("/"):
        found = _part(found, part.replace("~1", "/").replace("~0", "~"), pointer)
    return found if isinstance(found, str) else msgspec.json.encode(found).decode()


def _part(whole: Any, name: str, pointer: str) -> Any:
    try:
        if isinstance(whole, list):
            return cast("list[Any]", whole)[int(name)]
        return whole[name]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise CallError(f"the answer has no {pointer}") from error

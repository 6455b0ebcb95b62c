"""What each kind of act commits to: one Struct per kind, versioned.

What is hashed is hashed for ever, so the words are chosen once: ids that people and programs use (never internal keys),
`organization_id`, `client_id`, `component_id`, `service_id`, `link_id`. A field is added with a default; a field that
changes its meaning makes a new class with the next version. `v` is in the text that was committed to; a text without
it is from before this file, and is read as the plain JSON it is.

Kinds that are not in `CONTENTS` yet still record a plain dict.
"""

from __future__ import annotations

from typing import Any

import msgspec

from moyai.ledger.model import Kind


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=1):
    """The base of all contents; `v` is the class's version. What is at its default is left out of the text."""


CONTENTS: dict[Kind, type[Content]] = {}
"""The content that a kind of act must have."""


def check(kind: Kind, detail: object) -> None:
    """Raises AssertionError if an act would commit to anything but its kind's content."""
    wanted = CONTENTS.get(kind)
    if wanted is not None and not isinstance(detail, wanted):
        raise AssertionError(f"{kind.code} records a {wanted.__name__}, not a {type(detail).__name__}")


def read(kind: Kind, detail: dict[str, Any]) -> Content | None:
    """The content of an entry as its Struct; None for one that was written before its kind had one."""
    wanted = CONTENTS.get(kind)
    return msgspec.convert(detail, wanted) if wanted is not None and "v" in detail else None

"""Text that people read: what must stand in none, wherever it comes from.

Control characters say nothing to a reader, PostgreSQL stores no NUL, and what turns the direction of writing about makes a
text read other than it is stored (Unicode Technical Report 36, 2.3.2). Tab and line breaks are text. What a provider
stores of somebody is data and not ours to read: of it only NUL is refused.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

UNFIT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
NUL: Final = re.compile("\x00")

_SUSPECTS = re.compile(
    rb"\\u00(?:0[0-8bcef]|1|7f|[89])|\\u20(?:2[a-e]|6[6-9])|\\[bf]"
    rb"|\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]",
    re.IGNORECASE,
)


def may_be_unfit(json: bytes) -> bool:
    """Whether JSON has anything that looks like an unfit character, or its escape. Cheap, and never wrongly no."""
    return _SUSPECTS.search(json) is not None


def unfit_in(value: Any, unfit: re.Pattern[str] = UNFIT) -> str | None:
    """Where the first unfit character stands in decoded JSON, names of members included: `$.name: U+202E`."""
    waiting: list[tuple[str, Any]] = [("$", value)]
    while waiting:
        place, one = waiting.pop()
        if isinstance(one, str):
            if found := unfit.search(one):
                return f"{place}: U+{ord(found[0]):04X}"
        elif isinstance(one, dict):
            members = cast("dict[str, Any]", one)
            if any(unfit.search(name) for name in members):
                return f"{place}: the name of a member"
            waiting += [(f"{place}.{name}", member) for name, member in members.items()]
        elif isinstance(one, list):
            waiting += [(f"{place}[{n}]", part) for n, part in enumerate(cast("list[Any]", one))]
    return None

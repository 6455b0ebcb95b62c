"""Lists of what waits at a desk, read to their end page by page: nothing that is asked for meanwhile pushes another off.

Each list gives its rows one number to go by, smallest first (`place`); rows of one number go by their ids.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from moyai.base.db import Record
from moyai.base.errors import Problem

MOST: Final = 200
"""So many rows a page has at most."""

_WRITTEN = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)/([0-9a-f-]{36})")


class Place(NamedTuple):
    """After which row a page begins."""

    number: Decimal
    id: UUID


START: Final = Place(Decimal(-1), UUID(int=0))


def place_of(cursor: str | None) -> Place:
    """Raises Problem invalid_request for a cursor that is none."""
    if cursor is None:
        return START
    try:
        written = _WRITTEN.fullmatch(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
        if written is not None:
            return Place(Decimal(written[1]), UUID(written[2]))
    except ValueError:
        pass
    raise Problem("invalid_request", "cursor: send `next` of the answer before, as it came")


def page(rows: Sequence[Record], limit: int, id_of: str) -> tuple[Sequence[Record], str | None]:
    """The page, and the cursor of the next one, of `limit + 1` rows that were asked for."""
    shown = rows[:limit]
    if len(rows) <= limit:
        return shown, None
    written = f"{shown[-1]['place']}/{shown[-1][id_of]}"
    return shown, urlsafe_b64encode(written.encode()).rstrip(b"=").decode()

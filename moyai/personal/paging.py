"""Pages of items: newest first, by when they were observed, else by when they were first stored.

A cursor is a position: for each source that goes on, after which item. It carries no right, so it is neither secret
nor signed: each page is judged and recorded as if it were the first.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime

import msgspec

from moyai.base.errors import Problem
from moyai.personal.model import ItemId, Moment


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Between two items of a source: after the one of this time and id."""

    at: Moment
    item_id: ItemId


class Page(msgspec.Struct, frozen=True):
    """Which items are asked for: at most `limit` of each source, of the half-open interval from `since` to `until`.

    `after` names the sources that go on, and where; None asks all of them from their newest item. With `item_id`, only
    that item. A source is named by its link's id, or by what `names` has for it where that id must not be read.
    """

    limit: int
    since: datetime | None = None
    until: datetime | None = None
    item_id: str | None = None
    after: Mapping[str, Position | None] | None = None
    names: Mapping[str, str] | None = None

    def source(self, link_id: str | None) -> str:
        """What the cursor calls a source; a component's own items have no link."""
        return self.names[link_id or ""] if self.names is not None else link_id or ""

    def asks(self, source: str) -> bool:
        """Whether a source is part of this page."""
        return self.after is None or source in self.after

    def position(self, source: str) -> Position | None:
        return None if self.after is None else self.after.get(source)


_Positions = dict[str, Position | None]
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Positions).decode


def cursor_of(after: Mapping[str, Position | None]) -> str:
    return urlsafe_b64encode(_encode(after)).rstrip(b"=").decode()


def positions(cursor: str | None) -> Mapping[str, Position | None] | None:
    """What a cursor says. Raises Problem("invalid_request") for what was never given out as one."""
    if cursor is None:
        return None
    try:
        return _decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Problem("invalid_request", "cursor: send `next` of the answer before, as it came") from error

"""The parameters of everything that gives items page by page."""

from __future__ import annotations

import msgspec

from moyai.personal.model import Cursor, Limit, Since, Until
from moyai.personal.paging import Page, positions


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Limit = 100
    since: Since | None = None
    until: Until | None = None
    cursor: Cursor | None = None

    def page(self) -> Page:
        """Raises Problem("invalid_request") for a cursor that is none."""
        return Page(self.limit, self.since, self.until, None, positions(self.cursor))

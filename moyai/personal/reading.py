"""Reading the items that a Permit opens, page by page, never more than an answer may hold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import structlog
from msgspec.structs import replace

from moyai.base.db import PostgresError
from moyai.base.errors import Problem
from moyai.consent.permit import Permit
from moyai.ledger.contents import Part
from moyai.personal.model import ITEM_BYTES, Item, Result, Source
from moyai.personal.paging import Page, Position, cursor_of
from moyai.personal.projection import SCHEMA_OPEN, StoredItem
from moyai.personal.stores import Found, Read, Stores

log = structlog.get_logger("moyai.personal")


SOURCE_BYTES = 1024
"""What a source takes of an answer beside its items: who it is, its status, its place in the cursor."""


class Pages(msgspec.Struct, frozen=True):
    """A page of each source, in the order of the permits, and the cursor of the next ones; None at the end."""

    results: list[Result]
    next: str | None = None
    asked: Sequence[Permit] = ()
    """The permits that the results are of, one by one."""

    @property
    def parts(self) -> list[Part]:
        """What the ledger keeps of them."""
        return [
            summary(result, permit.link_id) for result, permit in zip(self.results, self.asked, strict=True)
        ]


class _Part(msgspec.Struct, frozen=True):
    """One source's page: its items end `at`, and there are more (or they have no place in this answer at all)."""

    result: Result
    at: Position | None
    more: bool = False
    starved: bool = False

    @property
    def bytes(self) -> int:
        return sum(_weight(item) for item in self.result.items or ())


def _weight(item: Item) -> int:
    return len(item.content) + ITEM_BYTES


async def read_all(stores: Stores, permits: Sequence[Permit], page: Page) -> Pages:
    """A page of all sources at once, together no larger than an answer may be.

    Each source has the same share. One whose next item is larger than that is given this item from what the others
    left, or else has its turn in a later page (`answer_full`).
    """
    asked = [permit for permit in permits if page.asks(page.source(permit.link_id))]
    if not asked:
        return Pages([])
    share = stores.answer_bytes // len(asked) - SOURCE_BYTES
    if len(asked) == 1:
        parts = [await _read(stores, asked[0], page, share)]
    else:
        parts = list(await asyncio.gather(*(_read(stores, permit, page, share) for permit in asked)))
    if not any(part.more for part in parts):
        return Pages([part.result for part in parts], asked=asked)
    if any(part.starved for part in parts):
        await _feed(stores, asked, page, parts)
    go_on = None if page.item_id else _next(asked, page, parts)
    return Pages([part.result for part in parts], go_on, asked)


async def _feed(stores: Stores, asked: Sequence[Permit], page: Page, parts: list[_Part]) -> None:
    """Give one item each to those whose share was too small for it, while there is room."""
    room = stores.answer_bytes - SOURCE_BYTES * len(parts)
    used = sum(part.bytes for part in parts)
    for n, part in enumerate(parts):
        if not part.starved:
            continue
        again = await _read(stores, asked[n], replace(page, limit=1), room - used)
        if again.starved:
            # alone, and still too large: it will never fit, and must not hold up what comes after it
            never = used == 0
            code = "item_too_large" if never else "answer_full"
            result = Result(part.result.dataset, "unavailable", part.result.source, code=code)
            again = _Part(
                result, again.at if never else page.position(page.source(asked[n].link_id)), more=True
            )
        parts[n] = again
        used += again.bytes


def _next(asked: Sequence[Permit], page: Page, parts: Sequence[_Part]) -> str | None:
    """Where to go on. A source that did not answer goes on with the others; alone, it is asked for the same again."""
    if not any(part.more for part in parts):
        return None
    left = {
        page.source(permit.link_id): part.at
        for permit, part in zip(asked, parts, strict=True)
        if part.more or part.result.status == "unavailable"
    }
    return cursor_of(left)


async def _read(stores: Stores, permit: Permit, page: Page, most_bytes: int) -> _Part:
    """A page of one permitted source; a source that does not answer says so, and does not stop the others."""
    source = Source(permit.organization_id, permit.component_id)
    at = page.position(page.source(permit.link_id))
    try:
        found = await _ask(stores, permit, _question(permit, page, at, most_bytes))
        items = await stores.projection.apply(permit, found.items)
    except (Problem, PostgresError) as error:
        log.warning("source unavailable", organization=permit.organization_id, error=_name(error))
        if _name(error) == SCHEMA_OPEN:  # the store answered well
            return _Part(Result(permit.dataset_id, "unavailable", source, code=SCHEMA_OPEN), at)
        stores.forget(permit.organization_key)
        return _Part(Result(permit.dataset_id, "unavailable", source, code="source_unavailable"), at)
    return _cut(Result(permit.dataset_id, "ok", source, items, version=permit.version), found, most_bytes)


async def _ask(stores: Stores, permit: Permit, question: Read) -> Found:
    store = await stores.of(permit.organization_key)
    return Found([]) if store is None else await store.read(question)


def _cut(result: Result, found: Found, most_bytes: int) -> _Part:
    """The page as far as it fits: numbers may have become longer where the item was cut to what was consented to."""
    items, used, fits = result.items or [], 0, 0
    if found.beyond is None and sum([_weight(item) for item in items]) <= most_bytes:
        return _Part(result, None)
    for item in items:
        used += _weight(item)
        if used > most_bytes:
            break
        fits += 1
    if fits == 0 and (items or found.beyond):
        return _Part(result, found.items[0].position if items else found.beyond, more=True, starved=True)
    at = found.items[fits - 1].position if fits else None
    more = fits < len(items) or found.beyond is not None
    return _Part(replace(result, items=items[:fits]) if fits < len(items) else result, at, more=more)


def _question(permit: Permit, page: Page, at: Position | None, most_bytes: int) -> Read:
    before, before_id = page.until, ""
    if at is not None and (before is None or at.at < before):
        before, before_id = at.at, at.item_id
    return Read(
        permit.provider_subject,
        permit.dataset_id,
        page.limit,
        max(most_bytes, 0),
        page.since,
        before,
        before_id,
        page.item_id,
    )


def _name(error: Exception) -> str:
    return error.code if isinstance(error, Problem) else type(error).__name__


async def read_own(stores: Stores, permit: Permit, page: Page) -> Pages:
    """A page of a component's own items. Raises Problem: source_unavailable, item_too_large."""
    pages = await read_all(stores, [permit], page)
    for result in pages.results:
        if result.code is not None:
            raise Problem(result.code)
    return pages


async def read_own_item(stores: Stores, permit: Permit, item_id: str) -> StoredItem | None:
    """One of a component's own items, whole. Raises Problem: source_unavailable, item_too_large."""
    question = _question(permit, Page(1, item_id=item_id), None, stores.answer_bytes - SOURCE_BYTES)
    try:
        found = await _ask(stores, permit, question)
    except PostgresError as error:
        raise Problem("source_unavailable", _name(error)) from error
    if found.beyond is not None:
        raise Problem("item_too_large")
    return found.items[0] if found.items else None


def summary(result: Result, link_id: str | None) -> Part:
    """What the ledger keeps of one source's part: who, what kind, which text, how many, or why not. Never the items."""
    source = result.source
    return Part(
        dataset=result.dataset,
        status=result.status,
        provider="" if source is None else source.component_id,
        provider_organization="" if source is None else source.organization_id,
        link_id=link_id or "",
        version=result.version,
        items=len(result.items or []) if result.code is None else None,
        code=result.code or "",
    )

"""Looking at what somebody shares (R-004): the sharing, then the gate, the stores, the record, then the answer.

The portal and the API look through here; there is no other way to a shared item.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from uuid import UUID

from msgspec.structs import replace

from moyai.base.db import Connection
from moyai.base.errors import Refused
from moyai.consent import gate, sharing, store_sharing
from moyai.consent.catalogue import links_by_key
from moyai.consent.gate import Refusal
from moyai.consent.model import Sharing
from moyai.consent.permit import Permit
from moyai.identity import residents
from moyai.identity.model import ResidentCaller
from moyai.ledger import Kind, contents
from moyai.ledger.contents import Part, SharedView
from moyai.ledger.release import Judged, Outcome, Release, epochs, prepare, release_many
from moyai.personal.door import free, until_free, until_released
from moyai.personal.model import Result, Source
from moyai.personal.paging import Page
from moyai.personal.reading import Pages, read_all, summary
from moyai.registry.model import Link
from moyai.web.platform import Platform

HIDDEN = ("共有されたデータ", "Shared data")
"""What a viewer reads for service and dataset of a protected resident."""

CLOSED = "grant_not_in_force"
"""With what a viewer finds closed what a protected resident shares, whatever closed it: that they moved, say, tells where to."""


def as_told(results: Iterable[Result]) -> list[Result]:
    """The results as they leave the platform: where the source is hidden, its dataset would name it."""
    return [result if result.source is not None else replace(result, dataset="") for result in results]


async def view(platform: Platform, caller: ResidentCaller, sharing_id: UUID, page: Page) -> Pages:
    """A page of the chosen items, per source, newest first; a link that has closed since says why.

    What closed while a source was asked is judged anew before anything is released. The results of a protected resident
    have no source, and one code for whatever is closed; their `dataset` is for the words of its items, and is told to nobody
    (`as_told`). Raises Refused grant_not_in_force
    or assurance_insufficient (the viewer's own levels), recorded before it is raised.
    """

    async def judged() -> _View | None:
        made = await _look(platform, caller, sharing_id, page)
        return made if await until_free(partial(_released, platform, made.release)) else None

    made = await until_released(judged)
    if made.refused is not None:
        raise made.refused
    return made.pages


async def _released(platform: Platform, made: Release) -> bool:
    """Record a look, or not if it must be judged anew. In a transaction of its own, not at the door's lane: it holds and
    judges who looks, too (`identity.as_now`), however long a source took. Raises Busy."""
    async with platform.control.transaction() as conn:
        (released,) = await release_many(conn, [made])
    return free(released).outcome is Outcome.WRITTEN


class _View:
    """What one look came to, and the entry that records it."""

    def __init__(self, release: Release, pages: Pages, refused: Refused | None = None) -> None:
        self.release, self.pages, self.refused = release, pages, refused


async def _look(platform: Platform, caller: ResidentCaller, sharing_id: UUID, page: Page) -> _View:
    async with platform.control.connection() as conn:
        known = await store_sharing.sharing(conn, sharing_id)
        theirs = known if known is not None and known.viewer_key == caller.resident_key else None
        # before everything that is judged: what closes from here on is noticed when it is recorded
        epochs_read = await epochs(conn, theirs.resident_key if theirs else 0)
        shared = await sharing.sharing_in_force(conn, sharing_id, caller.resident_key) if theirs else None
        links = list((await links_by_key(conn, shared.link_keys if shared else ())).values())
        permits, refusals = await _ask_gate(conn, shared)
        sharer = await residents.find(conn, shared.resident_key) if shared else None
    hidden = sharer is None or sharer.protected
    refused = _viewer_refused(caller, shared, links)
    if shared is None or refused is not None:
        refused = refused or Refused("grant_not_in_force", f"sharing {sharing_id}")
        return _View(_refusal(caller, epochs_read, sharing_id, refused.code), Pages([]), refused)
    # the cursor names no link: whose data it is may be whose town it is
    names = {link.link_id: str(n) for n, link in enumerate(sorted(links, key=lambda one: one.link_key))}
    read = await read_all(platform.stores, permits, replace(page, names=names))
    closed = [_closed(refusal, links) for refusal in refusals]
    parts = read.parts + [summary(told, one.link_id) for told, one in zip(closed, refusals, strict=True)]
    results = [*read.results, *closed]
    ends = min([permit.ends_ms for permit in permits], default=epochs_read.ends_ms)
    judged = replace(epochs_read, ends_ms=min(ends, int(shared.expires_at.timestamp() * 1000)))
    entry = _viewed(caller, judged, sharing_id, parts)
    shown = [_hidden(result) for result in results] if hidden else results
    return _View(entry, Pages(shown, read.next))


async def _ask_gate(conn: Connection, shared: Sharing | None) -> tuple[list[Permit], list[Refusal]]:
    if shared is None:
        return [], []
    return await gate.permit_shared(
        conn,
        resident_key=shared.resident_key,
        link_keys=shared.link_keys,
        version_keys=shared.version_keys,
    )


def _viewer_refused(caller: ResidentCaller, shared: Sharing | None, links: list[Link]) -> Refused | None:
    """Who looks must be as sure to be who they are as the data asks for."""
    if shared is None or not links:
        return None
    ial, aal = max(link.required_ial for link in links), max(link.required_aal for link in links)
    if caller.ial >= ial and caller.aal >= aal:
        return None
    required, actual = {"ial": ial, "aal": aal}, {"ial": caller.ial, "aal": caller.aal}
    return Refused("assurance_insufficient", required=required, actual=actual)


def _closed(refusal: Refusal, links: Iterable[Link]) -> Result:
    dataset_id = next(link.dataset_id for link in links if link.dataset_key == refusal.dataset_key)
    source = Source(refusal.organization_id or "", refusal.component_id or "")
    return Result(dataset_id, "refused", source, code=refusal.code)


def _hidden(result: Result) -> Result:
    return replace(result, source=None, code=CLOSED if result.status == "refused" else result.code)


def _viewed(caller: ResidentCaller, judged: Judged, sharing_id: UUID, parts: list[Part]) -> Release:
    """On the record of the resident who shared, who knows the viewer by the sharing alone."""
    viewed = SharedView(sharing_id=str(sharing_id), client=caller.client_id, sources=parts)
    return prepare(Kind.SHARED_VIEW, sharing.VIEWER, viewed, judged)


def _refusal(caller: ResidentCaller, judged: Judged, sharing_id: UUID, code: str) -> Release:
    """On the record of the resident who shared, if it was this viewer that it was shared with."""
    refused = contents.Refusal(sharing_id=str(sharing_id), client=caller.client_id, sources=[], code=code)
    return prepare(Kind.REFUSAL, sharing.VIEWER, refused, judged)

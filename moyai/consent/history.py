"""What happened with a resident's data and consents, newest first, in plain words (guidebook 5-4).

Every row carries what proves it: the leaf, the salt and the text that the leaf's commitment opens to, its index,
and where the inclusion proof is. A page or a stranger's program recomputes the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from moyai.base.clock import rfc3339
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import history_desk, sentences, store_sharing
from moyai.consent.catalogue import Names, names
from moyai.consent.model import Party, Sharing
from moyai.identity import residents
from moyai.ledger import Event, Kind, history

Category = Literal["exchange", "refusal", "view", "act"]

_CATEGORIES: dict[Kind, Category] = {
    Kind.EXCHANGE: "exchange",
    Kind.REFUSAL: "refusal",
    Kind.SHARED_VIEW: "view",
    Kind.STAFF_ACCESS: "view",
    Kind.STAFF_ACCESS_REFUSED: "refusal",
}
MOST_ROWS = 200


class Movement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One source's part of an exchange: what went where, or why it did not (`code`, in words for the resident).

    `version` of the text of the link `link_id` is what the resident had read and agreed to, and what covered it. Entries
    from before the ledger kept them have neither.
    """

    dataset_id: str
    dataset_ja: str
    dataset_en: str
    status: str
    source: Party | None = None
    items: int | None = None
    code: str | None = None
    code_ja: str | None = None
    code_en: str | None = None
    link_id: str | None = None
    version: int | None = None


class Proof(msgspec.Struct, frozen=True):
    """Leaf and salt in hexadecimal, the committed text, and where the inclusion proof is once there is an index."""

    leaf: str
    salt: str
    body: str
    index: int | None
    inclusion: str


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the history.

    `text_…` is the whole sentence: what was passed on is named as received, and nothing else; `reason_…` is its end,
    which says why something was not passed on. `code_…` are the words of `code` for the resident. `viewer` is whom a
    sharing is with, as the resident named them.
    """

    entry_id: str
    at: str
    kind: str
    kind_ja: str
    kind_en: str
    category: Category
    actor: str
    text_ja: str
    text_en: str
    proof: Proof
    code: str | None = None
    code_ja: str | None = None
    code_en: str | None = None
    target: Party | None = None
    movements: tuple[Movement, ...] = ()
    purpose_id: str | None = None
    purpose_ja: str | None = None
    purpose_en: str | None = None
    service_id: str | None = None
    service_ja: str | None = None
    service_en: str | None = None
    links: dict[str, str] | None = None
    sharing_id: str | None = None
    reason_ja: str | None = None
    reason_en: str | None = None
    viewer: str | None = None


class Page(msgspec.Struct, frozen=True):
    """`next` goes on where this page ends (`before=`); None where nothing is older."""

    rows: list[Row]
    next: str | None


async def page(conn: Connection, resident_key: int, *, before: str | None = None, limit: int = 50) -> Page:
    """One page of a resident's history. Raises Problem invalid_request for a `before` that we did not give."""
    found = await history(conn, resident_key, before=_cursor(before), limit=limit + 1)
    events = [await shown(conn, event) for event in found]
    known, viewers = await names(conn), await _viewers(conn, resident_key, events)
    rows = [_row(event, known, viewers) for event in events[:limit]]
    last = events[limit - 1] if len(events) > limit else None
    return Page(rows, f"{last.at.isoformat()}~{last.entry_id}" if last else None)


async def shown(conn: Connection, event: Event) -> Event:
    """The entry as the resident may be shown it: where a protected one lives is in nobody's history."""
    if not history_desk.is_desks(event):
        return event
    resident = await residents.find(conn, event.resident_key)
    return history_desk.without_place(event) if resident is not None and resident.protected else event


async def row(conn: Connection, resident_key: int, event: Event) -> Row:
    """One entry of the resident's history, as a line of it."""
    return _row(event, await names(conn), await _viewers(conn, resident_key, [event]))


Viewers = dict[str, Sharing]
"""The sharings of the resident who reads, by id. Names of people stand there and not in the ledger."""


async def _viewers(conn: Connection, resident_key: int, events: Sequence[Event]) -> Viewers:
    if not any("sharing_id" in event.detail for event in events):
        return {}
    known = await store_sharing.sharings_of(conn, resident_key)
    return {str(each.sharing_id): each for each in known if each.resident_key == resident_key}


def _cursor(before: str | None) -> tuple[datetime, UUID] | None:
    if before is None:
        return None
    try:
        at, _, entry_id = before.partition("~")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return moment.astimezone(UTC), UUID(entry_id)
    except (ValueError, OverflowError) as error:
        raise Problem("invalid_request", "before: use the `next` of the page before") from error


def _row(event: Event, known: Names, viewers: Viewers) -> Row:
    detail = event.detail
    purpose, service = known.purpose(detail.get("purpose")), known.service(detail.get("service"))
    target = known.component(detail.get("consumer") or detail.get("component_id"))
    movements = _movements(detail, known)
    code: str | None = detail.get("code") or next((m.code for m in movements if m.code), None)
    words = sentences.words_for_resident(code) if code else (None, None)
    viewer = _viewer(viewers.get(detail.get("sharing_id", "")), known)
    source = next((m.source for m in movements), None)
    scene = sentences.Scene(event, known, _parts(movements), source, target, viewer)
    told = _desk(scene, service) if history_desk.is_desks(event) else sentences.tell(scene)
    return Row(
        entry_id=str(event.entry_id),
        at=rfc3339(event.at),
        kind=event.kind.code,
        kind_ja=event.kind.ja,
        kind_en=event.kind.en,
        category=_CATEGORIES.get(event.kind, "act"),
        actor=_shown_actor(event),
        text_ja=told.text[0],
        text_en=told.text[1],
        proof=_proof(event),
        code=code,
        code_ja=words[0],
        code_en=words[1],
        target=target,
        movements=movements,
        purpose_id=detail.get("purpose"),
        purpose_ja=purpose[0],
        purpose_en=purpose[1],
        service_id=detail.get("service"),
        service_ja=service[0],
        service_en=service[1],
        links=_links(detail),
        sharing_id=detail.get("sharing_id"),
        reason_ja=told.reason[0] or None,
        reason_en=told.reason[1] or None,
        viewer=viewer.name if viewer else None,
    )


def _viewer(sharing: Sharing | None, known: Names) -> sentences.Viewer | None:
    if sharing is None:
        return None
    datasets = tuple(known.links_by_key[key] for key in sharing.link_keys if key in known.links_by_key)
    return sentences.Viewer(sharing.viewer_name, sharing.relation, datasets)


def _parts(movements: Sequence[Movement]) -> tuple[sentences.Part, ...]:
    return tuple(
        sentences.Part((m.dataset_ja, m.dataset_en), m.status, m.items, m.code)
        for m in movements
        if m.dataset_ja
    )


def _desk(scene: sentences.Scene, service: tuple[str | None, str | None]) -> sentences.Told:
    office = scene.names.organization(scene.event.detail.get("organization_id"))
    what = sentences.what_was_stopped(scene)
    return sentences.Told(history_desk.sentence(scene.event, office, service, what))


def _shown_actor(event: Event) -> str:
    """Staff and the programs of a desk are an office to residents, a viewer is known by the sharing. Old entries name logins and resident IDs."""
    of_desk = event.actor.startswith("client:") and history_desk.is_desks(event)  # its id names the town
    if event.actor.startswith("staff:") or of_desk:
        return "staff"
    return "viewer" if _names_viewer(event) else event.actor


def _names_viewer(event: Event) -> bool:
    """Whether an entry is of a viewer's act. Those written before name the viewer's own ID."""
    views = event.kind in (Kind.SHARED_VIEW, Kind.SHARING_ACCEPTED)
    return views or (event.kind is Kind.REFUSAL and "sharing_id" in event.detail)


def _proof(event: Event) -> Proof:
    if _names_viewer(event) and event.actor.startswith(
        "resident:"
    ):  # it opens to the ID: nobody else's to know
        event = msgspec.structs.replace(event, body="", salt=b"")
    return Proof(
        leaf=event.leaf.hex(),
        salt=event.salt.hex(),
        body=event.body,
        index=event.index,
        inclusion=f"/log/v1/proof/inclusion?entry={event.entry_id}",
    )


def _links(detail: dict[str, Any]) -> dict[str, str] | None:
    links = detail.get("links")
    if isinstance(links, list):
        return dict.fromkeys([str(link) for link in links], "shared")  # type: ignore[reportUnknownVariableType]
    return links


def _movements(detail: dict[str, Any], known: Names) -> tuple[Movement, ...]:
    """The sources of an exchange; a stored or deleted item is a movement with one source, too."""
    parts: list[dict[str, Any]] = detail.get("sources") or []
    if not parts and "dataset" in detail:
        parts = [{"status": "ok", **detail}]
    return tuple(_movement(part, known) for part in parts)


def _movement(part: dict[str, Any], known: Names) -> Movement:
    dataset_ja, dataset_en = known.dataset(part.get("dataset"))
    code: str | None = part.get("code")
    words = sentences.words_for_resident(code) if code else (None, None)
    return Movement(
        dataset_id=part.get("dataset", ""),
        dataset_ja=dataset_ja or "",
        dataset_en=dataset_en or "",
        status=part.get("status", "ok"),
        source=known.component(part.get("provider")),
        items=part.get("items"),
        code=code,
        code_ja=words[0],
        code_en=words[1],
        link_id=part.get("link_id"),
        version=part.get("version"),
    )

"""What happened with a resident's data and consents, newest first, in plain words (guidebook 5-4).

Every row carries what proves it: the leaf, the salt and the text that the leaf's commitment opens to, its index,
and where the inclusion proof is. A page or a stranger's program recomputes the rest.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from moyai.base.clock import rfc3339
from moyai.base.db import Connection
from moyai.base.errors import CODES, Code, Problem
from moyai.consent import history_desk
from moyai.consent.catalogue import Names, names
from moyai.consent.model import Party
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
    """One source's part of an exchange: what went where, or why it did not (`code`)."""

    dataset_id: str
    dataset_ja: str
    dataset_en: str
    status: str
    source: Party | None = None
    items: int | None = None
    code: str | None = None
    code_ja: str | None = None
    code_en: str | None = None


class Proof(msgspec.Struct, frozen=True):
    """Leaf and salt in hexadecimal, the committed text, and where the inclusion proof is once there is an index."""

    leaf: str
    salt: str
    body: str
    index: int | None
    inclusion: str


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the history."""

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


class Page(msgspec.Struct, frozen=True):
    """`next` goes on where this page ends (`before=`); None where nothing is older."""

    rows: list[Row]
    next: str | None


async def page(conn: Connection, resident_key: int, *, before: str | None = None, limit: int = 50) -> Page:
    """One page of a resident's history. Raises Problem invalid_request for a `before` that we did not give."""
    events = await history(conn, resident_key, before=_cursor(before), limit=limit + 1)
    known = await names(conn)
    rows = [_row(event, known) for event in events[:limit]]
    last = events[limit - 1] if len(events) > limit else None
    return Page(rows, f"{last.at.isoformat()}~{last.entry_id}" if last else None)


async def row(conn: Connection, event: Event) -> Row:
    """One entry of the resident's history, as a line of it."""
    return _row(event, await names(conn))


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


def _row(event: Event, known: Names) -> Row:
    detail = event.detail
    purpose, service = known.purpose(detail.get("purpose")), known.service(detail.get("service"))
    target = known.component(detail.get("consumer") or detail.get("component_id"))
    movements = _movements(detail, known)
    code: str | None = detail.get("code") or next((m.code for m in movements if m.code), None)
    words = CODES.get(code) if code else None
    if history_desk.is_desks(event):
        text_ja, text_en = history_desk.sentence(
            event, known.organization(detail.get("organization_id")), service
        )
    else:
        text_ja, text_en = _sentence(event, target, movements, service, words)
    return Row(
        entry_id=str(event.entry_id),
        at=rfc3339(event.at),
        kind=event.kind.code,
        kind_ja=event.kind.ja,
        kind_en=event.kind.en,
        category=_CATEGORIES.get(event.kind, "act"),
        actor=_shown_actor(event),
        text_ja=text_ja,
        text_en=text_en,
        proof=_proof(event),
        code=code,
        code_ja=words.ja if words else None,
        code_en=words.en if words else None,
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
    )


def _shown_actor(event: Event) -> str:
    """Staff are an office to residents, a viewer is known by the sharing. Old entries name logins and resident IDs."""
    if event.actor.startswith("staff:"):
        return "staff"
    viewed = event.kind in (Kind.SHARED_VIEW, Kind.SHARING_ACCEPTED)
    return "viewer" if viewed else event.actor


def _proof(event: Event) -> Proof:
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
    words = CODES.get(code) if code else None
    return Movement(
        dataset_id=part.get("dataset", ""),
        dataset_ja=dataset_ja or "",
        dataset_en=dataset_en or "",
        status=part.get("status", "ok"),
        source=known.component(part.get("provider")),
        items=part.get("items"),
        code=code,
        code_ja=words.ja if words else None,
        code_en=words.en if words else None,
    )


def _sentence(
    event: Event,
    target: Party | None,
    movements: tuple[Movement, ...],
    service: tuple[str | None, str | None],
    reason: Code | None,
) -> tuple[str, str]:
    """One sentence a resident can read without knowing how the platform works."""
    what_ja = "、".join(dict.fromkeys(m.dataset_ja for m in movements if m.dataset_ja))
    what_en = ", ".join(dict.fromkeys(m.dataset_en for m in movements if m.dataset_en))
    who_ja = f"「{target.component_ja}」（{target.organization_ja}）" if target else ""
    who_en = f"{target.component_en} ({target.organization_en})" if target else ""
    service_ja, service_en = service[0] or "", service[1] or ""
    if event.kind is Kind.EXCHANGE:
        return f"{who_ja}が、{what_ja}を受け取りました。", f"{who_en} received: {what_en}."
    if event.kind is Kind.REFUSAL:
        why_ja, why_en = (reason.ja, reason.en) if reason else ("", "")
        if target is None:
            return (
                f"データを見ようとした人がいましたが、見せていません。{why_ja}",
                f"Somebody tried to view data and was shown nothing. {why_en}".strip(),
            )
        return (
            f"{who_ja}が{what_ja}を求めましたが、渡していません。{why_ja}",
            f"{who_en} asked for {what_en} and got nothing. {why_en}".strip(),
        )
    if event.kind is Kind.SUBJECT_TIED:
        return f"{who_ja}に初めてログインしました。", f"You logged in to {who_en} for the first time."
    return _act_sentence(event.kind, what_ja, what_en, service_ja, service_en)


_ACTS: dict[Kind, tuple[str, str]] = {
    Kind.ITEMS_STORED: ("{what}が登録されました。", "Stored: {what}."),
    Kind.ITEMS_DELETED: ("{what}が削除されました。", "Deleted: {what}."),
    Kind.EXCHANGE_REPEATED: (
        "前に渡したものと同じ{what}が、もう一度渡されました。",
        "The same as before was handed over again: {what}.",
    ),
    Kind.SHARED_VIEW: ("共有相手が、{what}を見ました。", "The person you share with viewed: {what}."),
    Kind.CONSENT_GIVEN: (
        "「{service}」のデータの利用に同意しました。",
        "You consented to the use of data by {service}.",
    ),
    Kind.CONSENT_REFUSED: (
        "「{service}」のデータの利用を断りました。",
        "You refused the use of data by {service}.",
    ),
    Kind.CONSENT_WITHDRAWN: (
        "「{service}」への同意をやめました。",
        "You withdrew your consent to {service}.",
    ),
    Kind.SERVICE_LEFT: ("「{service}」の利用をやめました。", "You stopped using {service}."),
    Kind.TERMS_ACCEPTED: ("「{service}」の規約に同意しました。", "You accepted the terms of {service}."),
    Kind.SHARING_GIVEN: (
        "「{service}」のデータを家族などと共有できるようにしました。",
        "You offered to share data of {service}.",
    ),
    Kind.SHARING_ACCEPTED: ("共有相手が、番号を受け取りました。", "The person you share with took the code."),
    Kind.SHARING_ENDED: ("共有を終わりました。", "The sharing has ended."),
}


def _act_sentence(
    kind: Kind, what_ja: str, what_en: str, service_ja: str, service_en: str
) -> tuple[str, str]:
    ja, en = _ACTS.get(kind, (f"{kind.ja}がありました。", f"{kind.en}."))
    return ja.format(what=what_ja, service=service_ja), en.format(what=what_en, service=service_en)

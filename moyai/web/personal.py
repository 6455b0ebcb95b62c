"""`/personal/v1`: components store, locate and exchange residents' items (guidebook 1.1.4, 1.1.5)."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem, Refused
from moyai.consent import gate
from moyai.consent.gate import OwnVerdict, Verdict
from moyai.consent.permit import Permit
from moyai.identity.model import ClientCaller
from moyai.ledger import Kind
from moyai.ledger.contents import ItemsRead, LocationsRead
from moyai.ledger.release import Release, prepare
from moyai.personal import actions
from moyai.personal.door import until_released
from moyai.personal.exchange import ProofOfSender
from moyai.personal.locations import locations_of
from moyai.personal.model import (
    ExchangeAnswer,
    ExchangeRequest,
    Item,
    Location,
    NewItem,
    Stored,
)
from moyai.personal.reading import read
from moyai.registry import lookups, shape_of
from moyai.registry.datasets import check_content
from moyai.web.operation import answer, decode, describes, read_json, read_query
from moyai.web.platform import Platform

_SUBJECT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ITEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_RETRY_KEY = re.compile(r"[\x21-\x7e]{1,200}")

_STORE_CODES = (
    "subject_unknown",
    "provider_not_registered",
    "organization_suspended",
    "resident_inactive",
    "dataset_unknown",
    "store_missing",
)
_EXAMPLE_SUBJECT = "3f0c5f4e-8f7e-4a51-9c1b-2f3f8f3c9f10"


class ItemContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`content` must fit the dataset's JSON Schema (see the catalogue)."""

    content: msgspec.Raw
    observed_at: str | None = None


class ManyItems(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    items: Annotated[list[NewItem], msgspec.Meta(min_length=1, max_length=1000)]


class StoredItems(msgspec.Struct, frozen=True):
    items: list[Stored]


class OwnItems(msgspec.Struct, frozen=True):
    subject: str
    dataset: str
    items: list[Item]


class Locations(msgspec.Struct, frozen=True):
    subject: str
    locations: list[Location]


class LocationQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    purpose: str
    dataset: str


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


def _platform(request: Request) -> Platform:
    return request.app.state.platform


async def _own(request: Request, caller: ClientCaller) -> OwnVerdict:
    """The verdict on the caller's own items of the dataset and subject that the path names."""
    if caller.component_key is None or caller.component_id is None:
        raise Problem("forbidden", "this client belongs to no component")
    platform = _platform(request)
    dataset_id = request.path_params["dataset"]
    dataset_key = await platform.names.dataset(dataset_id)
    async with platform.control.connection() as conn:
        return await gate.permit_own(
            conn,
            client_key=caller.client_key,
            component_key=caller.component_key,
            component_id=caller.component_id,
            organization_id=caller.organization_id,
            subject=_subject(request),
            dataset_key=dataset_key,
            dataset_id=dataset_id,
        )


async def _own_permit(request: Request, caller: ClientCaller) -> Permit:
    """Leave to write the caller's own items. Raises Refused, recorded before it is raised."""

    async def judged() -> OwnVerdict | None:
        verdict = await _own(request, caller)
        return verdict if verdict.permit else await _refuse_own(request, caller, verdict)

    verdict = await until_released(judged)
    if verdict.permit is None:
        raise Refused(verdict.code or "forbidden")
    return verdict.permit


async def _refuse_own(request: Request, caller: ClientCaller, verdict: OwnVerdict) -> OwnVerdict | None:
    """Record a refusal of the caller's own items; None if it must be judged anew."""
    dataset_id = request.path_params["dataset"]
    source = {
        "dataset": dataset_id,
        "status": "refused",
        "provider": caller.component_id,
        "code": verdict.code,
    }
    detail = {"consumer": caller.component_id, "code": verdict.code, "sources": [source]}
    released = await _platform(request).hot.door.release(
        prepare(Kind.REFUSAL, _actor(caller), detail, verdict.judged)
    )
    return None if released is None else verdict


def _subject(request: Request) -> str:
    subject: str = request.path_params["subject"]
    if not _SUBJECT.fullmatch(subject):
        raise Problem("subject_unknown")
    return subject


def _item_id(request: Request) -> str:
    item_id: str = request.path_params["item"]
    if not _ITEM.fullmatch(item_id):
        raise Problem("invalid_request", "item id: letters, digits, . _ : -, at most 128")
    return item_id


@describes(
    request=ItemContent,
    response=Stored,
    codes=("invalid_request", *_STORE_CODES),
    example={
        "path": {"subject": _EXAMPLE_SUBJECT, "dataset": "steps", "item": "2026-11-24"},
        "body": {"content": {"date": "2026-11-24", "steps": 4210}, "observed_at": "2026-11-24T12:00:00Z"},
    },
)
async def put_item(request: Request, caller: ClientCaller) -> Response:
    """Create or replace one item of the caller's own component. 201 when created, 200 when replaced."""
    body = await read_json(request, ItemContent)
    item = _convert(
        NewItem, {"item_id": _item_id(request), "content": body.content, "observed_at": body.observed_at}
    )
    stored = (await _put(request, caller, [item]))[0]
    return answer(stored, 201 if stored.created else 200)


def _convert(shape: type[NewItem], members: dict[str, object]) -> NewItem:
    try:
        return msgspec.convert(members, shape)
    except msgspec.ValidationError as error:
        raise Problem("invalid_request", str(error)) from error


@describes(
    request=ManyItems,
    response=StoredItems,
    codes=("invalid_request", *_STORE_CODES),
    example={
        "path": {"subject": _EXAMPLE_SUBJECT, "dataset": "steps"},
        "body": {"items": [{"item_id": "2026-11-24", "content": {"date": "2026-11-24", "steps": 4210}}]},
    },
)
async def put_items(request: Request, caller: ClientCaller) -> Response:
    """Create or replace many items of one person and dataset: all, or none."""
    body = await read_json(request, ManyItems)
    return answer(StoredItems(await _put(request, caller, body.items)))


async def _put(request: Request, caller: ClientCaller, items: list[NewItem]) -> list[Stored]:
    permit = await _own_permit(request, caller)
    platform = _platform(request)
    async with platform.control.connection() as conn:
        dataset = await lookups.dataset(conn, permit.dataset_id)
    for item in items:
        check_content(dataset, decode(bytes(item.content), object))
    shape = shape_of(dataset.schema.get("properties") or {})
    return await actions.put_items(platform.control, platform.stores, permit, items, shape, _actor(caller))


def _actor(caller: ClientCaller) -> str:
    return f"component:{caller.component_id}"


@describes(
    response=OwnItems,
    query=Limit,
    codes=_STORE_CODES,
    example={"path": {"subject": _EXAMPLE_SUBJECT, "dataset": "steps"}, "query": {"limit": 10}},
)
async def own_items(request: Request, caller: ClientCaller) -> Response:
    """The caller's own items of one person and dataset, newest first."""
    limit = read_query(request, Limit).limit

    async def judged() -> tuple[OwnVerdict, list[Item]] | None:
        verdict = await _own(request, caller)
        if verdict.permit is None:
            refused = await _refuse_own(request, caller, verdict)
            return None if refused is None else (verdict, [])
        items = await _read_own(request, verdict.permit, limit)
        content = ItemsRead(
            component_id=verdict.permit.component_id,
            organization_id=verdict.permit.organization_id,
            dataset=verdict.permit.dataset_id,
            items=len(items),
        )
        made = prepare(Kind.ITEMS_READ, _actor(caller), content, verdict.judged)
        released = await _platform(request).hot.door.release(made)
        return None if released is None else (verdict, items)

    verdict, items = await until_released(judged)
    if verdict.permit is None:
        raise Refused(verdict.code or "forbidden")
    return answer(OwnItems(verdict.permit.provider_subject, verdict.permit.dataset_id, items))


async def _read_own(request: Request, permit: Permit, limit: int) -> list[Item]:
    result = await read(_platform(request).stores, permit, limit)
    if result.code is not None:
        raise Problem(result.code)
    return result.items or []


@describes(
    codes=("does_not_exist", *_STORE_CODES),
    status=204,
    example={"path": {"subject": _EXAMPLE_SUBJECT, "dataset": "steps", "item": "2026-11-24"}},
)
async def delete_item(request: Request, caller: ClientCaller) -> Response:
    """Delete one item. It can no longer be shared; its location goes with the last item."""
    permit = await _own_permit(request, caller)
    platform = _platform(request)
    await actions.delete_item(platform.control, platform.stores, permit, _item_id(request), _actor(caller))
    return Response(status_code=204)


@describes(
    response=Locations,
    query=LocationQuery,
    codes=("consent_missing", "consent_withdrawn", "subject_unknown", "dataset_unknown"),
    example={
        "path": {"subject": _EXAMPLE_SUBJECT},
        "query": {"dataset": "steps", "purpose": "health-support"},
    },
)
async def locations(request: Request, caller: ClientCaller) -> Response:
    """Where data of one kind about one person lies: holder organisation, component, count. Where it lies is
    personal too, so the same gate decides as for the data itself."""
    query = read_query(request, LocationQuery)
    subject = _subject(request)
    platform = _platform(request)
    if caller.component_key is None:
        raise Problem("forbidden", "this client belongs to no component")
    question = gate.Question(
        caller.client_key,
        caller.component_key,
        subject,
        await platform.names.dataset(query.dataset),
        await platform.names.purpose(query.purpose),
    )

    async def judged() -> tuple[Verdict, list[Location]] | None:
        async with platform.control.connection() as conn:
            verdict = (await gate.ask(conn, [question]))[0]
            places = await locations_of(conn, verdict.resident_key, {question.dataset_key})
        open_at = {permit.component_id for permit in verdict.permits}
        found = [place for place in places if place.component_id in open_at]
        released = await platform.hot.door.release(_looked_up(caller, query, verdict, found))
        return None if released is None else (verdict, found)

    verdict, found = await until_released(judged)
    if not verdict.permits:
        raise verdict.refusals[0].raised()
    return answer(Locations(subject, found))


def _looked_up(
    caller: ClientCaller, query: LocationQuery, verdict: Verdict, found: list[Location]
) -> Release:
    """The entry of a look-up, or of its refusal: where data lies is personal, too."""
    if not verdict.permits:
        sources = [
            {"dataset": query.dataset, "status": "refused", "provider": one.component_id, "code": one.code}
            for one in verdict.refusals
        ]
        detail = {
            "consumer": caller.component_id,
            "consumer_organization": caller.organization_id,
            "purpose": query.purpose,
            "sources": sources,
        }
        return prepare(Kind.REFUSAL, _actor(caller), detail, verdict.judged)
    content = LocationsRead(
        component_id=caller.component_id or "",
        organization_id=caller.organization_id,
        dataset=query.dataset,
        purpose=query.purpose,
        holders=sorted(place.component_id for place in found),
    )
    return prepare(Kind.LOCATIONS_READ, _actor(caller), content, verdict.judged)


@describes(
    request=ExchangeRequest,
    response=ExchangeAnswer,
    codes=(
        "consent_missing",
        "consent_refused",
        "consent_withdrawn",
        "consent_expired",
        "purpose_not_registered",
        "consumer_not_linked",
        "organization_suspended",
        "organization_not_certified",
        "service_not_certified",
        "outside_user_scope",
        "assurance_insufficient",
        "subject_unknown",
        "resident_inactive",
        "dataset_unknown",
        "idempotency_key_reused",
        "idempotency_item_changed",
    ),
    example={
        "body": {"subject": _EXAMPLE_SUBJECT, "purpose": "health-support", "datasets": ["steps", "vitals"]}
    },
)
async def exchange(request: Request, caller: ClientCaller) -> Response:
    """Items of one person from all permitted sources, in one answer. A source that the resident closed is listed
    with the reason; if none is open, the answer is 403 with the reason. `Idempotency-Key` makes retries one
    exchange: the gate is asked anew, and an item that changed since answers 409."""
    asked = await read_json(request, ExchangeRequest)
    retry_key = request.headers.get("idempotency-key")
    if retry_key is not None and not _RETRY_KEY.fullmatch(retry_key):
        raise Problem("invalid_request", "Idempotency-Key: 1 to 200 visible ASCII characters")
    proof = request.state.proof
    sender = ProofOfSender(proof.iat_ms, proof.fingerprint)
    return answer(await _platform(request).hot.run(caller, asked, sender, retry_key))

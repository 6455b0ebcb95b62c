"""`/personal/v1/…/items`: a component keeps its own items: store, read page by page or one by one, delete."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem, Refused
from moyai.base.plain_text import NUL
from moyai.consent import gate
from moyai.consent.gate import OwnVerdict
from moyai.consent.permit import Permit
from moyai.identity.model import ClientCaller
from moyai.ledger import Kind
from moyai.ledger.contents import ItemsRead, Part, Refusal
from moyai.ledger.release import prepare
from moyai.personal import actions
from moyai.personal.door import until_released
from moyai.personal.model import Condition, Item, NewItem, Stored
from moyai.personal.projection import StoredItem
from moyai.personal.reading import Pages, read_own, read_own_item
from moyai.registry import lookups, shape_of
from moyai.registry.datasets import check_content
from moyai.registry.schema_profile import is_closed
from moyai.web.operation import answer, decode, describes, read_json, read_query
from moyai.web.page_query import PageQuery
from moyai.web.personal import EXAMPLE_SUBJECT, actor_of, subject_of
from moyai.web.platform import Platform

T = TypeVar("T")

_ITEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_TAGS = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e]*"\s*(?:,\s*(?:W/)?"[\x21\x23-\x7e]*"\s*)*')
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')

_STORE_CODES = (*gate.OWN_CODES, "dataset_unknown", "source_unavailable")
_WRITE_CODES = (*_STORE_CODES, "store_missing")


class ItemContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`content` must fit the dataset's JSON Schema (see the catalogue)."""

    content: msgspec.Raw
    observed_at: str | None = None


class ManyItems(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    items: Annotated[list[NewItem], msgspec.Meta(min_length=1, max_length=1000)]


class StoredItems(msgspec.Struct, frozen=True):
    items: list[Stored]


class OwnItems(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page; `next` is the `cursor` of the next one, and missing on the last."""

    subject: str
    dataset: str
    items: list[Item]
    next: str | None = None


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
            subject=subject_of(request),
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
    component_id, code = caller.component_id or "", verdict.code or ""
    source = Part(dataset=dataset_id, status="refused", provider=component_id, code=code)
    detail = Refusal(consumer=component_id, code=code, sources=[source])
    released = await _platform(request).hot.door.release(
        prepare(Kind.REFUSAL, actor_of(caller), detail, verdict.judged)
    )
    return None if released is None else verdict


def _item_id(request: Request) -> str:
    item_id: str = request.path_params["item"]
    if not _ITEM.fullmatch(item_id):
        raise Problem("invalid_request", "item id: letters, digits, . _ : -, at most 128")
    return item_id


def _header(request: Request, name: str) -> str | None:
    """A header that may come in several lines, as one."""
    return ", ".join(request.headers.getlist(name)) or None


def _condition(request: Request) -> Condition:
    """`If-Match` and `If-None-Match` of a write (RFC 9110, 13.1)."""
    match, none = _header(request, "if-match"), _header(request, "if-none-match")
    if none is not None and (none.strip() != "*" or match is not None):
        raise Problem("invalid_request", "If-None-Match: only *, and without If-Match")
    if match is None:
        return Condition(absent=none is not None)
    if match.strip() != "*" and not _TAGS.fullmatch(match):
        raise Problem("invalid_request", "If-Match: * or entity tags in quotation marks")
    return Condition(("*",) if match.strip() == "*" else tuple(_TAG.findall(match)))


@describes(
    request=ItemContent,
    response=Stored,
    codes=("invalid_request", "content_invalid", "precondition_failed", *_WRITE_CODES),
    example={
        "path": {"subject": EXAMPLE_SUBJECT, "dataset": "steps", "item": "2026-11-24"},
        "body": {"content": {"date": "2026-11-24", "steps": 4210}, "observed_at": "2026-11-24T12:00:00Z"},
    },
)
async def put_item(request: Request, caller: ClientCaller) -> Response:
    """Create or replace one item of the caller's own component. 201 when created, 200 when replaced. With `If-Match`,
    only what has this `ETag` still; with `If-None-Match: *`, only what is not there."""
    condition = _condition(request)
    body = await read_json(request, ItemContent, NUL)
    item = _convert(
        NewItem, {"item_id": _item_id(request), "content": body.content, "observed_at": body.observed_at}
    )
    stored = (await _put(request, caller, [item], condition))[0]
    return answer(stored, 201 if stored.created else 200, {"ETag": stored.etag})


def _convert(shape: type[NewItem], members: dict[str, object]) -> NewItem:
    try:
        return msgspec.convert(members, shape)
    except msgspec.ValidationError as error:
        raise Problem("invalid_request", str(error)) from error


@describes(
    request=ManyItems,
    response=StoredItems,
    codes=("invalid_request", "content_invalid", *_WRITE_CODES),
    example={
        "path": {"subject": EXAMPLE_SUBJECT, "dataset": "steps"},
        "body": {"items": [{"item_id": "2026-11-24", "content": {"date": "2026-11-24", "steps": 4210}}]},
    },
)
async def put_items(request: Request, caller: ClientCaller) -> Response:
    """Create or replace many items of one person and dataset: all, or none."""
    body = await read_json(request, ManyItems, NUL)
    return answer(StoredItems(await _put(request, caller, body.items)))


async def _put(
    request: Request, caller: ClientCaller, items: list[NewItem], condition: Condition = actions.ALWAYS
) -> list[Stored]:
    permit = await _own_permit(request, caller)
    platform = _platform(request)
    async with platform.control.connection() as conn:
        dataset = await lookups.dataset(conn, permit.dataset_id)
    for item in items:
        check_content(dataset, decode(bytes(item.content), object, NUL))
    # what an open schema lets in is never taken for what its text names: its shape is not known
    shape = shape_of(dataset.schema["properties"]) if is_closed(dataset.schema) else None
    return await actions.put_items(
        platform.control, platform.stores, permit, items, shape, actor_of(caller), condition
    )


@describes(
    response=OwnItems,
    query=PageQuery,
    codes=(*_STORE_CODES, "item_too_large"),
    example={"path": {"subject": EXAMPLE_SUBJECT, "dataset": "steps"}, "query": {"limit": 10}},
)
async def own_items(request: Request, caller: ClientCaller) -> Response:
    """The caller's own items of one person and dataset, newest first, page by page: `next` is the `cursor` of the next
    page, and missing on the last. Each page is judged and on record."""
    page = read_query(request, PageQuery).page()

    async def find(permit: Permit) -> Pages:
        return await read_own(_platform(request).stores, permit, page)

    permit, pages = await _released(request, caller, find, lambda pages: len(_items(pages)))
    return answer(OwnItems(permit.provider_subject, permit.dataset_id, _items(pages), pages.next))


def _items(pages: Pages) -> list[Item]:
    return [item for result in pages.results for item in result.items or ()]


@describes(
    response=Item,
    codes=("does_not_exist", *_STORE_CODES, "item_too_large"),
    example={"path": {"subject": EXAMPLE_SUBJECT, "dataset": "steps", "item": "2026-11-24"}},
)
async def own_item(request: Request, caller: ClientCaller) -> Response:
    """One of the caller's own items, with its `ETag`."""
    item_id = _item_id(request)

    async def find(permit: Permit) -> StoredItem | None:
        return await read_own_item(_platform(request).stores, permit, item_id)

    _, found = await _released(request, caller, find, lambda found: int(found is not None))
    if found is None:
        raise Problem("does_not_exist", f"item {item_id}")
    return answer(found.item, headers={"ETag": found.etag})


async def _released(
    request: Request,
    caller: ClientCaller,
    find: Callable[[Permit], Awaitable[T]],
    count: Callable[[T], int],
) -> tuple[Permit, T]:
    """What the caller reads of its own, recorded before it is given. Raises Refused, recorded too."""

    async def judged() -> tuple[OwnVerdict, T | None] | None:
        verdict = await _own(request, caller)
        if verdict.permit is None:
            refused = await _refuse_own(request, caller, verdict)
            return None if refused is None else (verdict, None)
        found = await find(verdict.permit)
        content = ItemsRead(
            component_id=verdict.permit.component_id,
            organization_id=verdict.permit.organization_id,
            dataset=verdict.permit.dataset_id,
            items=count(found),
        )
        made = prepare(Kind.ITEMS_READ, actor_of(caller), content, verdict.judged)
        released = await _platform(request).hot.door.release(made)
        return None if released is None else (verdict, found)

    verdict, found = await until_released(judged)
    if verdict.permit is None:
        raise Refused(verdict.code or "forbidden")
    return verdict.permit, cast("T", found)


@describes(
    codes=("does_not_exist", "precondition_failed", "invalid_request", *_WRITE_CODES),
    status=204,
    example={"path": {"subject": EXAMPLE_SUBJECT, "dataset": "steps", "item": "2026-11-24"}},
)
async def delete_item(request: Request, caller: ClientCaller) -> Response:
    """Delete one item. It can no longer be shared; its location goes with the last item. With `If-Match`, only if
    it has this `ETag` still."""
    item_id, condition = _item_id(request), _condition(request)
    permit = await _own_permit(request, caller)
    platform = _platform(request)
    await actions.delete_item(platform.control, platform.stores, permit, item_id, actor_of(caller), condition)
    return Response(status_code=204)

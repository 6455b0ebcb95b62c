"""`/portal`: what residents see. Who may use my data, where is it, how do I stop it; and what happened."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base import store_restores
from moyai.base.db import Connection
from moyai.base.errors import CODES, Problem
from moyai.consent import history, overview, receipts, sharing, store
from moyai.consent.model import Act
from moyai.identity import transfers
from moyai.identity.model import Caller, ResidentCaller
from moyai.personal.locations import locations_of
from moyai.web import portal_build as build
from moyai.web.consent_sharing import described
from moyai.web.pages import Language, language_of, render
from moyai.web.platform import Platform
from moyai.web.portal_views import ServiceView, pictures, say

LATELY = 5
ROWS = 20


def platform_of(request: Request) -> Platform:
    return request.app.state.platform


def platform_name(request: Request, language: Language) -> str:
    named = platform_of(request).config.platform
    return say(language, named.name_ja, named.name_en)


def uuid_in_path(request: Request, name: str) -> UUID:
    """Raises Problem does_not_exist for anything that is no UUID."""
    try:
        return UUID(request.path_params[name])
    except ValueError as error:
        raise Problem("does_not_exist", name) from error


# --- for everybody --------------------------------------------------------------------------------------


async def landing(request: Request, caller: Caller) -> Response:
    """`/`: what this is, for whom, and a door for each."""
    return render(request, "portal/landing.html", caller)


async def explain_code(request: Request, caller: Caller) -> Response:
    """`/errors/CODE`: one code, in words, with what to do next."""
    code = request.path_params["code"]
    if code not in CODES:
        raise Problem("does_not_exist", "code")
    return render(request, "portal/code.html", caller, code=code, http_status=CODES[code].status)


async def reason(request: Request, caller: ResidentCaller) -> Response:
    """`/portal/reasons/CODE`: why something was not passed on, in words for the resident whom it concerns."""
    code = request.path_params["code"]
    if code not in CODES or CODES[code].resident_ja is None:
        raise Problem("does_not_exist", "code")
    return render(request, "portal/reason.html", caller, code=code)


# --- the three questions ----------------------------------------------------------------------------------


async def home(request: Request, caller: ResidentCaller) -> Response:
    """The first page: the three questions, the flow map, and what happened lately."""
    language = language_of(request)
    async with platform_of(request).control.connection() as conn:
        services = await decided_services(conn, caller, language)
        where = await locations_of(conn, caller.resident_key)
        lately = await history.page(conn, caller.resident_key, limit=LATELY)
        sharings = await described(conn, caller, await sharing.sharings(conn, caller))
        transfer = await transfers.of_resident(conn, caller.resident_key)
        losses = await store_restores.with_losses(conn)
    return render(
        request,
        "portal/home.html",
        caller,
        services=[each for each in services if each.in_use],
        users=build.users(services),
        viewers=build.viewers(sharings, build.open_links(services), language),
        holdings=[build.holding(place, language) for place in where],
        pictures=pictures(build.consent_edges(services, language), platform_name(request, language)),
        movements=[build.movement(row, language) for row in lately.rows],
        shared_with_me=[
            build.sharing(each, language)
            for each in sharings
            if each.role == "viewer" and each.state == "in_force"
        ],
        transfer=transfer,
        losses=losses,
    )


async def decided_services(conn: Connection, caller: ResidentCaller, language: Language) -> list[ServiceView]:
    """Services that the resident uses or was asked about, without links that were never decided."""
    return [build.service(each, language) for each in await overview.consents(conn, caller)]


async def data(request: Request, caller: ResidentCaller) -> Response:
    """Where the resident's data lies. Counts, never content."""
    language = language_of(request)
    async with platform_of(request).control.connection() as conn:
        where = await locations_of(conn, caller.resident_key)
    return render(
        request, "portal/data.html", caller, holdings=[build.holding(place, language) for place in where]
    )


async def consents(request: Request, caller: ResidentCaller) -> Response:
    """Every decision that is in force, with the way to change or stop it; and everybody who may look."""
    language = language_of(request)
    async with platform_of(request).control.connection() as conn:
        services = await decided_services(conn, caller, language)
        sharings = await described(conn, caller, await sharing.sharings(conn, caller))
        stopped = await _just_stopped(request, conn, caller)
    return render(
        request,
        "portal/consents.html",
        caller,
        services=services,
        viewers=build.viewers(sharings, build.open_links(services), language),
        done=request.query_params.get("done"),
        stopped=stopped,
        told="" if stopped is None else build.stopped_by(stopped, services, language),
    )


async def _just_stopped(request: Request, conn: Connection, caller: ResidentCaller) -> Act | None:
    """The act that this page is told of after a stop, if it is the resident's own."""
    try:
        act_id = UUID(request.query_params.get("receipt", ""))
    except ValueError:
        return None
    act = await store.act(conn, caller.resident_key, act_id)
    return act if act is not None and act.kind == "withdraw" else None


async def receipt(request: Request, caller: ResidentCaller) -> Response:
    """The receipt of one decision or withdrawal, to read and to print."""
    act_id, language = uuid_in_path(request, "act"), language_of(request)
    async with platform_of(request).control.connection() as conn:
        act = await store.act(conn, caller.resident_key, act_id)
        if act is None or act.receipt is None:
            raise Problem("does_not_exist", f"receipt {act_id}")
        payload = receipts.read(act.receipt, await receipts.public_keys(conn))
        service = await overview.consents_of_service(conn, caller, _service_of(payload))
    view = build.service(service, language)
    until = {
        each["moyai_link_id"]: msgspec.convert(each["retention_period"]["until"], type=datetime)
        for each in payload.get("pii_processing", [])
        if "until" in each["retention_period"]
    }
    decided = build.as_decided(view, act.links, until)
    return render(
        request,
        "portal/receipt.html",
        caller,
        service=decided,
        told=build.what_was_done(decided, language),
        others=[known.dataset for known in view.links if known.receipt and known.link_id not in act.links],
        changed=build.changed_since(view, decided),
        kind=act.kind,
        left=bool(act.content.get("left")),
        acted_at=act.acted_at,
        act_id=act_id,
        receipt=act.receipt,
        fresh="new" in request.query_params,
    )


def _service_of(payload: dict[str, object]) -> str:
    """The service a receipt is about: named at the top (withdrawal) or with each link (decision)."""
    named = msgspec.convert(payload, _Services)
    return (named.services or named.pii_processing[0].services)[0]


class _Processing(msgspec.Struct, frozen=True):
    services: list[str]


class _Services(msgspec.Struct, frozen=True):
    services: list[str] = []
    pii_processing: list[_Processing] = []


# --- what happened ------------------------------------------------------------------------------------------


async def movements(request: Request, caller: ResidentCaller) -> Response:
    """Every movement, refusal, view and act: newest first, and as a picture."""
    language, before = language_of(request), request.query_params.get("before")
    async with platform_of(request).control.connection() as conn:
        page = await history.page(conn, caller.resident_key, before=before, limit=ROWS)
        losses = await store_restores.with_losses(conn)
    rows = [build.movement(row, language) for row in page.rows]
    return render(
        request,
        "portal/history.html",
        caller,
        movements=rows,
        pictures=pictures(build.movement_edges(rows, language), platform_name(request, language)),
        newer=before is not None,
        older=page.next,
        losses=losses,
    )

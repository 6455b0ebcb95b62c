"""`/console`: what the operating organisation and auditors look at. Reads only; nothing here names a resident."""

from __future__ import annotations

from datetime import date, timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moyai import ledger, registry
from moyai.base.clock import tokyo, utc_now
from moyai.base.db import Connection
from moyai.identity.model import StaffCaller
from moyai.ledger import Daily, Kind
from moyai.ledger.log import status
from moyai.ledger.store_checkpoints import newest_checkpoints
from moyai.registry import Registered
from moyai.web import traffic
from moyai.web.console_page import render_console
from moyai.web.metrics import store_states
from moyai.web.platform import Platform

DAYS = 14
"""How far back the picture of exchanges and refusals goes."""

LATE_SECONDS = 10
"""The log is signed about once a second; older entries without an index mean that the worker is behind."""

REGISTRY_KINDS = [kind for kind in Kind if kind >= Kind.ORGANIZATION_REGISTERED]


def _platform(request: Request) -> Platform:
    return request.app.state.platform


async def _flows(conn: Connection, today: date) -> list[Daily]:
    kinds = (Kind.EXCHANGE, Kind.REFUSAL)
    return await ledger.daily(conn, today - timedelta(days=DAYS - 1), today, kinds=kinds)


async def overview(request: Request, caller: StaffCaller) -> Response:
    """The first page: is everything well, how much flowed, what was refused and why."""
    if not caller.roles & {"operator", "auditor"}:
        return RedirectResponse("/desk", status_code=303)
    today = tokyo(utc_now()).date()
    async with _platform(request).control.connection() as conn:
        rows = await _flows(conn, today)
        log, known = await status(conn), await registry.registered(conn)
        stores = await registry.all_stores(conn)
    days = traffic.per_day(rows, today, DAYS)
    return await render_console(
        request,
        "console/overview.html",
        caller,
        days=days,
        today=days[-1],
        chart=traffic.chart(days),
        week=traffic.chart(days[-7:], width=360),
        codes=traffic.refusals_by_code(rows),
        log=log,
        late=log.waiting_seconds > LATE_SECONDS,
        known=known,
        stores=stores,
        offered=[service for service in known.services if registry.is_offered(service)],
        suspended=[one for one in known.organizations if one.state == "suspended"],
    )


async def organizations(request: Request, caller: StaffCaller) -> Response:
    async with _platform(request).control.connection() as conn:
        known = await registry.registered(conn)
    return await render_console(
        request, "console/organizations.html", caller, known=known, services_of=_services_of(known)
    )


def _services_of(known: Registered) -> dict[str, list[registry.Service]]:
    return {
        one.organization_id: [s for s in known.services if s.organization_id == one.organization_id]
        for one in known.organizations
    }


async def services(request: Request, caller: StaffCaller) -> Response:
    """Services with their levels and terms, components, links with the three responsible organisations."""
    async with _platform(request).control.connection() as conn:
        known = await registry.registered(conn)
    authorises_only = _platform(request).config.brokers.personal == "external"
    responsible = {
        link.link_id: registry.responsibility(link, known.operator, authorises_only=authorises_only)
        for link in known.links
        if known.operator
    }
    return await render_console(
        request,
        "console/services.html",
        caller,
        known=known,
        kinds=registry.service_kinds(),
        responsible=responsible,
        terms={one.service_id: one for one in known.terms},
        organizations={one.organization_id: one for one in known.organizations},
    )


async def stores(request: Request, caller: StaffCaller) -> Response:
    platform = _platform(request)
    async with platform.control.connection() as conn:
        found = await registry.all_stores(conn)
        organizations = {one.organization_id: one for one in await registry.all_organizations(conn)}
    return await render_console(
        request,
        "console/stores.html",
        caller,
        stores=found,
        organizations=organizations,
        brokers=platform.config.brokers,
        states=store_states(),
    )


async def record(request: Request, caller: StaffCaller) -> Response:
    """The ledger: integration, checkpoints, witnesses, and the newest acts of the registry."""
    async with _platform(request).control.connection() as conn:
        log = await status(conn)
        checkpoints = await newest_checkpoints(conn, 20)
        witnesses = await registry.all_witnesses(conn)
        acts = await ledger.history(conn, 0, kinds=REGISTRY_KINDS, limit=50)
    return await render_console(
        request,
        "console/record.html",
        caller,
        log=log,
        late=log.waiting_seconds > LATE_SECONDS,
        checkpoints=checkpoints,
        witnesses=witnesses,
        acts=acts,
    )

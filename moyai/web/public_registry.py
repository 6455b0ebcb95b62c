"""Public pages of the registry: who is certified, and the terms as they are published (guidebook 3-3, 5-1)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from moyai import registry
from moyai.base.errors import Problem
from moyai.identity.model import Caller
from moyai.registry import successions
from moyai.web import portal_build as build
from moyai.web.pages import language_of, render
from moyai.web.platform import Platform


async def organizations(request: Request, caller: Caller) -> Response:
    """Certified organisations and the criteria they were reviewed against (R-089)."""
    platform: Platform = request.app.state.platform
    async with platform.control.connection() as conn:
        known = await registry.registered(conn)
        succeeded = await successions.successions(conn)
    offered = [service for service in known.services if registry.is_offered(service)]
    return render(
        request,
        "registry/organizations.html",
        caller,
        operator=known.operator,
        certified=[one for one in known.organizations if one.state == "certified"],
        suspended=[one for one in known.organizations if one.state == "suspended"],
        criteria=known.criteria,
        successions=[build.succession(one, language_of(request)) for one in succeeded],
        offered={
            one.organization_id: [s for s in offered if s.organization_id == one.organization_id]
            for one in known.organizations
        },
    )


async def terms(request: Request, caller: Caller) -> Response:
    """Terms in force, or an earlier version; a service's with its links, one click from the page's head (R-036)."""
    owner, version = request.path_params["owner"], _version(request)
    platform: Platform = request.app.state.platform
    async with platform.control.connection() as conn:
        service = None if owner == "platform" else await registry.service(conn, owner)
        key = service.service_key if service else None
        found = await registry.terms_version(conn, key, version)
        newest = found if version is None else await registry.terms_version(conn, key)
        operator = await registry.operating_organization(conn)
    return render(
        request,
        "registry/terms.html",
        caller,
        version=found,
        newest=newest,
        service=service,
        operator=operator,
    )


def _version(request: Request) -> int | None:
    """`?version=3`; `lang`, which every page takes, is not part of the API's query."""
    if "version" not in request.query_params:
        return None
    text = request.query_params["version"]
    if not (text.isascii() and text.isdigit()) or not 1 <= len(text) <= 6:
        raise Problem("does_not_exist", "no such version")
    return int(text)

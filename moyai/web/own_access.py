"""What acts for the resident now: browsers and apps, listed and ended by their own word, in portal and API."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.identity import live_access, sessions
from moyai.identity.live_access import LiveSession
from moyai.identity.model import ResidentCaller
from moyai.web.authorize import go
from moyai.web.operation import answer, describes
from moyai.web.pages import read_form, render, set_session
from moyai.web.portal import platform_of, uuid_in_path

_EXAMPLE = "6a3f2c1e-9b7d-4e21-8f54-2d9c0b7a1e63"


class OwnSessions(msgspec.Struct, frozen=True):
    """The one that was used last first."""

    sessions: list[LiveSession]


class OwnAuthorization(msgspec.Struct, frozen=True):
    """A program that acts for the resident (`touch_point`), or a service where they are logged in (`component`).

    `scopes` are those that it has now; `device` is the browser in which it was allowed; `current` marks the one that
    this answer is for.
    """

    authorization_id: UUID
    client_id: str
    kind: str
    name_ja: str
    name_en: str
    organization_id: str
    scopes: tuple[str, ...]
    device: str
    aal: int
    allowed_at: datetime
    used_at: datetime | None
    expires_at: datetime
    current: bool


class OwnAuthorizations(msgspec.Struct, frozen=True):
    """The newest first."""

    authorizations: list[OwnAuthorization]


# --- programs --------------------------------------------------------------------------------------------------


@describes(response=OwnSessions)
async def list_sessions(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.connection() as conn:
        found = await live_access.live_sessions(conn, caller)
    return answer(OwnSessions(found))


@describes(response=OwnAuthorizations)
async def list_authorizations(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.connection() as conn:
        found = await live_access.live_authorizations(conn, caller)
    return answer(OwnAuthorizations([_shown(one) for one in found]))


def _shown(one: live_access.LiveAuthorization) -> OwnAuthorization:
    return OwnAuthorization(
        one.authorization_id,
        one.client.client_id,
        one.client.kind,
        one.client.name_ja,
        one.client.name_en,
        one.client.organization_id,
        one.scopes,
        one.device,
        one.aal,
        one.allowed_at,
        one.used_at,
        one.expires_at,
        one.current,
    )


@describes(
    codes=("does_not_exist", "insufficient_user_authentication"),
    status=204,
    example={"path": {"session": "0" * 32}},
)
async def end_session(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.transaction() as conn:
        await live_access.end_session(conn, caller, request.path_params["session"])
    return Response(status_code=204)


@describes(
    codes=("does_not_exist", "insufficient_user_authentication"),
    status=204,
    example={"path": {"authorization": _EXAMPLE}},
)
async def end_authorization(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.transaction() as conn:
        await live_access.end_authorization(conn, caller, uuid_in_path(request, "authorization"))
    return Response(status_code=204)


@describes(codes=("insufficient_user_authentication",), status=204)
async def end_authorizations(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.transaction() as conn:
        await live_access.end_other_authorizations(conn, caller)
    return Response(status_code=204)


@describes(codes=("insufficient_user_authentication",), status=204)
async def end_others(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.transaction() as conn:
        await live_access.end_others(conn, caller, None)
    return Response(status_code=204)


# --- the page --------------------------------------------------------------------------------------------------


async def show(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.connection() as conn:
        browsers = await live_access.live_sessions(conn, caller)
        apps = await live_access.live_authorizations(conn, caller)
    done = request.query_params.get("done", "")
    return render(request, "portal/access.html", caller, browsers=browsers, apps=apps, done=done)


async def act(request: Request, caller: ResidentCaller) -> Response:
    form, platform = await read_form(request, caller), platform_of(request)
    wanted, name = form.get("act"), form.get("id", "")
    async with platform.control.transaction() as conn:
        if wanted == "session":
            await live_access.end_session(conn, caller, name)
        elif wanted == "authorization":
            await live_access.end_authorization(conn, caller, _uuid(name))
        elif wanted == "others":
            session = await sessions.read_session(conn, request.cookies.get(platform.cookie_name))
            opened = await live_access.end_others(conn, caller, session)
            done = go("/portal/access?done=others")
            return done if opened is None else set_session(request, done, opened.cookie)
        else:
            raise Problem("invalid_request", "act")
    return go(f"/portal/access?done={wanted}")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Problem("does_not_exist", "no such authorisation in force") from error

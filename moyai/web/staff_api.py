"""`/identity/v1/staff`: staff accounts, for programs of the operating organisation (everybody's) and of desks (their own)."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.identity import staff
from moyai.identity.model import ClientCaller, IssuedLogin
from moyai.identity.staff_model import Administrator, StaffAccount, StaffDeclaration
from moyai.registry.model import Change
from moyai.web import examples
from moyai.web.operation import answer, describes, read_json, read_query
from moyai.web.registry import SHARED_CODES, actor, given, platform_of
from moyai.web.registry_stops import ReasonQuery, SuspensionBody


class StaffList(msgspec.Struct, frozen=True):
    """Accounts, the newest first; disabled ones are among them."""

    staff: list[StaffAccount]


async def _by(conn: Connection, caller: ClientCaller) -> Administrator:
    return await staff.administrator(conn, caller.organization_id, actor(caller), None)


_CODES = (*SHARED_CODES, "does_not_exist", "organization_suspended", "too_many_pending")


@describes(response=StaffList, codes=("forbidden", "organization_suspended"))
async def list_staff(request: Request, caller: ClientCaller) -> Response:
    """Who works here, in which roles, with the last log-in."""
    async with platform_of(request).control.transaction() as conn:
        return answer(StaffList(await staff.accounts(conn, await _by(conn, caller))))


@describes(
    request=StaffDeclaration,
    response=Change,
    codes=(*_CODES, "staff_number_taken", "change_not_allowed"),
    example=examples.STAFF,
)
async def put_staff(request: Request, caller: ClientCaller) -> Response:
    """Create an account, or change its name and roles: 202 where a role that administers others waits for two persons."""
    body = await read_json(request, StaffDeclaration)
    async with platform_of(request).control.transaction() as conn:
        return given(await staff.put(conn, await _by(conn, caller), body))


@describes(request=SuspensionBody, response=Change, codes=_CODES, example=examples.STAFF_SUSPENSION)
async def disable(request: Request, caller: ClientCaller) -> Response:
    """The account and its sessions end at once, in all processes."""
    reason, journal = (await read_json(request, SuspensionBody)).reason, Journal.of(platform_of(request).home)
    async with platform_of(request).control.transaction() as conn:
        one = await staff.account(conn, await _by(conn, caller), request.path_params["staff"])
        return given(await staff.disable(conn, one.staff_id, reason, actor(caller), journal))


@describes(query=ReasonQuery, response=Change, codes=_CODES, example=examples.STAFF_END)
async def enable(request: Request, caller: ClientCaller) -> Response:
    """As it was before; it waits for two members of staff, or 24 hours (202)."""
    reason = read_query(request, ReasonQuery).reason
    async with platform_of(request).control.transaction() as conn:
        by = await _by(conn, caller)
        return given(await staff.enable(conn, by, request.path_params["staff"], reason))


@describes(response=Change, codes=(*_CODES, "login_missing"))
async def recover(request: Request, caller: ClientCaller) -> Response:
    """Password, authenticator and sessions end; then new ones can be issued. Of an administrator, two decide (202)."""
    journal = Journal.of(platform_of(request).home)
    async with platform_of(request).control.transaction() as conn:
        return given(
            await staff.recover(conn, await _by(conn, caller), request.path_params["staff"], journal)
        )


@describes(response=IssuedLogin, status=201, codes=(*_CODES, "staff_disabled", "login_exists"))
async def issue(request: Request, caller: ClientCaller) -> Response:
    """First secrets, shown once."""
    platform = platform_of(request)
    async with platform.control.transaction() as conn:
        by = await _by(conn, caller)
        issued = await staff.issue(
            conn,
            platform.box,
            by,
            request.path_params["staff"],
            platform.config.platform.name_ja,
            Journal.of(platform.home),
        )
    return answer(issued, 201)


@describes(response=Change, codes=_CODES)
async def unlock(request: Request, caller: ClientCaller) -> Response:
    """Nothing is held against the login any more: its owner need not wait."""
    async with platform_of(request).control.transaction() as conn:
        return given(await staff.unlock(conn, await _by(conn, caller), request.path_params["staff"]))

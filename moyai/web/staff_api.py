"""`/identity/v1/staff`: staff accounts, for programs of the operating organisation (everybody's) and of desks (their own).

A program makes accounts and ends them. First secrets it never sees: they are handed over by a person (`staff_pages`).
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.identity import staff, staff_logins
from moyai.identity.model import ClientCaller
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
    """Create an account, or change its name and roles: 202 where it waits for two persons, as a role that administers others
    does, and any role that somebody gains. First secrets are handed over by a person, at the pages of staff."""
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


@describes(response=Change, codes=_CODES)
async def recover(request: Request, caller: ClientCaller) -> Response:
    """Password, authenticator and sessions end; then a person hands over new ones. Of an administrator, two decide (202)."""
    journal = Journal.of(platform_of(request).home)
    async with platform_of(request).control.transaction() as conn:
        return given(
            await staff_logins.recover(conn, await _by(conn, caller), request.path_params["staff"], journal)
        )


@describes(response=Change, codes=_CODES)
async def unlock(request: Request, caller: ClientCaller) -> Response:
    """Nothing is held against the login any more: its owner need not wait."""
    async with platform_of(request).control.transaction() as conn:
        return given(await staff_logins.unlock(conn, await _by(conn, caller), request.path_params["staff"]))

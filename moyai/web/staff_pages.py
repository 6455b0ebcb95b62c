"""`/console/staff` and `/desk/staff`: staff accounts, for the operating organisation and for an organisation's own
administrator. The same pages in two frames."""

from __future__ import annotations

from typing import Any

import segno
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.identity import staff, staff_in_force, staff_logins
from moyai.identity.model import IssuedLogin, StaffCaller
from moyai.identity.staff_model import (
    ADMIN_ROLES,
    CONSOLE_ROLES,
    Administrator,
    StaffAccount,
    StaffDeclaration,
)
from moyai.registry import acting, store_parties, waiting
from moyai.registry.model import Change
from moyai.registry.pending import acts_about
from moyai.web import second_factor
from moyai.web.authorize import go
from moyai.web.console_page import render_console
from moyai.web.console_pending import code_page
from moyai.web.oauth import platform_of
from moyai.web.pages import Form, read_form
from moyai.web.registry import declared

_SAID = (
    "invalid_request",
    "staff_number_taken",
    "change_not_allowed",
    "second_person_required",
    "pending_ended",
    "too_many_pending",
    "staff_disabled",
    "login_exists",
    "login_missing",
    "first_login_missing",
)
ON_A_PAGE = 50
_NOUNS = frozenset({"staff", "staff_stop", "staff_login"})
_ROLES = {
    "desk": ("窓口", "Desk"),
    "staff_admin": ("職員の管理", "Administers staff"),
    "provider_admin": ("提供組織の管理", "Administers a provider"),
    "operator": ("運営", "Operator"),
    "auditor": ("監査", "Auditor"),
}
"""Roles with their words, in the order of the form."""


def _base(request: Request) -> str:
    return "/desk/staff" if request.url.path.startswith("/desk/") else "/console/staff"


async def _by(conn: Connection, request: Request, caller: StaffCaller) -> Administrator:
    """At the desk's pages, everybody administers their own organisation only."""
    person = caller.as_one_of_two
    by = await staff.administrator(conn, caller.organization_id, caller.actor, person)
    own = _base(request) == "/desk/staff"
    return Administrator(by.asker, by.organization_id, by.organization_key, by.everywhere and not own)


async def show(request: Request, caller: StaffCaller) -> Response:
    return await _list(request, caller)


async def _list(
    request: Request, caller: StaffCaller, problem: Problem | None = None, typed: Form | None = None
) -> Response:
    async with platform_of(request).control.transaction() as conn:
        by = await _by(conn, request, caller)
        found = await staff.accounts(conn, by)
        of = None if by.everywhere else by.organization_id
        acts = acts_about(_NOUNS)
        page = await waiting.waiting(
            conn, ON_A_PAGE, request.query_params.get("after"), organization_id=of, acts=acts
        )
        counted = await waiting.counts(conn, organization_id=of, acts=acts)
        parties = await store_parties.all_parties(conn) if by.everywhere else []
    return await _render(
        request,
        caller,
        "staff/list.html",
        problem,
        accounts=found,
        waiting=page.pending,
        next=page.next,
        counts=counted,
        parties=parties,
        own=by.organization_id,
        typed=typed or Form([]),
    )


async def _render(
    request: Request, caller: StaffCaller, page: str, problem: Problem | None, **shown: Any
) -> Response:
    base = _base(request)
    return await render_console(
        request,
        page,
        caller,
        status=200 if problem is None else problem.status,
        frame="desk/frame.html" if base == "/desk/staff" else "console/frame.html",
        base=base,
        roles=_ROLES
        if base == "/console/staff"
        else {k: v for k, v in _ROLES.items() if k not in CONSOLE_ROLES},
        admin_roles=ADMIN_ROLES,
        done=request.query_params.get("done", ""),
        problem=problem,
        **shown,
    )


async def put(request: Request, caller: StaffCaller) -> Response:
    """A new account, or other roles for one."""
    form = await read_form(request, caller)
    try:
        async with platform_of(request).control.transaction() as conn:
            by = await _by(conn, request, caller)
            change = await staff.put(conn, by, _declaration(form, by))
    except Problem as problem:
        if problem.code not in _SAID:
            raise
        return await _list(request, caller, problem, form)
    return go(f"{_base(request)}?done={change.outcome}")


def _declaration(form: Form, by: Administrator) -> StaffDeclaration:
    members = {name: form.get(name, "").strip() for name in ("login", "name", "staff_number")}
    organization_id = form.get("organization_id", "") if by.everywhere else by.organization_id
    return declared(
        StaffDeclaration, {**members, "organization_id": organization_id, "roles": form.getlist("role")}
    )


async def show_account(request: Request, caller: StaffCaller) -> Response:
    return await _one(request, caller)


async def _one(request: Request, caller: StaffCaller, problem: Problem | None = None) -> Response:
    async with platform_of(request).control.transaction() as conn:
        by = await _by(conn, request, caller)
        found = await staff.account(conn, by, request.path_params["staff"])
    return await _render(request, caller, "staff/account.html", problem, one=found)


async def act(request: Request, caller: StaffCaller) -> Response:
    """One act on one account: roles, disable, enable, recover, issue, unlock, confirm (whose account it is)."""
    form = await read_form(request, caller)
    platform = platform_of(request)
    journal = Journal.of(platform.home)
    try:
        async with platform.control.transaction() as conn:
            by = await _by(conn, request, caller)
            found = await staff.account(conn, by, request.path_params["staff"])
            if form.get("act") == "issue":
                name = platform.config.platform.name_ja
                issued = await staff_logins.issue(conn, platform.box, by, found.staff_id, name, journal)
                return await _handed_over(request, caller, found, issued)
            change = await _change(conn, by, found, form, journal)
    except Problem as problem:
        if problem.code not in _SAID:
            raise
        return await _one(request, caller, problem)
    return go(f"{_base(request)}/{found.staff_id}?done={change.outcome}")


async def _handed_over(
    request: Request, caller: StaffCaller, one: StaffAccount, issued: IssuedLogin
) -> Response:
    qr = segno.make(issued.totp_uri, error="m").svg_inline(scale=5, border=4, light="#fff", omitsize=False)
    return await _render(request, caller, "staff/issued.html", None, one=one, issued=issued, qr=qr)


async def _change(
    conn: Connection, by: Administrator, one: StaffAccount, form: Form, journal: Journal
) -> Change:
    wanted, reason = form.get("act", ""), form.get("reason", "").strip()
    if wanted == "disable":
        return await staff.disable(conn, one.staff_id, reason, by.actor, journal)
    if wanted == "enable":
        return await staff.enable(conn, by, one.staff_id, reason)
    if wanted == "recover":
        return await staff_logins.recover(conn, by, one.staff_id, journal)
    if wanted == "unlock":
        return await staff_logins.unlock(conn, by, one.staff_id)
    if wanted == "confirm":
        return await staff_in_force.ask(conn, one.staff_id, by.asker)
    if wanted == "roles":
        members: dict[str, Any] = {"login": one.login, "organization_id": one.organization_id}
        members |= {name: form.get(name, "").strip() for name in ("name", "staff_number")}
        return await staff.put(
            conn, by, declared(StaffDeclaration, {**members, "roles": form.getlist("role")})
        )
    raise Problem("invalid_request", "act")


async def answer_pending(request: Request, caller: StaffCaller) -> Response:
    """Stand for an act about staff, or revoke it."""
    form = await read_form(request, caller)
    pending, person = request.path_params["pending"], caller.as_one_of_two
    if form.get("act") == "confirm":
        step = await second_factor.step(request, caller, form)
        if step is not None:
            base = _base(request)
            frame = "desk/frame.html" if base == "/desk/staff" else "console/frame.html"
            return await code_page(request, *step, frame=frame, back=base)
    try:
        async with platform_of(request).control.transaction() as conn:
            answered = acting.confirm if form.get("act") == "confirm" else acting.revoke_as
            state = (await answered(conn, pending, person)).state
    except Problem as problem:
        if problem.code not in _SAID:
            raise
        return await _list(request, caller, problem)
    return go(f"{_base(request)}?done={state}")

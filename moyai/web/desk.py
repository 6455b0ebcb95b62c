"""`/desk`: the staffed desk. Enrol with evidence, find again, hand over logins, recover, move, erase.

Every act that cannot be taken back lightly asks once more. Names are searched by form, never by URL; every look has a reason.
"""

from __future__ import annotations

from typing import Any

import msgspec
import segno
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.identity import credentials, desk, residents, second_person, transfers
from moyai.identity.model import (
    DOCUMENT_CLASSES,
    PROOFING_METHODS,
    Desk,
    Evidence,
    IssuedLogin,
    Resident,
    StaffCaller,
)
from moyai.registry import store_parties
from moyai.web.authorize import go
from moyai.web.erasure import GROUNDS, erase_resident
from moyai.web.erasure import begin as begin_erasure
from moyai.web.oauth import platform_of
from moyai.web.pages import Form, read_form, render


async def desk_of(conn: Connection, caller: StaffCaller) -> Desk:
    return await desk.desk_of(conn, caller.organization_key, caller.actor, caller.staff_key)


def code_of(form: Form) -> str:
    """The municipality chosen from the list, or the code typed for one that does not take part."""
    chosen = form.get("municipality_code", "")
    return form.get("other_code", "").strip() if chosen == "other" else chosen


async def towns_of(request: Request) -> list[store_parties.Party]:
    async with platform_of(request).control.connection() as conn:
        return await store_parties.municipalities(conn)


def evidence_of(form: Form) -> Evidence:
    """Raises Problem invalid_request."""
    try:
        return msgspec.convert(
            {
                "level": int(form.get("level", "0")),
                "method": form.get("method", ""),
                "document_class": form.get("document_class", ""),
            },
            Evidence,
        )
    except (ValueError, msgspec.ValidationError) as error:
        raise Problem("invalid_request", "level") from error


async def _resident(conn: Connection, request: Request, caller: StaffCaller) -> tuple[Desk, Resident]:
    at = await desk_of(conn, caller)
    return at, await desk.at_desk(conn, at, request.path_params["resident"])


# --- find ---------------------------------------------------------------------------------------------------


async def home(request: Request, caller: StaffCaller) -> Response:
    return await _home(request, caller)


async def _home(request: Request, caller: StaffCaller, *, status: int = 200, **shown: Any) -> Response:
    async with platform_of(request).control.connection() as conn:
        party = await store_parties.party(conn, caller.organization_key)
    defaults: dict[str, Any] = {"text": "", "found": None, "reason": "", "note": "", "reason_missing": False}
    return render(
        request,
        "desk/home.html",
        caller,
        status=status,
        party=party,
        reasons=desk.REASONS,
        done=request.query_params.get("done", ""),
        **(defaults | shown),
    )


async def search(request: Request, caller: StaffCaller) -> Response:
    form = await read_form(request, caller)
    typed: dict[str, Any] = {
        "text": form.get("text", "")[:100],
        "reason": form.get("reason", ""),
        "note": form.get("note", "")[:200],
    }
    try:
        why = desk.looking(typed["reason"], typed["note"])
    except Problem as problem:
        return await _home(request, caller, status=problem.status, reason_missing=True, **typed)
    async with desk.transaction(platform_of(request).control) as conn:
        found = await desk.search(conn, await desk_of(conn, caller), typed["text"], why)
    return await _home(request, caller, found=found, **typed)


async def record(request: Request, caller: StaffCaller) -> Response:
    """The record with a reason in the URL; without one, the page that asks for it and looks at nothing."""
    reason = request.query_params.get("reason", "")
    if reason == "other" or reason not in desk.REASONS:
        return ask_reason(request, caller)
    return await _record(request, caller, desk.Looking(reason))


async def open_record(request: Request, caller: StaffCaller) -> Response:
    """The record, for the reason that the form gives."""
    form = await read_form(request, caller)
    try:
        why = desk.looking(form.get("reason", ""), form.get("note", "")[:200])
    except Problem as problem:
        return ask_reason(request, caller, problem.status)
    return await _record(request, caller, why)


def ask_reason(request: Request, caller: StaffCaller, status: int = 200, door: str = "") -> Response:
    """The page that asks why a record, or what is behind a `door` of it, is opened."""
    return render(
        request,
        "desk/reason.html",
        caller,
        status=status,
        resident_id=request.path_params["resident"][:40],
        reasons=desk.REASONS
        if not door
        else {key: one for key, one in desk.REASONS.items() if key != "other"},
        missing=status != 200,
        door=door,
    )


async def _record(request: Request, caller: StaffCaller, why: desk.Looking) -> Response:
    async with desk.transaction(platform_of(request).control) as conn:
        at = await desk_of(conn, caller)
        found = await desk.open_record(conn, at, request.path_params["resident"], why)
        pending = await transfers.of_resident(conn, found.resident.resident_key)
        waiting = await second_person.waiting(conn, at, found.resident)
    return render(
        request,
        "desk/resident.html",
        caller,
        found=found,
        why=why,
        methods=PROOFING_METHODS,
        documents=DOCUMENT_CLASSES,
        done=request.query_params.get("done", ""),
        towns=await towns_of(request),
        transfer=pending,
        waiting=waiting,
    )


# --- logins -------------------------------------------------------------------------------------------------


async def issue_login(request: Request, caller: StaffCaller) -> Response:
    """At once, or as one of two, as `recover`."""
    form, platform = await read_form(request, caller), platform_of(request)
    name = platform.config.platform.name_ja
    async with desk.transaction(platform.control) as conn:
        at, resident = await _resident(conn, request, caller)
        issued = await credentials.issue(
            conn, platform.box, at, resident, name, named=form.get("request", "")
        )
    if issued is None:
        return go(f"/desk/residents/{resident.resident_id}?reason=recovery&done=second")
    return _handed_over(request, caller, resident, issued)


async def ask_recovery(request: Request, caller: StaffCaller) -> Response:
    return await _recovery_page(request, caller)


async def _recovery_page(
    request: Request,
    caller: StaffCaller,
    problem: Problem | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    return await _ask(
        request,
        caller,
        "desk/recover.html",
        "recovery",
        waiting=await _waiting(request, caller, "recover"),
        documents=DOCUMENT_CLASSES,
        typed=typed or {},
        problem=problem,
        status=200 if problem is None else problem.status,
    )


async def _waiting(request: Request, caller: StaffCaller, act: str) -> second_person.Request | None:
    """What waits for a second clerk of this kind, about the resident of the path."""
    async with desk.transaction(platform_of(request).control) as conn:
        at, resident = await _resident(conn, request, caller)
        found = await second_person.waiting(conn, at, resident)
    return next((one for one in found if one.act == act), None)


async def recover(request: Request, caller: StaffCaller) -> Response:
    """At once, or as one of two, to whom stands there: the form names the request that was read, or that there was none,
    and the proof that the resident asked."""
    form, platform = await read_form(request, caller), platform_of(request)
    name, journal = platform.config.platform.name_ja, Journal.of(platform.home)
    typed = {name: form.get(name, "")[:40] for name in ("form", "document_class")}
    try:
        proof = desk.proven(form.get("form", ""), typed["document_class"])
        async with desk.transaction(platform.control) as conn:
            at, resident = await _resident(conn, request, caller)
            issued = await credentials.recover(
                conn, platform.box, at, resident, name, journal, proof, form.get("request", "")
            )
    except Problem as problem:
        if problem.code not in ("request_changed", "invalid_request", "proofing_insufficient"):
            raise
        return await _recovery_page(request, caller, problem, typed)
    if issued is None:
        return go(f"/desk/residents/{resident.resident_id}?reason=recovery&done=second")
    return _handed_over(request, caller, resident, issued)


def _handed_over(request: Request, caller: StaffCaller, resident: Resident, issued: IssuedLogin) -> Response:
    """Shown once: the secrets cannot be read again."""
    qr = segno.make(issued.totp_uri, error="m").svg_inline(scale=5, border=4, light="#fff", omitsize=False)
    address = f"{platform_of(request).base_url}/login"
    return render(request, "desk/login.html", caller, subject=resident, issued=issued, qr=qr, address=address)


async def _ask(request: Request, caller: StaffCaller, page: str, reason: str, **context: Any) -> Response:
    async with desk.transaction(platform_of(request).control) as conn:
        at = await desk_of(conn, caller)
        found = await desk.open_record(conn, at, request.path_params["resident"], desk.Looking(reason))
    return render(request, page, caller, found=found, towns=await towns_of(request), **context)


# --- proofed again, moved, erased ---------------------------------------------------------------------------


async def proof_again(request: Request, caller: StaffCaller) -> Response:
    form = await read_form(request, caller)
    async with desk.transaction(platform_of(request).control) as conn:
        at, resident = await _resident(conn, request, caller)
        await residents.proof_again(conn, at, resident, evidence_of(form))
    return go(f"/desk/residents/{resident.resident_id}?reason=identity_check&done=proofed")


async def ask_move(request: Request, caller: StaffCaller) -> Response:
    return await _ask(request, caller, "desk/move.html", "transfer", confirm=None)


async def move(request: Request, caller: StaffCaller) -> Response:
    """First shows what will be changed; with `confirmed` it is."""
    form = await read_form(request, caller)
    wanted = {name: form.get(name, "").strip() for name in ("postal_code", "address")}
    wanted["municipality_code"] = code_of(form)
    if (
        not residents.is_municipality_code(wanted["municipality_code"])
        or not 0 < len(wanted["address"]) <= 300
    ):
        raise Problem("invalid_request", "municipality_code or address")
    if form.get("confirmed") != "yes":
        return await _ask(request, caller, "desk/move.html", "transfer", confirm=wanted)
    async with desk.transaction(platform_of(request).control) as conn:
        at, resident = await _resident(conn, request, caller)
        await residents.move(
            conn, at, resident, wanted["municipality_code"], wanted["postal_code"], wanted["address"]
        )
    return go("/desk?done=moved")


async def ask_erasure(request: Request, caller: StaffCaller) -> Response:
    return await _erasure_page(request, caller)


async def _erasure_page(request: Request, caller: StaffCaller, **shown: Any) -> Response:
    waiting = await _waiting(request, caller, "erase")
    told: dict[str, Any] = {"grounds": GROUNDS, "waiting": waiting, "mistyped": False, "problem": None}
    return await _ask(request, caller, "desk/erase.html", "erasure", **(told | shown))


async def erase(request: Request, caller: StaffCaller) -> Response:
    """The first of two asks, the second does it; both type the resident ID: an erasure cannot be taken back.

    The form names the request that was read, or that there was none.
    """
    form = await read_form(request, caller)
    platform, resident_id = platform_of(request), request.path_params["resident"]
    named = form.get("request", "")
    if form.get("act") == "withdraw":
        return await _take_erasure_back(request, caller, named)
    ground = form.get("ground", "")
    if ground not in {known[0] for known in GROUNDS}:
        raise Problem("invalid_request", "ground")
    if form.get("typed", "").strip().upper() != resident_id.upper():
        return await _erasure_page(request, caller, mistyped=True)
    try:
        async with desk.transaction(platform.control) as conn:
            at = await desk_of(conn, caller)
            resident = await desk.for_erasure(conn, at, resident_id)
            asked = await _erasure_asked(conn, at, resident, ground, named)
            if asked is not None and resident.state == "active":
                await begin_erasure(conn, platform, resident)
    except Problem as problem:
        if problem.code not in ("second_person_required", "request_changed"):
            raise
        return await _erasure_page(request, caller, problem=problem, status=problem.status)
    if asked is None:
        return go(f"/desk/residents/{resident.resident_id}?reason=erasure&done=erasure_asked")
    closed = msgspec.structs.replace(resident, state="closed")
    await erase_resident(platform, closed, at.actor, asked["ground"])
    return render(request, "desk/erased.html", caller, erased=resident.resident_id, ground=asked["ground"])


async def _erasure_asked(
    conn: Connection, at: Desk, resident: Resident, ground: str, named: str
) -> dict[str, Any] | None:
    """What two stand for; None as long as it is one. What was begun, and a store did not answer, goes on as it was asked for."""
    if resident.state == "closed":
        return await second_person.begun(conn, "erase", resident) or {"ground": ground}
    return await second_person.stand(conn, at, "erase", resident, {"ground": ground}, named)


async def _take_erasure_back(request: Request, caller: StaffCaller, named: str) -> Response:
    try:
        async with desk.transaction(platform_of(request).control) as conn:
            at, resident = await _resident(conn, request, caller)
            await second_person.withdraw(conn, at, "erase", resident, named)
    except Problem as problem:
        if problem.code != "request_changed":
            raise
        return await _erasure_page(request, caller, problem=problem, status=problem.status)
    return go(f"/desk/residents/{resident.resident_id}?reason=erasure&done=taken_back")

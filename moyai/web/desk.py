"""`/desk`: the staffed desk. Enrol with evidence, find again, hand over logins, recover, move, erase.

Every act that cannot be taken back lightly asks once more. Names are searched by form, never by URL.
"""

from __future__ import annotations

from typing import Any

import msgspec
import segno
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import credentials, desk, residents
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
from moyai.web.erasure import erase_resident
from moyai.web.oauth import platform_of
from moyai.web.pages import Form, read_form, render

GROUNDS = (
    ("本人の申出", "本人の申出", "Asked for by the resident"),
    ("死亡", "死亡", "Death"),
    ("誤った登録", "誤った登録", "Enrolled by mistake"),
)
"""On what ground somebody is erased: recorded as the Japanese text, shown in both languages."""


async def desk_of(conn: Connection, caller: StaffCaller) -> Desk:
    return await desk.desk_of(conn, caller.organization_key, f"staff:{caller.login}")


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
    async with platform_of(request).control.connection() as conn:
        party = await store_parties.party(conn, caller.organization_key)
    moved = request.query_params.get("done") == "moved"
    return render(request, "desk/home.html", caller, party=party, text="", found=None, moved=moved)


async def search(request: Request, caller: StaffCaller) -> Response:
    form = await read_form(request, caller)
    text = form.get("text", "")[:100]
    async with platform_of(request).control.transaction() as conn:
        party = await store_parties.party(conn, caller.organization_key)
        found = await desk.search(conn, await desk_of(conn, caller), text)
    return render(request, "desk/home.html", caller, party=party, text=text, found=found, moved=False)


async def record(request: Request, caller: StaffCaller) -> Response:
    async with platform_of(request).control.transaction() as conn:
        at = await desk_of(conn, caller)
        found = await desk.open_record(conn, at, request.path_params["resident"])
    done = request.query_params.get("done", "")
    return render(
        request,
        "desk/resident.html",
        caller,
        found=found,
        methods=PROOFING_METHODS,
        documents=DOCUMENT_CLASSES,
        done=done,
        towns=await towns_of(request),
    )


# --- logins -------------------------------------------------------------------------------------------------


async def issue_login(request: Request, caller: StaffCaller) -> Response:
    await read_form(request, caller)
    platform = platform_of(request)
    async with platform.control.transaction() as conn:
        at, resident = await _resident(conn, request, caller)
        issued = await credentials.issue(conn, platform.box, at, resident, platform.config.platform.name_ja)
    return _handed_over(request, caller, resident, issued)


async def ask_recovery(request: Request, caller: StaffCaller) -> Response:
    return await _ask(request, caller, "desk/recover.html")


async def recover(request: Request, caller: StaffCaller) -> Response:
    await read_form(request, caller)
    platform = platform_of(request)
    async with platform.control.transaction() as conn:
        at, resident = await _resident(conn, request, caller)
        issued = await credentials.recover(conn, platform.box, at, resident, platform.config.platform.name_ja)
    return _handed_over(request, caller, resident, issued)


def _handed_over(request: Request, caller: StaffCaller, resident: Resident, issued: IssuedLogin) -> Response:
    """Shown once: the secrets cannot be read again."""
    qr = segno.make(issued.totp_uri, error="m").svg_inline(scale=5, border=4, light="#fff", omitsize=False)
    return render(request, "desk/login.html", caller, subject=resident, issued=issued, qr=qr)


async def _ask(request: Request, caller: StaffCaller, page: str, **context: Any) -> Response:
    async with platform_of(request).control.transaction() as conn:
        at = await desk_of(conn, caller)
        found = await desk.open_record(conn, at, request.path_params["resident"])
    return render(request, page, caller, found=found, towns=await towns_of(request), **context)


# --- proofed again, moved, erased ---------------------------------------------------------------------------


async def proof_again(request: Request, caller: StaffCaller) -> Response:
    form = await read_form(request, caller)
    async with platform_of(request).control.transaction() as conn:
        at, resident = await _resident(conn, request, caller)
        await residents.proof_again(conn, at, resident, evidence_of(form))
    return go(f"/desk/residents/{resident.resident_id}?done=proofed")


async def ask_move(request: Request, caller: StaffCaller) -> Response:
    return await _ask(request, caller, "desk/move.html", confirm=None)


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
        return await _ask(request, caller, "desk/move.html", confirm=wanted)
    async with platform_of(request).control.transaction() as conn:
        at, resident = await _resident(conn, request, caller)
        await residents.move(
            conn, at, resident, wanted["municipality_code"], wanted["postal_code"], wanted["address"]
        )
    return go("/desk?done=moved")


async def ask_erasure(request: Request, caller: StaffCaller) -> Response:
    return await _ask(request, caller, "desk/erase.html", grounds=GROUNDS, mistyped=False)


async def erase(request: Request, caller: StaffCaller) -> Response:
    """The resident ID has to be typed: an erasure cannot be taken back."""
    form = await read_form(request, caller)
    ground = form.get("ground", "")
    if ground not in {known[0] for known in GROUNDS}:
        raise Problem("invalid_request", "ground")
    if form.get("typed", "").strip().upper() != request.path_params["resident"].upper():
        return await _ask(request, caller, "desk/erase.html", grounds=GROUNDS, mistyped=True)
    platform = platform_of(request)
    async with platform.control.transaction() as conn:
        at = await desk_of(conn, caller)
        resident = await desk.for_erasure(conn, at, request.path_params["resident"])
    await erase_resident(platform, resident, at.actor, ground)
    return render(request, "desk/erased.html", caller, erased=resident.resident_id, ground=ground)

"""`/desk/enrol`: a person is proofed and enrolled, or found to be enrolled already, here or elsewhere."""

from __future__ import annotations

from datetime import date

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.identity import desk, residents, transfers
from moyai.identity.meetings import MeetsSomebody
from moyai.identity.model import DOCUMENT_CLASSES, PROOFING_METHODS, Desk, Enrolled, Person, StaffCaller
from moyai.registry import store_parties
from moyai.web.authorize import go
from moyai.web.desk import code_of, desk_of, evidence_of, towns_of
from moyai.web.oauth import platform_of
from moyai.web.pages import Form, read_form, render

_FIELDS = (
    "family_name",
    "given_name",
    "family_kana",
    "given_kana",
    "birth_date",
    "sex",
    "postal_code",
    "address",
    "municipality_code",
    "other_code",
    "method",
    "document_class",
    "level",
    "distinct_reason",
    "certificate",
    "resident_id",
)


async def show_enrolment(request: Request, caller: StaffCaller) -> Response:
    async with platform_of(request).control.connection() as conn:
        party = await store_parties.party(conn, caller.organization_key)
    codes = () if party is None else party.municipality_codes
    values = dict.fromkeys(_FIELDS, "") | {
        "municipality_code": codes[0] if codes else "",
        "level": "2",
        "method": "desk_document",
    }
    return await _enrolment(request, caller, values)


async def _enrolment(
    request: Request,
    caller: StaffCaller,
    values: dict[str, str],
    problem: Problem | None = None,
    known: list[Enrolled] | None = None,
    elsewhere: bool = False,
) -> Response:
    return render(
        request,
        "desk/enrol.html",
        caller,
        status=200 if problem is None else problem.status,
        values=values,
        problem=problem,
        known=known or [],
        elsewhere=elsewhere,
        methods=PROOFING_METHODS,
        documents=DOCUMENT_CLASSES,
        towns=await towns_of(request),
    )


def _person(form: Form) -> Person:
    """Raises Problem invalid_request."""
    fields = {
        name: form.get(name, "").strip()
        for name in (
            "family_name",
            "given_name",
            "family_kana",
            "given_kana",
            "sex",
            "postal_code",
            "address",
        )
    }
    fields["municipality_code"] = code_of(form)
    try:
        born = date.fromisoformat(form.get("birth_date", ""))
        return msgspec.convert({**fields, "birth_date": born}, Person)
    except (ValueError, msgspec.ValidationError) as error:
        raise Problem("invalid_request", _field_of(str(error))) from error


def _field_of(text: str) -> str:
    """The name of the field that an error is about, without the value."""
    named = [name for name in _FIELDS if f"$.{name}" in text]
    return named[0] if named else "birth_date"


async def take_enrolment(request: Request, caller: StaffCaller) -> Response:
    form = await read_form(request, caller)
    values = {name: form.get(name, "")[:300] for name in _FIELDS}
    control = platform_of(request).control
    async with control.connection() as conn:
        at = await desk_of(conn, caller)
    try:
        person, evidence = _person(form), evidence_of(form)
        if form.get("act") == "move_in":
            await transfers.ask(
                control, at, person, evidence, values["certificate"][:40], values["resident_id"]
            )
            return go("/desk/transfers?done=asked")
        resident = await residents.enrol_at(control, at, person, evidence, values["distinct_reason"])
    except Problem as problem:
        if isinstance(problem, MeetsSomebody) and (problem.here or problem.elsewhere):
            return await _meets(request, caller, values, problem, at)
        if problem.status in (401, 429, 500, 503):
            raise
        return await _enrolment(request, caller, values, problem)
    return go(f"/desk/residents/{resident.resident_id}?reason=enrolment&done=enrolled")


async def _meets(
    request: Request, caller: StaffCaller, values: dict[str, str], met: MeetsSomebody, at: Desk
) -> Response:
    """Who it may be: those of this desk by name; of others only that there is somebody."""
    async with desk.transaction(platform_of(request).control) as conn:
        known = [
            await desk.open_record(conn, at, one.resident_id, desk.Looking("enrolment")) for one in met.here
        ]
    return await _enrolment(request, caller, values, met, known, bool(met.elsewhere))

"""`/identity/v1`: the desk's work for programs. A client's organisation is the desk it acts for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import credentials, desk, residents, second_person
from moyai.identity.model import (
    ClientCaller,
    Desk,
    Evidence,
    IssuedLogin,
    MunicipalityCode,
    Person,
    Resident,
)
from moyai.web import examples
from moyai.web.oauth import platform_of
from moyai.web.operation import answer, describes, read_json

Reason = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[^\x00-\x1f]*$(?!\n)")]
_EXAMPLE_ID = "7Q2M-9XKD-4ZTA-B1WE"


class EnrolmentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person and what their proofing rests on. `distinct_reason` says why somebody with the same name and birth
    date is another person."""

    person: Person
    evidence: Evidence
    distinct_reason: Reason = ""


class ResidentView(msgspec.Struct, frozen=True):
    """A resident without the person behind the ID."""

    resident_id: str
    municipality_code: str
    ial: int
    state: str
    enrolled_at: datetime


class ResidentRecord(msgspec.Struct, frozen=True):
    """A resident as the desk sees one."""

    resident: ResidentView
    person: Person
    login: str | None


class Found(msgspec.Struct, frozen=True):
    """At most 50 residents of this desk."""

    residents: list[ResidentRecord]


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`q`: a resident ID, a birth date (YYYY-MM-DD), or the beginning of a name or its reading.

    `reason` is one of the desk's reasons; `other` needs a `note`. Both can be read by whoever is found.
    """

    q: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    reason: Annotated[str, msgspec.Meta(max_length=40)] = ""
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""


class LoginRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out is chosen by the platform. `again`: the answer before was lost; login and password are new ones of the
    platform then, and what was handed over before opens nothing. Not possible once somebody has logged in."""

    again: bool = False
    login: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    password: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class Residence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new address."""

    municipality_code: MunicipalityCode
    address: Annotated[str, msgspec.Meta(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f]*$(?!\n)")]
    postal_code: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{3}-?[0-9]{4})?$(?!\n)")] = ""


class ErasureRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ground` is what audits will read as the reason."""

    ground: Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$(?!\n)")]


class RecoveryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ground` is why the program asks; the clerk who recovers the login reads it."""

    ground: Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$(?!\n)")]


class RecoveryAsked(msgspec.Struct, frozen=True):
    """What waits for a clerk."""

    resident_id: str
    state: str = "waiting"


class ErasureAsked(msgspec.Struct, frozen=True):
    """What waits, and when it takes effect if nobody takes it back: null as long as no clerk stands for it."""

    resident_id: str
    takes_effect_at: datetime | None
    state: str = "waiting"


class ErasureEnded(msgspec.Struct, frozen=True):
    resident_id: str
    withdrawn: bool


def _view(resident: Resident) -> ResidentView:
    return ResidentView(
        resident.resident_id, resident.municipality_code, resident.ial, resident.state, resident.enrolled_at
    )


async def desk_of(conn: Connection, caller: ClientCaller) -> Desk:
    return await desk.desk_of(conn, caller.organization_key, f"client:{caller.client_id}")


_DESK_CODES = ("forbidden", "does_not_exist")


@describes(
    request=EnrolmentRequest,
    response=ResidentView,
    status=201,
    codes=(
        "resident_already_enrolled",
        "other_municipality",
        "proofing_insufficient",
        "invalid_request",
        "forbidden",
        "too_many_requests",
    ),
    example={"body": examples.ENROLMENT},
)
async def enrol(request: Request, caller: ClientCaller) -> Response:
    asked = await read_json(request, EnrolmentRequest)
    control = platform_of(request).control
    async with control.connection() as conn:
        at = await desk_of(conn, caller)
    resident = await residents.enrol_at(control, at, asked.person, asked.evidence, asked.distinct_reason)
    return answer(_view(resident), 201)


@describes(
    request=Search,
    response=Found,
    codes=("forbidden", "invalid_request", "reason_required"),
    example={"body": {"q": "ミホン", "reason": "identity_check"}},
)
async def search(request: Request, caller: ClientCaller) -> Response:
    asked = await read_json(request, Search)
    why = desk.looking(asked.reason, asked.note)
    async with desk.transaction(platform_of(request).control) as conn:
        found = await desk.search(conn, await desk_of(conn, caller), asked.q, why)
    return answer(Found([ResidentRecord(_view(one.resident), one.person, one.login) for one in found]))


@describes(
    request=LoginRequest,
    response=IssuedLogin,
    status=201,
    codes=(
        *_DESK_CODES,
        "transfer_pending",
        "login_exists",
        "login_taken",
        "password_too_weak",
        "invalid_request",
        "second_person_required",
    ),
    example={"path": {"resident": _EXAMPLE_ID}, "body": {}},
)
async def issue_login(request: Request, caller: ClientCaller) -> Response:
    asked = await read_json(request, LoginRequest)
    if asked.again and (asked.login is not None or asked.password is not None):
        raise Problem("invalid_request", "again: the platform chooses")
    platform = platform_of(request)
    async with desk.transaction(platform.control) as conn:
        at = await desk_of(conn, caller)
        resident = await desk.at_desk(conn, at, request.path_params["resident"])
        issued = await credentials.issue(
            conn,
            platform.box,
            at,
            resident,
            platform.config.platform.name_ja,
            asked.login,
            asked.password,
            again=asked.again,
        )
    if issued is None:
        raise Problem("second_person_required")
    return answer(issued, 201)


@describes(
    request=RecoveryRequest,
    response=RecoveryAsked,
    status=202,
    codes=(*_DESK_CODES, "login_missing", "transfer_pending", "invalid_request"),
    example={"path": {"resident": _EXAMPLE_ID}, "body": {"ground": "本人の申出"}},
)
async def recover(request: Request, caller: ClientCaller) -> Response:
    """Ask for a recovery. A clerk does it at the desk's page, to whom stands there and shows a document; a program gets no
    secrets of somebody who has a login. What nobody does in 30 days lapses."""
    asked = await read_json(request, RecoveryRequest)
    async with desk.transaction(platform_of(request).control) as conn:
        at = await desk_of(conn, caller)
        resident = await desk.at_desk(conn, at, request.path_params["resident"])
        await credentials.ask_for_recovery(conn, at, resident, asked.ground)
    return answer(RecoveryAsked(resident.resident_id), 202)


@describes(
    request=Evidence,
    response=ResidentView,
    codes=(*_DESK_CODES, "proofing_insufficient", "invalid_request"),
    example={"path": {"resident": _EXAMPLE_ID}, "body": examples.ENROLMENT["evidence"]},
)
async def proof_again(request: Request, caller: ClientCaller) -> Response:
    evidence = await read_json(request, Evidence)
    async with desk.transaction(platform_of(request).control) as conn:
        at = await desk_of(conn, caller)
        resident = await desk.at_desk(conn, at, request.path_params["resident"])
        await residents.proof_again(conn, at, resident, evidence)
    return answer(_view(msgspec.structs.replace(resident, ial=evidence.level)))


@describes(
    request=Residence,
    response=ResidentView,
    codes=(*_DESK_CODES, "invalid_request"),
    example={
        "path": {"resident": _EXAMPLE_ID},
        "body": {"municipality_code": "373419", "address": examples.address("373419", "2番地2")},
    },
)
async def move(request: Request, caller: ClientCaller) -> Response:
    asked = await read_json(request, Residence)
    async with desk.transaction(platform_of(request).control) as conn:
        at = await desk_of(conn, caller)
        resident = await desk.at_desk(conn, at, request.path_params["resident"])
        await residents.move(conn, at, resident, asked.municipality_code, asked.postal_code, asked.address)
    return answer(_view(msgspec.structs.replace(resident, municipality_code=asked.municipality_code)))


@describes(
    request=ErasureRequest,
    response=ErasureAsked,
    status=202,
    codes=(*_DESK_CODES,),
    example={"path": {"resident": _EXAMPLE_ID}, "body": {"ground": "本人の申出"}},
)
async def erase(request: Request, caller: ClientCaller) -> Response:
    """Ask for an erasure. It waits for two clerks at the desk's pages, or for one and 24 hours, and can be taken back until then.
    A program is nobody: where no clerk stands for it, nothing is erased, and after 30 days it lapses."""
    asked = await read_json(request, ErasureRequest)
    platform = platform_of(request)
    async with desk.transaction(platform.control) as conn:
        at = await desk_of(conn, caller)
        resident = await desk.at_desk(conn, at, request.path_params["resident"])
        content = {"ground": asked.ground}
        until = await second_person.ask_by_program(conn, at, "erase", resident, content)
    return answer(ErasureAsked(resident.resident_id, until), 202)


@describes(response=ErasureEnded, codes=(*_DESK_CODES,), example={"path": {"resident": _EXAMPLE_ID}})
async def take_back_erasure(request: Request, caller: ClientCaller) -> Response:
    """Nothing is erased. `withdrawn` is false where nothing waited."""
    platform = platform_of(request)
    async with desk.transaction(platform.control) as conn:
        at = await desk_of(conn, caller)
        resident = await desk.at_desk(conn, at, request.path_params["resident"])
        withdrawn = await second_person.withdraw(conn, at, "erase", resident)
    return answer(ErasureEnded(resident.resident_id, withdrawn))

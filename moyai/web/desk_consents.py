"""Showing and stopping consents for a resident who stands at the desk: page and API. No data, and never a yes."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.clock import utc_now
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import at_desk, overview, sharing
from moyai.consent.at_desk import Stopped
from moyai.identity import desk
from moyai.identity.model import DOCUMENT_CLASSES, ClientCaller, Desk, ForResident, Resident, StaffCaller
from moyai.registry import store_parties
from moyai.web import identity_api
from moyai.web import portal_build as build
from moyai.web.consent import this_platform
from moyai.web.consent_sharing import described
from moyai.web.desk import ask_reason, desk_of
from moyai.web.oauth import platform_of
from moyai.web.operation import answer, describes, read_json, read_query
from moyai.web.pages import Form, Language, language_of, read_form, render
from moyai.web.platform import Platform
from moyai.web.portal_views import ServiceView, SharingView

_EXAMPLE_ID = "7Q2M-9XKD-4ZTA-B1WE"
_STOPPING = desk.Looking("stop_request")
"""Why a clerk looks who is stopping something, with the number of the resident's request."""


class Look(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why: one of the desk's reasons but `other`. The resident reads it."""

    reason: Annotated[str, msgspec.Meta(max_length=40)] = ""

    def why(self) -> desk.Looking:
        """Raises Problem reason_required."""
        return desk.looking(self.reason)


FormNumber = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f]*$(?!\n)")]


class StopRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the resident wants stopped, and the proof that they asked: the number of the signed request, and the
    document that they showed. One service (or some of its links), one sharing, or, with neither, everything."""

    form: FormNumber
    document_class: Annotated[str, msgspec.Meta(max_length=40)]
    service_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    link_ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=200)] | None = None
    sharing_id: UUID | None = None


class DeskLink(msgspec.Struct, frozen=True):
    """One link as the resident decided on it."""

    link_id: str
    dataset_id: str
    standing: str


class DeskService(msgspec.Struct, frozen=True):
    """A service that the resident uses or was asked about."""

    service_id: str
    name_ja: str
    name_en: str
    in_use: bool
    links: list[DeskLink]


class DeskSharing(msgspec.Struct, frozen=True):
    """A sharing that the resident gave, without whom it was given to."""

    sharing_id: UUID
    service_id: str
    state: str


class DeskConsents(msgspec.Struct, frozen=True):
    """Consents and sharings of one resident; no data."""

    services: list[DeskService]
    sharings: list[DeskSharing]


class StoppedService(msgspec.Struct, frozen=True):
    """The act and its signed receipt, to be handed over."""

    service_id: str
    act_id: UUID
    links: dict[str, str]
    left: bool
    receipt: str


class StoppedAnswer(msgspec.Struct, frozen=True):
    """What was stopped."""

    services: list[StoppedService]
    sharings: int


def _checked(wanted: StopRequest) -> StopRequest:
    desk.proven(wanted.form, wanted.document_class)
    return wanted


def _acting(at: Desk, resident: Resident, form: str = "", document_class: str = "") -> ForResident:
    return ForResident(
        resident.resident_key,
        resident.resident_id,
        at.actor,
        at.organization_id,
        form.strip(),
        document_class,
    )


async def _stop(
    conn: Connection, platform: Platform, at: Desk, resident: Resident, asked: StopRequest
) -> Stopped:
    acting = _acting(at, resident, asked.form, asked.document_class)
    texts = this_platform(platform)
    if asked.sharing_id is not None:
        return await at_desk.stop_sharing(conn, acting, asked.sharing_id)
    if asked.service_id is not None:
        return await at_desk.stop_service(conn, acting, texts, platform.box, asked.service_id, asked.link_ids)
    return await at_desk.stop_everything(conn, acting, texts, platform.box)


# --- pages ----------------------------------------------------------------------------------------------------


async def show(request: Request, caller: StaffCaller) -> Response:
    """With the reason in the URL; without one, the page that asks for it and looks at nothing."""
    reason = request.query_params.get("reason", "")
    if reason == "other" or reason not in desk.REASONS:
        return ask_reason(request, caller, door="/consents")
    return await _page(request, caller, desk.Looking(reason))


async def _page(
    request: Request,
    caller: StaffCaller,
    why: desk.Looking,
    problem: Problem | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    language = language_of(request)
    async with desk.transaction(platform_of(request).control) as conn:
        at = await desk_of(conn, caller)
        found = await desk.open_record(conn, at, request.path_params["resident"], why)
        await desk.record_look(conn, at, found.resident.resident_key, "consents", why)
        services, given = await _standing(conn, _acting(at, found.resident), language)
    return render(
        request,
        "desk/consents.html",
        caller,
        status=200 if problem is None else problem.status,
        found=found,
        services=services,
        sharings=given,
        documents=DOCUMENT_CLASSES,
        problem=problem,
        typed=typed or {},
    )


async def _standing(
    conn: Connection, acting: ForResident, language: Language
) -> tuple[list[ServiceView], list[SharingView]]:
    services = [build.service(one, language) for one in await overview.consents(conn, acting)]
    known = await described(conn, acting, await sharing.sharings(conn, acting))
    return services, [
        build.sharing(one, language)
        for one in known
        if one.role == "sharer" and one.state in ("offered", "in_force")
    ]


async def stop(request: Request, caller: StaffCaller) -> Response:
    """Stop what was chosen, with the proof of the request; the answer is the sheet to hand over."""
    form, platform = await read_form(request, caller), platform_of(request)
    typed = {name: form.get(name, "")[:40] for name in ("form", "document_class")}
    try:
        asked = _from_form(form)
        async with desk.transaction(platform.control) as conn:
            at = await desk_of(conn, caller)
            resident = await desk.at_desk(conn, at, request.path_params["resident"])
            _, before = await _standing(conn, _acting(at, resident), language_of(request))
            stopped = await _stop(conn, platform, at, resident, asked)
            services, left = await _standing(conn, _acting(at, resident), language_of(request))
            office = None if resident.protected else await store_parties.party(conn, at.organization_key)
    except Problem as problem:
        if problem.code not in ("invalid_request", "proofing_insufficient", "service_not_in_use"):
            raise
        return await _page(request, caller, _STOPPING, problem, typed)
    return render(
        request,
        "desk/stopped.html",
        caller,
        subject=resident,
        stopped=_sheet(stopped, services),
        sharings=[one for one in before if one.sharing_id not in {each.sharing_id for each in left}],
        office=office,
        form_number=asked.form,
        document=DOCUMENT_CLASSES[asked.document_class],
        stopped_at=utc_now(),
    )


class StoppedView(msgspec.Struct, frozen=True):
    """One service of the sheet, by the names that the resident knows."""

    name: str
    data: tuple[str, ...]
    receipt: UUID
    left: bool


def _sheet(stopped: Stopped, services: list[ServiceView]) -> list[StoppedView]:
    known = {one.service_id: one for one in services}
    return [
        StoppedView(
            known[service_id].name,
            tuple(
                dict.fromkeys(link.dataset for link in known[service_id].links if link.link_id in made.links)
            ),
            made.act_id,
            made.left,
        )
        for service_id, made in stopped.withdrawals.items()
    ]


def _from_form(form: Form) -> StopRequest:
    """`what` is `everything`, `service:ID`, `link:SERVICE:ID` or `sharing:ID`. Raises Problem invalid_request."""
    kind, _, rest = form.get("what", "").partition(":")
    service_id, _, link_id = rest.partition(":")
    fields: dict[str, object] = {
        "form": form.get("form", "").strip(),
        "document_class": form.get("document_class"),
    }
    if kind == "service":
        fields["service_id"] = rest
    elif kind == "link":
        fields |= {"service_id": service_id, "link_ids": [link_id]}
    elif kind == "sharing":
        fields["sharing_id"] = rest
    elif kind != "everything":
        raise Problem("invalid_request", "what")
    try:
        return _checked(msgspec.convert(fields, StopRequest))
    except msgspec.ValidationError as error:
        raise Problem("invalid_request", "form" if "$.form" in str(error) else "what") from error


# --- API ------------------------------------------------------------------------------------------------------


@describes(
    response=DeskConsents,
    query=Look,
    codes=("forbidden", "does_not_exist", "reason_required"),
    example={"path": {"resident": _EXAMPLE_ID}, "query": {"reason": "consultation"}},
)
async def list_consents(request: Request, caller: ClientCaller) -> Response:
    why = read_query(request, Look).why()
    async with desk.transaction(platform_of(request).control) as conn:
        at = await identity_api.desk_of(conn, caller)
        resident = await desk.at_desk(conn, at, request.path_params["resident"])
        await desk.record_look(conn, at, resident.resident_key, "consents", why)
        acting = _acting(at, resident)
        standings = await overview.consents(conn, acting)
        given = await described(conn, acting, await sharing.sharings(conn, acting))
    services = [
        DeskService(
            one.service_id,
            one.name_ja,
            one.name_en,
            one.in_use,
            [DeskLink(link.link_id, link.dataset_id, link.standing) for link in one.links],
        )
        for one in standings
    ]
    own = [DeskSharing(one.sharing_id, one.service_id, one.state) for one in given if one.role == "sharer"]
    return answer(DeskConsents(services, own))


@describes(
    request=StopRequest,
    response=StoppedAnswer,
    codes=("forbidden", "does_not_exist", "service_not_in_use", "proofing_insufficient", "invalid_request"),
    example={
        "path": {"resident": _EXAMPLE_ID},
        "body": {"form": "2026-0417", "document_class": "my_number_card"},
    },
)
async def stop_for(request: Request, caller: ClientCaller) -> Response:
    asked, platform = _checked(await read_json(request, StopRequest)), platform_of(request)
    async with desk.transaction(platform.control) as conn:
        at = await identity_api.desk_of(conn, caller)
        resident = await desk.at_desk(conn, at, request.path_params["resident"])
        stopped = await _stop(conn, platform, at, resident, asked)
    services = [
        StoppedService(service_id, made.act_id, made.links, made.left, made.receipt)
        for service_id, made in stopped.withdrawals.items()
    ]
    return answer(StoppedAnswer(services, stopped.sharings))

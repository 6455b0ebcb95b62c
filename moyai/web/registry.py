"""`/registry/v1`: registration, certification and suspension by the operating organisation (guidebook 5-1).

Every act is the same as in a registry file. Putting the same thing twice changes nothing (200); a new one gives 201.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai import registry
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity.model import ClientCaller
from moyai.registry import others_entries, standing, two_persons
from moyai.registry.declarations import (
    AuthenticationServiceDeclaration,
    CertificationRequest,
    ClientDeclaration,
    ComponentDeclaration,
    CriteriaDeclaration,
    DatasetDeclaration,
    LinkDeclaration,
    OrganizationDeclaration,
    PlatformTermsDeclaration,
    PurposeDeclaration,
    ServiceDeclaration,
    ServiceTermsDeclaration,
    WitnessDeclaration,
)
from moyai.registry.model import (
    Change,
)
from moyai.registry.pending import Asker
from moyai.web import examples
from moyai.web.operation import answer, describes, read_json
from moyai.web.platform import Platform

Act = Callable[[Connection, Any, str], Awaitable[Change]]
OfTwo = Callable[[Connection, Any, Asker], Awaitable[Change]]
"""An act that may have to wait for a second person."""

SHARED_CODES = ("forbidden", "invalid_request", "malformed_request")


def platform_of(request: Request) -> Platform:
    return request.app.state.platform


def actor(caller: ClientCaller) -> str:
    return f"client:{caller.client_id}"


def asker(caller: ClientCaller) -> Asker:
    """A program asks, which is nobody: what takes two persons waits for both."""
    return Asker(actor(caller), caller.organization_id)


def alone(act: Act) -> OfTwo:
    """An act that takes one."""

    async def one(conn: Connection, declared: Any, by: Asker) -> Change:
        return await act(conn, declared, by.actor)

    return one


async def require_operator(conn: Connection, caller: ClientCaller) -> None:
    """The registry is the operating organisation's. Raises Problem: forbidden, organization_*."""
    organization = await registry.organization(conn, caller.organization_id)
    if organization.kind != "operating_organization":
        raise Problem("forbidden", "only the operating organisation registers")
    if code := standing.of_organization(organization.state):
        raise Problem(code)


def given(change: Change) -> Response:
    """201 for what is new, 202 for what waits for a second person (`pending` names it), else 200."""
    return answer(change, {"created": 201, "pending": 202}.get(change.outcome, 200))


# --- registering ------------------------------------------------------------------------------------


def without(shape: type[msgspec.Struct], name: str) -> Any:
    """The body of a PUT: a declaration without the id that the path already says."""
    fields: list[Any] = []
    for field in msgspec.structs.fields(shape):
        if field.name != name and field.default_factory is not msgspec.NODEFAULT:
            fields.append((field.name, field.type, msgspec.field(default_factory=field.default_factory)))
        elif field.name != name and field.default is not msgspec.NODEFAULT:
            fields.append((field.name, field.type, field.default))
        elif field.name != name:
            fields.append((field.name, field.type))
    body = msgspec.defstruct(
        f"{shape.__name__.removesuffix('Declaration')}Body",
        fields,
        frozen=True,
        forbid_unknown_fields=True,
        kw_only=True,
    )
    body.__doc__ = shape.__doc__
    return body


def putting(
    shape: type[msgspec.Struct], id_name: str, act: OfTwo, codes: tuple[str, ...], example: dict[str, Any]
) -> Callable[[Request, ClientCaller], Awaitable[Response]]:
    """A handler that registers one thing under the id in its path, or changes it."""
    body_shape = without(shape, id_name)

    @describes(request=body_shape, response=Change, codes=(*SHARED_CODES, *codes), example=example)
    async def put(request: Request, caller: ClientCaller) -> Response:
        body = await read_json(request, body_shape)
        members: dict[str, Any] = {name: getattr(body, name) for name in body.__struct_fields__}
        members[id_name] = request.path_params["id"]
        return given(
            await carry_out(request, caller, lambda conn: act(conn, declared(shape, members), asker(caller)))
        )

    return put


def declared(shape: type[msgspec.Struct], members: dict[str, Any]) -> Any:
    """The declaration, its id checked like everything else. Raises Problem("invalid_request")."""
    try:
        return msgspec.convert(msgspec.to_builtins(members), shape)
    except msgspec.ValidationError as error:
        raise Problem("invalid_request", str(error)) from error


async def carry_out(
    request: Request, caller: ClientCaller, act: Callable[[Connection], Awaitable[Change]]
) -> Change:
    """One act of the operating organisation, in a transaction of its own."""
    async with platform_of(request).control.transaction() as conn:
        await require_operator(conn, caller)
        return await act(conn)


put_organization = putting(
    OrganizationDeclaration,
    "organization_id",
    two_persons.put_organization,
    (
        "operating_organization_exists",
        "change_not_allowed",
        "municipality_taken",
        "succession_required",
        "too_many_pending",
    ),
    examples.ORGANIZATION,
)
put_criteria = putting(
    CriteriaDeclaration,
    "criteria_version",
    alone(registry.publish_criteria),
    ("change_not_allowed",),
    examples.CRITERIA,
)
put_authentication_service = putting(
    AuthenticationServiceDeclaration,
    "authentication_service_id",
    alone(registry.register_authentication_service),
    (),
    examples.AUTHENTICATION_SERVICE,
)
put_dataset = putting(
    DatasetDeclaration,
    "dataset_id",
    others_entries.put_dataset,
    ("dataset_schema_invalid", "too_many_pending"),
    examples.DATASET,
)
put_purpose = putting(
    PurposeDeclaration, "purpose_id", others_entries.put_purpose, ("too_many_pending",), examples.PURPOSE
)
put_component = putting(
    ComponentDeclaration,
    "component_id",
    others_entries.put_component,
    (
        "does_not_exist",
        "contractor_not_named",
        "change_not_allowed",
        "succession_required",
        "too_many_pending",
    ),
    examples.COMPONENT,
)
put_service = putting(
    ServiceDeclaration,
    "service_id",
    others_entries.put_service,
    (
        "does_not_exist",
        "service_kind_unknown",
        "level_reason_missing",
        "change_not_allowed",
        "too_many_pending",
    ),
    examples.SERVICE,
)
put_link = putting(
    LinkDeclaration,
    "link_id",
    others_entries.put_link,
    (
        "does_not_exist",
        "link_text_missing",
        "link_not_possible",
        "already_exists",
        "change_not_allowed",
        "link_ended",
        "too_many_pending",
    ),
    examples.LINK,
)
put_service_terms = putting(
    ServiceTermsDeclaration,
    "service",
    alone(registry.publish_service_terms),
    ("does_not_exist", "terms_incomplete", "terms_not_published", "audit_not_scheduled"),
    examples.SERVICE_TERMS,
)
put_client = putting(
    ClientDeclaration,
    "client_id",
    two_persons.put_client,
    ("does_not_exist", "client_invalid", "change_not_allowed", "too_many_pending"),
    examples.CLIENT,
)
put_witness = putting(
    WitnessDeclaration,
    "witness_id",
    two_persons.put_witness,
    ("does_not_exist", "witness_key_invalid", "witness_ended", "too_many_pending"),
    examples.WITNESS,
)


@describes(
    request=PlatformTermsDeclaration,
    response=Change,
    codes=(*SHARED_CODES, "terms_incomplete", "audit_not_scheduled"),
    example=examples.PLATFORM_TERMS,
)
async def put_platform_terms(request: Request, caller: ClientCaller) -> Response:
    body = await read_json(request, PlatformTermsDeclaration)
    return given(
        await carry_out(
            request, caller, lambda conn: registry.publish_platform_terms(conn, body, actor(caller))
        )
    )


# --- certification -------------- -------------------------------------------------------------------


class CertificationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who reviewed, against which published criteria. The reviewing organisation is the caller's own."""

    criteria_version: Annotated[str, msgspec.Meta(max_length=40)]
    reviewer: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


@describes(
    request=CertificationBody,
    response=Change,
    codes=(
        *SHARED_CODES,
        "does_not_exist",
        "criteria_not_published",
        "organization_suspended",
        "reviewer_not_independent",
    ),
    example=examples.CERTIFICATION,
)
async def certify_organization(request: Request, caller: ClientCaller) -> Response:
    """The operating organisation certifies others; a member certifies the operating organisation."""
    body = await read_json(request, CertificationBody)
    review = CertificationRequest(body.criteria_version, body.reviewer, caller.organization_id)
    async with platform_of(request).control.transaction() as conn:
        change = await registry.certify_organization(conn, request.path_params["id"], review, actor(caller))
    return given(change)


@describes(
    response=Change,
    codes=(*SHARED_CODES, "does_not_exist", "organization_not_certified", "terms_not_published"),
    example={"path": {"id": "nemuri"}},
)
async def certify_service(request: Request, caller: ClientCaller) -> Response:
    one = request.path_params["id"]
    return given(
        await carry_out(request, caller, lambda conn: registry.certify_service(conn, one, actor(caller)))
    )

"""Organisations: registered, certified against published criteria, suspended, reinstated (guidebook 5-1, R-088).

The founding members certify the operating organisation; the operating organisation certifies everybody else.
Nobody reviews their own organisation.
"""

from __future__ import annotations

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import OrganizationCertified, Replaced, TermsPublished
from moyai.registry import lookups
from moyai.registry import store_organizations as store
from moyai.registry.declarations import (
    CertificationRequest,
    CriteriaDeclaration,
    OrganizationDeclaration,
)
from moyai.registry.hashing import digest
from moyai.registry.model import (
    PUBLIC_KINDS,
    Change,
    Organization,
)
from moyai.registry.places import municipalities
from moyai.registry.recording import builtins, require_clean, settle, shown
from moyai.registry.store import lock_for_writing
from moyai.registry.successions import keep_names


async def register_organization(conn: Connection, declared: OrganizationDeclaration, actor: str) -> Change:
    """Register an organisation or change its entry; its standing is decided by certification alone.

    Raises Problem: invalid_request (a code that names no municipality; a municipality without its code),
    operating_organization_exists, change_not_allowed (the kind of a certified organisation), municipality_taken (a
    code of another municipality's), succession_required (another name than residents have read).
    """
    require_clean(declared)
    _check_municipalities(declared)
    await lock_for_writing(conn)
    stored = await store.organization(conn, declared.organization_id)
    await _check_kind(conn, declared, stored)
    await _check_codes_free(conn, declared, stored)
    declared = await keep_names(conn, "organization", declared.organization_id, declared, stored)
    return await settle(
        conn,
        "organization",
        declared.organization_id,
        Kind.ORGANIZATION_REGISTERED,
        actor,
        builtins(declared),
        builtins(stored) if stored else None,
        lambda: store.put_organization(conn, declared),
    )


def _check_municipalities(declared: OrganizationDeclaration) -> None:
    unknown = [code for code in declared.municipality_codes if code not in municipalities()]
    if unknown:
        raise Problem("invalid_request", f"no such municipality: {', '.join(unknown)}")
    if declared.kind == "municipality" and len(declared.municipality_codes) != 1:
        raise Problem("invalid_request", "a municipality has exactly one municipality code")
    if declared.kind == "wide_area_union" and len(declared.municipality_codes) < 2:
        raise Problem("invalid_request", "a wide-area union names the municipalities that are its members")


async def _check_kind(
    conn: Connection, declared: OrganizationDeclaration, stored: Organization | None
) -> None:
    if stored and stored.kind != declared.kind and stored.state != "registered":
        raise Problem("change_not_allowed", "the kind of an organisation that was certified")
    if declared.kind == "operating_organization":
        operator = await store.operating_organization(conn)
        if operator and operator.organization_id != declared.organization_id:
            raise Problem("operating_organization_exists", f"it is {operator.organization_id}")


async def _check_codes_free(
    conn: Connection, declared: OrganizationDeclaration, stored: Organization | None
) -> None:
    """One municipality has one code, and one code has one municipality: its desk looks after those who live there."""
    if declared.kind != "municipality":
        return
    had = stored.municipality_codes if stored and stored.kind == "municipality" else []
    for other in await others_with(conn, declared):
        if other.kind == "municipality" and set(declared.municipality_codes) - set(had):
            raise Problem("municipality_taken", f"it is {other.organization_id}'s")


async def others_with(conn: Connection, declared: OrganizationDeclaration) -> list[Organization]:
    """Other organisations that have one of these municipality codes."""
    codes = set(declared.municipality_codes)
    return [
        one
        for one in await store.organizations(conn)
        if one.organization_id != declared.organization_id and codes & set(one.municipality_codes)
    ]


async def publish_criteria(conn: Connection, declared: CriteriaDeclaration, actor: str) -> Change:
    """Publish a version of the certification criteria. Raises Problem("change_not_allowed") for one that differs
    from what was published under this version."""
    require_clean(declared)
    await lock_for_writing(conn)
    content = {name: value for name, value in builtins(declared).items() if value is not None}
    fingerprint = digest(content)
    stored = await store.criteria(conn, declared.criteria_version)
    if stored is not None:
        if stored.sha256 != fingerprint.hex():
            raise Problem(
                "change_not_allowed",
                f"criteria {declared.criteria_version} are published; publish a new version",
            )
        return Change("criteria", declared.criteria_version, "unchanged")
    await store.add_criteria(conn, declared.criteria_version, content, fingerprint)
    version, sha256 = Replaced(None, declared.criteria_version), Replaced(None, fingerprint.hex())
    detail = TermsPublished(noun="criteria", id=declared.criteria_version, version=version, sha256=sha256)
    await record(conn, Act(kind=Kind.TERMS_PUBLISHED, actor=actor, detail=detail))
    return Change("criteria", declared.criteria_version, "created")


async def certify_organization(
    conn: Connection, organization_id: str, request: CertificationRequest, actor: str
) -> Change:
    """Certify after a review. Certifying again under a newer version renews; under the same it changes nothing.

    Raises Problem: does_not_exist, criteria_not_published, organization_suspended, reviewer_not_independent.
    """
    require_clean(request)
    await lock_for_writing(conn)
    stored = await lookups.organization(conn, organization_id)
    if stored.state == "suspended" and stored.criteria_version == request.criteria_version:
        return Change("certification", organization_id, "unchanged")  # and suspended it stays
    if stored.state == "suspended":
        raise Problem("organization_suspended", "end the suspension first")
    if await store.criteria(conn, request.criteria_version) is None:
        raise Problem("criteria_not_published", f"version {request.criteria_version!r}")
    await _check_reviewer(conn, stored, request.reviewer_organization)
    if stored.state == "certified" and stored.criteria_version == request.criteria_version:
        return Change("certification", organization_id, "unchanged")
    await store.certify(
        conn, organization_id, request.criteria_version, request.reviewer, request.reviewer_organization
    )
    await record(conn, Act(Kind.ORGANIZATION_CERTIFIED, actor, detail=_certified(stored, request)))
    renewed = stored.state == "certified"
    fields = ("criteria_version",) if renewed else ()
    return Change("certification", organization_id, "changed" if renewed else "created", fields)


def _certified(stored: Organization, request: CertificationRequest) -> OrganizationCertified:
    return OrganizationCertified(
        noun="organization",
        id=stored.organization_id,
        criteria_version=Replaced(stored.criteria_version, request.criteria_version),
        reviewer_organization=Replaced(stored.reviewer_organization_id, request.reviewer_organization),
        reviewer=Replaced(shown("reviewer", stored.reviewer), shown("reviewer", request.reviewer)),
    )


async def _check_reviewer(conn: Connection, applicant: Organization, reviewer_id: str) -> None:
    reviewer = await lookups.organization(conn, reviewer_id)
    if reviewer.organization_id == applicant.organization_id:
        raise Problem("reviewer_not_independent", "an organisation does not review itself")
    if applicant.kind == "operating_organization":
        if reviewer.kind not in PUBLIC_KINDS:
            raise Problem("reviewer_not_independent", "the operating organisation is reviewed by its members")
    elif reviewer.kind != "operating_organization" or reviewer.state != "certified":
        raise Problem("reviewer_not_independent", "the certified operating organisation reviews")

"""Publishing terms: every version stays, with the hash of what was rendered (guidebook 1.2.6, 3-1…3-4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from moyai.base.clock import tokyo, utc_now
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import Replaced, TermsPublished
from moyai.registry import lookups, store_links, store_organizations, store_services
from moyai.registry import store_terms as store
from moyai.registry.declarations import (
    PlatformTermsDeclaration,
    ServiceTermsDeclaration,
)
from moyai.registry.hashing import digest
from moyai.registry.model import (
    Change,
    Component,
    Criteria,
    Service,
    TermsVersion,
)
from moyai.registry.recording import require_clean
from moyai.registry.store import lock_for_writing
from moyai.registry.terms_text import missing_texts, platform_content, service_content, without_links


async def publish_platform_terms(conn: Connection, declared: PlatformTermsDeclaration, actor: str) -> Change:
    """Publish データ連携基盤利用規約 in the name of the operating organisation, if its text differs from what is
    in force. Raises Problem: terms_incomplete (R-078), audit_not_scheduled (R-038), does_not_exist."""
    _check(declared)
    await lock_for_writing(conn)
    operator = await lookups.operating_organization(conn)
    criteria = await _criteria(conn, declared)
    return await _publish(
        conn, None, "platform", platform_content(declared, operator, criteria), declared, actor
    )


async def publish_service_terms(conn: Connection, declared: ServiceTermsDeclaration, actor: str) -> Change:
    """Publish サービス利用規約, filled from the registry of components and links, if its text differs from what
    is in force. Raises Problem: terms_incomplete, audit_not_scheduled, terms_not_published (the platform's, to
    which it links; R-079), does_not_exist."""
    _check(declared)
    await lock_for_writing(conn)
    service = await lookups.service(conn, declared.service)
    if await store.terms(conn, None) is None:
        raise Problem("terms_not_published", "terms of platform")
    content = service_content(
        declared,
        service,
        {one.organization_id: one for one in await store_organizations.organizations(conn)},
        await _components(conn, service),
        await store_links.links(conn, service_key=service.service_key),
        await _criteria(conn, declared),
    )
    return await _publish(conn, service.service_key, service.service_id, content, declared, actor)


def _check(declared: PlatformTermsDeclaration | ServiceTermsDeclaration) -> None:
    require_clean(declared)
    missing = missing_texts(declared)
    if missing:
        raise Problem("terms_incomplete", ", ".join(missing), missing=missing)


async def _criteria(
    conn: Connection, declared: PlatformTermsDeclaration | ServiceTermsDeclaration
) -> Criteria | None:
    """What the section on certification and audit refers to, where there is such a section."""
    if declared.certification_and_audit is None:
        return None
    criteria = await store_organizations.criteria_in_force(conn)
    if criteria is None or not criteria.content.get("audit_schedule"):
        raise Problem("audit_not_scheduled", "publish criteria with an audit schedule first")
    return criteria


async def _components(conn: Connection, service: Service) -> list[Component]:
    every = await store_services.components(conn)
    return [component for component in every if component.component_id in service.components]


async def _publish(
    conn: Connection,
    service_key: int | None,
    owner: str,
    content: dict[str, Any],
    declared: PlatformTermsDeclaration | ServiceTermsDeclaration,
    actor: str,
) -> Change:
    """The day by which a changed text asks for acceptance is part of what is published, but no change by itself. A text
    that changed only where it repeats the links asks nobody: residents decide on each link."""
    stored = await store.terms(conn, service_key)
    before = _as_declared(stored.content) if stored is not None else None
    if before == content:
        return Change("terms", owner, "unchanged")
    version = stored.version + 1 if stored else 1
    published, accept_by = content | {"version": version}, None
    if before is not None and without_links(before) != without_links(content):
        accept_by = tokyo(utc_now()).date() + timedelta(days=declared.accept_within_days)
        published |= {"accept_by": accept_by.isoformat()}
    await store.add_terms(conn, service_key, version, published, digest(published), accept_by)
    detail = TermsPublished(
        noun="terms",
        id=owner,
        version=Replaced(stored.version if stored else None, version),
        sha256=Replaced(stored.sha256 if stored else None, digest(published).hex()),
    )
    await record(conn, Act(kind=Kind.TERMS_PUBLISHED, actor=actor, detail=detail))
    return Change("terms", owner, "changed" if stored else "created", ("content",) if stored else ())


def _as_declared(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in ("version", "accept_by")}


async def terms_in_force(conn: Connection, service_id: str | None = None) -> TermsVersion:
    """The platform's terms (no id) or a service's. Raises Problem: does_not_exist, terms_not_published."""
    service_key = None if service_id is None else (await lookups.service(conn, service_id)).service_key
    return await terms_version(conn, service_key)


async def terms_version(
    conn: Connection, service_key: int | None, version: int | None = None
) -> TermsVersion:
    """A published version, the one in force if left out; `service_key` None means the platform's.

    Raises Problem("terms_not_published")."""
    found = await store.terms(conn, service_key, version)
    if found is None:
        raise Problem("terms_not_published", "no such version" if version else None)
    return found

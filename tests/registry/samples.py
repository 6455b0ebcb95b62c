"""Declarations for tests of the registry: a small platform, complete enough to certify a service."""

from __future__ import annotations

from typing import Any

import msgspec

from moyai import ledger, registry
from moyai.base.db import Connection
from moyai.registry.declarations import (
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
)
from moyai.registry.model import (
    Bilingual,
    DataItem,
)

ACTOR = "staff:operator"

UNEI = OrganizationDeclaration("unei", "運営機構", "Operating Organisation", "operating_organization")
CITY = OrganizationDeclaration("city", "高松市", "Takamatsu City", "municipality", ["372013"])
TOWN = OrganizationDeclaration("town", "三木町", "Miki Town", "municipality", ["373419"])
COMPANY = OrganizationDeclaration("company", "株式会社あゆみ", "Ayumi Inc.", "company")

CRITERIA = CriteriaDeclaration(
    "2026-1", Bilingual("認定審査基準", "Criteria"), [Bilingual("目的のほかに使わない。", "No other use.")]
)
BY_CITY = CertificationRequest("2026-1", "課長", "city")
BY_UNEI = CertificationRequest("2026-1", "審査委員会", "unei")

STEPS = DatasetDeclaration(
    dataset_id="steps",
    name_ja="歩いた数",
    name_en="Steps",
    items=[DataItem("date", "日付", "Day"), DataItem("steps", "歩いた数", "Steps")],
    schema={
        "type": "object",
        "required": ["date", "steps"],
        "additionalProperties": False,
        "properties": {"date": {"type": "string", "format": "date"}, "steps": {"type": "integer"}},
    },
)
HEALTH = PurposeDeclaration("health", "健康づくり", "Health")

WALKING = ComponentDeclaration("walking", "city", "歩数アプリ", "Walking app", datasets=["steps"])
ADVICE = ComponentDeclaration("advice", "city", "助言アプリ", "Advice app")

SERVICE = ServiceDeclaration(
    "kenko",
    "city",
    "健康見守り",
    "Health Watch",
    "助言が届きます。",
    "Advice.",
    "community",
    "municipality",
    ["walking", "advice"],
    ["372013"],
)
LINK = LinkDeclaration(
    "kenko-steps",
    "kenko",
    "walking",
    "advice",
    "steps",
    "health",
    "助言に使います。",
    "Used for advice.",
    "助言が届きます。",
    "You get advice.",
)
PLATFORM_TERMS = PlatformTermsDeclaration(
    title=Bilingual("データ連携基盤利用規約", "Platform terms"),
    role=Bilingual("データを仲介します。", "It carries data."),
    collected=Bilingual("同意の記録を集めます。", "It keeps consents."),
    stopping=Bilingual("いつでもやめられます。", "Stop at any time."),
    distinction=Bilingual("基盤は管理に責任をもちます。", "It is responsible for managing."),
)
SERVICE_TERMS = ServiceTermsDeclaration(
    service="kenko",
    title=Bilingual("健康見守り 利用規約", "Health Watch terms"),
    platform_use=Bilingual("まとめて見るために使います。", "To look at data together."),
    stopping=Bilingual("いつでもやめられます。", "Stop at any time."),
    distinction=Bilingual("助言に責任をもちます。", "Responsible for advice."),
)
CLIENT_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
    "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    "kid": "advice-1",
}
CLIENT = ClientDeclaration(
    "advice",
    "component",
    "助言アプリ",
    "Advice app",
    ["openid", "personal:exchange"],
    component="advice",
    jwks={"keys": [CLIENT_KEY]},
    redirect_uris=["http://localhost:4000/callback"],
)


def but(declared: Any, **members: Any) -> Any:
    """The same declaration with other members."""
    return msgspec.structs.replace(declared, **members)


async def certified_parties(conn: Connection, *more: OrganizationDeclaration) -> None:
    """The operating organisation, the city, and more: registered and certified."""
    for organization in (UNEI, CITY, *more):
        await registry.register_organization(conn, organization, ACTOR)
    await registry.publish_criteria(conn, CRITERIA, ACTOR)
    await registry.certify_organization(conn, "unei", BY_CITY, ACTOR)
    for organization in (CITY, *more):
        await registry.certify_organization(conn, organization.organization_id, BY_UNEI, ACTOR)


async def registered_service(conn: Connection) -> None:
    """Parties, data, components, the service and its link; no terms, not certified."""
    await certified_parties(conn)
    await registry.register_dataset(conn, STEPS, ACTOR)
    await registry.register_purpose(conn, HEALTH, ACTOR)
    await registry.register_component(conn, WALKING, ACTOR)
    await registry.register_component(conn, ADVICE, ACTOR)
    await registry.register_service(conn, SERVICE, ACTOR)
    await registry.register_link(conn, LINK, ACTOR)


async def certified_service(conn: Connection) -> None:
    """As `registered_service`, with terms published and the service certified."""
    await registered_service(conn)
    await registry.publish_platform_terms(conn, PLATFORM_TERMS, ACTOR)
    await registry.publish_service_terms(conn, SERVICE_TERMS, ACTOR)
    await registry.certify_service(conn, "kenko", ACTOR)


OPERATOR_CLIENT = ClientDeclaration(
    "unei-operator",
    "operator",
    "運用",
    "Operations",
    ["registry:write", "registry:suspend"],
    organization="unei",
    jwks={"keys": [{**CLIENT_KEY, "kid": "unei-1"}]},
)


async def employed(conn: Connection, organization_id: str, role: str, *people: tuple[str, str]) -> None:
    """Accounts in force, by id and staff number: whoever asks for an act or stands for it has one."""
    for staff_id, number in people:
        await conn.raw.execute(
            """
            insert into identity.staff (staff_id, login, name, organization_key, roles, staff_number, in_force_since)
            select $1, $1, $1, organization_key, array[$3], $4, clock_timestamp()
              from registry.organization where organization_id = $2
            """,
            staff_id,
            organization_id,
            role,
            number,
        )


async def operators(conn: Connection) -> None:
    """A program of the operating organisation, and two members of its staff."""
    await registry.register_client(conn, OPERATOR_CLIENT, ACTOR)
    await employed(conn, "unei", "operator", ("a", "1001"), ("b", "1002"))


async def recorded(conn: Connection, limit: int = 100) -> list[ledger.Event]:
    """Acts that concern no resident, newest first."""
    return await ledger.history(conn, 0, limit=limit)

"""Links: which component's dataset may go to which component, for which purpose and benefit (guidebook 1.2.6)."""

from __future__ import annotations

from typing import Any

import msgspec

from moyai.base.db import Connection, UniqueViolation
from moyai.base.errors import Problem
from moyai.ledger import Kind
from moyai.registry import lookups
from moyai.registry import store_links as store
from moyai.registry.declarations import (
    LinkDeclaration,
)
from moyai.registry.model import (
    Change,
    Component,
    Link,
    Organization,
    Service,
)
from moyai.registry.recording import builtins, differing, require_clean, settle
from moyai.registry.store import lock_for_writing
from moyai.registry.version_text import version_texts

FIXED = ("service", "provider", "consumer", "dataset", "purpose")
"""What a resident's consent rests on: it never changes under the same link id."""


async def register_link(conn: Connection, declared: LinkDeclaration, actor: str) -> Change:
    """Register a link or change its texts. An ended one never opens again: the same thing declared again changes
    nothing, anything else is refused.

    Raises Problem: does_not_exist, link_text_missing (R-037), link_not_possible (a component that is not part of
    the service, a dataset that the provider does not generate), already_exists (the same link under another id),
    change_not_allowed (what it joins), link_ended.
    """
    require_clean(declared)
    _check_texts(declared)
    await lock_for_writing(conn)
    keys = await _check_ends(conn, declared)
    stored = await _stored(conn, declared)

    async def write() -> None:
        try:
            async with conn.transaction():
                await store.put_link(conn, declared, keys)
        except UniqueViolation as error:
            raise Problem("already_exists", "the same link is registered under another id") from error

    wanted = builtins(declared)
    if stored is not None and stored["state"] == "ended" and differing(wanted, stored):
        raise Problem("link_ended", f"link {declared.link_id}")
    return await settle(conn, "link", declared.link_id, Kind.LINK_REGISTERED, actor, wanted, stored, write)


def _check_texts(declared: LinkDeclaration) -> None:
    texts = ("purpose_ja", "purpose_en", "benefit_ja", "benefit_en")
    missing = [name for name in texts if not getattr(declared, name).strip()]
    if missing:
        raise Problem("link_text_missing", ", ".join(missing), missing=missing)


async def _check_ends(conn: Connection, declared: LinkDeclaration) -> store.LinkKeys:
    service = await lookups.service(conn, declared.service)
    provider = await lookups.component(conn, declared.provider)
    consumer = await lookups.component(conn, declared.consumer)
    dataset = await lookups.dataset(conn, declared.dataset)
    purpose = await lookups.purpose(conn, declared.purpose)
    _check_parts(declared, service, provider)
    return store.LinkKeys(
        service.service_key,
        provider.component_key,
        consumer.component_key,
        dataset.dataset_key,
        purpose.purpose_key,
    )


def _check_parts(declared: LinkDeclaration, service: Service, provider: Component) -> None:
    for component in (declared.provider, declared.consumer):
        if component not in service.components:
            raise Problem("link_not_possible", f"{component} is not a component of {service.service_id}")
    if declared.provider == declared.consumer:
        raise Problem("link_not_possible", "a link joins two components")
    if declared.dataset not in provider.datasets:
        raise Problem("link_not_possible", f"{provider.component_id} does not generate {declared.dataset}")


async def _stored(conn: Connection, declared: LinkDeclaration) -> dict[str, Any] | None:
    found = await store.links(conn, link_id=declared.link_id)
    if not found:
        return None
    joined = _joined(found[0])
    moved = [name for name in FIXED if joined[name] != getattr(declared, name)]
    if moved:
        raise Problem("change_not_allowed", f"{', '.join(moved)} of a link; end it and register a new one")
    return builtins(found[0]) | joined


def _joined(link: Link) -> dict[str, str]:
    return {
        "service": link.service_id,
        "provider": link.provider.component_id,
        "consumer": link.consumer.component_id,
        "dataset": link.dataset_id,
        "purpose": link.purpose_id,
    }


async def links_of_service(conn: Connection, service_key: int) -> list[Link]:
    """The registered links of a service, each with both ends and its plain words."""
    return await store.links(conn, service_key=service_key)


async def link_version_schemas(conn: Connection, version_key: int) -> dict[str, Any]:
    """The schema of each item of a version of a link, by the item's name. Raises Problem("does_not_exist")."""
    text = (await version_texts(conn, [version_key])).get(version_key)
    if text is None:
        raise Problem("does_not_exist", "link version")
    return {name: item.schema for name, item in text.items.items()}


class Responsible(msgspec.Struct, frozen=True):
    """One organisation's part in a link."""

    organization_id: str
    name_ja: str
    name_en: str
    duty_ja: str
    duty_en: str


class Responsibility(msgspec.Struct, frozen=True):
    """Who answers for what (guidebook 1.2.3, R-023): source, consumer, platform."""

    source: Responsible
    consumer: Responsible
    platform: Responsible


def responsibility(link: Link, operator: Organization, *, authorises_only: bool = False) -> Responsibility:
    """The three responsible organisations of a link. In 外部 mode the platform authorises and manages no data."""
    provider, consumer = link.provider, link.consumer
    platform = ("利用の許可", "Authorisation") if authorises_only else _PLATFORM_DUTY
    return Responsibility(
        _responsible(
            provider.organization_id,
            provider.organization_name_ja,
            provider.organization_name_en,
            _SOURCE_DUTY,
        ),
        _responsible(
            consumer.organization_id, consumer.organization_name_ja, consumer.organization_name_en, _USER_DUTY
        ),
        _responsible(operator.organization_id, operator.name_ja, operator.name_en, platform),
    )


_SOURCE_DUTY = ("データの生成と蓄積", "Generation and accumulation of the data")
_USER_DUTY = ("利用目的での利用", "Use for the stated purpose")
_PLATFORM_DUTY = ("データの管理と利用の許可", "Management of the data and authorisation")


def _responsible(organization_id: str, name_ja: str, name_en: str, duty: tuple[str, str]) -> Responsible:
    return Responsible(organization_id, name_ja, name_en, *duty)

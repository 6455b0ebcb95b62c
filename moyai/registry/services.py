"""Components and services: registered, certified in the order platform → service → resident (R-002)."""

from __future__ import annotations

from typing import Any

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import Replaced, StateChanged
from moyai.registry import lookups, standing, store_organizations, store_terms
from moyai.registry import store_services as store
from moyai.registry.declarations import (
    ComponentDeclaration,
    ServiceDeclaration,
)
from moyai.registry.model import (
    Change,
    Component,
    Service,
)
from moyai.registry.places import codes_of_prefecture, municipalities
from moyai.registry.recording import builtins, require_clean, settle
from moyai.registry.service_kinds import Levels, levels_for
from moyai.registry.store import lock_for_writing
from moyai.registry.successions import keep_names


async def register_component(conn: Connection, declared: ComponentDeclaration, actor: str) -> Change:
    """Register a component or change it.

    Raises Problem: does_not_exist (organisation, dataset), contractor_not_named, change_not_allowed (another
    organisation, or a dataset less, while links rest on it), succession_required (another name than residents read).
    """
    require_clean(declared)
    await lock_for_writing(conn)
    organization = await lookups.organization(conn, declared.organization)
    _check_engagement(declared, organization.kind)
    datasets = sorted(set(declared.datasets))
    keys = [(await lookups.dataset(conn, dataset)).dataset_key for dataset in datasets]
    stored = await store.component(conn, declared.component_id)
    if stored:
        await _check_component_change(conn, declared, stored)
        declared = await keep_names(conn, "component", declared.component_id, declared, stored)

    async def write() -> None:
        key = await store.put_component(conn, declared, organization.organization_key)
        await store.set_component_datasets(conn, key, keys)

    wanted = {**builtins(declared), "datasets": datasets}
    now = {**builtins(stored), "organization": stored.organization_id} if stored else None
    return await settle(
        conn, "component", declared.component_id, Kind.COMPONENT_REGISTERED, actor, wanted, now, write
    )


def _check_engagement(declared: ComponentDeclaration, kind: str) -> None:
    """A contractor works for a public organisation, which stays responsible (guidebook 1.2.1, 3-1)."""
    if declared.engagement == "outsourced" and (not declared.contractor or kind == "company"):
        raise Problem(
            "contractor_not_named", "an outsourced component names contractor and public organisation"
        )
    if declared.engagement == "direct" and declared.contractor:
        raise Problem("contractor_not_named", "a component without outsourcing has no contractor")


async def _check_component_change(
    conn: Connection, declared: ComponentDeclaration, stored: Component
) -> None:
    moved = stored.organization_id != declared.organization
    if moved and await store.component_is_in_use(conn, stored.component_key):
        raise Problem(
            "change_not_allowed",
            "links or clients rest on the component's organisation; register a new component",
        )
    missing = set(await store.linked_datasets(conn, stored.component_key)) - set(declared.datasets)
    if missing:
        raise Problem("change_not_allowed", f"links rest on the datasets {', '.join(sorted(missing))}")


async def register_service(conn: Connection, declared: ServiceDeclaration, actor: str) -> Change:
    """Register a service or change it; a new one is not offered before it is certified.

    Raises Problem: does_not_exist, service_kind_unknown, level_reason_missing, invalid_request (its scope),
    change_not_allowed (a component less, while links rest on it).
    """
    require_clean(declared)
    if declared.service_id == "platform":
        raise Problem("invalid_request", "the id 'platform' stands for the platform, in /terms/platform")
    await lock_for_writing(conn)
    organization = await lookups.organization(conn, declared.organization)
    levels = levels_for(declared.kind, declared.required_ial, declared.required_aal, declared.level_reason)
    scope = scope_codes(declared)
    keys = [(await lookups.component(conn, component)).component_key for component in declared.components]
    stored = await store.service(conn, declared.service_id)
    if stored:
        await _check_service_change(conn, declared, stored)

    async def write() -> None:
        key = await store.put_service(conn, declared, organization.organization_key, scope, levels)
        await store.set_service_components(conn, key, keys)

    wanted = wanted_service(declared, scope, levels)
    return await settle(
        conn,
        "service",
        declared.service_id,
        Kind.SERVICE_REGISTERED,
        actor,
        wanted,
        stored_service(stored) if stored else None,
        write,
    )


def scope_codes(declared: ServiceDeclaration) -> list[str]:
    """Every municipality whose residents may use the service (guidebook 1.2.1, R-016)."""
    if declared.user_scope == "prefecture":
        codes = codes_of_prefecture(declared.prefecture_code or "")
        if not codes or declared.municipality_codes:
            raise Problem(
                "invalid_request", "scope 'prefecture' takes prefecture_code and no municipality_codes"
            )
        return list(codes)
    unknown = [code for code in declared.municipality_codes if code not in municipalities()]
    if unknown or not declared.municipality_codes or declared.prefecture_code:
        raise Problem("invalid_request", "scope 'municipality' takes municipality_codes that exist")
    return sorted(set(declared.municipality_codes))


def wanted_service(declared: ServiceDeclaration, scope: list[str], levels: Levels) -> dict[str, Any]:
    """A service as it is declared, with levels and scope written out, to compare with `stored_service`."""
    wanted = builtins(declared)
    del wanted["prefecture_code"]
    return wanted | {
        "municipality_codes": scope,
        "required_ial": levels.ial,
        "required_aal": levels.aal,
        "level_reason": levels.reason,
        "components": sorted(set(declared.components)),
    }


def stored_service(stored: Service) -> dict[str, Any]:
    return builtins(stored) | {
        "organization": stored.organization_id,
        "components": sorted(stored.components),
    }


async def _check_service_change(conn: Connection, declared: ServiceDeclaration, stored: Service) -> None:
    missing = set(await store.linked_components(conn, stored.service_key)) - set(declared.components)
    if missing:
        raise Problem("change_not_allowed", f"links rest on the components {', '.join(sorted(missing))}")


async def certify_service(conn: Connection, service_id: str, actor: str) -> Change:
    """Certify a service, so that it is offered to residents. A suspended one stays suspended.

    The order of guidebook 1.1.1 is kept: the operating organisation is certified and its terms are published,
    every organisation behind the service is certified, the service's terms are published.
    Raises Problem: does_not_exist, organization_not_certified (with `organizations`), terms_not_published.
    """
    await lock_for_writing(conn)
    stored = await lookups.service(conn, service_id)
    if stored.state != "registered":
        # certified before; if it is suspended, only the end of the suspension brings it back
        return Change("service_certification", service_id, "unchanged")
    await _check_order(conn, stored)
    await store.set_service_state(conn, stored.service_key, "certified")
    state = Replaced(stored.state, "certified")
    done = StateChanged(noun="service", id=service_id, state=state)
    await record(conn, Act(Kind.SERVICE_CERTIFIED, actor, detail=done))
    return Change("service_certification", service_id, "created")


async def _check_order(conn: Connection, service: Service) -> None:
    operator = await store_organizations.operating_organization(conn)
    waiting = await store.uncertified_organizations(conn, service.service_key)
    if operator is None or operator.state != "certified":
        waiting.insert(0, operator.organization_id if operator else "operating_organization")
    if waiting:
        raise Problem("organization_not_certified", ", ".join(waiting), organizations=waiting)
    for key, owner in ((None, "platform"), (service.service_key, service.service_id)):
        if await store_terms.terms(conn, key) is None:
            raise Problem("terms_not_published", f"terms of {owner}")


async def offered_services(conn: Connection) -> list[Service]:
    """What residents may choose from: certified services of certified organisations."""
    return [service for service in await store.services(conn) if is_offered(service)]


def is_offered(service: Service) -> bool:
    return standing.of_service(service.state, service.organization_state) is None


async def offered_service(conn: Connection, service_id: str) -> Service:
    """One service on offer. Raises Problem: does_not_exist; service_not_offered with the `reason` (R-002)."""
    service = await lookups.service(conn, service_id)
    reason = standing.of_service(service.state, service.organization_state)
    if reason is not None:
        raise Problem("service_not_offered", f"service {service_id}: {reason}", reason=reason)
    return service

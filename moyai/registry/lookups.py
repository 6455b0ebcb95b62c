"""Finding registered things by id, or saying that they do not exist."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.registry import store_clients, store_links, store_organizations, store_services
from moyai.registry.model import (
    Component,
    Dataset,
    Link,
    Organization,
    Purpose,
    RegisteredClient,
    Service,
    Store,
    is_id,
)

T = TypeVar("T")


async def _find(
    conn: Connection, noun: str, thing_id: str, read: Callable[[Connection, str], Awaitable[T | None]]
) -> T:
    found = await read(conn, thing_id) if is_id(thing_id) else None
    if found is None:
        raise Problem("does_not_exist", f"{noun} {thing_id[:63]!r}", noun=noun)
    return found


async def organization(conn: Connection, organization_id: str) -> Organization:
    """Raises Problem("does_not_exist"); so do all functions here."""
    return await _find(conn, "organization", organization_id, store_organizations.organization)


async def component(conn: Connection, component_id: str) -> Component:
    return await _find(conn, "component", component_id, store_services.component)


async def service(conn: Connection, service_id: str) -> Service:
    return await _find(conn, "service", service_id, store_services.service)


async def dataset(conn: Connection, dataset_id: str) -> Dataset:
    return await _find(conn, "dataset", dataset_id, store_links.dataset)


async def purpose(conn: Connection, purpose_id: str) -> Purpose:
    return await _find(conn, "purpose", purpose_id, store_links.purpose)


async def client(conn: Connection, client_id: str) -> RegisteredClient:
    return await _find(conn, "client", client_id, store_clients.client)


async def link(conn: Connection, link_id: str) -> Link:
    """A link, also an ended one."""
    return await _find(conn, "link", link_id, _link)


async def _link(conn: Connection, link_id: str) -> Link | None:
    found = await store_links.links(conn, link_id=link_id)
    return found[0] if found else None


async def component_by_key(conn: Connection, component_key: int) -> Component:
    found = await store_services.component_by_key(conn, component_key)
    if found is None:
        raise Problem("does_not_exist", "component", noun="component")
    return found


async def dataset_by_key(conn: Connection, dataset_key: int) -> Dataset:
    found = await store_links.dataset_by_key(conn, dataset_key)
    if found is None:
        raise Problem("does_not_exist", "dataset", noun="dataset")
    return found


async def personal_store(conn: Connection, organization_key: int) -> Store | None:
    """Where an organisation's linkable personal data lies: its own database, else the shared one, else nowhere."""
    own = await store_organizations.store_of(conn, "personal", organization_key)
    return own or await store_organizations.store_of(conn, "personal", None)


async def operating_organization(conn: Connection) -> Organization:
    """運営組織 of this platform. Raises Problem("does_not_exist") on a platform that has none yet."""
    found = await store_organizations.operating_organization(conn)
    if found is None:
        raise Problem(
            "does_not_exist", "this platform has no operating organisation yet", noun="organization"
        )
    return found

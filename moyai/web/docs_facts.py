"""What the requests of `/docs` are filled with: ids of things that are registered here, and nobody's data.

The page is public. So a resident appears in it as `{subject}` or `{resident}`, which `moyai call` looks up for
whoever may read the platform's directory; what stands here is public in the catalogue and the log anyway.
"""

from __future__ import annotations

from typing import Any

import msgspec

from moyai import registry
from moyai.base.db import Connection
from moyai.context import actions as city
from moyai.context.access import COMMON_TENANT
from moyai.context.query import EntityQuery
from moyai.ledger import Kind, newest
from moyai.ledger.log import status
from moyai.registry import Dataset, Link, Registered, RegisteredClient
from moyai.registry.terms_text import declared_platform_terms
from moyai.web.platform import Platform

_FIRST = 200


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One of each kind. The values given here stand where a platform has nothing of that kind yet.

    `clients` are by scope. `service` is one whose link `dataset`, `purpose` goes to the client of
    personal:exchange from the one of personal:store; `links` are all of that service.
    """

    clients: dict[str, str] = {}
    redirect_uri: str = "https://example.jp/callback"
    municipality: str = "372013"
    service: str = "kenko-mimamori"
    links: list[str] = msgspec.field(default_factory=lambda: ["kenko-steps"])
    consumer: str = "mimamori"
    provider: str = "undo-app"
    provider_organization: str = "c1"
    dataset: str = "steps"
    purpose: str = "health-support"
    content: dict[str, Any] = msgspec.field(default_factory=lambda: {"date": "2026-04-01", "steps": 4210})
    criteria: dict[str, Any] | None = None
    criteria_version: str = "2026-1"
    platform_id: str = "sanuki"
    platform_terms: dict[str, Any] | None = None
    authentication_service: dict[str, Any] | None = None
    entity: str = "urn:ngsi-ld:Bench:372013-1"
    entity_type: str = "Bench"
    attribute: str = "name"
    size: int = 1
    entry: str = "01936a7e-0000-7000-8000-000000000000"


async def facts(platform: Platform) -> Facts:
    """Read them as they are at this moment."""
    async with platform.control.transaction() as conn:
        known = await registry.registered(conn)
        clients = [one for one in await registry.all_clients(conn) if one.state == "active"]
        found: dict[str, Any] = {
            "platform_id": platform.config.platform.id,
            **_flow(known, clients),
            **_authorities(known, clients),
            **_surroundings(known),
            **await _log(conn),
        }
    offices, ends = found.pop("offices"), found.pop("ends", {})
    found["clients"] = {**offices, **ends}
    return Facts(**found, **await _entity(platform))


def _flow(known: Registered, clients: list[RegisteredClient]) -> dict[str, Any]:
    """A link that is open, of a service that is offered, whose two ends have clients."""
    open_ = {one.service_id for one in known.services if one.state == "certified"}
    for link in known.links:
        consumer = _of_component(clients, link.consumer.component_id, "personal:exchange")
        provider = _of_component(clients, link.provider.component_id, "personal:store")
        if link.service_id in open_ and link.state == "registered" and consumer and provider:
            return _flow_of(link, consumer, provider, known)
    return {}


def _flow_of(
    link: Link, consumer: RegisteredClient, provider: RegisteredClient, known: Registered
) -> dict[str, Any]:
    dataset = next(one for one in known.datasets if one.dataset_id == link.dataset_id)
    return {
        "ends": {"personal:exchange": consumer.client_id, "personal:store": provider.client_id},
        "redirect_uri": next(iter(consumer.redirect_uris), Facts().redirect_uri),
        "service": link.service_id,
        "links": [
            one.link_id
            for one in known.links
            if one.service_id == link.service_id and one.state == "registered"
        ],
        "consumer": link.consumer.component_id,
        "provider": link.provider.component_id,
        "provider_organization": link.provider.organization_id,
        "dataset": link.dataset_id,
        "purpose": link.purpose_id,
        "content": _content(dataset),
    }


def _of_component(clients: list[RegisteredClient], component: str, scope: str) -> RegisteredClient | None:
    return next((one for one in clients if one.component_id == component and scope in one.scopes), None)


def _authorities(known: Registered, clients: list[RegisteredClient]) -> dict[str, Any]:
    """Clients of desks, of the operating organisation, and of who writes city data: those with the least scopes."""
    offices: dict[str, str] = {}
    for client in sorted(clients, key=lambda one: len(one.scopes)):
        if client.kind != "touch_point":
            offices = {**dict.fromkeys(client.scopes, client.client_id), **offices}
    desk = next((one for one in clients if one.client_id == offices.get("identity:enrol")), None)
    codes = {one.organization_id: one.municipality_codes for one in known.organizations}
    home = next(iter(codes.get(desk.organization_id or "", [])), None) if desk else None
    return {"offices": offices, **({"municipality": home} if home else {})}


def _surroundings(known: Registered) -> dict[str, Any]:
    """What is declared once: to send it again as it is changes nothing."""
    made: dict[str, Any] = {}
    if known.criteria:
        made |= {"criteria": known.criteria.content, "criteria_version": known.criteria.criteria_version}
    for terms in known.terms:
        if terms.service_key is None:
            made["platform_terms"] = msgspec.to_builtins(declared_platform_terms(terms.content))
    for service in known.authentication_services[:1]:
        made["authentication_service"] = msgspec.to_builtins(service)
    return made


async def _log(conn: Connection) -> dict[str, Any]:
    """The size that is signed, and an entry below it that concerns no resident: an organisation's registration."""
    size = (await status(conn)).size
    # among the first of the log alone: a search through a long one would not be for a page that all may open
    events = await newest(conn, kinds=[Kind.ORGANIZATION_REGISTERED], before=min(size, _FIRST), limit=1)
    return {"size": max(size, 1), **({"entry": str(events[0].entry_id)} if events else {})}


async def _entity(platform: Platform) -> dict[str, Any]:
    """The first of the open data that all may read."""
    if platform.context is None:
        return {}
    async with platform.context.connection() as conn:
        for one in await city.find(conn, EntityQuery(tenant=COMMON_TENANT, limit=1)):
            attribute = next(iter(one.attrs), Facts().attribute)
            return {"entity": one.id, "entity_type": one.type, "attribute": attribute}
    return {}


def _content(dataset: Dataset) -> dict[str, Any]:
    """An item that fits a dataset's JSON Schema, for the kinds of members that datasets have."""
    members: dict[str, Any] = dataset.schema.get("properties", {})
    needed: list[str] = [*dataset.schema.get("required", [])]
    for choice in dataset.schema.get("anyOf", [])[:1]:
        needed += [name for name in choice.get("required", []) if name not in needed]
    return {name: _value(members.get(name, {})) for name in needed}


_BY_FORMAT = {"date": "2026-04-01", "date-time": "2026-04-01T09:00:00Z", "time": "09:00:00Z"}


def _value(schema: dict[str, Any]) -> Any:
    if "enum" in schema or "const" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    kind = schema.get("type", "string")
    if kind in ("integer", "number"):
        least, most = schema.get("minimum", 0), schema.get("maximum", 1_000_000)
        return min(most, max(least, 4210 if kind == "integer" else 60.5))
    if kind == "array":
        return [_value(schema.get("items", {}))]
    if kind == "object":
        return {
            name: _value(schema.get("properties", {}).get(name, {})) for name in schema.get("required", [])
        }
    return True if kind == "boolean" else _BY_FORMAT.get(schema.get("format", ""), "例 / example")

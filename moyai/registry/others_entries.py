"""Acts on entries that are another organisation's, or that send residents somewhere: one program's word is not enough.

What an organisation's components, services and links say is done in its name. So a registration or a change waits where
it concerns another organisation than the asker's that has clients (one without any runs nothing yet): for that
organisation's own word, or two persons. A new address (a service's, a component's, where to ask) waits in the own
organisation, too: residents go where it leads. What only takes away takes one, and so does the end of a link.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from moyai.base.db import Connection
from moyai.registry import datasets, links, services, store_links, store_services
from moyai.registry import store_clients as store
from moyai.registry.acting import perform
from moyai.registry.declarations import (
    ComponentDeclaration,
    DatasetDeclaration,
    LinkDeclaration,
    OrganizationDeclaration,
    PurposeDeclaration,
    ServiceDeclaration,
)
from moyai.registry.model import Change, Component, Dataset, Organization, Purpose, Service
from moyai.registry.pending import Asker, TwoPersonAct, known
from moyai.registry.recording import builtins, differing
from moyai.registry.resting import Named, text_of
from moyai.registry.service_kinds import levels_for
from moyai.registry.store import lock_for_writing

# --- whom it concerns, and what is more than before -----------------------------------------------------------


async def has_client(conn: Connection, organization_id: str | None) -> bool:
    return any(one.organization_id == organization_id for one in await store.clients(conn))


async def concerned(conn: Connection, asker: Asker, owners: Iterable[str | None]) -> list[str]:
    """Of these organisations the other ones than the asker's that have clients, and had some when a file began."""
    others = {one for one in owners if one} - {asker.organization_id, *asker.founding}
    return sorted([one for one in others if await has_client(conn, one)])


def only(others: list[str]) -> str | None:
    """Whose own word counts: the organisation that an act concerns, where it concerns one alone."""
    return others[0] if len(others) == 1 else None


def gains(
    wanted: Mapping[str, Any],
    now: Mapping[str, Any],
    *,
    fewer: Collection[str] = (),
    higher: Collection[str] = (),
    lower: Collection[str] = (),
    emptied: Collection[str] = (),
) -> bool:
    """Whether a change does anything else than take away: members of `fewer` have fewer items, of `higher` and `lower`
    such a value, and those of `emptied` none any more."""
    for name in differing(wanted, now):
        less = (
            (name in fewer and set(wanted[name]) <= set(now[name]))
            or (name in higher and wanted[name] > now[name])
            or (name in lower and wanted[name] < now[name])
            or (name in emptied and not wanted[name])
        )
        if not less:
            return True
    return False


def _leads_elsewhere(wanted: str | None, now: str | None) -> bool:
    return bool(wanted) and wanted != now


def _entry(
    noun: str,
    name: str,
    ja: str,
    en: str,
    shape: type[msgspec.Struct],
    read: Callable[[Connection, str], Awaitable[msgspec.Struct | None]],
    register: Callable[[Connection, Any, str], Awaitable[Change]],
    names: Callable[[dict[str, Any]], list[Named]],
) -> TwoPersonAct:
    async def now(conn: Connection, thing_id: str) -> Any:
        stored = await read(conn, thing_id)
        return None if stored is None else text_of(stored)

    async def put(conn: Connection, thing_id: str, body: dict[str, Any], actor: str) -> Change:
        declared = msgspec.convert(body, shape)
        assert getattr(declared, f"{noun}_id") == thing_id
        return await register(conn, declared, actor)

    return known(TwoPersonAct(name, noun, ja, en, now, put, own_word=True, gives_power=True, names=names))


# --- where to ask ---------------------------------------------------------------------------------------------


def organization_named(body: dict[str, Any]) -> list[Named]:
    """For an act whose body says `organization` beside what it is about."""
    return [("organization", body["organization"])] if body.get("organization") else []


def organization_gains(declared: OrganizationDeclaration, stored: Organization | None) -> bool:
    """Whether residents would be sent elsewhere with their questions."""
    return stored is not None and _leads_elsewhere(declared.contact, stored.contact)


# --- components -----------------------------------------------------------------------------------------------


def _of_component(body: dict[str, Any]) -> list[Named]:
    return [*organization_named(body), *(("dataset", one) for one in body["datasets"])]


COMPONENT_FIRST: Final = _entry(
    "component",
    "component_first",
    "ほかの組織の部品を登録する",
    "Register a component for another organisation",
    ComponentDeclaration,
    store_services.component,
    services.register_component,
    _of_component,
)
COMPONENT_CHANGE: Final = _entry(
    "component",
    "component_change",
    "部品の登録内容や場所を変える",
    "Change what is registered of a component, or its address",
    ComponentDeclaration,
    store_services.component,
    services.register_component,
    _of_component,
)


async def put_component(conn: Connection, declared: ComponentDeclaration, asker: Asker) -> Change:
    """`register_component`, which waits where another organisation that has clients gets, loses or has the component, and for
    a new address. It can say yes to what does not move the component from one to another."""
    await lock_for_writing(conn)
    stored = await store_services.component(conn, declared.component_id)
    had = None if stored is None else stored.organization_id
    others = await concerned(conn, asker, (had, declared.organization))
    moved = had is not None and had != declared.organization
    return await perform(
        conn,
        COMPONENT_FIRST if had != declared.organization else COMPONENT_CHANGE,
        declared.component_id,
        builtins(declared),
        asker,
        needs_two=_component_needs_two(declared, stored, others),
        organization_id=None if moved else only(others),
    )


def _component_needs_two(declared: ComponentDeclaration, stored: Component | None, others: list[str]) -> bool:
    if stored is None:
        return bool(others)
    now = {**builtins(stored), "organization": stored.organization_id}
    more = gains(builtins(declared), now, fewer=("datasets",), emptied=("url",))
    return (bool(others) and more) or _leads_elsewhere(declared.url, stored.url)


# --- services -------------------------------------------------------------------------------------------------


def _of_service(body: dict[str, Any]) -> list[Named]:
    return [*organization_named(body), *(("component", one) for one in body["components"])]


SERVICE_ENTRY: Final = _entry(
    "service",
    "service_entry",
    "サービスを登録する・登録内容や場所を変える",
    "Register a service, or change it or its address",
    ServiceDeclaration,
    store_services.service,
    services.register_service,
    _of_service,
)


async def put_service(conn: Connection, declared: ServiceDeclaration, asker: Asker) -> Change:
    """`register_service`, which waits where the service is another organisation's that has clients, and for a new address."""
    await lock_for_writing(conn)
    stored = await store_services.service(conn, declared.service_id)
    had = None if stored is None else stored.organization_id
    others = await concerned(conn, asker, (had, declared.organization))
    moved = had is not None and had != declared.organization
    return await perform(
        conn,
        SERVICE_ENTRY,
        declared.service_id,
        builtins(declared),
        asker,
        needs_two=_service_needs_two(declared, stored, others),
        organization_id=None if moved else only(others),
    )


def _service_needs_two(declared: ServiceDeclaration, stored: Service | None, others: list[str]) -> bool:
    if stored is None:
        return bool(others)
    levels = levels_for(declared.kind, declared.required_ial, declared.required_aal, declared.level_reason)
    wanted = services.wanted_service(declared, services.scope_codes(declared), levels)
    if (levels.ial, levels.aal) != (stored.required_ial, stored.required_aal):
        del wanted["level_reason"]  # which other levels take: they are judged by themselves
    more = gains(
        wanted,
        services.stored_service(stored),
        fewer=("components", "municipality_codes"),
        higher=("required_ial", "required_aal"),
        emptied=("url",),
    )
    return (bool(others) and more) or _leads_elsewhere(declared.url, stored.url)


# --- links ----------------------------------------------------------------------------------------------------


def _of_link(body: dict[str, Any]) -> list[Named]:
    ends = [("component", body["provider"]), ("component", body["consumer"])]
    return [
        *ends,
        ("service", body["service"]),
        ("dataset", body["dataset"]),
        ("purpose", body["purpose"]),
    ]


class _LinkText(msgspec.Struct, frozen=True):
    """What a link says itself. What it joins is named beside it, and never changes under its id."""

    purpose_ja: str
    purpose_en: str
    benefit_ja: str
    benefit_en: str
    consent_days: int


async def _link_text(conn: Connection, link_id: str) -> _LinkText | None:
    found = await store_links.links(conn, link_id=link_id)
    return msgspec.convert(found[0], _LinkText, from_attributes=True) if found else None


LINK_ENTRY: Final = _entry(
    "link",
    "link_entry",
    "ほかの組織のデータの連携を登録する・変える",
    "Register or change a link of another organisation's data or service",
    LinkDeclaration,
    _link_text,
    links.register_link,
    _of_link,
)


async def put_link(conn: Connection, declared: LinkDeclaration, asker: Asker) -> Change:
    """`register_link`, which waits where the service, or the data that goes, is another organisation's that has clients."""
    await lock_for_writing(conn)
    stored = await _link_text(conn, declared.link_id)
    service = await store_services.service(conn, declared.service)
    provider = await store_services.component(conn, declared.provider)
    others = await concerned(conn, asker, [one.organization_id for one in (service, provider) if one])
    texts = {name: getattr(declared, name) for name in _LinkText.__struct_fields__}
    return await perform(
        conn,
        LINK_ENTRY,
        declared.link_id,
        builtins(declared),
        asker,
        needs_two=bool(others)
        and (stored is None or gains(texts, builtins(stored), lower=("consent_days",))),
        organization_id=only(others),
    )


# --- data and purposes ----------------------------------------------------------------------------------------


def _names_nothing(_body: dict[str, Any]) -> list[Named]:
    return []


DATASET_CHANGE: Final = _entry(
    "dataset",
    "dataset_change",
    "ほかの組織が使うデータの項目や形を変える",
    "Change the items or the form of data that another organisation has",
    DatasetDeclaration,
    store_links.dataset,
    datasets.register_dataset,
    _names_nothing,
)
PURPOSE_CHANGE: Final = _entry(
    "purpose",
    "purpose_change",
    "ほかの組織の連携にある利用目的の言葉を変える",
    "Change the words of a purpose that another organisation's links have",
    PurposeDeclaration,
    store_links.purpose,
    datasets.register_purpose,
    _names_nothing,
)


async def put_dataset(conn: Connection, declared: DatasetDeclaration, asker: Asker) -> Change:
    """`register_dataset`, which waits where components of another organisation that has clients generate this data."""
    await lock_for_writing(conn)
    stored = await store_links.dataset(conn, declared.dataset_id)
    having = [one for one in await store_services.components(conn) if declared.dataset_id in one.datasets]
    others = await concerned(conn, asker, [one.organization_id for one in having])
    return await perform(
        conn,
        DATASET_CHANGE,
        declared.dataset_id,
        builtins(declared),
        asker,
        needs_two=bool(others) and _changes(declared, stored, higher=("required_ial", "required_aal")),
        organization_id=only(others),
    )


async def put_purpose(conn: Connection, declared: PurposeDeclaration, asker: Asker) -> Change:
    """`register_purpose`, which waits where data of another organisation that has clients goes for this purpose."""
    await lock_for_writing(conn)
    stored = await store_links.purpose(conn, declared.purpose_id)
    using = [one for one in await store_links.links(conn) if one.purpose_id == declared.purpose_id]
    others = await concerned(conn, asker, [one.provider.organization_id for one in using])
    return await perform(
        conn,
        PURPOSE_CHANGE,
        declared.purpose_id,
        builtins(declared),
        asker,
        needs_two=bool(others) and _changes(declared, stored),
        organization_id=only(others),
    )


def _changes(
    declared: msgspec.Struct, stored: Dataset | Purpose | None, higher: tuple[str, ...] = ()
) -> bool:
    return stored is not None and gains(builtins(declared), builtins(stored), higher=higher)

"""Acts of the registry that take two persons: which residents a desk looks after, where residents ask, keys, rights and
places of clients, the end of a stop or a witness. Components, services, links and data: `others_entries`.

Stops themselves take one, always, and at once. What only takes away takes one, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from moyai.base.db import Connection
from moyai.registry import (
    clients,
    lookups,
    organizations,
    stops,
    store_organizations,
    store_stops,
    witnesses,
)
from moyai.registry import store_clients as store
from moyai.registry.acting import perform
from moyai.registry.declarations import (
    ClientDeclaration,
    OrganizationDeclaration,
    WitnessDeclaration,
)
from moyai.registry.model import Change, RegisteredClient
from moyai.registry.others_entries import concerned, has_client, only, organization_gains, organization_named
from moyai.registry.pending import Asker, TwoPersonAct, known
from moyai.registry.recording import builtins
from moyai.registry.resting import Named
from moyai.registry.store import lock_for_writing

# --- organisations --------------------------------------------------------------------------------------------


async def _organization_now(conn: Connection, organization_id: str) -> Any:
    stored = await store_organizations.organization(conn, organization_id)
    return None if stored is None else builtins(stored)


async def _put_organization(
    conn: Connection, organization_id: str, body: dict[str, Any], actor: str
) -> Change:
    declared = msgspec.convert(body, OrganizationDeclaration)
    assert declared.organization_id == organization_id
    return await organizations.register_organization(conn, declared, actor)


ORGANIZATION_CODES: Final = known(
    TwoPersonAct(
        "organization_codes",
        "organization",
        "組織の市町村コードを決める",
        "Decide an organisation's municipality codes",
        _organization_now,
        _put_organization,
        gives_power=True,
    )
)
ORGANIZATION_CONTACT: Final = known(
    TwoPersonAct(
        "organization_contact",
        "organization",
        "組織の問い合わせ先を変える",
        "Change where residents ask an organisation",
        _organization_now,
        _put_organization,
        own_word=True,
    )
)


async def put_organization(conn: Connection, declared: OrganizationDeclaration, asker: Asker) -> Change:
    """`register_organization`, which waits where a desk would look after a town's residents: municipality codes that it
    did not have, or another kind. Whoever could make a town's desk alone could make its clerks, too. So does another place
    where residents ask, also the own organisation's."""
    await lock_for_writing(conn)
    stored = await store_organizations.organization(conn, declared.organization_id)
    if stored is None:
        reaches = bool(declared.municipality_codes)
    else:
        now = set(stored.municipality_codes), stored.kind
        reaches = now != (set(declared.municipality_codes), declared.kind)
    asked_elsewhere = organization_gains(declared, stored)
    others = await concerned(conn, asker, (declared.organization_id,))
    return await perform(
        conn,
        ORGANIZATION_CODES if reaches else ORGANIZATION_CONTACT,
        declared.organization_id,
        builtins(declared),
        asker,
        needs_two=reaches or asked_elsewhere,
        organization_id=None if reaches else only(others),
    )


# --- clients --------------------------------------------------------------------------------------------------


async def _client_now(conn: Connection, client_id: str) -> Any:
    stored = await store.client(conn, client_id)
    return None if stored is None else builtins(stored)


def _of_client(body: dict[str, Any]) -> list[Named]:
    return [*organization_named(body), *([("component", body["component"])] if body["component"] else [])]


async def _put_client(conn: Connection, client_id: str, body: dict[str, Any], actor: str) -> Change:
    declared = msgspec.convert(body, ClientDeclaration)
    assert declared.client_id == client_id
    return await clients.register_client(conn, declared, actor)


CLIENT_RIGHTS: Final = known(
    TwoPersonAct(
        "client_rights",
        "client",
        "クライアントの権限を広げる",
        "Give a client more rights",
        _client_now,
        _put_client,
        names=_of_client,
        gives_power=True,
    )
)
CLIENT_KEYS: Final = known(
    TwoPersonAct(
        "client_keys",
        "client",
        "ほかの組織の鍵・戻り先・権限・名前を替える",
        "Replace another organisation's keys, addresses, scopes or names",
        _client_now,
        _put_client,
        names=_of_client,
        own_word=True,
        gives_power=True,
    )
)


CLIENT_FIRST: Final = known(
    TwoPersonAct(
        "client_first",
        "client",
        "ほかの組織のクライアントを登録する",
        "Register a client for another organisation",
        _client_now,
        _put_client,
        names=_of_client,
        own_word=True,
        gives_power=True,
    )
)
CLIENT_BESIDE_STOPPED: Final = known(
    TwoPersonAct(
        "client_beside_stopped",
        "client",
        "停止したことのあるクライアントの代わりを認める",
        "Let a client take the place of one that was disabled",
        _client_now,
        _put_client,
        names=_of_client,
        gives_power=True,
    )
)
TOUCH_POINT_PLACES: Final = known(
    TwoPersonAct(
        "touch_point_places",
        "client",
        "アプリの戻り先を加える",
        "Add an address to which answers of residents go",
        _client_now,
        _put_client,
        names=_of_client,
        own_word=True,
        gives_power=True,
    )
)


async def put_client(conn: Connection, declared: ClientDeclaration, asker: Asker) -> Change:
    """`register_client`, which waits where it gives an organisation's own client rights, another organisation a client or
    keys, answers of residents a new address, or a disabled client a next one. What belongs to an organisation that has no
    client yet is one person's, but for such an address: nobody is there to be asked."""
    await lock_for_writing(conn)
    stored = await store.client(conn, declared.client_id)
    owner = await _owner(conn, declared)
    act = await _act_on_client(conn, declared, stored, owner, asker)
    return await perform(
        conn,
        act or CLIENT_KEYS,
        declared.client_id,
        builtins(declared),
        asker,
        needs_two=act is not None,
        # two programs of one organisation are nobody together: its word counts where others ask
        organization_id=None if owner == asker.organization_id else owner,
    )


async def _act_on_client(
    conn: Connection,
    declared: ClientDeclaration,
    stored: RegisteredClient | None,
    owner: str | None,
    asker: Asker,
) -> TwoPersonAct | None:
    """Which act of two this is: of several, the one that asks for more. None for what one does."""
    others = owner != asker.organization_id
    if declared.component is None and _more_scopes(declared, stored):
        return CLIENT_RIGHTS
    if _gains(declared, stored) and await _beside_stopped(conn, declared):
        return CLIENT_BESIDE_STOPPED
    if declared.kind == "touch_point" and _new_places(declared, stored):
        return TOUCH_POINT_PLACES
    if others and stored is None and owner not in asker.founding and await has_client(conn, owner):
        return CLIENT_FIRST
    if others and await _rekeys(conn, declared, stored):
        return CLIENT_KEYS
    return None


def _more_scopes(declared: ClientDeclaration, stored: RegisteredClient | None) -> bool:
    return bool(set(declared.scopes) - set(stored.scopes if stored else ()))


def _new_places(declared: ClientDeclaration, stored: RegisteredClient | None) -> bool:
    back = set(declared.redirect_uris) - set(stored.redirect_uris if stored else ())
    logged_out = set(declared.post_logout_redirect_uris) - set(
        stored.post_logout_redirect_uris if stored else ()
    )
    return bool(back or logged_out)


def _gains(declared: ClientDeclaration, stored: RegisteredClient | None) -> bool:
    """Whether somebody can do more with this client than before."""
    if stored is None:
        return True
    return declared.jwks != stored.jwks or _more_scopes(declared, stored) or _new_places(declared, stored)


async def _beside_stopped(conn: Connection, declared: ClientDeclaration) -> bool:
    """Whether this client, or another one of the same component or of the same organisation itself, is disabled or was.
    Whoever it was taken from could go on with this one."""
    return await store_stops.client_beside_stopped(conn, declared.component, declared.organization)


async def _owner(conn: Connection, declared: ClientDeclaration) -> str | None:
    if declared.component is None:
        return declared.organization
    return (await lookups.component(conn, declared.component)).organization_id


async def _rekeys(conn: Connection, declared: ClientDeclaration, stored: RegisteredClient | None) -> bool:
    """Whether other keys could act for an organisation than those that can already, other places get what residents allow its
    clients, its clients can do more, or residents read another name before they allow it. A second client of a component with
    keys of its own would be as good as replaced keys."""
    if stored is not None:
        renamed = (declared.name_ja, declared.name_en) != (stored.name_ja, stored.name_en)
        return (
            declared.jwks != stored.jwks
            or _more_scopes(declared, stored)
            or _new_places(declared, stored)
            or renamed
        )
    if declared.kind == "touch_point":
        return False
    return any(
        one.component_id == declared.component and one.jwks is not None and declared.component is not None
        for one in await store.clients(conn)
    )


# --- stops that end -------------------------------------------------------------------------------------------

_End = Callable[[Connection, str, str, str], Awaitable[Change]]


def _ending(
    noun: store_stops.StopNoun, key: Callable[[Connection, str], Awaitable[int]], act: _End
) -> TwoPersonAct:
    async def stop_now(conn: Connection, thing_id: str) -> Any:
        return await store_stops.open_stop(conn, noun, await key(conn, thing_id))

    async def end(conn: Connection, thing_id: str, body: dict[str, Any], actor: str) -> Change:
        return await act(conn, thing_id, body["reason"], actor)

    ja, en = _WORDS[noun]
    back = noun in ("organization", "client")
    return known(TwoPersonAct(f"{noun}_stop_end", f"{noun}_stop", ja, en, stop_now, end, gives_power=back))


_WORDS = {
    "organization": ("組織の停止を解く", "End the suspension of an organisation"),
    "service": ("サービスの停止を解く", "End the suspension of a service"),
    "client": ("クライアントの停止を解く", "Enable a client again"),
}


async def _organization_key(conn: Connection, one: str) -> int:
    return (await lookups.organization(conn, one)).organization_key


async def _service_key(conn: Connection, one: str) -> int:
    return (await lookups.service(conn, one)).service_key


async def _client_key(conn: Connection, one: str) -> int:
    return (await lookups.client(conn, one)).client_key


ORGANIZATION_STOP_END: Final = _ending("organization", _organization_key, stops.reinstate_organization)
SERVICE_STOP_END: Final = _ending("service", _service_key, stops.reinstate_service)
CLIENT_STOP_END: Final = _ending("client", _client_key, stops.enable_client)


async def reinstate_organization(conn: Connection, organization_id: str, reason: str, asker: Asker) -> Change:
    """Raises Problem as `stops.reinstate_organization`; always takes two."""
    return await perform(conn, ORGANIZATION_STOP_END, organization_id, {"reason": reason}, asker)


async def reinstate_service(conn: Connection, service_id: str, reason: str, asker: Asker) -> Change:
    return await perform(conn, SERVICE_STOP_END, service_id, {"reason": reason}, asker)


async def enable_client(conn: Connection, client_id: str, reason: str, asker: Asker) -> Change:
    return await perform(conn, CLIENT_STOP_END, client_id, {"reason": reason}, asker)


# --- witnesses ------------------------------------------------------------------------------------------------


async def _witness_now(conn: Connection, witness_id: str) -> Any:
    found = {one.witness_id: one for one in await store_organizations.every_witness(conn)}.get(witness_id)
    return None if found is None else builtins(found)


async def _put_witness(conn: Connection, witness_id: str, body: dict[str, Any], actor: str) -> Change:
    declared = msgspec.convert(body, WitnessDeclaration)
    assert declared.witness_id == witness_id
    return await witnesses.register_witness(conn, declared, actor)


async def _end_witness(conn: Connection, witness_id: str, body: dict[str, Any], actor: str) -> Change:
    return await witnesses.end_witness(conn, witness_id, body["reason"], actor)


WITNESS_KEY: Final = known(
    TwoPersonAct(
        "witness_key",
        "witness",
        "証人を加える・鍵や場所を替える",
        "Add a witness, or replace its key or address",
        _witness_now,
        _put_witness,
        own_word=True,
        names=organization_named,
    )
)
WITNESS_END: Final = known(
    TwoPersonAct("witness_end", "witness", "証人を終える", "End a witness", _witness_now, _end_witness)
)


async def put_witness(conn: Connection, declared: WitnessDeclaration, asker: Asker) -> Change:
    """`register_witness`, which waits once the platform has witnesses: a new one, another key, address or organisation.

    What the log's readers count must not be one person's to choose. The organisation whose witness it is can say yes,
    unless it is the one that asks.
    """
    await lock_for_writing(conn)
    now = await store_organizations.every_witness(conn)
    stored = {one.witness_id: one for one in now}.get(declared.witness_id)
    owner = declared.organization if stored is None else stored.organization_id
    return await perform(
        conn,
        WITNESS_KEY,
        declared.witness_id,
        builtins(declared),
        asker,
        needs_two=bool(now),
        organization_id=None if owner == asker.organization_id else owner,
    )


async def end_witness(conn: Connection, witness_id: str, reason: str, asker: Asker) -> Change:
    return await perform(conn, WITNESS_END, witness_id, {"reason": reason}, asker)

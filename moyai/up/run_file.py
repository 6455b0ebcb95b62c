"""`run.json`: what a stranger's program needs to log in, consent, exchange and withdraw. Mode 0600, gone on stop."""

from __future__ import annotations

from typing import Any

from moyai import registry
from moyai.applying import login_password
from moyai.applying.client_keys import key_file
from moyai.applying.registry_file import read
from moyai.base.db import Connection, connect
from moyai.base.roles import SERVE
from moyai.identity.credentials import authenticator_secret
from moyai.identity.store_staff import logins_in_force
from moyai.registry import Service, links_of_service
from moyai.up.person import Login
from moyai.up.platform import Town
from moyai.up.world import TOUCH_POINT, World

_RESIDENTS = 20


async def facts(town: Town, world: World) -> dict[str, Any]:
    """The members of `run.json` beside the process ids, which the supervisor keeps there."""
    conn = await connect(town.home.dsn(SERVE))
    try:
        return {
            "base_url": world.base_url,
            "residents": _residents(world),
            "staff": staff(town, world),
            "clients": await _clients(conn, town),
            "touch_point": await _touch_point(conn),
            "services": [await _service(conn, one) for one in await registry.all_services(conn)],
            "witnesses": [
                {"id": one.witness_id, "url": one.url, "verifier_key": one.verifier_key}
                for one in await registry.all_witnesses(conn)
            ],
        }
    finally:
        await conn.close()


def _residents(world: World) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "name": f"{known.person['family_name']} {known.person['given_name']}",
            "resident_id": known.resident_id,
            "login": known.login.login,
            "password": known.login.password,
            "totp_secret": known.login.totp_secret,
            "municipality": known.municipality_code,
            "subjects": known.subjects,
        }
        for key, known in [(key, world.people[key]) for key in shown(world)]
        if known.login is not None
    ]


def shown(world: World) -> list[str]:
    """Keys of the cast first, then of some of the others, of every municipality."""
    cast = [key for key in world.people if not key.startswith(("resident-", "story-"))]
    others = [
        (key, known.municipality_code) for key, known in world.people.items() if key.startswith("resident-")
    ]
    codes = sorted({code for _, code in others})
    share = _RESIDENTS // max(len(codes), 1)
    return cast + [
        key for code in codes for key in [key for key, lives_in in others if lives_in == code][-share:]
    ]


async def handed_over(town: Town) -> list[Login]:
    """What the staff that the scenario declares got for their first log-in; not those who wait for a second person, or
    were ended."""
    secrets, box = town.home.secrets(), town.home.box()
    conn = await connect(town.home.dsn(SERVE))
    try:
        declared = [one.login for one in read(town.scenario.path).staff]
        present = set(await logins_in_force(conn, declared))
        return [
            Login(login, login_password(secrets, login), await authenticator_secret(conn, box, login))
            for login in declared
            if login in present
        ]
    finally:
        await conn.close()


def staff(town: Town, world: World) -> list[dict[str, Any]]:
    """Staff that the scenario declares, with what they log in with."""
    return [
        {
            "login": one.login,
            "name": one.name,
            "organization": one.organization_id,
            "roles": one.roles,
            "password": world.staff[one.login].password,
            "totp_secret": world.staff[one.login].totp_secret,
        }
        for one in read(town.scenario.path).staff
        if one.login in world.staff
    ]


async def _clients(conn: Connection, town: Town) -> list[dict[str, Any]]:
    components = {one.component_id: one.organization_id for one in await registry.all_components(conn)}
    return [
        {
            "id": one.client_id,
            "kind": one.kind,
            "component": one.component_id,
            "organization": one.organization_id or components.get(one.component_id or ""),
            "scopes": one.scopes,
            "key_file": str(key_file(town.home, one.client_id)),
            "redirect_uris": one.redirect_uris,
        }
        for one in await registry.all_clients(conn)
        if one.kind != "touch_point"
    ]


async def _touch_point(conn: Connection) -> dict[str, Any]:
    found = next(one for one in await registry.all_clients(conn) if one.client_id == TOUCH_POINT)
    return {"id": found.client_id, "redirect_uris": found.redirect_uris, "scopes": found.scopes}


async def _service(conn: Connection, service: Service) -> dict[str, Any]:
    links = await links_of_service(conn, service.service_key)
    return {
        "id": service.service_id,
        "url": service.url,
        "organization": service.organization_id,
        "municipalities": service.municipality_codes,
        "links": [
            {
                "id": link.link_id,
                "provider": link.provider.component_id,
                "consumer": link.consumer.component_id,
                "dataset": link.dataset_id,
                "purpose": link.purpose_id,
            }
            for link in links
        ],
    }

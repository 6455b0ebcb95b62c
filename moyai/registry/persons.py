"""Members of staff as far as two persons are told apart, and whether who asked for an act still may ask for it.

What waits rests on who asked and on who stands for it. A disabled client, a suspended organisation, a disabled account
or a lost role takes away what it rests on, so both are judged again at the moment an act takes effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from moyai.base.db import Connection
from moyai.registry import standing, store_clients, store_organizations

Level = Literal["registry", "staff"]


class Person(msgspec.Struct, frozen=True):
    """A member of staff as far as persons are told apart. Made by the identity room from a session, never from names."""

    staff_id: str
    staff_number: str
    organization_id: str
    roles: frozenset[str]

    @property
    def actor(self) -> str:
        return f"staff:{self.staff_id}"


Find = Callable[[Connection, str], Awaitable[Person | None]]

_find: Find | None = None


def found_by(find: Find) -> None:
    """Name who knows accounts in force by their id. The identity room does (`staff.introduce`), which this one does not
    import; whoever composes a process calls it, so that nothing rests on what happened to be imported."""
    global _find
    _find = find


async def may(conn: Connection, level: Level, organization_id: str | None, person: Person) -> bool:
    """Whether this member of staff may be one of the two."""
    if level == "staff" and "staff_admin" in person.roles and person.organization_id == organization_id:
        return True
    operator = await store_organizations.operating_organization(conn)
    return (
        operator is not None
        and person.organization_id == operator.organization_id
        and "operator" in person.roles
    )


async def stopped(
    conn: Connection, level: Level, organization_id: str | None, asked_by: str, first_staff_id: str | None
) -> str | None:
    """Why an act may not take effect any more: who asked for it, or stands for it, was stopped. None where both may."""
    kind, _, asker = asked_by.partition(":")
    if kind == "client" and not await _client_stands(conn, asker):
        return "who asked for it was stopped"
    if kind == "staff" and not await _person_stands(conn, level, organization_id, asker):
        return "who asked for it was stopped"
    if first_staff_id is not None and not await _person_stands(conn, level, organization_id, first_staff_id):
        return "who stood for it was stopped"
    return None


async def as_now(conn: Connection, person: Person) -> Person | None:
    """The same member of staff as the account is now; None for one that is disabled."""
    return await _known(conn, person.staff_id)


async def _known(conn: Connection, staff_id: str) -> Person | None:
    if _find is None:
        raise RuntimeError(
            "nobody said who knows members of staff: `staff.introduce`, where a process begins"
        )
    return await _find(conn, staff_id)


async def _client_stands(conn: Connection, client_id: str) -> bool:
    found = await store_clients.client(conn, client_id)
    return (
        found is not None and found.state == "active" and await _in_force(conn, found.organization_id or "")
    )


async def _person_stands(conn: Connection, level: Level, organization_id: str | None, staff_id: str) -> bool:
    person = await _known(conn, staff_id)
    return (
        person is not None
        and await may(conn, level, organization_id, person)
        and await _in_force(conn, person.organization_id)
    )


async def _in_force(conn: Connection, organization_id: str) -> bool:
    found = await store_organizations.organization(conn, organization_id)
    return found is not None and standing.of_office(found.state) is None

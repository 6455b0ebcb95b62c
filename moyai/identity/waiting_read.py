"""What waits for a second person, in names and words: who asks what, of whom, and what becomes what.

Ids are for programs. Whoever has to decide reads names, and each member of the change beside what stands now.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from moyai.base.db import Connection, Database
from moyai.identity import store_staff
from moyai.registry import (
    store_clients,
    store_links,
    store_organizations,
    store_parties,
    store_services,
)
from moyai.registry.field_words import FIELDS, NOUNS
from moyai.registry.hashing import digest
from moyai.registry.pending import Pending, act_named
from moyai.registry.recording import thumbprint
from moyai.registry.resting import other_than_read


class Called(msgspec.Struct, frozen=True):
    """What something is called; the id where it has no name."""

    name_ja: str
    name_en: str


class Becomes(msgspec.Struct, frozen=True):
    """One member of the change: what stands now (None: nothing), and what it becomes."""

    field_ja: str
    field_en: str
    old: str | None
    new: str | None


class Readable(msgspec.Struct, frozen=True):
    """An act that waits, to be read. `void`: confirming it does nothing, because what was read is another text by now."""

    act: Pending
    noun: Called
    thing: Called
    organization: Called | None
    asked_by: Called
    first_person: Called | None
    ended_by: Called | None
    becomes: list[Becomes]
    void: bool


async def every_readable(database: Database, found: list[Pending]) -> list[Readable]:
    """Each in a transaction of its own: an act on an account holds it while it is read, and never two of them."""
    read: list[Readable] = []
    for one in found:
        async with database.transaction() as conn:
            read.append(await readable(conn, one))
    return read


async def readable(conn: Connection, one: Pending) -> Readable:
    """Reads what stands now, so that nobody decides about words from another day."""
    noun_ja, noun_en = NOUNS.get(one.noun, (one.noun, one.noun))
    now = await act_named(one.act).refers_to(conn, one.id)
    changed = digest(now).hex() != one.rests_on[0].sha256
    others = await other_than_read(conn, msgspec.to_builtins(one.rests_on[1:]))
    owner = one.organization_id or await _owner(conn, one)
    return Readable(
        act=one,
        noun=Called(noun_ja, noun_en),
        thing=await _thing(conn, one),
        organization=await _organization(conn, owner) if owner else None,
        asked_by=await actor(conn, one.asked_by),
        first_person=await actor(conn, one.first_person) if one.first_person else None,
        ended_by=await actor(conn, one.ended_by) if one.ended_by else None,
        becomes=_becomes(one, cast("dict[str, Any]", now) if isinstance(now, dict) else {}),
        void=one.state == "waiting" and (changed or bool(others)),
    )


async def actor(conn: Connection, named: str) -> Called:
    """Who acted, by name: a member of staff, a program with its organisation, a file."""
    kind, _, one = named.partition(":")
    if kind == "staff" and (row := await store_staff.named(conn, one)) is not None:
        party = await store_parties.party(conn, row["organization_key"])
        number_ja = f"（職員番号 {row['staff_number']}）" if row["staff_number"] else ""
        number_en = f" (staff number {row['staff_number']})" if row["staff_number"] else ""
        of_ja, of_en = (party.name_ja, party.name_en) if party else ("", "")
        return Called(f"{of_ja} {row['name']}{number_ja}".strip(), f"{row['name']}{number_en}, {of_en}")
    if kind == "client" and (client := await store_clients.client(conn, one)) is not None:
        of = await _organization(conn, client.organization_id or "")
        return Called(
            f"{of.name_ja}のプログラム「{client.name_ja}」", f"the program {client.name_en} of {of.name_en}"
        )
    if named == "system":
        return Called("この基盤（時間が来て）", "the platform, in time")
    if kind == "file":
        return Called(
            f"ファイル {one}（だれとも名のらずに適用）", f"the file {one}, applied by nobody by name"
        )
    return Called(named, named)


async def _organization(conn: Connection, organization_id: str) -> Called:
    found = await store_organizations.organization(conn, organization_id)
    return Called(found.name_ja, found.name_en) if found else Called(organization_id, organization_id)


async def _owner(conn: Connection, one: Pending) -> str | None:
    """Whose the thing is, where the act concerns no organisation that has a word in it."""
    if (said := one.change.get("organization") or one.change.get("organization_id")) is not None:
        return str(said)
    if component := one.change.get("component"):
        found = await store_services.component(conn, component)
        return found and found.organization_id
    kind, thing_id = one.noun.removesuffix("_stop"), one.change.get("service") or one.id
    if kind in ("service", "link"):
        offered = await store_services.service(conn, thing_id)
        return offered and offered.organization_id
    if kind == "client":
        client = await store_clients.client(conn, one.id)
        return client and client.organization_id
    return None


async def _thing(conn: Connection, one: Pending) -> Called:
    """What the act is about, by the name it has now, else by the one that it is to get."""
    kind, thing_id = one.noun.removesuffix("_stop"), one.id
    if kind == "succession":
        kind, _, thing_id = one.id.partition(":")
    if kind == "staff":
        row = await store_staff.named(conn, thing_id)
        name = str(row["name"] if row else one.change.get("name") or thing_id)
        return Called(name, name)
    read: Any = {
        "organization": store_organizations.organization,
        "component": store_services.component,
        "service": store_services.service,
        "dataset": store_links.dataset,
        "purpose": store_links.purpose,
        "client": store_clients.client,
    }.get(kind)
    found = await read(conn, thing_id) if read else None
    if found is not None:
        return Called(found.name_ja, found.name_en)
    name_ja = str(one.change.get("name_ja") or thing_id)
    return Called(name_ja, str(one.change.get("name_en") or name_ja))


def _becomes(one: Pending, now: dict[str, Any]) -> list[Becomes]:
    """Of a change, the members that differ; of what is new, all that it says."""
    about = {f"{one.noun}_id", "staff_id", "id"}
    names = one.fields or [name for name, value in one.change.items() if value not in (None, "", [])]
    old = {**now, "organization": now.get("organization_id")}
    return [
        Becomes(
            *FIELDS.get(name, (name, name)), _text(name, old.get(name)), _text(name, one.change.get(name))
        )
        for name in names
        if name not in about
    ]


def _text(name: str, value: Any) -> str | None:
    if value in (None, "", []):
        return None
    if name == "jwks":
        return ", ".join(f"{key['kid']} ({thumbprint(key)})" for key in value["keys"])
    if isinstance(value, list) and all(isinstance(one, str) for one in cast("list[Any]", value)):
        return ", ".join(cast("list[str]", value))
    if isinstance(value, str | int):
        return str(value)
    return msgspec.json.encode(value).decode()

"""Staff accounts as they are found, and how what is done to them goes on record: for `staff` and `staff_logins`."""

from __future__ import annotations

from typing import Any

from moyai import ledger
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import store_logins, store_staff
from moyai.identity.staff_model import Administrator
from moyai.ledger import Act, Kind, contents
from moyai.registry import store_parties
from moyai.registry.store_parties import Party

Row = dict[str, Any]


def organization_of(party: Party | None) -> Row:
    """The organisation of an account, beside what the account says itself."""
    assert party is not None
    return {
        "organization_id": party.organization_id,
        "organization_ja": party.name_ja,
        "organization_en": party.name_en,
    }


async def held_account(conn: Connection, by: Administrator | None, staff_id: str) -> Row:
    """An account, held until the transaction ends. Raises Problem does_not_exist, also for one that `by` does not administer."""
    row = await store_staff.account(conn, staff_id)
    if row is None or (
        by is not None and not by.everywhere and row["organization_key"] != by.organization_key
    ):
        raise Problem("does_not_exist", "staff account")
    return {**row, **organization_of(await store_parties.party(conn, row["organization_key"]))}


async def record_act(conn: Connection, kind: Kind, actor: str, row: Row, reason: str = "") -> None:
    content = contents.StaffChanged(
        staff_id=row["staff_id"], organization_id=row["organization_id"], reason=reason
    )
    await ledger.record(conn, Act(kind, actor, detail=content))


async def account_now(conn: Connection, named: str) -> Any:
    """What an act refers to: the account with what gives it power, or nobody."""
    organization_id, _, number = named.partition("/")
    if number:
        party = await store_parties.party_by_id(conn, organization_id)
        key = party and await store_logins.staff_of_number(conn, party.organization_key, number)
        return None if key is None else {"staff_key": key}
    found = await store_staff.account(conn, named)
    row = (
        None
        if found is None
        else {**found, **organization_of(await store_parties.party(conn, found["organization_key"]))}
    )
    told = (
        "staff_id",
        "name",
        "organization_id",
        "roles",
        "staff_number",
        "state",
        "state_reason",
        "has_login",
    )
    return None if row is None else {name: row[name] for name in told}

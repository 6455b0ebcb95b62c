"""The rights in `grants.sql` are those that the program's statements use: none is missing, none is spare."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from moyai.base.roles import SERVE, WORKER
from tests.house.source import product_modules, strings

SCHEMAS = "platform|registry|identity|consent|ledger|personal"
WRITES = re.compile(
    rf"\b(insert)\s+into\s+(({SCHEMAS})\.\w+)|\b(delete)\s+from\s+(({SCHEMAS})\.\w+)|\b(update)\s+(({SCHEMAS})\.\w+)"
)

BY_THE_OWNER = {"store_restores.py"}
"""What only a command writes, as the databases' owner: no process role may say that a platform is open again."""

RIGHTS = """
    select table_schema || '.' || table_name as name, lower(privilege_type) as right
      from (select grantee, table_schema, table_name, privilege_type from information_schema.role_table_grants
            union
            select grantee, table_schema, table_name, privilege_type from information_schema.role_column_grants) as g
     where grantee = any($1) and privilege_type <> 'SELECT' and table_schema = any($2)
"""

# What only the operator's commands do, as the owner.
OWNERS = {("platform.signing_key", "update")}

# What only the release before this one writes; its tables are dropped by the next.
FORMER = {
    ("identity.login_attempt", "insert"),
    ("identity.login_attempt", "update"),
    ("identity.login_attempt", "delete"),
    ("identity.desk_attempt", "insert"),
    ("identity.desk_attempt", "update"),
    ("consent.code_attempt", "insert"),
}


def writes(text: str) -> set[tuple[str, str]]:
    """What one statement needs beyond reading: pairs of table and right."""
    found = {tuple(part for part in match.groups() if part)[:2] for match in WRITES.finditer(text)}
    needed = {(table, verb) for verb, table in found}
    if "do update" in text:
        needed |= {(table, "update") for table, verb in needed if verb == "insert"}
    return needed


def needed() -> dict[tuple[str, str], set[str]]:
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in product_modules():
        # the benchmark compares statements with the product's, in databases of its own
        if path.name.startswith("store") and "bench" not in path.parts and path.name not in BY_THE_OWNER:
            for line, text in strings(path):
                for pair in writes(text.lower()):
                    places[pair].add(f"{path.name}:{line}")
    return places


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("insert into ledger.entry (a) values (1)", {("ledger.entry", "insert")}),
        (
            "insert into ledger.tile (a) values (1) on conflict do update set a = 1",
            {("ledger.tile", "insert"), ("ledger.tile", "update")},
        ),
        ("with x as (delete from consent.act returning 1) select 1", {("consent.act", "delete")}),
        ("select 1 from consent.act for update", set()),
    ],
)
def test_what_a_statement_needs(text, pairs):
    assert writes(text) == pairs


async def granted(control) -> set[tuple[str, str]]:
    rows = await control.fetch(RIGHTS, [SERVE, WORKER], SCHEMAS.split("|"))
    return {(row["name"], row["right"]) for row in rows}


async def test_no_statement_lacks_its_right(platform):
    admin = await platform.connect("moyai_admin", "moyai_control")
    missing = {pair: places for pair, places in needed().items() if pair not in await granted(admin) | OWNERS}
    assert not missing, f"add these to moyai/migrations/control/grants.sql: {missing}"


async def test_no_right_is_without_a_statement(platform):
    admin = await platform.connect("moyai_admin", "moyai_control")
    spare = await granted(admin) - needed().keys() - FORMER
    assert not spare, f"take these out of moyai/migrations/control/grants.sql: {sorted(spare)}"


@pytest.mark.parametrize(
    "table",
    ["identity.person", "identity.credential", "identity.staff", "identity.session", "consent.presentation"],
)
async def test_the_worker_reads_no_person(platform, table):
    worker = await platform.connect(WORKER)
    assert not await worker.fetchval("select has_table_privilege($1, 'select')", table)

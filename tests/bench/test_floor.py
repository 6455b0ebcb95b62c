"""The floor of `moyai bench exchange` asks PostgreSQL for what an exchange asks for, and finds the same rows."""

import re

import msgspec
import pytest

from moyai.base.engine import ADMIN
from moyai.base.ids import random_uuid
from moyai.bench import data, store_floor
from tests.bench.statements import exchange_statements

RESIDENTS = 20
SINCE = {
    "registry.link_coverage",
    "registry.link_standing_kept",
    "ledger.registry_epoch",
    "ledger.resident_epoch",
}
KEPT_AS_ONE_ROW = {"registry.link", "registry.service", "registry.dataset"}
"""What the floor still joins, and an exchange finds in `registry.link_standing_kept`."""
# inside the function that judges again, where EXPLAIN does not look; that both are written, the statements show
RELEASED = {"ledger.entry", "ledger.content"}


def relations(plan):
    """All tables of an EXPLAIN tree, written ones too; partitions count as the table they are part of."""
    found = set()
    if "Relation Name" in plan:
        found.add(re.sub(r"_\d$", "", f"{plan['Schema']}.{plan['Relation Name']}"))
    for child in plan.get("Plans", ()):
        found |= relations(child)
    return found


async def touched(conn, query, args=()):
    plan = await conn.fetchval(f"explain (verbose, format json) {query}", *args)
    return relations(msgspec.json.decode(plan)[0]["Plan"])


def statements(script, number):
    """The SQL of a pgbench script, its variables filled in."""
    body = script.split("\n", 1)[1].replace(":number", f"'{number}'")
    return [part.strip() for part in re.split(r"\\gset|;", body) if part.strip()]


@pytest.fixture
async def ground(fresh_platform):
    return await data.make(fresh_platform.home, RESIDENTS, lambda *_: None)


@pytest.fixture
async def floor(fresh_platform, ground):
    conn = await fresh_platform.connect(ADMIN, fresh_platform.home.config().database.name)
    for number, party in enumerate(ground.parties, 1):
        await store_floor.copy_items(conn, party, number, RESIDENTS)
    return conn


@pytest.mark.parametrize("sources", [1, 3])
async def test_the_floor_touches_the_tables_of_an_exchange_and_finds_its_rows(ground, floor, sources):
    number = 7
    control, stores, permits, items = await exchange_statements(floor, ground, sources, number)
    asked = RELEASED.union(*[await touched(floor, query, args) for query, args in control])

    gate_sql, *reads, record_sql = statements(store_floor.script(ground, sources), number)
    row = await floor.fetchrow(gate_sql)
    assert row["resident_key"] == permits[0].resident_key
    of_floor = await touched(floor, gate_sql)
    for n, read_sql in enumerate(reads, 1):
        subject = str(row[f"subject_{n}"])
        assert subject == permits[n - 1].provider_subject
        read_sql = read_sql.replace(f":subject_{n}", f"'{subject}'")
        assert await touched(floor, read_sql) == {"bench.item"}
        mine, theirs = [dict(r) for r in await floor.fetch(read_sql)], items[n - 1]
        assert [(r["item_id"], r["content"]) for r in mine] == [(r["item_id"], r["content"]) for r in theirs]
    of_floor |= await touched(floor, record_sql.replace(":resident_key", str(row["resident_key"])))

    # the floor's SQL stays what it was: what an exchange has been asked for since is its own cost
    assert asked - of_floor == SINCE
    assert of_floor - asked == KEPT_AS_ONE_ROW
    assert len(stores) == len(reads) == sources


async def test_a_closed_link_gives_the_floor_no_row(ground, floor):
    # a stop that the journal does not have, which no role of the platform can make
    await floor.execute("set session_replication_role = replica")
    await floor.execute("update consent.state set state = 3")
    await floor.execute("reset session_replication_role")
    gate_sql = statements(store_floor.script(ground, 1), 7)[0]
    assert await floor.fetchrow(gate_sql) is None


async def test_the_floor_writes_one_entry_with_its_content(ground, floor):
    before = await floor.fetchval("select count(*) from ledger.entry")
    record_sql = statements(store_floor.script(ground, 1), 7)[-1].replace(":resident_key", "1")
    await floor.execute(record_sql)
    assert await floor.fetchval("select count(*) from ledger.entry") == before + 1
    assert (
        await floor.fetchval("select count(*) from ledger.content where resident_key = 1 and kind = 1") == 1
    )


def test_each_reader_gets_a_subject_of_its_own():
    subjects = {data.subject(component, number) for component in range(1, 5) for number in range(1, 50)}
    assert len(subjects) == 4 * 49
    assert random_uuid() not in subjects

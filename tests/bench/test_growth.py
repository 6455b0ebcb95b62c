"""An exchange reads no more of the database when there are a hundred, a thousand times more residents."""

import msgspec
import pytest

from moyai.base.db import connect
from moyai.bench import data
from tests.bench.statements import exchange_statements

# An index over a thousand times more rows is one or two levels deeper, and an exchange with three sources goes
# through about twenty of them. Reading one of its tables from end to end would be thousands of pages.
MOST_PAGES = 120

GROWING = {"resident", "pairwise", "state", "item", "entry", "content"}


async def executed(conn, query, args):
    """The plan as sessions of the main job make it: once for all values, then used for each."""
    await conn.execute("set plan_cache_mode = force_generic_plan")
    await conn.execute("set join_collapse_limit = 12")
    await conn.execute(f"prepare asked as {query}")
    values = ", ".join(await literals(conn, args))
    found = await conn.raw.fetchval(f"explain (analyze, buffers, format json) execute asked({values})")
    await conn.execute("deallocate asked")
    return msgspec.json.decode(found)[0]["Plan"]


async def literals(conn, args):
    """Values as text that PostgreSQL reads back."""
    return [
        await conn.fetchval("select quote_literal($1::bytea)", value)
        if isinstance(value, bytes)
        else await conn.fetchval("select quote_literal($1::text)", as_text(value))
        for value in args
    ]


def as_text(value):
    if not isinstance(value, list):
        return value
    quoted = (str(one).replace("\\", "\\\\").replace('"', '\\"') for one in value)
    return "{" + ",".join(f'"{one}"' for one in quoted) + "}"


def pages(plan):
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def scanned(plan):
    """Tables read from end to end, though they grow with the residents."""
    name = plan.get("Relation Name", "").rstrip("_01234567")
    mine = {name} & GROWING if plan["Node Type"] == "Seq Scan" else set()
    return mine.union(*(scanned(child) for child in plan.get("Plans", ())))


async def cost_of_an_exchange(platform, ground, sources):
    """(pages, tables scanned) of one exchange's statements."""
    control = await connect(platform.dsn())
    control_sent, store_sent, permits, items = await exchange_statements(control, ground, sources, 7)
    assert len(permits) == len(items) == sources
    plans = [await executed(control, *sent) for sent in control_sent]
    for sent, party in zip(store_sent, ground.parties, strict=False):
        store = await connect(party.dsn)
        plans.append(await executed(store, *sent))
        await store.close()
    await control.close()
    return sum(pages(plan) for plan in plans), set().union(*(scanned(plan) for plan in plans))


@pytest.mark.parametrize("residents", [1_000, 20_000, pytest.param(1_000_000, marks=pytest.mark.heavy)])
async def test_pages_read_do_not_grow_with_the_residents(fresh_platform, residents):
    ground = await data.make(fresh_platform.home, residents, lambda *_: None)
    read, tables = await cost_of_an_exchange(fresh_platform, ground, 3)
    assert tables == set()
    assert read < MOST_PAGES

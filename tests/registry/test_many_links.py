"""I1: what a change of the registry costs grows with the links that it touches, not faster; all others cost it nothing."""

from __future__ import annotations

import pytest

from moyai.base.db import Connection
from moyai.registry import successions
from tests.registry.samples import ACTOR, UNEI, certified_service
from tests.registry.test_link_standing import differences
from tests.registry.test_successions import of_city

# per changed link: its text of before and of now, coverage, standing, and the rows that each follows from
ROWS_PER_LINK = 100


async def with_links(conn: Connection, more: int) -> None:
    """A certified service with `more` links beside its own: each gives data of its own for the same purpose."""
    await certified_service(conn)
    columns = await copied(conn, "dataset", "dataset_key")
    await conn.execute(
        f"""
        insert into registry.dataset (dataset_id, {columns})
        select 'copy-' || n, {columns} from generate_series(1, $1) n, (select * from registry.dataset limit 1) d
        """,
        more,
    )
    columns = await copied(conn, "link", "link_key", "dataset_key", "version_key")
    await conn.execute(
        f"""
        insert into registry.link (link_id, dataset_key, {columns})
        select 'link-' || d.dataset_id, d.dataset_key, {columns}
          from (select {columns} from registry.link limit 1) l,
               (select dataset_id, dataset_key from registry.dataset where dataset_id like 'copy-%') d
        """
    )


async def copied(conn: Connection, table: str, *but: str) -> str:
    names = await conn.fetch(
        """
        select column_name from information_schema.columns
         where table_schema = 'registry' and table_name = $1 and column_name <> all ($2)
        """,
        table,
        [*but, f"{table}_id"],
    )
    return ", ".join(row["column_name"] for row in names)


async def rows_read(conn: Connection) -> int:
    """Rows of the registry that the transaction has read so far."""
    return await conn.fetchval(
        """
        select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
          from pg_stat_xact_user_tables where schemaname = 'registry'
        """
    )


async def rename_the_operator(conn: Connection) -> None:
    renamed = of_city(kind="renaming", id=UNEI.organization_id, name_ja="新しい機構", name_en="New Operator")
    await successions.record_succession(conn, renamed, ACTOR)


@pytest.mark.parametrize("links", [200, 2_000])
async def test_i1_renaming_the_operator_reads_so_much_per_link_and_carries_every_consent_on(
    control: Connection, links: int
):
    await with_links(control, links)
    before = await rows_read(control)
    await rename_the_operator(control)
    assert await rows_read(control) - before < ROWS_PER_LINK * links
    standing = await control.fetch("select version, items from registry.version_standing")
    assert len(standing) == 2 * (links + 1)
    assert all(row["items"] for row in standing)
    assert await differences(control) == 0


async def test_i1_a_change_of_one_link_reads_nothing_of_two_thousand_others(control: Connection):
    await with_links(control, 2_000)
    # whether a table is worth an index is the planner's to say, of statistics that a test has no time for
    await control.execute("set local enable_seqscan = off")
    before = await rows_read(control)
    await control.raw.execute(
        "update registry.link set purpose_ja = 'ほかの目的' where link_id = 'link-copy-7'"
    )
    assert await rows_read(control) - before < ROWS_PER_LINK
    changed = await control.fetch("select link_key from registry.link_version where version = 2")
    assert len(changed) == 1
    assert await differences(control) == 0

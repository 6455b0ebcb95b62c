"""Whatever confers authority can be taken away, and a restore must not give it back: of every column it is written how."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, get_args

from moyai.base.db import Connection
from moyai.base.stops import AnyStop

SAID: dict[str, Any] = tomllib.loads(Path(__file__).with_name("authority.toml").read_text(encoding="utf-8"))
COLUMNS: dict[str, dict[str, list[str]]] = SAID["columns"]
KINDS = {kind.__struct_config__.tag for kind in get_args(AnyStop)}


async def _columns(control: Connection) -> set[tuple[str, str]]:
    rows = await control.fetch(
        """
        select n.nspname || '.' || c.relname as name, a.attname as column_name
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where c.relkind in ('r', 'p') and not c.relispartition
           and n.nspname in ('platform', 'registry', 'identity', 'consent', 'ledger', 'personal')
        """
    )
    return {(row["name"], row["column_name"]) for row in rows}


async def test_b4_of_every_column_it_is_written_which_stop_takes_back_what_it_confers(
    control: Connection,
) -> None:
    said = [(table, one) for table, of in COLUMNS.items() for listed in of.values() for one in listed]
    assert len(said) == len(set(said)), "a column is listed twice"
    assert set(said) == await _columns(control), "see tests/house/authority.toml"


def test_each_column_names_a_kind_of_stop_or_a_reason() -> None:
    named = {tag for of in COLUMNS.values() for tag in of}
    assert named <= KINDS | set(SAID["reasons"])
    assert named >= KINDS, "a kind of stop that takes nothing back"
    assert named >= set(SAID["reasons"]), "a reason that nobody gives"


async def test_b4_every_table_whose_rights_can_be_taken_has_a_trigger_that_notes_it(
    control: Connection,
) -> None:
    rows = await control.fetch(
        """
        select tgrelid::regclass::text as name from pg_trigger
         where tgname in ('notes_rights', 'notes_levels') group by 1
        """
    )
    assert {row["name"] for row in rows} == {table for table, of in COLUMNS.items() if "right_taken" in of}


async def test_functions_of_the_database_name_only_columns_that_there_are(control: Connection) -> None:
    """What is dropped later breaks a function only when it is called: a trigger would refuse every write from then on."""
    rows = await control.fetch(
        r"""
        select p.oid::regprocedure::text as function, m[1] as named, m[2] as column_name
          from pg_proc p
          join pg_namespace n on n.oid = p.pronamespace
         cross join lateral regexp_matches(p.prosrc, '\m(new|old)\.([a-z0-9_]+)', 'g') m
         where n.nspname in ('platform', 'registry', 'identity', 'consent', 'ledger', 'personal')
           and not exists (
                 select from pg_trigger t join pg_attribute a on a.attrelid = t.tgrelid and not a.attisdropped
                  where t.tgfoid = p.oid and a.attname = m[2])
           and exists (select from pg_trigger t where t.tgfoid = p.oid)
        """
    )
    assert [tuple(row) for row in rows] == []

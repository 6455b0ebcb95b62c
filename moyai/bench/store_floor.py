"""The floor: what one exchange needs of PostgreSQL when it comes alone, as pgbench runs it.

Single-row statements, written for speed, each its own transaction: pairwise id and gate; one item read per source;
the ledger's insert, which is the only write. They touch the tables, rows and indexes that an exchange touches; only
the items are copied into this one database, because pgbench talks to one.
"""

from __future__ import annotations

from moyai.base.db import Connection
from moyai.bench.data import Ground, Party, item_rows


async def copy_items(conn: Connection, party: Party, number: int, residents: int) -> None:
    """A copy of one provider's items, with the same indexes, as `bench.item_<number>`."""
    await conn.execute("create schema if not exists bench")
    await conn.raw.execute(
        f"""
        create table bench.item_{number:d} (
            subject uuid not null, dataset_id text not null, item_id text not null,
            version int not null default 1, content json not null, observed_at timestamptz,
            created_at timestamptz not null default clock_timestamp(),
            updated_at timestamptz not null default clock_timestamp(),
            primary key (subject, dataset_id, item_id));
        create index on bench.item_{number:d} (subject, dataset_id, observed_at desc nulls last, item_id);
        """
    )
    await conn.raw.copy_records_to_table(
        f"item_{number:d}",
        schema_name="bench",
        columns=("subject", "dataset_id", "item_id", "content"),
        records=item_rows(party, residents),
    )


def script(ground: Ground, sources: int) -> str:
    """A pgbench script that makes one exchange with 1 or 3 sources."""
    reads = "\n".join(_read(party, n) for n, party in enumerate(ground.parties[:sources], 1))
    return "\n".join(
        (f"\\set number random(1, {ground.residents})", _gate(ground, sources), reads, _record())
    )


def _gate(ground: Ground, sources: int) -> str:
    """One row, whatever the number of sources: who it is, and each provider's subject where its link is open."""
    party = ground.parties[0]
    subjects = ", ".join(f"s{n}.subject as subject_{n}" for n in range(1, sources + 1))
    joins = "\n".join(_link(ground.parties[n - 1], n) for n in range(1, sources + 1))
    return f"""
select r.resident_key, {subjects}
  from identity.pairwise p
  join identity.resident r on r.resident_key = p.resident_key and r.state = 'active'
  join registry.client c on c.client_key = {ground.client_key} and c.state = 'active'
  join registry.component m on m.component_key = c.component_key
  join registry.organization o on o.organization_key = m.organization_key and o.state = 'certified'
  join registry.service s on s.state = 'certified' and r.municipality_code = any(s.municipality_codes)
       and r.ial >= s.required_ial
  join registry.link l on l.service_key = s.service_key and l.link_key = {party.link_key}
{joins}
 where p.component_key = {ground.component_key} and p.subject = md5('{ground.component_key}:' || :number)::uuid
   and p.ends_at is null
\\gset
"""


def _link(party: Party, n: int) -> str:
    return f"""  join registry.link l{n} on l{n}.link_key = {party.link_key} and l{n}.state = 'registered'
  join registry.dataset d{n} on d{n}.dataset_key = l{n}.dataset_key and r.ial >= d{n}.required_ial
  join registry.component m{n} on m{n}.component_key = l{n}.provider_component_key
  join registry.organization o{n} on o{n}.organization_key = m{n}.organization_key and o{n}.state = 'certified'
  join consent.state k{n} on k{n}.resident_key = r.resident_key and k{n}.link_key = {party.link_key}
       and k{n}.state = 1 and k{n}.expires_at > now()
  join identity.pairwise s{n} on s{n}.resident_key = r.resident_key
       and s{n}.component_key = {party.component_key} and s{n}.ends_at is null"""


def _read(party: Party, n: int) -> str:
    return f"""
select item_id, version, observed_at, content from bench.item_{n}
 where subject = :subject_{n}::uuid and dataset_id = '{party.dataset_id}'
 order by observed_at desc nulls last, item_id limit 100;
"""


def _record() -> str:
    """A leaf of 58 bytes and a body as long as a real one, in the one statement that the ledger uses."""
    body = "x" * 420
    return f"""
with made as (
    insert into ledger.entry (entry_id, leaf)
    values (uuidv7(), decode(repeat('00', 58), 'hex')) returning entry_id)
insert into ledger.content (resident_key, entry_id, kind, at, salt, body)
select :resident_key::bigint, entry_id, 1, clock_timestamp(), decode(repeat('00', 16), 'hex'), '{body}' from made;
"""

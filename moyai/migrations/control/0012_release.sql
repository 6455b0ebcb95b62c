-- What was judged is judged again at the moment of release. Everything that can close a link counts up an epoch: one
-- for the registry, one per resident. The gate reads the epochs together with the facts; the statement that records
-- the release compares them, under locks that whoever closes something holds until it is committed. So a release has
-- committed before a stop that forbids it is acknowledged, or it does not happen.
--
-- Lock keys: 'moyai.release' for the registry; hashtextextended('consent', resident_key) for a resident, the same that
-- an act of the resident takes first (consent.store.lock_resident). Releases hold them shared and never wait for them.

create table ledger.registry_epoch (
    only_one boolean primary key default true check (only_one),
    value    bigint not null
);
insert into ledger.registry_epoch (value) values (0);

-- Only residents of whom something was ever closed; kept when they are erased, so that nothing is released late.
create table ledger.resident_epoch (
    resident_key bigint primary key,
    value        bigint not null
);

create view ledger.registry_epoch_now as select value from ledger.registry_epoch;
create view ledger.resident_epoch_now as select resident_key, value from ledger.resident_epoch;

create function ledger.count_registry() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('moyai.release', 0));
    update ledger.registry_epoch set value = value + 1;
    return null;
end
$$;

create function ledger.count_residents() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare
    closed bigint;
begin
    -- in one order, so that two of these never wait for each other
    for closed in select distinct resident_key from gone order by resident_key loop
        perform pg_advisory_xact_lock(hashtextextended('consent', closed));
        insert into ledger.resident_epoch as e (resident_key, value) values (closed, 1)
        on conflict (resident_key) do update set value = e.value + 1;
    end loop;
    return null;
end
$$;

-- What is only added closes nothing; what changes may.
create trigger closes after update on registry.organization for each statement execute function ledger.count_registry();
create trigger closes after update on registry.service for each statement execute function ledger.count_registry();
create trigger closes after update on registry.component for each statement execute function ledger.count_registry();
create trigger closes after update on registry.dataset for each statement execute function ledger.count_registry();
create trigger closes after update on registry.link for each statement execute function ledger.count_registry();
create trigger closes after update on registry.link_coverage
    for each statement execute function ledger.count_registry();
create trigger closes after update on registry.client for each statement execute function ledger.count_registry();

create trigger closes_by_update after update on consent.state referencing old table as gone
    for each statement execute function ledger.count_residents();
create trigger closes_by_delete after delete on consent.state referencing old table as gone
    for each statement execute function ledger.count_residents();
create trigger closes_by_update after update on consent.sharing referencing old table as gone
    for each statement execute function ledger.count_residents();
create trigger closes_by_delete after delete on consent.sharing referencing old table as gone
    for each statement execute function ledger.count_residents();
create trigger closes_by_update after update on identity.resident referencing old table as gone
    for each statement execute function ledger.count_residents();
create trigger closes_by_update after update on identity.pairwise referencing old table as gone
    for each statement execute function ledger.count_residents();
create trigger closes_by_delete after delete on identity.pairwise referencing old table as gone
    for each statement execute function ledger.count_residents();

-- Record what is released, in the order of what was asked. Per entry: outcome 0 written, 1 known already (its proof was
-- used), 2 something closed since it was judged, or its consent has run out, 3 somebody is just closing something.
-- Each statement of a volatile function sees what was committed before it: the second one comes after the locks.
create function ledger.release(
    entry_ids bytea, kinds int[], heads text[], rests text[], salts bytea,
    residents bigint[], registry_epochs bigint[], resident_epochs bigint[], ends_ms bigint[]
) returns table (n int, outcome int, at timestamptz)
language plpgsql volatile as $$
declare
    open boolean := pg_try_advisory_xact_lock_shared(hashtextextended('moyai.release', 0));
    free boolean[];
begin
    free := array(
        select open and (q.resident = 0
                         or pg_try_advisory_xact_lock_shared(hashtextextended('consent', q.resident)))
          from unnest(residents) with ordinality as q(resident, n) order by q.n);
    return query
    with asked as materialized (
        select q.n::int as n, encode(substr(entry_ids, (q.n::int - 1) * 16 + 1, 16), 'hex')::uuid as entry_id,
               substr(salts, (q.n::int - 1) * 16 + 1, 16) as salt, q.kind, q.head, q.rest, q.resident,
               case when not free[q.n] then 3
                    when q.registry_epoch <> (select value from ledger.registry_epoch)
                      or q.resident_epoch <> coalesce(
                             (select e.value from ledger.resident_epoch e where e.resident_key = q.resident), 0)
                      or q.end_ms <= extract(epoch from clock_timestamp()) * 1000 then 2
                    else 0 end as verdict
          from unnest(kinds, heads, rests, residents, registry_epochs, resident_epochs, ends_ms) with ordinality
               as q(kind, head, rest, resident, registry_epoch, resident_epoch, end_ms, n)
    ), moment as materialized (
        select date_trunc('milliseconds', clock_timestamp()) as at
    ), made as materialized (
        select a.n, a.entry_id, a.salt, a.kind, a.resident, m.at,
               a.head || to_char(m.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || a.rest as body,
               row_number() over (partition by a.entry_id order by a.n) = 1 as is_first
          from asked a cross join moment m
         where a.verdict = 0
    ), written as (
        insert into ledger.entry (entry_id, leaf)
        select d.entry_id,
               set_byte('\x0100'::bytea, 1, d.kind) || int8send((extract(epoch from d.at) * 1000)::bigint)
                   || uuid_send(d.entry_id)
                   || sha256(convert_to(E'moyai-commitment-v1\n', 'UTF8') || d.salt || convert_to(d.body, 'UTF8'))
          from made d where d.is_first
         -- in one order everywhere: two processes given the same replayed proofs must not deadlock
         order by d.entry_id
        on conflict (entry_id) do nothing
        returning ledger.entry.entry_id
    ), contents as (
        insert into ledger.content (resident_key, entry_id, kind, at, salt, body)
        select d.resident, d.entry_id, d.kind, d.at, d.salt, d.body
          from made d join written w using (entry_id) where d.is_first
    )
    select a.n,
           case when a.verdict <> 0 then a.verdict when w.entry_id is not null and d.is_first then 0 else 1 end,
           m.at
      from asked a cross join moment m
      left join made d on d.n = a.n
      left join written w on w.entry_id = d.entry_id
     order by a.n;
end
$$;

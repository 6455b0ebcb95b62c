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

-- Whether what was judged still stands, in the order of what was asked: 0 it does, 2 something closed since, or its
-- consent has run out, 3 somebody is just closing something. What is told to stand stays so until the caller commits.
-- Each statement of a volatile function sees what was committed before it: the one that compares comes after the locks.
create function ledger.judge_again(
    residents bigint[], registry_epochs bigint[], resident_epochs bigint[], ends_ms bigint[]
) returns int[]
language plpgsql volatile as $$
declare
    open boolean := pg_try_advisory_xact_lock_shared(hashtextextended('moyai.release', 0));
    free boolean[];
    verdicts int[];
    registry bigint;
    moved bigint[];
    epochs bigint[];
    now_ms bigint;
begin
    -- loops over expressions, not statements: a statement for each, begun and ended, would cost more than all the rest
    for n in 1 .. cardinality(residents) loop
        free[n] := open and (residents[n] = 0
                             or pg_try_advisory_xact_lock_shared(hashtextextended('consent', residents[n])));
    end loop;
    select g.value, e.residents, e.epochs, extract(epoch from clock_timestamp()) * 1000
      into registry, moved, epochs, now_ms
      from ledger.registry_epoch g,
           (select array_agg(x.resident_key) as residents, array_agg(x.value) as epochs
              from ledger.resident_epoch x where x.resident_key = any (judge_again.residents)) e;
    for n in 1 .. cardinality(residents) loop
        verdicts[n] := case when not free[n] then 3
                            when registry_epochs[n] <> registry
                              or resident_epochs[n] <> coalesce(epochs[array_position(moved, residents[n])], 0)
                              or ends_ms[n] <= now_ms then 2
                            else 0 end;
    end loop;
    return verdicts;
end
$$;

-- What stops is a fact of the rows, whoever changes them and by whatever road: a trigger notes it here, in the transaction
-- that makes it (and lets go of it with a savepoint that is rolled back). Before the transaction commits, the program writes
-- what is noted into the journal outside the database, and deletes it (base/journal.py). Nobody ever sees a row of another
-- transaction, but those that something else than the program has left: the next stop takes them along.
create table platform.stop_due (
    stop_key bigint generated always as identity primary key,
    at       timestamptz not null,
    -- one of the kinds of moyai/base/stops.py
    stop     jsonb not null
);

-- Acts stand in the ledger to the millisecond; what is on record at the time of a stop, or later, is newer than it.
create function platform.note_stop(stop jsonb, at timestamptz default date_trunc('milliseconds', clock_timestamp()))
returns void language sql security definer set search_path = pg_catalog as $$
insert into platform.stop_due (at, stop) values (at, stop)
$$;
revoke execute on function platform.note_stop from public;

-- A session of the program (`moyai.journal` says so) that has not written what it stops does not commit.
create function platform.refuse_unwritten() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    if current_setting('moyai.journal', true) = 'kept'
       and exists (select from platform.stop_due d where d.stop_key = new.stop_key) then
        raise exception 'this stop is not in the journal: %', new.stop
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return null;
end
$$;
create constraint trigger stop_is_written after insert on platform.stop_due
    deferrable initially deferred for each row execute function platform.refuse_unwritten();

-- What one act stops of one service is one stop.
create function consent.note_stop(key bigint, service int, links text[], leaves boolean, at timestamptz)
returns void language plpgsql security definer set search_path = pg_catalog as $$
declare
    who text := (select r.resident_id from identity.resident r where r.resident_key = key);
    what text := (select s.service_id from registry.service s where s.service_key = note_stop.service);
begin
    update platform.stop_due d
       set stop = d.stop || jsonb_build_object('links', d.stop->'links' || to_jsonb(links),
                                               'left', (d.stop->'left')::boolean or leaves)
     where d.at = note_stop.at and d.stop->>'kind' = 'consent_withdrawn'
       and d.stop->>'resident_id' = who and d.stop->>'service_id' = what;
    if not found then
        perform platform.note_stop(jsonb_build_object('kind', 'consent_withdrawn', 'resident_id', who,
                                                      'service_id', what, 'links', links, 'left', leaves), at);
    end if;
end
$$;
revoke execute on function consent.note_stop from public;

-- A consent leaves `given`: withdrawn, or refused when it is decided anew.
create function consent.state_left() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform consent.note_stop(n.resident_key, l.service_key, array_agg(l.link_id order by l.link_id), false, max(n.since))
       from gone o
       join come n using (resident_key, link_key)
       join registry.link l using (link_key)
      where o.state = 1 and n.state <> 1
      group by n.resident_key, l.service_key;
    return null;
end
$$;
create trigger notes_stops after update on consent.state referencing old table as gone new table as come
    for each statement execute function consent.state_left();

-- Rows of somebody who is closed are deleted for good: that is a stop of its own.
create function consent.state_deleted() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform consent.note_stop(o.resident_key, l.service_key, array_agg(l.link_id order by l.link_id), false,
                              clock_timestamp())
       from gone o
       join registry.link l using (link_key)
       join identity.resident r using (resident_key)
      where o.state = 1 and r.state = 'active'
      group by o.resident_key, l.service_key;
    return null;
end
$$;
create trigger notes_deleted after delete on consent.state referencing old table as gone
    for each statement execute function consent.state_deleted();

-- The use of a service ends.
create function consent.membership_left() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    if tg_op = 'UPDATE' then
        perform consent.note_stop(old.resident_key, old.service_key, '{}', true, new.ended_at);
    elsif exists (select from identity.resident r where r.resident_key = old.resident_key and r.state = 'active') then
        perform consent.note_stop(old.resident_key, old.service_key, '{}', true, clock_timestamp());
    end if;
    return null;
end
$$;
create trigger notes_stops after update on consent.membership
    for each row when (old.ended_at is null and new.ended_at is not null) execute function consent.membership_left();
create trigger notes_deleted after delete on consent.membership
    for each row when (old.ended_at is null) execute function consent.membership_left();

-- A sharing leaves force: ended by either side, by a withdrawal, or because one of the two is erased.
create function consent.sharing_left() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform platform.note_stop(jsonb_build_object('kind', 'sharing_ended', 'sharing_id', old.sharing_id),
                               case when tg_op = 'UPDATE' then new.ended_at else clock_timestamp() end);
    return null;
end
$$;
create trigger notes_stops after update on consent.sharing
    for each row when (old.ended_at is null and new.ended_at is not null) execute function consent.sharing_left();
create trigger notes_deleted after delete on consent.sharing
    for each row when (old.ended_at is null) execute function consent.sharing_left();

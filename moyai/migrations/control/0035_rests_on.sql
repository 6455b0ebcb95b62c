-- What an act that waits was read against, beside what it is about: the entries that it names, each with the hash of its text.
-- What waits from before names none, and is held to what it is about alone, as it was.
alter table registry.pending add column rests_on jsonb not null default '[]';

create or replace function registry.hold_pending() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    if old.state <> 'waiting'
        or (new.pending_id, new.act, new.thing_id, new.body, new.body_sha256, new.base_sha256, new.fields,
            new.asked_by, new.asked_at, new.rests_on)
           is distinct from
           (old.pending_id, old.act, old.thing_id, old.body, old.body_sha256, old.base_sha256, old.fields,
            old.asked_by, old.asked_at, old.rests_on)
        or new.organization_id is distinct from old.organization_id
        or (old.first_staff_id is not null and new.first_staff_id is distinct from old.first_staff_id)
    then
        raise exception 'what waits for a second person is not changed, only ended'
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    -- a time is set once, when a person stands for it, and leaves all of the hours
    if new.due_at is distinct from old.due_at
        and (old.first_staff_id is not null or new.first_staff_id is null
             or new.due_at is null or new.due_at < now() + interval '24 hours')
    then
        raise exception 'the hours of what waits run from the moment a person stands for it'
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return new;
end
$$;

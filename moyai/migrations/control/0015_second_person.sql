-- Acts that take two persons, and the persons: members of staff with a staff number of their organisation.

alter table identity.staff
    -- 職員番号: one number is one person. Empty for accounts from before; such an account counts for nobody where two are needed
    add column staff_number text check (staff_number <> ''),
    add column state text not null default 'active' check (state in ('active', 'disabled')),
    add column state_reason text not null default '',
    add column registered_at timestamptz not null default clock_timestamp(),
    add column last_login_at timestamptz;
create unique index staff_number on identity.staff (organization_key, staff_number);

-- What waits: exactly this change, of what was the case when it was asked for. Never changed, only ended.
create table registry.pending (
    pending_id      uuid primary key,
    act             text not null,
    thing_id        text not null,
    -- the change itself and its SHA-256; the SHA-256 of what it refers to
    body            jsonb not null,
    body_sha256     bytea not null,
    base_sha256     bytea not null,
    fields          text[] not null,
    -- whose own word is worth a second person's, or whose administrator may give it
    organization_id text,
    asked_by        text not null,
    -- the first of the two: who asked, or, where a program or a file did, who confirmed first
    first_staff_id     text,
    first_staff_number text,
    first_organization text,
    asked_at        timestamptz not null default clock_timestamp(),
    due_at          timestamptz not null,
    state           text not null default 'waiting' check (state in ('waiting', 'done', 'revoked', 'void')),
    ended_at        timestamptz,
    ended_by        text,
    -- how it ended: second_person, organization, waited; or the reason
    way             text,
    check ((state = 'waiting') = (ended_at is null)),
    check ((first_staff_id is null) = (first_staff_number is null)),
    check ((first_staff_id is null) = (first_organization is null))
);
create index pending_due on registry.pending (due_at) where state = 'waiting';
create index pending_asked on registry.pending (asked_at);

-- Whoever writes to the table cannot make of what was asked for something else, or begin it anew.
create function registry.hold_pending() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    if old.state <> 'waiting'
        or (new.pending_id, new.act, new.thing_id, new.body, new.body_sha256, new.base_sha256, new.fields,
            new.asked_by, new.asked_at, new.due_at)
           is distinct from
           (old.pending_id, old.act, old.thing_id, old.body, old.body_sha256, old.base_sha256, old.fields,
            old.asked_by, old.asked_at, old.due_at)
        or new.organization_id is distinct from old.organization_id
        or (old.first_staff_id is not null and new.first_staff_id is distinct from old.first_staff_id)
    then
        raise exception 'what waits for a second person is not changed, only ended'
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return new;
end
$$;
create trigger pending_holds before update on registry.pending
    for each row execute function registry.hold_pending();

-- The second clerk is another person, not another account; an erasure waits for one, or for 24 hours.
alter table identity.desk_request
    -- a program may ask for an erasure: it is nobody, and both clerks are still to come
    alter column staff_key drop not null,
    add column asked_by text not null default '',
    -- who said yes as the second: from then on it is carried out until it is done
    add column confirmed_by text;
create index desk_request_due on identity.desk_request (expires_at) where act = 'erase';

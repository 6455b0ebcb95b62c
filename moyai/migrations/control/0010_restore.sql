-- Restores of this platform from a backup. While one has not replayed the journal of stops, nothing is served.
create table platform.restore (
    restore_id  uuid primary key,
    -- what the backup and the log files with it hold: everything up to this moment
    state_at    timestamptz not null,
    -- what was acknowledged after `state_at` and up to this moment is lost, but for journalled stops; null: nothing
    lost_until  timestamptz,
    -- false: the journal of stops was lost, too
    journal     boolean not null,
    restored_at timestamptz not null default clock_timestamp(),
    -- null: closed
    replayed_at timestamptz
);

-- A log that was cut back by a restore never signs again: a new origin continues its first entries.
alter table ledger.log
    add column continues text references ledger.log,
    add column continues_size bigint,
    add check ((continues is null) = (continues_size is null));

-- What should have taken effect and could not: how often, why (a code or the name of a fault), and when it is tried again.
alter table registry.pending
    add column failures integer not null default 0,
    add column failing text,
    add column try_at timestamptz;

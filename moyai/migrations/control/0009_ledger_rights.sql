-- What a process role may write into the ledger, and which private keys it may read; how keys and witnesses end.

-- A row that the program would never write must not be there at all: one leaf that is none would stop the
-- integration for everybody. These are policies and not constraints: they bind the roles that have the right to
-- insert, cost no scan of a large table, and judge no row that is there already.
alter table ledger.entry enable row level security;
create policy leaf_is_whole on ledger.entry to moyai_serve, moyai_worker
    using (true)
    with check (
        -- 58 bytes: version 1, a kind, a time up to the year 9999, the entry's own id, the commitment
        length(leaf) = 58
        and substr(leaf, 1, 1) = '\x01'
        and substr(leaf, 2, 1) <> '\x00'
        and substr(leaf, 3, 8) <= '\x0000e677d21fdbff'
        and substr(leaf, 11, 16) = uuid_send(entry_id)
    );

alter table ledger.content enable row level security;
create policy content_is_readable on ledger.content to moyai_serve, moyai_worker
    using (true)
    with check (
        resident_key >= 0
        and kind between 1 and 255
        and isfinite(at)
        and length(salt) = 16
        and body is json object
    );

-- The private key of the log is the worker's, all others are serve's; the public halves are everybody's.
alter table platform.signing_key enable row level security;
create policy keys_of_serve on platform.signing_key to moyai_serve
    using (purpose <> 'log') with check (purpose <> 'log');
create policy key_of_the_log on platform.signing_key to moyai_worker
    using (purpose = 'log') with check (purpose = 'log');

-- A stolen key stops verifying at once, whatever overlap it had.
alter table platform.signing_key
    add column revoked_at timestamptz,
    add column revoked_reason text;

create view platform.public_key as
    select key_id, purpose, algorithm, public_jwk, created_at, retired_at, forgotten_at, revoked_at, revoked_reason
      from platform.signing_key;

-- A witness that is ended stays ended; another one takes another id.
alter table registry.witness
    add column ended_at timestamptz,
    add column ended_reason text;

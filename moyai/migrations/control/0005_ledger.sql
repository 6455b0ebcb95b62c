-- The append-only record. `entry` holds what is public (a leaf: commitment, kind, time); `content` holds what the
-- commitment opens to, and is the only part that erasure deletes. Nobody may update or delete an entry.
create schema ledger;

create table ledger.entry (
    -- time-ordered; for an exchange it is made from the DPoP proof, so that the key itself refuses a replay
    entry_id uuid primary key,
    leaf     bytea not null,
    -- the writing transaction: the integrator takes what no running transaction can still add to
    xact     xid8 not null default pg_current_xact_id()
);
create index entry_order on ledger.entry (xact, entry_id);

create table ledger.content (
    -- 0: no resident (an act of the registry, a refusal whose subject is unknown)
    resident_key bigint not null,
    entry_id     uuid not null,
    kind         smallint not null,
    at           timestamptz not null,
    salt         bytea not null,
    -- the exact bytes that were committed to: canonical JSON
    body         text not null,
    -- a resident's history is read newest first by OUR time: the time in an exchange's entry_id is the caller's
    primary key (resident_key, at, entry_id)
);
-- For the integrator's counts and the console's lists.
create index content_entry on ledger.content (entry_id);

-- The log's identity. A platform restored from a backup that is shorter than what a witness has seen closes
-- its log for good.
create table ledger.log (
    origin        text primary key,
    opened_at     timestamptz not null default clock_timestamp(),
    closed_at     timestamptz,
    closed_reason text
);
create unique index log_open on ledger.log ((true)) where closed_at is null;

-- The order that the integrator gave: index, contiguous from 0. The leaf hashes are in the tiles of level 0.
create table ledger.sequence (
    index     bigint primary key,
    entry_id  uuid not null unique
);

-- Full 256-wide tiles of tree hashes and the current partial ones (C2SP tlog-tiles).
create table ledger.tile (
    level  smallint not null,
    number bigint not null,
    width  smallint not null,
    hashes bytea not null,
    primary key (level, number)
);
-- Hashes do not compress.
alter table ledger.tile alter column hashes set storage external;

create table ledger.checkpoint (
    size      bigint primary key,
    root      bytea not null,
    signed_at timestamptz not null default clock_timestamp(),
    note      text not null
);

create table ledger.cosignature (
    size       bigint not null references ledger.checkpoint,
    witness_id text not null,
    line       text not null,
    signed_at  timestamptz not null default clock_timestamp(),
    primary key (size, witness_id)
);
create index cosignature_witness on ledger.cosignature (witness_id, size);

-- One exchange however often it is retried: the answer's digest, under the caller's Idempotency-Key.
create table ledger.idempotency (
    component_key  int not null,
    key_hash       bytea not null,
    request_hash   bytea not null,
    entry_id       uuid not null,
    resident_key   bigint not null,
    answer_digest  bytea not null,
    created_at     timestamptz not null default clock_timestamp(),
    primary key (component_key, key_hash)
);
create index idempotency_resident on ledger.idempotency (resident_key);
create index idempotency_age on ledger.idempotency (created_at);

-- Counted by the integrator, so that no page ever counts the ledger itself.
create table ledger.daily (
    day                    date not null,
    kind                   smallint not null,
    provider_component_id  text not null default '',
    consumer_component_id  text not null default '',
    code                   text not null default '',
    entries                bigint not null default 0,
    items                  bigint not null default 0,
    primary key (day, kind, provider_component_id, consumer_component_id, code)
);

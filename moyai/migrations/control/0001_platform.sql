-- What belongs to the platform itself: its signing keys and what it says about itself.
create schema platform;

-- Keys are versioned and rotated with overlap: a key signs until `retired_at`, and verifies until `forgotten_at`.
create table platform.signing_key (
    key_id      text primary key,
    purpose     text not null check (purpose in ('oidc', 'receipt', 'grant', 'log')),
    algorithm   text not null,
    public_jwk  jsonb not null,
    sealed      bytea not null,
    created_at  timestamptz not null default clock_timestamp(),
    retired_at  timestamptz,
    forgotten_at timestamptz
);
create unique index signing_key_current on platform.signing_key (purpose) where retired_at is null;

-- Residents and staff: who they are, how they were proofed, how they log in, what services know them as.
create schema identity;

-- The resident as the platform's other rooms see one. `resident_id` has no meaning (guidebook 1.1.1).
create table identity.resident (
    resident_key      bigint generated always as identity primary key,
    resident_id       text not null unique,
    municipality_code text not null,
    ial               smallint not null check (ial between 1 and 3),
    state             text not null default 'active' check (state in ('active', 'closed', 'erased')),
    enrolled_at       timestamptz not null default clock_timestamp(),
    -- the organisation whose desk looks after somebody who lives outside every participating municipality
    desk_key          int
);

-- The person behind a resident ID. Deleted at erasure.
create table identity.person (
    resident_key bigint primary key references identity.resident,
    family_name  text not null,
    given_name   text not null,
    family_kana  text not null,
    given_kana   text not null,
    birth_date   date not null,
    sex          text not null default '',
    postal_code  text not null default '',
    address      text not null,
    -- folded kana and folded kanji, so that somebody enrolled before is found (R-001)
    match_name   text collate "C" not null,
    match_kanji  text collate "C" not null default '',
    -- why this is somebody else than an enrolled person of the same name and birth date
    distinct_reason text not null default ''
);
create index person_match on identity.person (birth_date, match_name);
create index person_name on identity.person (match_name);
create index person_kanji on identity.person (match_kanji);

create table identity.proofing (
    proofing_id    uuid primary key,
    resident_key   bigint not null references identity.resident,
    level          smallint not null check (level between 1 and 3),
    method         text not null,
    document_class text not null,
    verifier       text not null,
    verified_at    timestamptz not null default clock_timestamp()
);
create index proofing_resident on identity.proofing (resident_key);

create table identity.staff (
    staff_key        int generated always as identity primary key,
    login            text not null unique,
    name             text not null,
    organization_key int not null,
    roles            text[] not null
);

-- How residents and staff log in: one row per login.
create table identity.credential (
    login           text primary key,
    resident_key    bigint unique references identity.resident,
    staff_key       int unique references identity.staff,
    password_hash   text not null,
    sealed_totp     bytea,
    -- the last TOTP time step that was accepted: a code is good once
    totp_step       bigint not null default 0,
    changed_at      timestamptz not null default clock_timestamp(),
    check ((resident_key is null) <> (staff_key is null))
);

-- Failed attempts per login name, also of names that do not exist: a lock tells nobody whether there is such a login.
create table identity.login_attempt (
    login_hash bytea primary key,
    failures   int not null,
    last_at    timestamptz not null
);

-- What one component knows one resident as: random, stored, never derived (design, section 4).
create table identity.pairwise (
    resident_key  bigint not null references identity.resident,
    component_key int not null,
    subject       uuid not null,
    tied_at       timestamptz not null default clock_timestamp(),
    -- set when a newer subject replaces this one; it resolves until then
    ends_at       timestamptz,
    primary key (resident_key, component_key, subject)
);
create unique index pairwise_current on identity.pairwise (resident_key, component_key) where ends_at is null;
create unique index pairwise_subject on identity.pairwise (component_key, subject) include (resident_key, ends_at);

create table identity.session (
    session_hash bytea primary key,
    login        text not null references identity.credential on delete cascade,
    created_at   timestamptz not null default clock_timestamp(),
    seen_at      timestamptz not null default clock_timestamp(),
    authenticated_at timestamptz,
    amr          text[] not null default '{}',
    aal          smallint not null default 0,
    expires_at   timestamptz not null
);
create index session_login on identity.session (login);
create index session_expiry on identity.session (expires_at);

-- An OAuth authorisation on its way: pushed or sent by the browser, then a code.
create table identity.authorization_request (
    request_hash   bytea primary key,
    client_id      text not null,
    parameters     jsonb not null,
    code_hash      bytea unique,
    code_used_at   timestamptz,
    -- what the code gives, once
    grant_id       uuid,
    created_at     timestamptz not null default clock_timestamp(),
    expires_at     timestamptz not null
);
create index authorization_request_expiry on identity.authorization_request (expires_at);

-- A finished authorisation of one client for one resident. Tokens name it (`sid`) and end with it.
create table identity.authorization_grant (
    grant_id         uuid primary key,
    client_id        text not null,
    resident_key     bigint not null references identity.resident,
    scope            text not null,
    -- the key that the client's tokens are bound to, from the first token request on
    jkt              text not null default '',
    aal              smallint not null,
    amr              text[] not null,
    authenticated_at timestamptz not null,
    session_hash     bytea not null,
    created_at       timestamptz not null default clock_timestamp(),
    expires_at       timestamptz not null,
    revoked_at       timestamptz
);
create index authorization_grant_resident on identity.authorization_grant (resident_key);
create index authorization_grant_session on identity.authorization_grant (session_hash);
create index authorization_grant_expiry on identity.authorization_grant (expires_at);

-- Refresh tokens of touch points; each is good once, and a second use ends the grant.
create table identity.refresh_token (
    token_hash bytea primary key,
    grant_id   uuid not null references identity.authorization_grant on delete cascade,
    used_at    timestamptz,
    expires_at timestamptz not null
);
create index refresh_token_grant on identity.refresh_token (grant_id);

-- Single use of client assertions and of proofs outside the exchange road.
create table identity.seen_token (
    fingerprint bytea primary key,
    expires_at  timestamptz not null
);
create index seen_token_expiry on identity.seen_token (expires_at);

-- For the gate: a resident as one component knows them.
create view identity.subject_standing as
select p.component_key, p.subject, p.ends_at, r.resident_key, r.municipality_code, r.ial, r.state as resident_state
  from identity.pairwise p
  join identity.resident r using (resident_key);

-- What a resident allowed whom, for which purpose: the state now, and every act that led to it.
create schema consent;

-- A text that was served to a session. A decision is accepted only with the hash of one (design, section 4).
create table consent.presentation (
    presentation_id uuid primary key,
    resident_key    bigint not null,
    session_id      text not null,
    service_key     int not null,
    content         jsonb not null,
    sha256          bytea not null,
    served_at       timestamptz not null default clock_timestamp(),
    expires_at      timestamptz not null
);
create index presentation_resident on consent.presentation (resident_key, service_key, served_at desc);
create index presentation_expiry on consent.presentation (expires_at);

-- Starting to use a service: five steps, in order (guidebook 3.2.3). Leaving or declining deletes the row.
create table consent.enrolment (
    enrolment_id uuid primary key,
    resident_key bigint not null,
    session_id   text not null,
    service_key  int not null,
    step         smallint not null check (step between 1 and 4),
    service_terms_key  int,
    platform_terms_key int,
    -- when the fourth step was done: that is when both terms had been accepted
    terms_accepted_at  timestamptz,
    started_at   timestamptz not null default clock_timestamp(),
    expires_at   timestamptz not null
);
-- one walk through the steps per session: a second touch point begins its own
create unique index enrolment_walk on consent.enrolment (resident_key, service_key, session_id);

-- A resident's use of a service, with the terms versions they accepted.
create table consent.membership (
    resident_key       bigint not null,
    service_key        int not null,
    service_terms_key  int not null,
    platform_terms_key int not null,
    accepted_at        timestamptz not null,
    ended_at           timestamptz,
    primary key (resident_key, service_key)
);

-- One act of the resident: it names the service, and decides one or more links.
create table consent.act (
    act_id          uuid not null,
    resident_key    bigint not null,
    service_key     int not null,
    kind            text not null check (kind in ('decide', 'withdraw', 'grant', 'end_grant', 'erase')),
    presentation_id uuid,
    sha256          bytea,
    -- {"links": {link_id: "given"|"refused"|"withdrawn"}, …}
    content         jsonb not null,
    receipt         text,
    client_id       text not null,
    acted_at        timestamptz not null,
    primary key (resident_key, act_id)
);
create index act_service on consent.act (resident_key, service_key, acted_at desc);

-- The state in force, one row per link a resident was asked about; never asked is no row.
create table consent.state (
    resident_key bigint not null,
    link_key     int not null,
    state        smallint not null check (state between 1 and 3),  -- 1 given, 2 refused, 3 withdrawn
    act_id       uuid not null,
    since        timestamptz not null,
    expires_at   timestamptz,
    -- the authentication level of the session that decided; the gate compares it with what the link requires
    aal          smallint not null default 0,
    primary key (resident_key, link_key)
) partition by hash (resident_key);
create table consent.state_0 partition of consent.state for values with (modulus 8, remainder 0);
create table consent.state_1 partition of consent.state for values with (modulus 8, remainder 1);
create table consent.state_2 partition of consent.state for values with (modulus 8, remainder 2);
create table consent.state_3 partition of consent.state for values with (modulus 8, remainder 3);
create table consent.state_4 partition of consent.state for values with (modulus 8, remainder 4);
create table consent.state_5 partition of consent.state for values with (modulus 8, remainder 5);
create table consent.state_6 partition of consent.state for values with (modulus 8, remainder 6);
create table consent.state_7 partition of consent.state for values with (modulus 8, remainder 7);

-- Full history per link, for as-of questions (R-139).
create table consent.history (
    resident_key bigint not null,
    link_key     int not null,
    since        timestamptz not null,
    state        smallint not null check (state between 1 and 3),
    act_id       uuid not null,
    expires_at   timestamptz,
    aal          smallint not null default 0,
    primary key (resident_key, link_key, since)
);

-- Sharing with a related person (R-004): view only, the chosen links' items, while the grant lives.
create table consent.sharing (
    sharing_id     uuid primary key,
    resident_key   bigint not null,
    service_key    int not null,
    link_keys      int[] not null check (cardinality(link_keys) > 0),
    -- in the resident's own words: who they are to each other
    relation       text not null,
    -- the invitation: its hash until somebody takes it, then null
    code_hash      bytea unique,
    code_expires_at timestamptz,
    viewer_key     bigint,
    viewer_name    text not null,
    -- how the viewer finds this sharing among others: 母, 父
    shown_as       text not null default '',
    created_at     timestamptz not null default clock_timestamp(),
    accepted_at    timestamptz,
    expires_at     timestamptz not null,
    ended_at       timestamptz,
    check (viewer_key is null or viewer_key <> resident_key)
);
create index sharing_resident on consent.sharing (resident_key);
create index sharing_viewer on consent.sharing (viewer_key) where viewer_key is not null;

-- Codes tried that no invitation has, so that guessing is stopped. Swept with the sharing's own expiry.
create table consent.code_attempt (
    viewer_key   bigint not null,
    attempted_at timestamptz not null default clock_timestamp(),
    primary key (viewer_key, attempted_at)
);

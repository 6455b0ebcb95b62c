-- The desk: moving in waits for a second word, look-ups are counted, some acts need two persons, protected residents.

-- What names a member of staff in records. A login name would tell a resident whose account to try.
alter table identity.staff
    add column staff_id text not null unique default substr(replace(gen_random_uuid()::text, '-', ''), 1, 12);

alter table identity.resident
    -- until then a lost authenticator is replaced by two clerks only: the resident did not confirm the move
    add column recovery_hold_until timestamptz,
    -- DV等支援措置: to anybody but named staff this resident does not exist
    add column protected_at timestamptz;
create index resident_protected on identity.resident (resident_key) where protected_at is not null;

-- 初期パスワード: chosen by the desk, so good for one log-in, in which the resident chooses another.
alter table identity.credential add column must_change boolean not null default false;

-- 転入 from another desk. It moves nobody until the losing desk, the resident or a second clerk confirms.
create table identity.transfer (
    transfer_id       uuid primary key,
    resident_key      bigint not null references identity.resident,
    organization_key  int not null,
    -- as the asking desk typed it; of what the other desk has on record it sees nothing
    entered_name      text not null,
    municipality_code text not null,
    postal_code       text not null,
    address           text not null,
    level             smallint not null check (level between 1 and 3),
    method            text not null,
    document_class    text not null,
    -- 転出証明書番号, empty where none was shown
    certificate       text not null default '',
    asked_by          text not null,
    asked_staff_key   int references identity.staff,
    asked_at          timestamptz not null default clock_timestamp(),
    expires_at        timestamptz not null,
    state             text not null default 'pending'
                      check (state in ('pending', 'completed', 'declined', 'withdrawn')),
    confirmed_by      text check (confirmed_by in ('losing_desk', 'resident', 'certificate')),
    ended_at          timestamptz,
    check ((state = 'pending') = (ended_at is null)),
    check ((state = 'completed') = (confirmed_by is not null))
);
create unique index transfer_pending on identity.transfer (resident_key) where state = 'pending';
create index transfer_organization on identity.transfer (organization_key, asked_at);

-- The first of two persons asked for this; it is done when another one does.
create table identity.desk_request (
    request_id       uuid primary key,
    act              text not null,
    resident_key     bigint not null references identity.resident,
    organization_key int not null,
    content          jsonb not null,
    staff_key        int not null references identity.staff,
    asked_at         timestamptz not null default clock_timestamp(),
    expires_at       timestamptz not null,
    unique (act, resident_key)
);

-- How often somebody at a desk met people of other desks by trying names, within the hour.
create table identity.desk_attempt (
    actor    text primary key,
    attempts int not null,
    since    timestamptz not null
);

-- Who may open the record of a protected resident.
create table identity.protected_access (
    resident_key bigint not null references identity.resident,
    staff_key    int not null references identity.staff,
    primary key (resident_key, staff_key)
);

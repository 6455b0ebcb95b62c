-- Guessing: one kind of counter for everything that can be guessed, and the browsers that have logged in before.

-- A counter is a hash of what it counts, so that a name typed in vain is not kept. `subject` is the hash of the login
-- where the counter is about one: all of them are forgotten together when a desk gives new secrets.
-- Written at each try: not logged in advance of need, and small enough to be read whole by the sweep.
create table identity.guess (
    counter      bytea primary key,
    subject      bytea,
    -- how many tries in a row failed; a fraction is what is left of one that is being forgotten
    failures     double precision not null,
    last_at      timestamptz not null,
    -- until then no try is judged
    closed_until timestamptz not null
);
create index guess_subject on identity.guess (subject) where subject is not null;
create index guess_last on identity.guess (last_at);

-- A browser in which somebody has logged in wholly. The cookie itself is never stored.
create table identity.known_browser (
    browser_hash bytea not null,
    login        text not null references identity.credential on delete cascade,
    seen_at      timestamptz not null default clock_timestamp(),
    primary key (login, browser_hash)
);
create index known_browser_seen on identity.known_browser (seen_at);

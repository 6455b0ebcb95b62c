-- A store of linkable personal data. Persons are known here only by the pairwise subject of the component that
-- stored the item: nothing in this database joins two components, or leads back to a resident ID.
create schema store;

create table store.item (
    subject    uuid not null,
    dataset_id text not null,
    item_id    text not null,
    version    int not null default 1,
    -- json, not jsonb: kept as the bytes that were sent, and handed on without being taken apart
    content    json not null,
    observed_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (subject, dataset_id, item_id)
);

create index item_recent on store.item (subject, dataset_id, observed_at desc nulls last, item_id);

-- One row per write that reached this store, so that the sweeper can ask whether an intent got here. The sweeper
-- writes a cancelled row for one that did not, so that it can no longer get here late.
create table store.event (
    intent_id  uuid primary key,
    subject    uuid not null,
    dataset_id text not null,
    -- how many items the write added (negative: removed)
    added      int not null,
    cancelled  boolean not null default false,
    settled_at timestamptz not null default clock_timestamp()
);
create index event_settled on store.event (settled_at);

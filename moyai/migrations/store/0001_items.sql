-- A store of linkable personal data. Persons are known here only by the pairwise subject of the component that
-- stored the item: nothing in this database joins two components, or leads back to a resident ID.
create schema store;

create table store.item (
    subject    uuid not null,
    dataset_id text not null,
    item_id    text not null,
    version    int not null default 1,
    content    jsonb not null,
    observed_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (subject, dataset_id, item_id)
);

-- One row per settled write, so that the sweeper can ask whether an intent reached the store.
create table store.event (
    intent_id  uuid primary key,
    subject    uuid not null,
    dataset_id text not null,
    items      int not null,
    settled_at timestamptz not null default clock_timestamp()
);

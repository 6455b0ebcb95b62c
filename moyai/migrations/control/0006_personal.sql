-- Where linkable personal data lies (データ所在情報), and writes on their way. Never the data itself.
create schema personal;

-- Per resident × dataset × component, never per item.
create table personal.location (
    resident_key  bigint not null,
    dataset_key   int not null,
    component_key int not null,
    store_key     int not null,
    items         int not null check (items >= 0),
    updated_at    timestamptz not null default clock_timestamp(),
    primary key (resident_key, dataset_key, component_key)
);

-- A write that touches a store and this database: written before the store, settled after it, swept if neither.
create table personal.intent (
    intent_id     uuid primary key,
    resident_key  bigint not null,
    dataset_key   int not null,
    component_key int not null,
    store_key     int not null,
    begun_at      timestamptz not null default clock_timestamp()
);
create index intent_begun on personal.intent (begun_at);

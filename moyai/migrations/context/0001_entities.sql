-- City data: NGSI entities. A database of its own, so that it can move to another server without the rest.
create schema context;

create table context.entity (
    -- '' is the platform's common tenant; any other is an organisation's id with - written as _ (Fiware-Service)
    tenant          text not null check (length(tenant) <= 50),
    id              text not null check (length(id) between 1 and 256),
    type            text not null check (length(type) between 1 and 256),
    -- order of creation: the default order of NGSIv2, and unique, so that paging never skips or repeats
    entity_key      bigint generated always as identity,
    -- who created it; in the common tenant nobody else may change it
    organization_id text not null,
    -- {name: {"type", "value", "metadata"}}, the normalized form; jsonb forgets the order of its keys
    attrs           jsonb not null,
    attr_names      text[] not null,
    -- bounding box of the location attribute, in degrees (x: longitude, y: latitude)
    extent          box,
    created_at      timestamptz not null default clock_timestamp(),
    modified_at     timestamptz not null default clock_timestamp(),
    primary key (tenant, id, type)
);
create unique index entity_order on context.entity (tenant, entity_key);
create index entity_type_order on context.entity (tenant, type, entity_key);
create index entity_extent on context.entity using gist (extent);

-- How many entities there are, so that Fiware-Total-Count and /v2/types never count rows. Several rows per type
-- (one per group of sessions) keep concurrent writers of one type from waiting for each other.
create table context.entity_count (
    tenant   text not null,
    type     text not null,
    shard    smallint not null,
    entities bigint not null,
    primary key (tenant, type, shard)
);

create function context.count_created() returns trigger language plpgsql
    security definer set search_path = pg_catalog as $$
begin
    insert into context.entity_count as c (tenant, type, shard, entities)
    select tenant, type, pg_backend_pid() % 8, count(*) from created group by tenant, type order by tenant, type
    on conflict (tenant, type, shard) do update set entities = c.entities + excluded.entities;
    return null;
end $$;

create function context.count_deleted() returns trigger language plpgsql
    security definer set search_path = pg_catalog as $$
begin
    insert into context.entity_count as c (tenant, type, shard, entities)
    select tenant, type, pg_backend_pid() % 8, -count(*) from deleted group by tenant, type order by tenant, type
    on conflict (tenant, type, shard) do update set entities = c.entities + excluded.entities;
    return null;
end $$;

create trigger entity_created after insert on context.entity
    referencing new table as created for each statement execute function context.count_created();
create trigger entity_deleted after delete on context.entity
    referencing old table as deleted for each statement execute function context.count_deleted();

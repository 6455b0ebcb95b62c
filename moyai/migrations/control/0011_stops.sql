-- A stop is a fact of its own: a row that only its own named act with a reason ends. Whatever else is declared,
-- certified or applied meanwhile, the thing stays stopped.
create table registry.stop (
    stop_key     int generated always as identity primary key,
    noun         text not null check (noun in ('organization', 'service', 'client', 'link')),
    thing_key    int not null,
    -- what the thing was before, and is again when the stop ends
    before       text not null,
    reason       text not null check (reason <> ''),
    actor        text not null,
    stopped_at   timestamptz not null default clock_timestamp(),
    ended_at     timestamptz,
    ended_by     text,
    ended_reason text check (ended_reason <> ''),
    check ((ended_at is null) = (ended_reason is null)),
    -- an ended link never opens again: it is registered anew, under another id
    check (noun <> 'link' or ended_at is null)
);
create unique index stop_open on registry.stop (noun, thing_key) where ended_at is null;

insert into registry.stop (noun, thing_key, before, reason, actor, stopped_at)
select 'organization', organization_key, 'certified', coalesce(nullif(suspension_reason, ''), '(before stops were kept)'),
       'system', coalesce(suspended_at, clock_timestamp())
  from registry.organization where state = 'suspended'
union all
select 'service', service_key, 'certified', '(before stops were kept)', 'system', clock_timestamp()
  from registry.service where state = 'suspended'
union all
select 'client', client_key, 'active', '(before stops were kept)', 'system', clock_timestamp()
  from registry.client where state = 'disabled'
union all
select 'link', link_key, 'registered', '(before stops were kept)', 'system', clock_timestamp()
  from registry.link where state = 'ended';

-- The state of a thing follows its stops, and nothing else can take it out of one.
create function registry.follow_stop() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare
    wanted text := case when new.ended_at is null then
                        case new.noun when 'client' then 'disabled' when 'link' then 'ended' else 'suspended' end
                   else new.before end;
begin
    case new.noun
    when 'organization' then
        update registry.organization
           set state = wanted, suspended_at = case when new.ended_at is null then new.stopped_at end,
               suspension_reason = case when new.ended_at is null then new.reason end
         where organization_key = new.thing_key;
    when 'service' then update registry.service set state = wanted where service_key = new.thing_key;
    when 'client' then update registry.client set state = wanted where client_key = new.thing_key;
    when 'link' then update registry.link set state = wanted where link_key = new.thing_key;
    end case;
    return null;
end
$$;
create trigger stop_bites after insert or update on registry.stop
    for each row execute function registry.follow_stop();

create function registry.hold_stop() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    if new.state is distinct from old.state and exists (
        select from registry.stop
         where noun = tg_argv[0] and ended_at is null
           and thing_key = (to_jsonb(new)->>(tg_argv[0] || '_key'))::int
           and new.state <> case noun when 'client' then 'disabled' when 'link' then 'ended' else 'suspended' end)
    then
        raise exception '% is stopped; only the end of its stop changes that', tg_argv[0]
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return new;
end
$$;
create trigger stop_holds before update of state on registry.organization
    for each row execute function registry.hold_stop('organization');
create trigger stop_holds before update of state on registry.service
    for each row execute function registry.hold_stop('service');
create trigger stop_holds before update of state on registry.client
    for each row execute function registry.hold_stop('client');
create trigger stop_holds before update of state on registry.link
    for each row execute function registry.hold_stop('link');

-- An ended link no longer stands in the way of a new one that joins the same things.
alter table registry.link drop constraint link_consumer_component_key_dataset_key_purpose_key_provide_key;
create unique index link_joins on registry.link
    (consumer_component_key, dataset_key, purpose_key, provider_component_key) where state = 'registered';

-- Terms have their own acceptance. A text that changes asks for it by a date that is published with it; until then
-- consents flow, after it the service pauses, and nothing is withdrawn. Texts from before have no date and ask nobody.

alter table registry.terms_version add column accept_by date;

-- From when on the acceptance of each version is not enough any more: the end of the day (Asia/Tokyo) by which a later
-- one asks for its own. Null: it is enough.
create view registry.terms_standing as
select t.terms_key, t.service_key, t.version,
       (select min((n.accept_by + 1)::timestamp at time zone 'Asia/Tokyo')
          from registry.terms_version n
         where n.version > t.version and n.service_key is not distinct from t.service_key) as until
  from registry.terms_version t;

create function registry.terms_until(owner int) returns timestamptz[]
language sql stable security definer set search_path = pg_catalog as $$
select coalesce(array_agg(t.until order by n.version), '{}')
  from generate_series(1, (select max(version) from registry.terms_version
                            where service_key is not distinct from owner)) as n(version)
  left join registry.terms_standing t on t.version = n.version and t.service_key is not distinct from owner
$$;

-- Element n says it of version n, so that the gate reads it from a row that it has.
alter table registry.service
    add column terms_until timestamptz[] not null default '{}',
    add column platform_terms_until timestamptz[] not null default '{}';
update registry.service
   set terms_until = registry.terms_until(service_key), platform_terms_until = registry.terms_until(null);

create function registry.terms_published() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    if new.service_key is null then
        update registry.service set platform_terms_until = registry.terms_until(null);
    else
        update registry.service set terms_until = registry.terms_until(new.service_key)
         where service_key = new.service_key;
    end if;
    return null;
end
$$;
create trigger asks_for_acceptance after insert on registry.terms_version
    for each row execute function registry.terms_published();

create function registry.service_appears() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    new.platform_terms_until := registry.terms_until(null);
    return new;
end
$$;
create trigger knows_platform_terms before insert on registry.service
    for each row execute function registry.service_appears();

create or replace view registry.link_standing as
select l.link_key, l.link_id, l.service_key, l.dataset_key, d.dataset_id, l.purpose_key,
       p.component_id as provider_component_id, po.organization_id as provider_organization_id,
       l.provider_component_key, l.consumer_component_key, l.state as link_state,
       s.state as service_state, s.municipality_codes,
       greatest(s.required_ial, d.required_ial) as required_ial,
       greatest(s.required_aal, d.required_aal) as required_aal,
       po.organization_key as provider_organization_key, po.state as provider_state,
       co.organization_key as consumer_organization_key, co.state as consumer_state,
       l.version_key, s.service_id, s.terms_until, s.platform_terms_until
  from registry.link l
  join registry.service s using (service_key)
  join registry.dataset d using (dataset_key)
  join registry.component p on p.component_key = l.provider_component_key
  join registry.organization po on po.organization_key = p.organization_key
  join registry.component c on c.component_key = l.consumer_component_key
  join registry.organization co on co.organization_key = c.organization_key;

-- Which versions of both terms the resident had accepted last for the service of the link: beside the consent, where
-- the gate reads. Only consent.membership is the truth of it; the database carries it over.
alter table consent.state add column service_terms int, add column platform_terms int;

-- Nothing closes by it, and one lock per resident would be more than the engine has.
alter table consent.state disable trigger closes_by_update;
update consent.state k set service_terms = s.version, platform_terms = p.version
  from consent.membership m
  join registry.link l using (service_key)
  join registry.terms_version s on s.terms_key = m.service_terms_key
  join registry.terms_version p on p.terms_key = m.platform_terms_key
 where m.resident_key = k.resident_key and l.link_key = k.link_key and m.ended_at is null;
alter table consent.state enable trigger closes_by_update;

create function consent.carry_terms() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    select s.version, p.version into new.service_terms, new.platform_terms
      from consent.membership m
      join registry.link l on l.link_key = new.link_key and l.service_key = m.service_key
      left join registry.terms_version s on s.terms_key = m.service_terms_key
      left join registry.terms_version p on p.terms_key = m.platform_terms_key
     where m.resident_key = new.resident_key and m.ended_at is null;
    return new;
end
$$;
create trigger has_terms before insert or update on consent.state
    for each row execute function consent.carry_terms();

create function consent.terms_accepted() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    -- the trigger above fills in what was accepted
    update consent.state k set service_terms = null
      from registry.link l
     where k.resident_key = new.resident_key and l.link_key = k.link_key and l.service_key = new.service_key
       and new.ended_at is null;
    return null;
end
$$;
create trigger reaches_consents after insert or update on consent.membership
    for each row execute function consent.terms_accepted();

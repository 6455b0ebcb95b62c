-- A change of the registry costs what the links that it touches cost, and nothing for all others. Versions, coverage and
-- the kept standing (0007, 0019) follow for these, in a few statements however many they are; and only then is the lock
-- taken at which every exchange asks (0012): what takes long is done before.
--
-- `offset 0` has each link looked up by its key, and plans are made anew for each call: statistics are late after many links
-- were registered at once, and a session that began with an empty registry would read whole tables for each link.
create index link_consumer on registry.link (consumer_component_key);
create index link_dataset on registry.link (dataset_key);
create index link_purpose on registry.link (purpose_key);
create index component_organization on registry.component (organization_key);
create index service_organization on registry.service (organization_key);

-- Bring versions and coverage of these links up to what the registry says.
create function registry.renew_versions(touched int[]) returns void
language plpgsql security definer set search_path = pg_catalog set plan_cache_mode = force_custom_plan as $$
declare
    made int[];
    parties text[] := array['responsible', 'provider', 'consumer', 'manager'];
    -- it carries consents on only where it is on record itself, in the transaction that changes the names
    succession boolean := exists (
        select from registry.succession s
         where s.succession_id::text = current_setting('moyai.succession', true)
           and s.xact = pg_current_xact_id_if_assigned());
begin
    with newer as (
        insert into registry.link_version (link_key, version, content)
        select link_key, 1 + greatest(0, (select max(n.version) from registry.link_version n
                                           where n.link_key = touch.link_key)), t.content
          from unnest(touched) as touch(link_key)
         cross join lateral (select content, state from registry.link_text t
                              where t.link_key = touch.link_key offset 0) t
         where t.state = 'registered'
           and t.content is distinct from (select v.content from registry.link l
                                             join registry.link_version v using (version_key)
                                            where l.link_key = touch.link_key)
        returning version_key
    )
    select array_agg(version_key) into made from newer;
    if made is null then
        return;
    end if;
    insert into registry.link_coverage (version_key, link_key, version, core)
    select version_key, link_key, version, registry.core_of(content)
      from registry.link_version where version_key = any (made);
    -- in one statement, so that all of it is worked out before its trigger takes the lock
    update registry.link_coverage o set core = t.core, items = registry.covered(t.read, t.core, t.present)
      from unnest(made) as of(version_key)
     cross join lateral (
           select v.version_key, v.content as read, n.content as present,
                  case when succession and n.content - parties = b.content - parties and k.core = c.core
                       then registry.core_of(n.content) else k.core end as core
             from registry.link_version n
             join registry.link l using (link_key)
             join registry.link_version v on v.link_key = n.link_key
             join registry.link_coverage k on k.version_key = v.version_key
             left join registry.link_version b on b.version_key = l.version_key
             left join registry.link_coverage c on c.version_key = l.version_key
            where n.version_key = of.version_key offset 0) t
     where o.version_key = t.version_key;
    update registry.link l set version_key = n.version_key
      from unnest(made) as of(version_key)
     cross join lateral (select version_key, link_key from registry.link_version n
                          where n.version_key = of.version_key offset 0) n
     where l.link_key = n.link_key;
end
$$;

-- In the transaction of the change itself, so that nobody ever reads one without the other.
create function registry.renew_standing(touched int[]) returns void
language plpgsql security definer set search_path = pg_catalog set plan_cache_mode = force_custom_plan as $$
begin
    delete from registry.link_standing_kept k
     using unnest(touched) as touch(link_key)
     where k.link_key = touch.link_key
       and row(k.*) is distinct from (select row(f.*) from registry.link_standing_followed f
                                       where f.link_key = k.link_key);
    insert into registry.link_standing_kept
    select f.*
      from unnest(touched) as touch(link_key)
     cross join lateral (select * from registry.link_standing_followed f
                          where f.link_key = touch.link_key offset 0) f
    on conflict do nothing;
end
$$;

-- The links that say something of the rows which a statement changed. Each row keeps its key for ever, so the rows as
-- they are now name them; but every text names the operating organisation, the one before as well as the one after.
create function registry.carry_to_links() returns trigger
language plpgsql security definer set search_path = pg_catalog set plan_cache_mode = force_custom_plan as $$
declare
    touched int[];
    operating boolean := false;
begin
    -- that of lock_for_writing: of two changes, also by hand, the second one's statements here see what the first one did
    perform pg_advisory_xact_lock(hashtext('moyai.registry'));
    case tg_table_name
    when 'link' then
        if tg_op = 'UPDATE' then
            -- another version is renew_versions' own doing, and its caller goes on to the standing
            touched := array(select n.link_key from changed n join before b using (link_key)
                              where n.version_key is not distinct from b.version_key);
        else
            touched := array(select link_key from changed);
        end if;
    when 'service' then
        touched := array(select link_key from registry.link
                          where service_key in (select service_key from changed));
    when 'dataset' then
        touched := array(select link_key from registry.link
                          where dataset_key in (select dataset_key from changed));
    when 'purpose' then
        touched := array(select link_key from registry.link
                          where purpose_key in (select purpose_key from changed));
    when 'component' then
        touched := array(select link_key from registry.link
                          where provider_component_key in (select component_key from changed)
                             or consumer_component_key in (select component_key from changed));
    when 'organization' then
        if tg_op = 'UPDATE' then
            operating := exists (select from before where kind = 'operating_organization');
        end if;
        if operating or exists (select from changed where kind = 'operating_organization') then
            touched := array(select link_key from registry.link);
        else
            touched := array(
                select link_key from registry.service join registry.link using (service_key)
                 where organization_key in (select organization_key from changed)
                union
                select link_key from registry.component
                  join registry.link on component_key in (provider_component_key, consumer_component_key)
                 where organization_key in (select organization_key from changed));
        end if;
    end case;
    if cardinality(touched) > 0 then
        perform registry.renew_versions(touched);
        perform registry.renew_standing(touched);
    end if;
    return null;
end
$$;

drop trigger link_says on registry.link;
drop trigger dataset_says on registry.dataset;
drop trigger purpose_says on registry.purpose;
drop trigger component_says on registry.component;
drop trigger organization_says on registry.organization;
drop trigger service_says on registry.service;
drop function registry.text_changed();
drop function registry.renew_versions();
drop trigger standing_follows on registry.link;
drop trigger standing_follows on registry.service;
drop trigger standing_follows on registry.dataset;
drop trigger standing_follows on registry.component;
drop trigger standing_follows on registry.organization;
drop function registry.keep_link_standing();

-- Triggers fire in the order of their names: before `closes`, which takes the lock.
create trigger carries_to_links after insert on registry.link referencing new table as changed
    for each statement execute function registry.carry_to_links();
create trigger carries_to_links_anew after update on registry.link referencing old table as before new table as changed
    for each statement execute function registry.carry_to_links();
create trigger carries_to_links_at_last after delete on registry.link referencing old table as changed
    for each statement execute function registry.carry_to_links();
create trigger carries_to_links after insert on registry.organization referencing new table as changed
    for each statement execute function registry.carry_to_links();
create trigger carries_to_links_anew after update on registry.organization
    referencing old table as before new table as changed
    for each statement execute function registry.carry_to_links();
create trigger carries_to_links after update on registry.service referencing new table as changed
    for each statement execute function registry.carry_to_links();
create trigger carries_to_links after update on registry.dataset referencing new table as changed
    for each statement execute function registry.carry_to_links();
create trigger carries_to_links after update on registry.purpose referencing new table as changed
    for each statement execute function registry.carry_to_links();
create trigger carries_to_links after update on registry.component referencing new table as changed
    for each statement execute function registry.carry_to_links();

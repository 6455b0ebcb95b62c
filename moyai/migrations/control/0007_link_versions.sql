-- A consent covers what was read. A link version holds what a text says of a link; a consent names the version; the
-- gate compares it with what the link is now. Versions are made by the database itself whenever anything that a text
-- says changes, so that no road of the program can forget to.

create table registry.link_version (
    version_key int generated always as identity primary key,
    link_key    int not null references registry.link,
    -- counted per link from 1; below 1: texts from before there were versions
    version     int not null,
    -- {"service", "responsible", "provider", "consumer", "manager", "dataset", "purpose", "benefit", "ground", "days",
    --  "items": {name: {"ja", "en", "schema"}}}: see registry.link_text
    content     jsonb not null,
    made_at     timestamptz not null default clock_timestamp(),
    unique (link_key, version)
);

-- What a consent to each version opens under the link as it is now. Only registry.renew_versions writes it.
create table registry.link_coverage (
    version_key int primary key references registry.link_version,
    -- of the version, so that the gate needs no other table
    link_key    int not null,
    version     int not null,
    -- what must be the same for a consent to hold: the content without items and days; a succession carries it on
    core        jsonb not null,
    -- the items of the version that still mean the same; null: the consent is outdated
    items       text[]
);

alter table registry.link add column version_key int references registry.link_version;

-- 合併, 承継, 改称: names and parties change, and what was consented to goes on (an act of its own).
create table registry.succession (
    succession_id  uuid primary key,
    noun           text not null check (noun in ('organization', 'component')),
    thing_id       text not null,
    before         jsonb not null,
    after          jsonb not null,
    document       text not null check (document <> ''),
    effective_date date not null,
    actor          text not null,
    second_person  text not null,
    recorded_at    timestamptz not null default clock_timestamp()
);

-- What a text says of a link, as the registry has it now. Not in it, because it is judged as it is now: contacts,
-- keys, endpoints, contractors, terms, user scope, required levels.
create view registry.link_text as
select l.link_key, l.state,
       jsonb_build_object(
           'service', jsonb_build_object('id', s.service_id, 'ja', s.name_ja, 'en', s.name_en,
                                         'summary_ja', s.summary_ja, 'summary_en', s.summary_en),
           'responsible', jsonb_build_object(
               'organization_id', ro.organization_id, 'organization_ja', ro.name_ja, 'organization_en', ro.name_en),
           'provider', jsonb_build_object(
               'organization_id', po.organization_id, 'organization_ja', po.name_ja, 'organization_en', po.name_en,
               'component_id', p.component_id, 'component_ja', p.name_ja, 'component_en', p.name_en),
           'consumer', jsonb_build_object(
               'organization_id', co.organization_id, 'organization_ja', co.name_ja, 'organization_en', co.name_en,
               'component_id', c.component_id, 'component_ja', c.name_ja, 'component_en', c.name_en),
           'manager', (select jsonb_build_object(
               'organization_id', m.organization_id, 'organization_ja', m.name_ja, 'organization_en', m.name_en)
                         from registry.organization m where m.kind = 'operating_organization'),
           'dataset', jsonb_build_object('id', d.dataset_id, 'ja', d.name_ja, 'en', d.name_en),
           'purpose', jsonb_build_object('id', u.purpose_id, 'name_ja', u.name_ja, 'name_en', u.name_en,
                                         'ja', l.purpose_ja, 'en', l.purpose_en),
           'benefit', jsonb_build_object('ja', l.benefit_ja, 'en', l.benefit_en),
           'ground', 'consent',
           'days', l.consent_days,
           'items', (select jsonb_object_agg(item->>'name', jsonb_build_object(
                         'ja', item->>'ja', 'en', item->>'en', 'schema', d.schema->'properties'->(item->>'name')))
                       from jsonb_array_elements(d.items) item)
       ) as content
  from registry.link l
  join registry.service s using (service_key)
  join registry.organization ro on ro.organization_key = s.organization_key
  join registry.dataset d using (dataset_key)
  join registry.purpose u using (purpose_key)
  join registry.component p on p.component_key = l.provider_component_key
  join registry.organization po on po.organization_key = p.organization_key
  join registry.component c on c.component_key = l.consumer_component_key
  join registry.organization co on co.organization_key = c.organization_key;

create function registry.core_of(content jsonb) returns jsonb language sql immutable
return content - 'items' - 'days';

-- The items that a consent to `old` still opens where `present` is the text; null where it opens nothing. An item that
-- means something else now closes all: the text that was read is not true any more.
create function registry.covered(old jsonb, old_core jsonb, present jsonb) returns text[] language sql immutable
return case
    when old_core <> registry.core_of(present) then null
    when exists (select from jsonb_each(old->'items') o join jsonb_each(present->'items') n using (key)
                  where o.value <> n.value) then null
    else (select array_agg(key order by key) from jsonb_object_keys(old->'items') as names(key)
           where present->'items' ? key)
end;

-- Bring versions and coverage up to what the registry says. Whoever changes the registry waits for one another
-- (lock_for_writing), so two renewals never meet.
create function registry.renew_versions() returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
    changed record;
    made int;
    succession boolean := coalesce(current_setting('moyai.succession', true), '') <> '';
begin
    for changed in
        select t.link_key, t.content as present, v.content as before, v.version
          from registry.link_text t
          join registry.link l using (link_key)
          left join registry.link_version v on v.version_key = l.version_key
         where t.state = 'registered' and t.content is distinct from v.content
    loop
        insert into registry.link_version (link_key, version, content)
        select changed.link_key, coalesce(max(version), 0) + 1, changed.present
          from registry.link_version where link_key = changed.link_key
        returning version_key into made;
        if succession and changed.present - array['responsible', 'provider', 'consumer', 'manager']
                        = changed.before - array['responsible', 'provider', 'consumer', 'manager'] then
            update registry.link_coverage o set core = registry.core_of(changed.present)
              from registry.link_version v
             where v.version_key = o.version_key and v.link_key = changed.link_key
               and o.core = (select core from registry.link_coverage n
                              join registry.link l on l.version_key = n.version_key
                             where l.link_key = changed.link_key);
        end if;
        update registry.link set version_key = made where link_key = changed.link_key;
        insert into registry.link_coverage (version_key, link_key, version, core)
        select version_key, link_key, version, registry.core_of(content)
          from registry.link_version where version_key = made;
        update registry.link_coverage o
           set items = registry.covered(v.content, o.core, changed.present)
          from registry.link_version v
         where v.version_key = o.version_key and v.link_key = changed.link_key;
    end loop;
end
$$;

create function registry.text_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform registry.renew_versions();
    return null;
end
$$;

create trigger link_says after insert or update of
    service_key, provider_component_key, consumer_component_key, dataset_key, purpose_key, purpose_ja, purpose_en,
    benefit_ja, benefit_en, consent_days, state
    on registry.link for each statement execute function registry.text_changed();
create trigger dataset_says after update on registry.dataset
    for each statement execute function registry.text_changed();
create trigger purpose_says after update on registry.purpose
    for each statement execute function registry.text_changed();
create trigger component_says after update on registry.component
    for each statement execute function registry.text_changed();
create trigger organization_says after insert or update of organization_id, name_ja, name_en, kind
    on registry.organization for each statement execute function registry.text_changed();
create trigger service_says after update of
    service_id, organization_key, name_ja, name_en, summary_ja, summary_en
    on registry.service for each statement execute function registry.text_changed();

-- Which version each consent is to.
alter table consent.state add column version_key int;
alter table consent.history add column version_key int;

-- Consents from before: what their kept text said becomes a version; where no text is kept there is none, and the gate
-- says `consent_outdated`. A text did not say the schema: it counts as today's where the item's words are today's.
create temporary table kept on commit drop as
select distinct l.link_key,
       jsonb_build_object(
           'service', jsonb_build_object('id', head->'service_id', 'ja', head->'name_ja', 'en', head->'name_en',
                                         'summary_ja', head->'summary_ja', 'summary_en', head->'summary_en'),
           'responsible', (head->'provider') - array['contact', 'component_id', 'component_ja', 'component_en'],
           'provider', (said->'generates') - 'contact', 'consumer', (said->'uses') - 'contact',
           'manager', (said->'manages') - 'contact' - 'component_id' - 'component_ja' - 'component_en',
           'dataset', jsonb_build_object('id', said->'dataset_id', 'ja', said->'dataset_ja', 'en', said->'dataset_en'),
           'purpose', jsonb_build_object('id', said->'purpose_id', 'name_ja', said->'purpose_name_ja',
                                         'name_en', said->'purpose_name_en', 'ja', said->'purpose_ja',
                                         'en', said->'purpose_en'),
           'benefit', jsonb_build_object('ja', said->'benefit_ja', 'en', said->'benefit_en'),
           'ground', 'consent', 'days', l.consent_days,
           'items', (select jsonb_object_agg(item->>'name', jsonb_build_object(
                         'ja', item->>'text_ja', 'en', item->>'text_en',
                         'schema', d.schema->'properties'->(item->>'name')))
                       from jsonb_array_elements(said->'items') item)
       ) as content,
       a.resident_key, a.act_id
  from consent.act a
  join consent.presentation p using (presentation_id)
 cross join jsonb_array_elements(p.content->'links') said
 cross join lateral (select p.content->'service' as head) shown
  join registry.link l on l.link_id = said->>'link_id'
  join registry.dataset d using (dataset_key)
 where a.kind = 'decide';

select registry.renew_versions();

insert into registry.link_version (link_key, version, content)
select k.link_key, 1 - row_number() over (partition by k.link_key order by k.content::text), k.content
  from (select distinct link_key, content from kept) k
 where not exists (select from registry.link_version v where v.link_key = k.link_key and v.content = k.content);

insert into registry.link_coverage (version_key, link_key, version, core, items)
select v.version_key, v.link_key, v.version, registry.core_of(v.content), registry.covered(v.content, registry.core_of(v.content), t.content)
  from registry.link_version v
  join registry.link_text t using (link_key)
 where not exists (select from registry.link_coverage o where o.version_key = v.version_key);

update consent.state s set version_key = v.version_key
  from kept k join registry.link_version v on v.link_key = k.link_key and v.content = k.content
 where s.resident_key = k.resident_key and s.act_id = k.act_id and s.link_key = k.link_key;
update consent.history s set version_key = v.version_key
  from kept k join registry.link_version v on v.link_key = k.link_key and v.content = k.content
 where s.resident_key = k.resident_key and s.act_id = k.act_id and s.link_key = k.link_key;

-- For the gate: whether a consent to a version still opens something, and which version the text had.
create view registry.version_standing as
select version_key, link_key, version, items from registry.link_coverage;

create or replace view registry.link_standing as
select l.link_key, l.link_id, l.service_key, l.dataset_key, d.dataset_id, l.purpose_key,
       p.component_id as provider_component_id, po.organization_id as provider_organization_id,
       l.provider_component_key, l.consumer_component_key, l.state as link_state,
       s.state as service_state, s.municipality_codes,
       greatest(s.required_ial, d.required_ial) as required_ial,
       greatest(s.required_aal, d.required_aal) as required_aal,
       po.organization_key as provider_organization_key, po.state as provider_state,
       co.organization_key as consumer_organization_key, co.state as consumer_state,
       l.version_key
  from registry.link l
  join registry.service s using (service_key)
  join registry.dataset d using (dataset_key)
  join registry.component p on p.component_key = l.provider_component_key
  join registry.organization po on po.organization_key = p.organization_key
  join registry.component c on c.component_key = l.consumer_component_key
  join registry.organization co on co.organization_key = c.organization_key;

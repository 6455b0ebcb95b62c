-- A succession carries consents on only where it is on record itself, in the transaction that changes the names: the
-- setting that says which one is anybody's to make, the row is not forgotten.
alter table registry.succession add column xact xid8;
alter table registry.succession alter column xact set default pg_current_xact_id();

create or replace function registry.renew_versions() returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
    changed record;
    made int;
    succession boolean := exists (
        select from registry.succession s
         where s.succession_id::text = current_setting('moyai.succession', true)
           and s.xact = pg_current_xact_id_if_assigned());
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

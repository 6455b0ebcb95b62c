-- Since when an organisation has had its municipality codes, and which it had before: a code opens the residents of a town
-- to its desk, and secrets of those who were there before take a second clerk for a while (identity/credentials.py).
-- What stands when this is migrated is taken as it was when the organisation was registered.
alter table registry.organization
    add column codes_before text[] not null default '{}',
    add column codes_since timestamptz not null default clock_timestamp();
update registry.organization set codes_since = registered_at;

create function registry.date_codes() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    if new.municipality_codes is distinct from old.municipality_codes then
        -- what came a moment ago is not made old by a change after it
        new.codes_before := case
            when old.codes_since <= clock_timestamp() - interval '14 days' then old.municipality_codes
            else array(select code from unnest(old.municipality_codes) as code where code = any (old.codes_before)) end;
        new.codes_since := clock_timestamp();
    end if;
    return new;
end
$$;
create trigger organization_codes_dated before update on registry.organization
    for each row execute function registry.date_codes();

-- Since when a client has had these keys, rights and standing. Its organisation's own word is worth a second person's only
-- by one that had them a day before the act was asked for (registry/own_word.py). How old they are is not known of
-- clients from before: they count as of now. A trigger dates them, so no statement can forget to, the former release's neither.
alter table registry.client add column in_force_since timestamptz not null default clock_timestamp();

create function registry.date_client() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    if (new.jwks, new.scopes, new.kind, new.component_key, new.organization_key, new.state)
       is distinct from (old.jwks, old.scopes, old.kind, old.component_key, old.organization_key, old.state)
    then
        new.in_force_since := clock_timestamp();
    end if;
    return new;
end
$$;
create trigger client_dated before update on registry.client
    for each row execute function registry.date_client();

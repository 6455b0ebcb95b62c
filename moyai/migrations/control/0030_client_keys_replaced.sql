-- When a client got other keys: a token that was issued to the old ones, ten minutes before at most, opens nothing any more
-- (identity/tokens.py). A trigger dates it, so no statement can forget to, the former release's neither.
alter table registry.client add column keys_replaced_at timestamptz;
create index client_keys_replaced on registry.client (keys_replaced_at) where keys_replaced_at is not null;

create or replace function registry.date_client() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    if (new.jwks, new.scopes, new.kind, new.component_key, new.organization_key, new.state)
       is distinct from (old.jwks, old.scopes, old.kind, old.component_key, old.organization_key, old.state)
    then
        new.in_force_since := clock_timestamp();
    end if;
    if new.jwks is distinct from old.jwks then
        new.keys_replaced_at := clock_timestamp();
    end if;
    return new;
end
$$;

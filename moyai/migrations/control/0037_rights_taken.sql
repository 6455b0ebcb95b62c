-- A right that a row conferred and confers no more is a stop like any other: a restored backup must not bring it back. Noted
-- as in 0028, whichever road takes it away: keys, scopes and addresses of clients, roles of staff, municipality codes,
-- components of services, datasets of components, items of datasets, levels that were raised, witnesses that ended.

-- What stands for a public key, whatever it is called: of its point alone.
create function registry.key_print(key jsonb) returns text language sql immutable set search_path = pg_catalog as $$
select encode(sha256(convert_to(concat_ws('.', key->>'crv', key->>'x', key->>'y'), 'UTF8')), 'hex')
$$;

-- The single rights in a column: texts of a list, names of items, keys of a key set.
create function platform.rights_in(held jsonb) returns table (one text)
language sql immutable set search_path = pg_catalog as $$
select registry.key_print(key) from jsonb_path_query(held, 'strict $.keys[*]', silent => true) key
union all
select coalesce(part->>'name', part #>> '{}') from jsonb_path_query(held, 'strict $[*]', silent => true) part
$$;

create function platform.note_right_taken(noun text, id text, "right" text, taken text[])
returns void language sql security definer set search_path = pg_catalog as $$
select platform.note_stop(jsonb_build_object('kind', 'right_taken', 'noun', noun, 'id', id, 'right', "right",
                                             'values', to_jsonb(taken)))
 where cardinality(taken) > 0
$$;
revoke execute on function platform.note_right_taken from public;

-- Arguments: the noun, the column of its id, and the columns that confer rights.
create function platform.rights_left() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare
    held jsonb := to_jsonb(old);
    holds jsonb := to_jsonb(new);
    named text;
begin
    foreach named in array tg_argv[2:] loop
        perform platform.note_right_taken(tg_argv[0], held->>tg_argv[1], named, array(
            select one from platform.rights_in(held->named) except
            select one from platform.rights_in(holds->named) order by one));
    end loop;
    return null;
end
$$;
create trigger notes_rights after update of jwks, scopes, redirect_uris, post_logout_redirect_uris on registry.client
    for each row execute function platform.rights_left(
        'client', 'client_id', 'jwks', 'scopes', 'redirect_uris', 'post_logout_redirect_uris');
create trigger notes_rights after update of municipality_codes on registry.organization
    for each row execute function platform.rights_left('organization', 'organization_id', 'municipality_codes');
create trigger notes_rights after update of municipality_codes on registry.service
    for each row execute function platform.rights_left('service', 'service_id', 'municipality_codes');
create trigger notes_rights after update of items on registry.dataset
    for each row execute function platform.rights_left('dataset', 'dataset_id', 'items');
create trigger notes_rights after update of roles on identity.staff
    for each row execute function platform.rights_left('staff', 'staff_id', 'roles');

-- A level that is asked for rises, or one that is given falls: the value is the new one. Arguments as above.
create function platform.levels_moved() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare
    was int;
    is_now int;
    named text;
begin
    foreach named in array tg_argv[2:] loop
        was := to_jsonb(old)->>named;
        is_now := to_jsonb(new)->>named;
        if (named like 'required%' and is_now > was) or (named not like 'required%' and is_now < was) then
            perform platform.note_right_taken(tg_argv[0], to_jsonb(old)->>tg_argv[1], named, array[is_now::text]);
        end if;
    end loop;
    return null;
end
$$;
create trigger notes_levels after update of required_ial, required_aal on registry.service
    for each row execute function platform.levels_moved('service', 'service_id', 'required_ial', 'required_aal');
create trigger notes_levels after update of required_ial, required_aal on registry.dataset
    for each row execute function platform.levels_moved('dataset', 'dataset_id', 'required_ial', 'required_aal');
create trigger notes_levels after update of ial, aal on registry.authentication_service
    for each row execute function platform.levels_moved(
        'authentication_service', 'authentication_service_id', 'ial', 'aal');

create function registry.component_left_service() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform platform.note_right_taken('service', s.service_id, 'components', array[c.component_id])
       from registry.service s, registry.component c
      where s.service_key = old.service_key and c.component_key = old.component_key;
    return null;
end
$$;
create trigger notes_rights after delete on registry.service_component
    for each row execute function registry.component_left_service();

create function registry.dataset_left_component() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform platform.note_right_taken('component', c.component_id, 'datasets', array[d.dataset_id])
       from registry.component c, registry.dataset d
      where c.component_key = old.component_key and d.dataset_key = old.dataset_key;
    return null;
end
$$;
create trigger notes_rights after delete on registry.component_dataset
    for each row execute function registry.dataset_left_component();

-- A witness that ended, or signs with another key: what the old one signs counts no more.
create function registry.witness_left() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform platform.note_right_taken('witness', old.witness_id, 'verifier_key', array[old.verifier_key]);
    return null;
end
$$;
create trigger notes_rights after update of verifier_key, ended_at on registry.witness
    for each row when (old.ended_at is null
                       and (new.ended_at is not null or new.verifier_key <> old.verifier_key))
    execute function registry.witness_left();

-- Since when an account is a person: somebody other than who made it, or handed over its secrets, has said whose it is (or
-- the hours went by, registry/acting.py). Until then it opens nothing and counts for nobody. A trigger ends it whenever the
-- account gains power or other secrets are handed over, so no statement can forget to, the former release's neither; what
-- puts it in force again is the act itself (identity/staff_in_force.py).
-- What stands when this is migrated is taken as it was when it was registered.
alter table identity.staff
    add column in_force_since timestamptz,
    -- who handed over the first secrets (an actor, as in the ledger): the first of the two who say whose account it is
    add column issued_by text not null default '';
update identity.staff set in_force_since = registered_at;

create function identity.suspend_staff_changed() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    if not new.roles <@ old.roles
        or (new.staff_number is not null and new.staff_number is distinct from old.staff_number)
        or new.organization_key is distinct from old.organization_key
        or (old.state = 'disabled' and new.state <> 'disabled')
    then
        new.in_force_since := null;
    end if;
    return new;
end
$$;
create trigger staff_changed before update of roles, staff_number, organization_key, state on identity.staff
    for each row execute function identity.suspend_staff_changed();

-- First secrets are somebody else's to read: whoever hands them over could keep them.
create function identity.suspend_staff_handed_over() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    update identity.staff set in_force_since = null where staff_key = new.staff_key;
    return null;
end
$$;
create trigger staff_handed_over after insert or update of password_hash, must_change on identity.credential
    for each row when (new.staff_key is not null and new.must_change)
    execute function identity.suspend_staff_handed_over();

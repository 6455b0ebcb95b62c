-- The rights of the two process roles, as they shall be whatever they were. Applied after every migration.
-- Neither role owns anything; what is not granted here, they cannot do.

revoke all on schema public from public;
grant usage on schema public to moyai_serve, moyai_worker;
grant select on public.moyai_schema_version to moyai_serve, moyai_worker;

revoke all on all tables in schema platform, registry, identity, consent, ledger, personal
    from moyai_serve, moyai_worker;
grant usage on schema platform, registry, identity, consent, ledger, personal to moyai_serve, moyai_worker;
grant select on all tables in schema platform, registry, identity, consent, ledger, personal
    to moyai_serve, moyai_worker;

-- serve: what people and programs do over HTTP.
grant insert, update, delete on all tables in schema platform, registry, identity, consent, personal
    to moyai_serve;

-- worker: settles intents, sweeps what has expired, makes keys at first use, provisions stores.
grant insert, update, delete on all tables in schema platform, personal to moyai_worker;
grant insert, update on registry.store to moyai_worker;
grant delete on identity.session, identity.authorization_request, identity.refresh_token, identity.seen_token,
    identity.authorization_grant, identity.login_attempt,
    consent.presentation, consent.enrolment, consent.code_attempt to moyai_worker;

-- The ledger. Both append; nobody changes an entry. Contents go at erasure, which is an act at the desk (serve).
grant insert on ledger.entry, ledger.content to moyai_serve, moyai_worker;
grant delete on ledger.content to moyai_serve;
grant insert on ledger.idempotency to moyai_serve;
grant delete on ledger.idempotency to moyai_serve, moyai_worker;

-- The integrator (worker) gives the order, and keeps the tiles, counts and checkpoints.
grant insert on ledger.sequence, ledger.checkpoint, ledger.cosignature to moyai_worker;
grant insert, update, delete on ledger.tile, ledger.daily to moyai_worker;
grant insert, update on ledger.log to moyai_worker;

-- Missing rights do not bind the owner, so what is appended also defends itself.
create or replace function ledger.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of %.% are never changed or removed', tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;

create or replace trigger entry_stays before update or delete on ledger.entry
    for each row execute function ledger.refuse_change();
create or replace trigger entry_is_not_emptied before truncate on ledger.entry
    for each statement execute function ledger.refuse_change();
create or replace trigger sequence_stays before update or delete on ledger.sequence
    for each row execute function ledger.refuse_change();
create or replace trigger sequence_is_not_emptied before truncate on ledger.sequence
    for each statement execute function ledger.refuse_change();
create or replace trigger checkpoint_stays before update or delete on ledger.checkpoint
    for each row execute function ledger.refuse_change();
create or replace trigger checkpoint_is_not_emptied before truncate on ledger.checkpoint
    for each statement execute function ledger.refuse_change();

-- Also in sessions that switch ordinary triggers off (session_replication_role).
alter table ledger.entry enable always trigger entry_stays;
alter table ledger.entry enable always trigger entry_is_not_emptied;
alter table ledger.sequence enable always trigger sequence_stays;
alter table ledger.sequence enable always trigger sequence_is_not_emptied;
alter table ledger.checkpoint enable always trigger checkpoint_stays;
alter table ledger.checkpoint enable always trigger checkpoint_is_not_emptied;

-- The rights of the two process roles, as they shall be whatever they were. Applied after every migration.
-- Neither role owns anything; what is not granted here, they cannot do.

revoke all on schema public from public;
grant usage on schema public to moyai_serve, moyai_worker;
grant select on public.moyai_schema_version to moyai_serve, moyai_worker;

revoke all on all tables in schema platform, registry, identity, consent, ledger, personal
    from moyai_serve, moyai_worker;
grant usage on schema platform, registry, identity, consent, ledger, personal to moyai_serve, moyai_worker;

-- Each right below is one that a statement of the program uses, and no other (tests/house/test_grants.py).

-- serve: what people and programs do over HTTP. It reads everything but the stores, which have their own roles.
grant select on all tables in schema platform, registry, identity, consent, ledger, personal to moyai_serve;
-- rows of signing_key are cut by policies (0009): serve never sees the log's private key, worker sees no other
grant insert on platform.signing_key to moyai_serve;
-- what a transaction stops is noted by triggers, and goes with the transaction once it is in the journal
grant delete on platform.stop_due to moyai_serve;
grant execute on function platform.note_stop to moyai_serve;

-- The registry forgets nothing: things change or end. Versions of terms and criteria do not even change.
grant insert, update on registry.organization, registry.component, registry.service, registry.dataset,
    registry.purpose, registry.link, registry.client, registry.authentication_service, registry.store,
    registry.witness, registry.stop, registry.pending, registry.declared_in_file to moyai_serve;
grant insert, delete on registry.service_component, registry.component_dataset to moyai_serve;
grant insert on registry.terms_version, registry.criteria_version, registry.succession to moyai_serve;

-- Persons. A resident ID stays when the person behind it is erased.
grant insert, update on identity.resident, identity.staff, identity.refresh_token, identity.authority
    to moyai_serve;
grant insert, update, delete on identity.person, identity.credential, identity.session,
    identity.guess, identity.known_browser, identity.authorization_request, identity.authorization_grant to moyai_serve;
grant insert, delete on identity.proofing, identity.pairwise, identity.seen_token to moyai_serve;

-- The desk: who waits for whom, who asked as the first of two, who may open what.
grant insert, update, delete on identity.transfer, identity.desk_request to moyai_serve;
grant insert, delete on identity.protected_access to moyai_serve;

-- Consents. What was served and what was decided never changes; erasure deletes it.
grant insert, delete on consent.presentation, consent.act, consent.history to moyai_serve;
grant insert, update, delete on consent.state, consent.membership, consent.enrolment, consent.sharing
    to moyai_serve;

grant insert, delete on personal.intent to moyai_serve;
grant insert, update, delete on personal.location to moyai_serve;

-- The ledger: appended to by both. Contents go at erasure, which is an act at the desk (serve).
-- By columns: `xact`, which the order of integration rests on, is the engine's own word.
grant insert (entry_id, leaf) on ledger.entry to moyai_serve, moyai_worker;
grant insert (resident_key, entry_id, kind, at, salt, body) on ledger.content to moyai_serve, moyai_worker;
grant delete on ledger.content to moyai_serve;
grant insert, delete on ledger.idempotency to moyai_serve;

-- Counters of the release before this one, which may still run beside it: nothing of this one writes them.
grant insert, update, delete on identity.login_attempt to moyai_serve;
grant insert, update on identity.desk_attempt to moyai_serve;
grant insert, delete on consent.code_attempt to moyai_serve;
grant select (last_at), delete on identity.login_attempt to moyai_worker;
grant select (attempted_at), delete on consent.code_attempt to moyai_worker;

-- worker: gives the ledger its order, counts, signs, has it co-signed.
grant select on all tables in schema ledger, platform, registry to moyai_worker;
grant insert on platform.signing_key, ledger.sequence, ledger.checkpoint, ledger.cosignature to moyai_worker;
grant insert, update on ledger.log, ledger.tile, ledger.daily to moyai_worker;
grant delete on ledger.idempotency to moyai_worker;

-- It settles writes that a crash left half done: needs to know the resident as the one component does.
grant select on all tables in schema personal to moyai_worker;
grant delete on personal.intent to moyai_worker;
grant insert, update, delete on personal.location to moyai_worker;
grant select on identity.pairwise to moyai_worker;

-- It makes the stores of organisations that were registered over HTTP.
grant insert, update on registry.store to moyai_worker;

-- It forgets what has run out, without reading it: it sees no person, no login, no text.
grant select (expires_at), delete on identity.session, identity.authorization_request, identity.seen_token,
    identity.authorization_grant, consent.enrolment to moyai_worker;
grant select (counter, failures, last_at, closed_until), delete on identity.guess to moyai_worker;
grant select (seen_at), delete on identity.known_browser to moyai_worker;
grant select (presentation_id, resident_key, expires_at), delete on consent.presentation to moyai_worker;
grant select (presentation_id, resident_key) on consent.act to moyai_worker;

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

-- The standing of a link is kept as one row, beside the rows that it follows from: the gate reads it for
-- every exchange, and finds it by index however many links there are.
alter view registry.link_standing rename to link_standing_followed;

create table registry.link_standing_kept as select * from registry.link_standing_followed;
alter table registry.link_standing_kept add primary key (link_key);
create index link_asked on registry.link_standing_kept (consumer_component_key, dataset_key, purpose_key);
create index link_provided on registry.link_standing_kept (provider_component_key, dataset_key);

create view registry.link_standing as select * from registry.link_standing_kept;

-- In the transaction of the change itself, so that nobody ever reads one without the other. The lock is that of
-- `ledger.count_registry`: two changes follow one another, and the second one's statements here see the first one's.
create function registry.keep_link_standing() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('moyai.release', 0));
    delete from registry.link_standing_kept k
     where not exists (select from registry.link_standing_followed f
                        where f.link_key = k.link_key and row(f.*) is not distinct from row(k.*));
    insert into registry.link_standing_kept
    select f.* from registry.link_standing_followed f
     where not exists (select from registry.link_standing_kept k where k.link_key = f.link_key);
    return null;
end
$$;

create trigger standing_follows after insert or update or delete on registry.link
    for each statement execute function registry.keep_link_standing();
create trigger standing_follows after insert or update or delete on registry.service
    for each statement execute function registry.keep_link_standing();
create trigger standing_follows after insert or update or delete on registry.dataset
    for each statement execute function registry.keep_link_standing();
create trigger standing_follows after insert or update or delete on registry.component
    for each statement execute function registry.keep_link_standing();
create trigger standing_follows after insert or update or delete on registry.organization
    for each statement execute function registry.keep_link_standing();

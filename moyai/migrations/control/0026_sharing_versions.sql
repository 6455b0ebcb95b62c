-- A sharing shows what was consented to when it was made, and no more: the version of each link then. What is decided
-- later on a wider text is no act of sharing; what is withdrawn or refused leaves the sharing for good. Both are done
-- here, so that no road of the program can forget to.

-- Beside `link_keys`, in their order. null: this link is not shared any more.
alter table consent.sharing add column version_keys int[];

update consent.sharing s
   set version_keys = (
       select array_agg(case when exists (
                  select from consent.history w
                   where w.resident_key = s.resident_key and w.link_key = u.link_key
                     and w.since > s.created_at and w.state <> 1) then null else h.version_key end order by u.n)
         from unnest(s.link_keys) with ordinality u (link_key, n)
         left join lateral (
              select version_key from consent.history h
               where h.resident_key = s.resident_key and h.link_key = u.link_key and h.since <= s.created_at
               order by h.since desc limit 1) h on true);

alter table consent.sharing
    alter column version_keys set not null,
    add check (cardinality(version_keys) = cardinality(link_keys));

create function consent.share_what_is_consented_to() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    new.version_keys := (
        select array_agg(k.version_key order by u.n)
          from unnest(new.link_keys) with ordinality u (link_key, n)
          left join consent.state k
            on k.resident_key = new.resident_key and k.link_key = u.link_key and k.state = 1);
    return new;
end
$$;
create trigger shares before insert on consent.sharing
    for each row execute function consent.share_what_is_consented_to();

create function consent.share_no_more() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    update consent.sharing s
       set version_keys = (
           select array_agg(case when u.link_key = new.link_key then null else u.version_key end order by u.n)
             from unnest(s.link_keys, s.version_keys) with ordinality u (link_key, version_key, n))
     where s.resident_key = new.resident_key and new.link_key = any(s.link_keys);
    return null;
end
$$;
create trigger ends_sharing after insert or update on consent.state
    for each row when (new.state <> 1) execute function consent.share_no_more();

-- Staff accounts have a life: which file names them, so that leaving it ends them.
alter table identity.staff add column declared_in text not null default '';

-- When first secrets were issued: a registry file issues them once, and never again after a recovery.
alter table identity.staff add column issued_at timestamptz;
update identity.staff f set issued_at = clock_timestamp()
 where exists (select from identity.credential c where c.staff_key = f.staff_key);

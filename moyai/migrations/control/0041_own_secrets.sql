-- Since when a login has had secrets that its owner chose: never, as long as nobody has used what was handed over. Only so
-- long may it be handed over again without a clerk (credentials.issue). Of logins from before it is not known: they count as used.
alter table identity.credential add column owned_at timestamptz;
update identity.credential set owned_at = changed_at;

-- A restore may be of one organisation's store alone; null: of the whole platform.
alter table platform.restore
    add column organization_id text,
    add column organization_ja text,
    add column organization_en text;

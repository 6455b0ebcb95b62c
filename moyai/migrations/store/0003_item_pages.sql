-- Items are read in pages, newest first: by when they were observed, else by when they were first stored. A page begins
-- after the last item of the one before, whatever was stored or deleted meanwhile. The index of before stays for
-- processes of the version before.
create index item_page
    on store.item (subject, dataset_id, (coalesce(observed_at, created_at)) desc, item_id desc);

-- What an item weighs in an answer, so that a read is cut without opening what does not fit. Fills the whole table once.
alter table store.item add column bytes int generated always as (octet_length(content::text)) stored;

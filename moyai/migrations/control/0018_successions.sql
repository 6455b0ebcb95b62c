-- 合併, 承継, 改称 as an act of its own: on which document, since when, and what residents are told of it.
-- Nothing has written the table before. Who was the second person stands in registry.pending, found by `body_sha256`.

alter table registry.succession
    add column kind text not null check (kind in ('renaming', 'merger', 'succession', 'operation')),
    add column document_number text not null,
    add column document_sha256 bytea check (octet_length(document_sha256) = 32),
    add column notice_ja text not null check (notice_ja <> ''),
    add column notice_en text not null check (notice_en <> ''),
    add column body_sha256 bytea not null,
    add check (document_number <> '' or document_sha256 is not null),
    drop column second_person;
create index succession_of on registry.succession (noun, thing_id);

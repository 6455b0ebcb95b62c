-- What a registry file said last of something that takes two persons to widen: a file that says the same again does not
-- ask back what a later act took away. Rows are written by `moyai apply` alone.
create table registry.declared_in_file (
    file       text not null,
    noun       text not null,
    thing_id   text not null,
    sha256     bytea not null,
    -- the act that waited for it; empty where it took effect at once
    pending_id uuid references registry.pending,
    primary key (file, noun, thing_id)
);

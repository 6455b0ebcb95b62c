-- City data: read and written by the process roles, owned by neither.
revoke all on schema public from public;
grant usage on schema public, context to moyai_serve, moyai_worker;
grant select on public.moyai_schema_version to moyai_serve, moyai_worker;
grant select, insert, update, delete on all tables in schema context to moyai_serve, moyai_worker;

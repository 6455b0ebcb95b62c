-- City data: read and written by the process roles, owned by neither. Counters are kept by triggers alone.
revoke all on schema public from public;
grant usage on schema public, context to moyai_serve, moyai_worker;
grant select on public.moyai_schema_version to moyai_serve, moyai_worker;
revoke all on all tables in schema context from moyai_serve, moyai_worker;
revoke execute on all functions in schema context from public;
grant select, insert, update, delete on context.entity to moyai_serve, moyai_worker;
grant select on context.entity_count to moyai_serve, moyai_worker;

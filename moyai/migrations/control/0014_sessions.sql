-- Who acts for a person. A session names the person, the method that showed who it is, and the factors with their
-- times. Sessions, authorisations and codes carry the generation of the person that they were made in: one statement
-- that counts it up ends all of them, also those that are just being made, at every process.

create table identity.authority (
    resident_key bigint unique references identity.resident,
    staff_key    int unique references identity.staff,
    generation   int not null default 0,
    check ((resident_key is null) <> (staff_key is null))
);

alter table identity.session
    alter column login drop not null,
    add column resident_key bigint references identity.resident,
    add column staff_key    int references identity.staff,
    add column method       text not null default 'own_password',
    -- [{"name": RFC 8176 name, "at": time}], in the order in which they were shown
    add column factors      jsonb not null default '[]',
    add column device       text not null default '',
    add column generation   int not null default 0;

update identity.session s
   set resident_key = c.resident_key, staff_key = c.staff_key,
       factors = coalesce((select jsonb_agg(jsonb_build_object('name', f, 'at', coalesce(s.authenticated_at, s.created_at)))
                             from unnest(s.amr) as f), '[]')
  from identity.credential c where c.login = s.login;

create index session_resident on identity.session (resident_key);

alter table identity.authorization_grant
    add column second_factor_at timestamptz,
    add column device     text not null default '',
    add column used_at    timestamptz,
    add column generation int not null default 0;

update identity.authorization_grant set second_factor_at = authenticated_at where 'otp' = any(amr);

-- A request is the resident's to whom its page was shown, from then on.
alter table identity.authorization_request
    add column resident_key bigint references identity.resident,
    add column generation   int not null default 0;

-- For the gate: what a client may ask for is read at each use, like its standing.
create or replace view registry.client_standing as
select c.client_key, c.client_id, c.component_key, c.state as client_state,
       coalesce(c.organization_key, p.organization_key) as organization_key, o.state as organization_state,
       c.scopes as client_scopes
  from registry.client c
  left join registry.component p using (component_key)
  left join registry.organization o on o.organization_key = coalesce(c.organization_key, p.organization_key);

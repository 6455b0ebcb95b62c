-- Organisations, services, components, datasets, purposes, links, terms, certification, clients, stores.
-- Keys are small integers for joins; ids are the names people and programs use.
create schema registry;

create table registry.organization (
    organization_key   int generated always as identity primary key,
    organization_id    text not null unique,
    name_ja            text not null,
    name_en            text not null,
    kind               text not null check (kind in
        ('municipality', 'prefecture', 'wide_area_union', 'company', 'operating_organization')),
    municipality_codes text[] not null default '{}',
    contact            text not null default '',
    state              text not null default 'registered' check (state in ('registered', 'certified', 'suspended')),
    -- who certified it against which published criteria; never somebody of the organisation itself (R-088)
    criteria_version   text,
    reviewer           text,
    reviewer_organization_id text,
    certified_at       timestamptz,
    suspended_at       timestamptz,
    suspension_reason  text,
    registered_at      timestamptz not null default clock_timestamp()
);
create unique index organization_operating on registry.organization (kind) where kind = 'operating_organization';

-- 認定審査基準 (guidebook 5-1) and the audit schedule that terms may refer to (R-038). Published versions stay.
create table registry.criteria_version (
    criteria_version text primary key,
    -- {"title": {"ja","en"}, "requirements": [{"ja","en"}], "audit_schedule": {"ja","en"}}
    content          jsonb not null,
    sha256           bytea not null,
    published_at     timestamptz not null default clock_timestamp()
);

create table registry.component (
    component_key    int generated always as identity primary key,
    component_id     text not null unique,
    organization_key int not null references registry.organization,
    name_ja          text not null,
    name_en          text not null,
    description_ja   text not null default '',
    description_en   text not null default '',
    -- 'outsourced': run by a contractor of the municipality, who is not a provider (guidebook 1.2.1, 3-1)
    engagement       text not null default 'direct' check (engagement in ('direct', 'outsourced')),
    contractor       text,
    url              text,
    registered_at    timestamptz not null default clock_timestamp()
);

create table registry.service (
    service_key      int generated always as identity primary key,
    service_id       text not null unique,
    organization_key int not null references registry.organization,
    name_ja          text not null,
    name_en          text not null,
    summary_ja       text not null,
    summary_en       text not null,
    kind             text not null,
    -- サービス利用者の範囲 (guidebook 1.2.1): the municipalities whose residents may use it
    user_scope       text not null check (user_scope in ('municipality', 'prefecture')),
    -- 6-digit codes of municipalities; with scope 'prefecture' the 2-digit code of the prefecture
    municipality_codes text[] not null check (cardinality(municipality_codes) > 0),
    required_ial     smallint not null check (required_ial between 1 and 3),
    required_aal     smallint not null check (required_aal between 1 and 3),
    level_reason     text,
    url              text,
    state            text not null default 'registered' check (state in ('registered', 'certified', 'suspended')),
    certified_at     timestamptz,
    registered_at    timestamptz not null default clock_timestamp()
);

create table registry.service_component (
    service_key   int not null references registry.service,
    component_key int not null references registry.component,
    primary key (service_key, component_key)
);

create table registry.dataset (
    dataset_key      int generated always as identity primary key,
    dataset_id       text not null unique,
    name_ja          text not null,
    name_en          text not null,
    -- [{"name", "ja", "en"}]: each data item in plain words
    items            jsonb not null,
    schema           jsonb not null,
    required_ial     smallint not null default 1,
    required_aal     smallint not null default 1,
    registered_at    timestamptz not null default clock_timestamp()
);

-- Which datasets a component generates: only these can be stored by it or linked from it.
create table registry.component_dataset (
    component_key int not null references registry.component,
    dataset_key   int not null references registry.dataset,
    primary key (component_key, dataset_key)
);

create table registry.purpose (
    purpose_key int generated always as identity primary key,
    purpose_id  text not null unique,
    name_ja     text not null,
    name_en     text not null,
    dpv         text
);

-- A link: this provider's dataset may go to this consumer for this purpose, if the resident allows it.
create table registry.link (
    link_key               int generated always as identity primary key,
    link_id                text not null unique,
    service_key            int not null references registry.service,
    provider_component_key int not null references registry.component,
    consumer_component_key int not null references registry.component,
    dataset_key            int not null references registry.dataset,
    purpose_key            int not null references registry.purpose,
    purpose_ja             text not null check (purpose_ja <> ''),
    purpose_en             text not null check (purpose_en <> ''),
    benefit_ja             text not null check (benefit_ja <> ''),
    benefit_en             text not null check (benefit_en <> ''),
    consent_days           int not null default 365 check (consent_days between 1 and 3650),
    state                  text not null default 'registered' check (state in ('registered', 'ended')),
    registered_at          timestamptz not null default clock_timestamp(),
    unique (consumer_component_key, dataset_key, purpose_key, provider_component_key)
);
create index link_service on registry.link (service_key);
create index link_provider on registry.link (provider_component_key, dataset_key);

create table registry.terms_version (
    terms_key    int generated always as identity primary key,
    kind         text not null check (kind in ('platform', 'service')),
    service_key  int references registry.service,
    version      int not null,
    -- {"title_ja", "title_en", "role_ja", …}: the fields guidebook 3-3, 3-4 and 1.2.6 ask for
    content      jsonb not null,
    sha256       bytea not null,
    published_at timestamptz not null default clock_timestamp(),
    check ((kind = 'service') = (service_key is not null))
);
create unique index terms_platform on registry.terms_version (version) where kind = 'platform';
create unique index terms_service on registry.terms_version (service_key, version) where kind = 'service';

-- OAuth clients. A component's client signs assertions with a registered key; a touch point is public.
create table registry.client (
    client_key    int generated always as identity primary key,
    client_id     text not null unique,
    component_key int references registry.component,
    organization_key int references registry.organization,
    kind          text not null check (kind in ('component', 'touch_point', 'desk', 'operator')),
    name_ja       text not null,
    name_en       text not null,
    jwks          jsonb,
    redirect_uris text[] not null default '{}',
    scopes        text[] not null,
    state         text not null default 'active' check (state in ('active', 'disabled')),
    registered_at timestamptz not null default clock_timestamp()
);

create table registry.authentication_service (
    authentication_service_id text primary key,
    name_ja text not null,
    name_en text not null,
    ial     smallint not null,
    aal     smallint not null
);

-- Where an organisation's linkable data lies. One row per database; the password is sealed.
create table registry.store (
    store_key        int generated always as identity primary key,
    broker           text not null check (broker in ('personal', 'non_personal')),
    organization_key int references registry.organization,
    host             text not null,
    port             int not null,
    database         text not null,
    role             text not null,
    sealed_password  bytea not null,
    schema_version   int not null default 0,
    created_at       timestamptz not null default clock_timestamp()
);
create unique index store_per_organization on registry.store (broker, coalesce(organization_key, 0));

create table registry.witness (
    witness_id       text primary key,
    organization_key int not null references registry.organization,
    verifier_key     text not null,
    url              text not null
);

-- For the gate (consent/gate): everything about a link and both its ends that can close it, as it stands now.
create view registry.link_standing as
select l.link_key, l.link_id, l.service_key, l.dataset_key, d.dataset_id, l.purpose_key,
       p.component_id as provider_component_id, po.organization_id as provider_organization_id,
       l.provider_component_key, l.consumer_component_key, l.state as link_state,
       s.state as service_state, s.municipality_codes,
       greatest(s.required_ial, d.required_ial) as required_ial,
       greatest(s.required_aal, d.required_aal) as required_aal,
       po.organization_key as provider_organization_key, po.state as provider_state,
       co.organization_key as consumer_organization_key, co.state as consumer_state
  from registry.link l
  join registry.service s using (service_key)
  join registry.dataset d using (dataset_key)
  join registry.component p on p.component_key = l.provider_component_key
  join registry.organization po on po.organization_key = p.organization_key
  join registry.component c on c.component_key = l.consumer_component_key
  join registry.organization co on co.organization_key = c.organization_key;

-- For the gate: a client and the organisation behind it, as they stand now.
create view registry.client_standing as
select c.client_key, c.client_id, c.component_key, c.state as client_state,
       coalesce(c.organization_key, p.organization_key) as organization_key, o.state as organization_state
  from registry.client c
  left join registry.component p using (component_key)
  left join registry.organization o on o.organization_key = coalesce(c.organization_key, p.organization_key);

-- A service is its organisation's: while that is suspended, or not certified, none of the service's links is open, wherever
-- the data comes from and goes to. The kept row (0019) says so in `service_state`, so the gate's statement reads no more than
-- before. The release before takes any other word than `certified` for a service that is not certified, and refuses, too.
create or replace view registry.link_standing_followed as
select l.link_key, l.link_id, l.service_key, l.dataset_key, d.dataset_id, l.purpose_key,
       p.component_id as provider_component_id, po.organization_id as provider_organization_id,
       l.provider_component_key, l.consumer_component_key, l.state as link_state,
       case so.state when 'certified' then s.state else 'organization_' || so.state end as service_state,
       s.municipality_codes,
       greatest(s.required_ial, d.required_ial) as required_ial,
       greatest(s.required_aal, d.required_aal) as required_aal,
       po.organization_key as provider_organization_key, po.state as provider_state,
       co.organization_key as consumer_organization_key, co.state as consumer_state,
       l.version_key, s.service_id, s.terms_until, s.platform_terms_until
  from registry.link l
  join registry.service s using (service_key)
  join registry.organization so on so.organization_key = s.organization_key
  join registry.dataset d using (dataset_key)
  join registry.component p on p.component_key = l.provider_component_key
  join registry.organization po on po.organization_key = p.organization_key
  join registry.component c on c.component_key = l.consumer_component_key
  join registry.organization co on co.organization_key = c.organization_key;

-- What is kept follows once more: the triggers of 0019 work for each statement, also for one that changes no row.
update registry.service set state = state where false;

"""Who and what is connected: organisations, services, components, datasets, purposes, links, terms, clients.

Every act checks, writes and records in the caller's transaction, and says what it changed; doing it twice changes
nothing. The gate reads this room's views `registry.link_standing` and `registry.client_standing`, never a cache.

- acts: `register_*`, `publish_*`, `certify_*`, `suspend_*`, `reinstate_*`, `disable_client`, `enable_client`, `end_link`
- finding: `organization`, `component`, `service`, `dataset`, `purpose`, `link`, `client` (by id, or Problem)
- for those who decide: `offered_services`, `offered_service`, `links_of_service`, `responsibility`, `terms_in_force`
- for those who store: `check_content`
"""

from moyai.registry.catalogue import Catalogue, Registered, catalogue, registered
from moyai.registry.clients import register_client
from moyai.registry.datasets import check_content, register_dataset, register_purpose
from moyai.registry.declarations import (
    AuthenticationServiceDeclaration,
    CertificationRequest,
    ClientDeclaration,
    ComponentDeclaration,
    CriteriaDeclaration,
    DatasetDeclaration,
    LinkDeclaration,
    OrganizationDeclaration,
    PlatformTermsDeclaration,
    PurposeDeclaration,
    ServiceDeclaration,
    ServiceTermsDeclaration,
    WitnessDeclaration,
)
from moyai.registry.hashing import shape_of
from moyai.registry.links import (
    Responsibility,
    Responsible,
    link_version_schemas,
    links_of_service,
    register_link,
    responsibility,
)
from moyai.registry.lookups import (
    client,
    component,
    dataset,
    link,
    operating_organization,
    organization,
    purpose,
    service,
)
from moyai.registry.model import (
    Change,
    Component,
    Dataset,
    Link,
    Organization,
    Party,
    Purpose,
    RegisteredClient,
    Service,
    Store,
    TermsVersion,
    Witness,
)
from moyai.registry.organizations import (
    certify_organization,
    publish_criteria,
    register_organization,
)
from moyai.registry.places import codes_of_prefecture, in_scope, municipality_name, prefecture_name
from moyai.registry.service_kinds import ServiceKind, service_kinds
from moyai.registry.services import (
    certify_service,
    is_offered,
    offered_service,
    offered_services,
    register_component,
    register_service,
)
from moyai.registry.stops import (
    disable_client,
    enable_client,
    end_link,
    reinstate_organization,
    reinstate_service,
    suspend_organization,
    suspend_service,
)
from moyai.registry.store import hold_unchanged
from moyai.registry.store_clients import clients as all_clients
from moyai.registry.store_links import dataset_by_key
from moyai.registry.store_links import datasets as all_datasets
from moyai.registry.store_links import links as all_links
from moyai.registry.store_organizations import authentication_services as all_authentication_services
from moyai.registry.store_organizations import lock_for_provisioning, organization_by_key, store_of
from moyai.registry.store_organizations import operating_organization as find_operating_organization
from moyai.registry.store_organizations import organizations as all_organizations
from moyai.registry.store_organizations import stores as all_stores
from moyai.registry.store_organizations import witnesses as all_witnesses
from moyai.registry.store_services import component_by_key, service_by_key, services_of_component
from moyai.registry.store_services import components as all_components
from moyai.registry.store_services import services as all_services
from moyai.registry.store_terms import terms_by_key
from moyai.registry.surroundings import register_authentication_service, register_store
from moyai.registry.terms import publish_platform_terms, publish_service_terms, terms_in_force, terms_version
from moyai.registry.terms_text import scope_names
from moyai.registry.witnesses import end_witness, register_witness

__all__ = [
    "AuthenticationServiceDeclaration",
    "Catalogue",
    "CertificationRequest",
    "Change",
    "ClientDeclaration",
    "Component",
    "ComponentDeclaration",
    "CriteriaDeclaration",
    "Dataset",
    "DatasetDeclaration",
    "Link",
    "LinkDeclaration",
    "Organization",
    "OrganizationDeclaration",
    "Party",
    "PlatformTermsDeclaration",
    "Purpose",
    "PurposeDeclaration",
    "Registered",
    "RegisteredClient",
    "Responsibility",
    "Responsible",
    "Service",
    "ServiceDeclaration",
    "ServiceKind",
    "ServiceTermsDeclaration",
    "Store",
    "TermsVersion",
    "Witness",
    "WitnessDeclaration",
    "all_authentication_services",
    "all_clients",
    "all_components",
    "all_datasets",
    "all_links",
    "all_organizations",
    "all_services",
    "all_stores",
    "all_witnesses",
    "catalogue",
    "certify_organization",
    "certify_service",
    "check_content",
    "client",
    "codes_of_prefecture",
    "component",
    "component_by_key",
    "dataset",
    "dataset_by_key",
    "disable_client",
    "enable_client",
    "end_link",
    "end_witness",
    "find_operating_organization",
    "hold_unchanged",
    "in_scope",
    "is_offered",
    "link",
    "link_version_schemas",
    "links_of_service",
    "lock_for_provisioning",
    "municipality_name",
    "offered_service",
    "offered_services",
    "operating_organization",
    "organization",
    "organization_by_key",
    "prefecture_name",
    "publish_criteria",
    "publish_platform_terms",
    "publish_service_terms",
    "purpose",
    "register_authentication_service",
    "register_client",
    "register_component",
    "register_dataset",
    "register_link",
    "register_organization",
    "register_purpose",
    "register_service",
    "register_store",
    "register_witness",
    "registered",
    "reinstate_organization",
    "reinstate_service",
    "responsibility",
    "scope_names",
    "service",
    "service_by_key",
    "service_kinds",
    "services_of_component",
    "shape_of",
    "store_of",
    "suspend_organization",
    "suspend_service",
    "terms_by_key",
    "terms_in_force",
    "terms_version",
]

"""What a resident accepted, and what others read of personal data."""

from __future__ import annotations

from moyai.ledger.contents.content import Content


class TermsAccepted(Content, frozen=True, kw_only=True):
    """TERMS_ACCEPTED: the versions of both terms that a resident accepted for a service, with the texts' hashes."""

    service_id: str
    client_id: str
    service_terms: int
    service_sha256: str
    platform_terms: int
    platform_sha256: str


class LocationsRead(Content, frozen=True, kw_only=True):
    """LOCATIONS_READ: a consumer was told where data of one kind lies. Holders, no content."""

    component_id: str
    organization_id: str
    dataset: str
    purpose: str
    holders: list[str]


class ItemsRead(Content, frozen=True, kw_only=True):
    """ITEMS_READ: a provider read what it had stored itself."""

    component_id: str
    organization_id: str
    dataset: str
    items: int

"""What became of organisations, services, links, terms, clients and witnesses."""

from __future__ import annotations

from moyai.ledger.contents.content import Content, Replaced


class RegistryEntry(Content, frozen=True, kw_only=True):
    """Every registration and change of the registry: `noun` and `id` say of what, `fields` what became of it."""

    noun: str
    id: str
    fields: dict[str, Replaced]


class OrganizationCertified(Content, frozen=True, kw_only=True):
    """ORGANIZATION_CERTIFIED. The reviewer's name stands as its SHA-256: it may be a person's."""

    noun: str
    id: str
    criteria_version: Replaced
    reviewer_organization: Replaced
    reviewer: Replaced


class StateChanged(Content, frozen=True, kw_only=True):
    """SERVICE_CERTIFIED: `state` before and after."""

    noun: str
    id: str
    state: Replaced


class TermsPublished(Content, frozen=True, kw_only=True):
    """TERMS_PUBLISHED, of terms and of criteria: both texts stay in the registry under these hashes."""

    noun: str
    id: str
    version: Replaced
    sha256: Replaced


class StopBegun(Content, frozen=True):
    """An organisation or service was suspended, a client disabled, a link ended (`noun` and its id)."""

    noun: str
    id: str
    reason: str


class StopEnded(Content, frozen=True):
    """A stop was ended by its own act; the thing is again what it was before."""

    noun: str
    id: str
    reason: str


class SuccessionRecorded(Content, frozen=True, kw_only=True):
    """SUCCESSION_RECORDED: who is in the place of `noun` `id` from now on, on which document (`kind_of`: renaming,
    merger, succession, operation)."""

    succession_id: str
    kind_of: str
    noun: str
    id: str
    name_ja: Replaced
    name_en: Replaced
    document: str
    document_number: str = ""
    document_sha256: str = ""
    effective_date: str


class WitnessEnded(Content, frozen=True, kw_only=True):
    """WITNESS_ENDED. The key is the public one."""

    witness_id: str
    organization_id: str
    verifier_key: str
    reason: str

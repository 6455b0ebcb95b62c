"""What each kind of act commits to: one Struct per kind, versioned.

What is hashed is hashed for ever, so the words are chosen once: ids that people and programs use (never internal keys),
`organization_id`, `client_id`, `component_id`, `service_id`, `link_id`. A field is added with a default; a field that
changes its meaning makes a new class with the next version. `v` is in the text that was committed to; a text without
it is from before this file, and is read as the plain JSON it is.

Kinds that are not in `CONTENTS` yet still record a plain dict.
"""

from __future__ import annotations

from typing import Any

import msgspec

from moyai.ledger.content import Content
from moyai.ledger.contents_platform import KeyRevoked, KeyRotated, PlatformRestored, StoreRestored
from moyai.ledger.model import Kind

# --- the desk -------------------------------------------------------------------------------------------------
# The office is the organisation whose desk acted. Who it was stands in `actor`, as an id that opens no account.


class Enrolled(Content, frozen=True, kw_only=True):
    """RESIDENT_ENROLLED. `distinct_from` people of the same name and birth date were said to be others."""

    organization_id: str
    ial: int
    method: str
    document_class: str
    distinct_from: int = 0


class Proofed(Content, frozen=True, kw_only=True):
    """IDENTITY_PROOFED."""

    organization_id: str
    ial: int
    method: str
    document_class: str


class Moved(Content, frozen=True, kw_only=True):
    """RESIDENT_MOVED. Neither the old municipality nor the new one is in it."""

    organization_id: str


class Met(Content, frozen=True, kw_only=True):
    """ENROLMENT_MET: an entry at `organization_id` had this resident's name and birth date.

    `wanted` is `enrolment` or `move_in`; `outcome` is `refused`, or `distinct` where somebody else was enrolled.
    """

    organization_id: str
    wanted: str
    outcome: str


class TransferAsked(Content, frozen=True, kw_only=True):
    """TRANSFER_ASKED by the desk `organization_id`, on this evidence."""

    transfer_id: str
    organization_id: str
    ial: int
    method: str
    document_class: str
    certificate: bool = False


class TransferEnded(Content, frozen=True, kw_only=True):
    """TRANSFER_COMPLETED or TRANSFER_ENDED. `way`: losing_desk, resident, certificate; declined, withdrawn."""

    transfer_id: str
    organization_id: str
    way: str


class StaffAccess(Content, frozen=True, kw_only=True):
    """STAFF_ACCESS and STAFF_ACCESS_REFUSED. `what`: resident_record, resident_search, consents.

    `reason` is a key of `identity.desk.REASONS`; `note` is what the clerk wrote beside it.
    """

    organization_id: str
    what: str
    reason: str
    note: str = ""
    found: int | None = None


class Protection(Content, frozen=True, kw_only=True):
    """PROTECTION_CHANGED: begun, ended, or other named staff (`changed`), on the evidence named."""

    organization_id: str
    change: str
    evidence: str


class SecondPerson(Content, frozen=True, kw_only=True):
    """SECOND_PERSON_ASKED: one of two clerks asked for `act`, or took it back."""

    organization_id: str
    act: str
    withdrawn: bool = False


# --- logins ---------------------------------------------------------------------------------------------------


class LoggedIn(Content, frozen=True, kw_only=True):
    """LOGGED_IN: with these factors (RFC 8176), which give the level `aal`. `device` is in known words only."""

    factors: list[str]
    aal: int
    device: str = ""


class LoggedOut(Content, frozen=True, kw_only=True):
    """LOGGED_OUT, in the browser itself."""

    device: str = ""


class LoginLocked(Content, frozen=True, kw_only=True):
    """LOGIN_LOCKED: after failures in a row the log-in waits `minutes`, for whoever failed."""

    minutes: int


class PasswordChanged(Content, frozen=True, kw_only=True):
    """PASSWORD_CHANGED by its owner; every other session and authorisation ended."""


class Authorized(Content, frozen=True, kw_only=True):
    """AUTHORIZATION_GIVEN: the client acts for the resident with these scopes, or knows who logged in."""

    client_id: str
    component_id: str
    scopes: list[str]
    device: str = ""


class AuthorizationEnded(Content, frozen=True, kw_only=True):
    """AUTHORIZATION_ENDED and REFRESH_REUSED. `why`: resident, others (by the resident's word), client (revoked by it),
    code_reused, refresh_reused (one of two users was a thief)."""

    client_id: str
    component_id: str
    why: str


class AccessEnded(Content, frozen=True, kw_only=True):
    """ACCESS_ENDED: the resident logged out another device, or `everything` but the one at hand. `restored`: the log-in
    was closed after a restore, which had brought back secrets that were replaced."""

    device: str = ""
    everything: bool = False
    restored: bool = False


class InitialSecretsChanged(Content, frozen=True, kw_only=True):
    """INITIAL_PASSWORD_CHANGED: what was handed over is replaced. `factors` by their names of RFC 8176."""

    factors: list[str]


# --- terms ----------------------------------------------------------------------------------------------------


class TermsAccepted(Content, frozen=True, kw_only=True):
    """TERMS_ACCEPTED: the versions of both terms that a resident accepted for a service, with the texts' hashes."""

    service_id: str
    client_id: str
    service_terms: int
    service_sha256: str
    platform_terms: int
    platform_sha256: str


# --- the registry ---------------------------------------------------------------------------------------------


class Replaced(msgspec.Struct, frozen=True, omit_defaults=True):
    """One member before and after. Left out means that there was none.

    Keys stand as their thumbprints (RFC 7638), long public values as {"sha256", "value"}, what may name a person as
    {"sha256"} alone.
    """

    old: Any = None
    new: Any = None


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


# --- staff ----------------------------------------------------------------------------------------------------
# Accounts are named by their stable id, never by the login, which would tell whose account to try.


class StaffRegistered(Content, frozen=True, kw_only=True):
    """STAFF_REGISTERED: an account was created or changed; `name` stands as its SHA-256."""

    staff_id: str
    organization_id: str
    fields: dict[str, Replaced]


class StaffChanged(Content, frozen=True, kw_only=True):
    """STAFF_DISABLED, STAFF_ENABLED (with a reason), STAFF_RECOVERED, STAFF_LOGIN_ISSUED, STAFF_UNLOCKED."""

    staff_id: str
    organization_id: str
    reason: str = ""


# --- acts that take two persons ---------------------------------------------------------------------------------


class ActAsked(Content, frozen=True, kw_only=True):
    """ACT_ASKED: `act` on the `noun` with this id waits. `sha256` is of the change, `fields` names what it changes."""

    pending_id: str
    act: str
    noun: str
    id: str
    fields: list[str]
    sha256: str


class ActConfirmed(Content, frozen=True, kw_only=True):
    """ACT_CONFIRMED: a member of staff of `organization_id` stands for it."""

    pending_id: str
    act: str
    noun: str
    id: str
    sha256: str
    organization_id: str


class ActDone(Content, frozen=True, kw_only=True):
    """ACT_DONE. `way`: second_person, organization (the one that it concerns said yes), waited.

    `first_person` is the other of the two; the actor of the entry is who spoke last. What was done stands in an entry
    of its own kind.
    """

    pending_id: str
    act: str
    noun: str
    id: str
    sha256: str
    way: str
    asked_by: str
    first_person: str | None = None


class ActEnded(Content, frozen=True, kw_only=True):
    """ACT_ENDED: `state` is revoked, or void, because what it refers to is no longer what it was."""

    pending_id: str
    act: str
    noun: str
    id: str
    sha256: str
    state: str
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


# --- witnesses of the log -------------------------------------------------------------------------------------


class WitnessEnded(Content, frozen=True, kw_only=True):
    """WITNESS_ENDED. The key is the public one."""

    witness_id: str
    organization_id: str
    verifier_key: str
    reason: str


# --- personal data ------------------------------------------------------------------------------------------------


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


CONTENTS: dict[Kind, type[Content]] = {
    Kind.TERMS_ACCEPTED: TermsAccepted,
    Kind.LOCATIONS_READ: LocationsRead,
    Kind.ITEMS_READ: ItemsRead,
    Kind.RESIDENT_ENROLLED: Enrolled,
    Kind.IDENTITY_PROOFED: Proofed,
    Kind.RESIDENT_MOVED: Moved,
    Kind.ENROLMENT_MET: Met,
    Kind.TRANSFER_ASKED: TransferAsked,
    Kind.TRANSFER_COMPLETED: TransferEnded,
    Kind.TRANSFER_ENDED: TransferEnded,
    Kind.STAFF_ACCESS: StaffAccess,
    Kind.STAFF_ACCESS_REFUSED: StaffAccess,
    Kind.PROTECTION_CHANGED: Protection,
    Kind.SECOND_PERSON_ASKED: SecondPerson,
    Kind.LOGGED_IN: LoggedIn,
    Kind.LOGGED_OUT: LoggedOut,
    Kind.LOGIN_LOCKED: LoginLocked,
    Kind.PASSWORD_CHANGED: PasswordChanged,
    Kind.AUTHORIZATION_GIVEN: Authorized,
    Kind.AUTHORIZATION_ENDED: AuthorizationEnded,
    Kind.REFRESH_REUSED: AuthorizationEnded,
    Kind.ACCESS_ENDED: AccessEnded,
    Kind.INITIAL_PASSWORD_CHANGED: InitialSecretsChanged,
    Kind.ORGANIZATION_REGISTERED: RegistryEntry,
    Kind.ORGANIZATION_CERTIFIED: OrganizationCertified,
    Kind.COMPONENT_REGISTERED: RegistryEntry,
    Kind.SERVICE_REGISTERED: RegistryEntry,
    Kind.SERVICE_CERTIFIED: StateChanged,
    Kind.DATASET_REGISTERED: RegistryEntry,
    Kind.LINK_REGISTERED: RegistryEntry,
    Kind.TERMS_PUBLISHED: TermsPublished,
    Kind.CLIENT_REGISTERED: RegistryEntry,
    Kind.PURPOSE_REGISTERED: RegistryEntry,
    Kind.WITNESS_REGISTERED: RegistryEntry,
    Kind.STORE_REGISTERED: RegistryEntry,
    Kind.AUTHENTICATION_SERVICE_REGISTERED: RegistryEntry,
    Kind.REGISTRY_CHANGED: RegistryEntry,
    Kind.ORGANIZATION_SUSPENDED: StopBegun,
    Kind.SERVICE_SUSPENDED: StopBegun,
    Kind.CLIENT_DISABLED: StopBegun,
    Kind.WITNESS_ENDED: WitnessEnded,
    Kind.LINK_ENDED: StopBegun,
    Kind.ORGANIZATION_REINSTATED: StopEnded,
    Kind.SERVICE_REINSTATED: StopEnded,
    Kind.CLIENT_ENABLED: StopEnded,
    Kind.STAFF_REGISTERED: StaffRegistered,
    Kind.STAFF_DISABLED: StaffChanged,
    Kind.STAFF_ENABLED: StaffChanged,
    Kind.STAFF_RECOVERED: StaffChanged,
    Kind.STAFF_LOGIN_ISSUED: StaffChanged,
    Kind.STAFF_UNLOCKED: StaffChanged,
    Kind.ACT_ASKED: ActAsked,
    Kind.ACT_CONFIRMED: ActConfirmed,
    Kind.ACT_DONE: ActDone,
    Kind.ACT_ENDED: ActEnded,
    Kind.SUCCESSION_RECORDED: SuccessionRecorded,
    Kind.PLATFORM_RESTORED: PlatformRestored,
    Kind.STORE_RESTORED: StoreRestored,
    Kind.KEY_ROTATED: KeyRotated,
    Kind.KEY_REVOKED: KeyRevoked,
}
"""The content that a kind of act must have."""


def check(kind: Kind, detail: object) -> None:
    """Raises AssertionError if an act would commit to anything but its kind's content."""
    wanted = CONTENTS.get(kind)
    if wanted is not None and not isinstance(detail, wanted):
        raise AssertionError(f"{kind.code} records a {wanted.__name__}, not a {type(detail).__name__}")


def read(kind: Kind, detail: dict[str, Any]) -> Content | None:
    """The content of an entry as its Struct; None for one that was written before its kind had one."""
    wanted = CONTENTS.get(kind)
    return msgspec.convert(detail, wanted) if wanted is not None and "v" in detail else None

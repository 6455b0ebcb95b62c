"""What each kind of act commits to: one Struct per kind, versioned.

What is hashed is hashed for ever, so the words are chosen once: ids that people and programs use (never internal keys),
`organization_id`, `client_id`, `component_id`, `service_id`, `link_id`. A field is added with a default; a field that
changes its meaning makes a new class with the next version. `v` is in the text that was committed to; a text without
it is from before there were contents, and is read as the plain JSON it is.

Every kind has one (`tests/house/test_contents.py`), and nothing else is recorded.
"""

from __future__ import annotations

from typing import Any

import msgspec

from moyai.ledger.contents.content import Content, Replaced
from moyai.ledger.contents.decisions import (
    Decided,
    SharingAccepted,
    SharingEnded,
    SharingGiven,
    Stopped,
)
from moyai.ledger.contents.desk import (
    AuthenticatorHandedOver,
    AuthenticatorRecovered,
    Enrolled,
    Erased,
    Met,
    Moved,
    Proofed,
    Protection,
    SecondPerson,
    StaffAccess,
    TransferAsked,
    TransferEnded,
)
from moyai.ledger.contents.logins import (
    AccessEnded,
    AuthorizationEnded,
    Authorized,
    InitialSecretsChanged,
    LoggedIn,
    LoggedOut,
    LoginLocked,
    PasswordChanged,
    SubjectTied,
)
from moyai.ledger.contents.movements import (
    Exchanged,
    Imported,
    ItemsChanged,
    Part,
    Refusal,
    Repeated,
    SharedView,
)
from moyai.ledger.contents.personal import ItemsRead, LocationsRead, TermsAccepted
from moyai.ledger.contents.platform import KeyRevoked, KeyRotated, PlatformRestored, StoreRestored
from moyai.ledger.contents.registry import (
    OrganizationCertified,
    RegistryEntry,
    StateChanged,
    StopBegun,
    StopEnded,
    SuccessionRecorded,
    TermsPublished,
    WitnessEnded,
)
from moyai.ledger.contents.staff import StaffChanged, StaffRegistered
from moyai.ledger.contents.two_persons import ActAsked, ActConfirmed, ActDone, ActEnded
from moyai.ledger.model import Kind

__all__ = [
    "CONTENTS",
    "AccessEnded",
    "ActAsked",
    "ActConfirmed",
    "ActDone",
    "ActEnded",
    "AuthenticatorHandedOver",
    "AuthenticatorRecovered",
    "AuthorizationEnded",
    "Authorized",
    "Content",
    "Decided",
    "Enrolled",
    "Erased",
    "Exchanged",
    "Imported",
    "InitialSecretsChanged",
    "ItemsChanged",
    "ItemsRead",
    "KeyRevoked",
    "KeyRotated",
    "LocationsRead",
    "LoggedIn",
    "LoggedOut",
    "LoginLocked",
    "Met",
    "Moved",
    "OrganizationCertified",
    "Part",
    "PasswordChanged",
    "PlatformRestored",
    "Proofed",
    "Protection",
    "Refusal",
    "RegistryEntry",
    "Repeated",
    "Replaced",
    "SecondPerson",
    "SharedView",
    "SharingAccepted",
    "SharingEnded",
    "SharingGiven",
    "StaffAccess",
    "StaffChanged",
    "StaffRegistered",
    "StateChanged",
    "StopBegun",
    "StopEnded",
    "Stopped",
    "StoreRestored",
    "SubjectTied",
    "SuccessionRecorded",
    "TermsAccepted",
    "TermsPublished",
    "TransferAsked",
    "TransferEnded",
    "WitnessEnded",
    "check",
    "read",
]

CONTENTS: dict[Kind, type[Content]] = {
    Kind.EXCHANGE: Exchanged,
    Kind.REFUSAL: Refusal,
    Kind.ITEMS_STORED: ItemsChanged,
    Kind.ITEMS_DELETED: ItemsChanged,
    Kind.SHARED_VIEW: SharedView,
    Kind.IMPORTED: Imported,
    Kind.EXCHANGE_REPEATED: Repeated,
    Kind.CONSENT_GIVEN: Decided,
    Kind.CONSENT_REFUSED: Decided,
    Kind.CONSENT_WITHDRAWN: Stopped,
    Kind.SHARING_GIVEN: SharingGiven,
    Kind.SHARING_ACCEPTED: SharingAccepted,
    Kind.SHARING_ENDED: SharingEnded,
    Kind.SERVICE_LEFT: Stopped,
    Kind.RESIDENT_ERASED: Erased,
    Kind.SUBJECT_TIED: SubjectTied,
    Kind.AUTHENTICATOR_ISSUED: AuthenticatorHandedOver,
    Kind.AUTHENTICATOR_RECOVERED: AuthenticatorRecovered,
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
    Kind.STAFF_IN_FORCE: StaffChanged,
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

"""What the journal holds: one Struct per kind of stop, with the ids that a replay needs.

The end of a log-in or of a touch point's authorisation, and the revocation of what waits for a second person, are not
among them: a restore ends them all.

Ids only, and only those that mean the same in every copy of the database: never internal keys, never personal data.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """The base of all kinds. The `kind` in a line never changes; a field is added with a default."""


class ConsentWithdrawn(Stop, frozen=True, tag="consent_withdrawn"):
    """The consents to `links` are in force no more, withdrawn or refused; `left` says that the use of the service ended, too."""

    resident_id: str
    service_id: str
    links: list[str]
    left: bool = False


class SharingEnded(Stop, frozen=True, tag="sharing_ended"):
    sharing_id: str


class ResidentClosed(Stop, frozen=True, tag="resident_closed"):
    """No more is stored, read or logged in to for this resident."""

    resident_id: str


class ResidentErased(Stop, frozen=True, tag="resident_erased"):
    resident_id: str


class OrganizationSuspended(Stop, frozen=True, tag="organization_suspended"):
    organization_id: str


class ServiceSuspended(Stop, frozen=True, tag="service_suspended"):
    service_id: str


class ClientDisabled(Stop, frozen=True, tag="client_disabled"):
    client_id: str


class StaffDisabled(Stop, frozen=True, tag="staff_disabled"):
    """A member of staff logs in no more."""

    staff_id: str


class ProtectionBegun(Stop, frozen=True, tag="protection_begun"):
    """This resident exists for the named staff alone; also where others are named than before."""

    resident_id: str
    organization_id: str
    staff: list[str]


class SecretsReplaced(Stop, frozen=True, tag="secrets_replaced"):
    """Password and authenticator of a resident, or else of a member of staff, that were in force are so no more: a
    thief may have had them."""

    resident_id: str = ""
    staff_id: str = ""


class KeyRevoked(Stop, frozen=True, tag="key_revoked"):
    """Nothing that this signing key signed verifies."""

    key_id: str


class LinkEnded(Stop, frozen=True, tag="link_ended"):
    link_id: str


class RightTaken(Stop, frozen=True, tag="right_taken"):
    """What `right` (a column) of the registry or the staff let somebody do it lets them do no more, though the thing itself
    is not stopped (0037_rights_taken.sql).

    `values` are the names, addresses, codes or scopes that left, fingerprints of keys, or the new level.
    """

    noun: str
    id: str
    right: str
    values: list[str]


AnyStop = (
    ConsentWithdrawn
    | SharingEnded
    | ResidentClosed
    | ResidentErased
    | OrganizationSuspended
    | ServiceSuspended
    | ClientDisabled
    | LinkEnded
    | StaffDisabled
    | ProtectionBegun
    | SecretsReplaced
    | KeyRevoked
    | RightTaken
)


class Line(msgspec.Struct, frozen=True):
    """One line of the journal. `at` is the control database's clock, to the microsecond."""

    at: datetime
    stop: AnyStop


class EarlierLine(msgspec.Struct, frozen=True):
    """A line from before lines were framed. It names residents by an internal key; nothing replays it.

    No backup is older than the frames, so every line that came after a backup is a `Line`.
    """

    kind: str
    at: datetime
    ids: dict[str, object]

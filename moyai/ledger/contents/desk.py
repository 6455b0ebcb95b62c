"""What the desk did. The office is the organisation whose desk acted; who it was stands in `actor`, as an id that
opens no account.
"""

from __future__ import annotations

from moyai.ledger.contents.content import Content


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
    """SECOND_PERSON_ASKED: one of two clerks (or a program, which is nobody) asked for `act`, or took it back; or it `ended`
    otherwise: `objected`, the resident stopped it; `void`, whoever said it may not any more; `lapsed`, nobody said the rest in time."""

    organization_id: str
    act: str
    withdrawn: bool = False
    by_program: bool = False
    ended: str = ""


class Erased(Content, frozen=True, kw_only=True):
    """RESIDENT_ERASED, on this ground. It is recorded under nobody, and outlives what was erased."""

    resident_id: str
    ground: str


class AuthenticatorHandedOver(Content, frozen=True, kw_only=True):
    """AUTHENTICATOR_ISSUED, on paper. `factors` by their names of RFC 8176."""

    organization_id: str
    factors: list[str]


class AuthenticatorRecovered(Content, frozen=True, kw_only=True):
    """AUTHENTICATOR_RECOVERED, on paper, to whom signed the request with this number and showed a document of this kind.
    Entries from before have neither."""

    organization_id: str
    factors: list[str]
    form: str = ""
    document_class: str = ""

"""Who calls, and how sure the platform is of it: callers, assurance levels, people, logins.

Proofing (身元確認), authentication (当人認証) and federation (認証連携) stay three separate facts (guidebook 1.2.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec

from moyai.registry import persons

MunicipalityCode = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$(?!\n)")]
"""全国地方公共団体コード, six digits with the check digit."""

ProofingLevel = Literal[1, 2, 3]


# --- callers: what `web` hands to the rooms ----------------------------------------------------------


class Anonymous(msgspec.Struct, frozen=True):
    """Nobody in particular."""


class ClientCaller(msgspec.Struct, frozen=True):
    """A component's (or desk's) OAuth client, known by its access token. Identity only, never permission."""

    client_id: str
    client_key: int
    component_id: str | None
    component_key: int | None
    organization_id: str
    organization_key: int
    scopes: frozenset[str]


class ResidentCaller(msgspec.Struct, frozen=True):
    """A resident, in the portal's session or through a touch point's token.

    `session_id` names the session (the token's `sid`) that texts are served to. `ial` and `aal` are levels of
    the framework `jp-ds500`: what was proofed at enrolment, and the factors really used in this session.
    `second_factor_at` is when something that only the resident has was last shown.
    """

    resident_key: int
    resident_id: str
    session_id: str
    client_id: str
    ial: int
    aal: int
    scopes: frozenset[str]
    second_factor_at: datetime | None = None
    erasure_at: datetime | None = None
    """When everything about them is erased unless somebody stops it; only in the portal's sessions."""
    moved: bool = False
    """Whether a desk moved them to another one a short while ago, and they have not said so themselves; as above."""

    def with_second_factor(self, at: datetime) -> ResidentCaller:
        return msgspec.structs.replace(self, second_factor_at=at)

    @property
    def actor(self) -> str:
        return f"resident:{self.resident_id}"

    @property
    def request(self) -> dict[str, str]:
        """What stands beside the act in records: nothing, the resident acted."""
        return {}


class RequestProof(msgspec.Struct, frozen=True):
    """That a resident who stands at the desk asked: the number of the request that they signed, and the kind of document
    that they showed."""

    form: str
    document_class: str


class ForResident(msgspec.Struct, frozen=True):
    """A desk that stops something for a resident who stands there. It can stop, and nothing else.

    `form` is the number of the request that was signed, `document_class` what the identity was checked with.
    """

    resident_key: int
    resident_id: str
    actor: str
    organization_id: str
    form: str
    document_class: str
    client_id: str = "desk"
    aal: int = 0

    @property
    def request(self) -> dict[str, str]:
        """The proof of the request, in records."""
        return {
            "organization_id": self.organization_id,
            "form": self.form,
            "document_class": self.document_class,
        }


class StaffCaller(msgspec.Struct, frozen=True):
    """A member of staff in a browser session. `roles` are those in force now; `closed` is the code of what keeps them out
    of everything, if something does (`staff_in_force`)."""

    staff_key: int
    login: str
    name: str
    organization_id: str
    organization_key: int
    roles: frozenset[str]
    staff_id: str = ""
    staff_number: str = ""
    second_factor_at: datetime | None = None
    closed: str = ""

    def with_second_factor(self, at: datetime) -> StaffCaller:
        return msgspec.structs.replace(self, second_factor_at=at)

    @property
    def actor(self) -> str:
        """Who acted, for records: an id that opens no account."""
        return f"staff:{self.staff_id}"

    @property
    def as_one_of_two(self) -> persons.Person:
        """Who this is where two persons are told apart."""
        return persons.Person(self.staff_id, self.staff_number, self.organization_id, self.roles)


Caller = Anonymous | ClientCaller | ResidentCaller | StaffCaller

OWN_METHOD: Final = "own_password"
"""The log-in method of the platform itself: a password, and a time-based code."""

PORTAL_CLIENT: Final = "portal"
"""The `client_id` under which the platform's own pages act for a resident."""

StaffRole = Literal["desk", "operator", "auditor", "provider_admin", "staff_admin"]
STAFF_ROLES: Final[frozenset[str]] = frozenset(
    {"desk", "operator", "auditor", "provider_admin", "staff_admin"}
)


# --- levels -------------------------------------------------------------------------------------------

FRAMEWORK: Final = "jp-ds500"
"""行政手続におけるオンラインによる本人確認の手法に関するガイドライン (DS-500), whose levels the guidebook uses."""

_FACTOR_KINDS: Final = {"pwd": "knowledge", "pin": "knowledge", "otp": "possession", "hwk": "possession"}


def is_possession(name: str) -> bool:
    """Whether this factor (RFC 8176) is something that one has, not something that one knows."""
    return _FACTOR_KINDS.get(name) == "possession"


def aal_of(amr: Iterable[str]) -> int:
    """The authentication level of the factors really used (RFC 8176 names); 0 for none.

    Two factors count as two only if they are of different kinds; level 3 asks for a hardware-bound key.
    """
    used = {name for name in amr if name in _FACTOR_KINDS}
    kinds = {_FACTOR_KINDS[name] for name in used}
    if len(kinds) < 2:
        return len(kinds)
    return 3 if "hwk" in used else 2


def acr_of(ial: int, aal: int) -> str:
    """The `acr` value, framework-qualified: `jp-ds500:ial2:aal2`."""
    return f"{FRAMEWORK}:ial{ial}:aal{aal}"


def levels_of(acr: str) -> tuple[int, int] | None:
    """(ial, aal) of one of our `acr` values, or None for a value of somebody else's."""
    parts = acr.split(":")
    if len(parts) != 3 or parts[0] != FRAMEWORK or parts[1][:3] != "ial" or parts[2][:3] != "aal":
        return None
    levels = (parts[1][3:], parts[2][3:])
    if not all(level in {"0", "1", "2", "3"} for level in levels):
        return None
    return int(levels[0]), int(levels[1])


class ProofingMethod(msgspec.Struct, frozen=True):
    """How identity may be proofed, the highest level it can give, and its name for the desk."""

    level: int
    in_person: bool
    ja: str
    en: str


PROOFING_METHODS: Final[dict[str, ProofingMethod]] = {
    "self_asserted": ProofingMethod(1, False, "自己申告", "Self-asserted"),
    "postal": ProofingMethod(2, False, "郵送", "By post"),
    "online_document": ProofingMethod(2, False, "オンライン(公的書類)", "Online, official document"),
    "desk_document": ProofingMethod(2, True, "窓口(公的書類の確認)", "At the desk, official document"),
    "in_person": ProofingMethod(
        3, True, "対面(顔写真付き公的書類と照合)", "In person, checked against a photo"
    ),
}

DOCUMENT_CLASSES: Final[dict[str, tuple[str, str]]] = {
    "none": ("なし", "None"),
    "my_number_card": ("マイナンバーカード", "My Number Card"),
    "drivers_license": ("運転免許証", "Driving licence"),
    "passport": ("パスポート", "Passport"),
    "residence_card": ("在留カード", "Residence card"),
    "health_insurance": ("資格確認書", "Health insurance eligibility certificate"),
    "pension_book": ("年金手帳", "Pension book"),
}
"""Kinds of document that may be shown. Only the kind is kept: no number, no copy."""


# --- people and logins -----------------------------------------------------------------------------------

# `$` alone would let a trailing line break through.
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$(?!\n)")]
_Kana = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[ぁ-ゖァ-ヺーｦ-ﾟ・･ 　]+$(?!\n)")]
_Line = Annotated[str, msgspec.Meta(max_length=300, pattern=r"^[^\x00-\x1f]*$(?!\n)")]


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A person as the desk enters them: GIF core parts 氏名 and 住所."""

    family_name: _Name
    given_name: _Name
    family_kana: _Kana
    given_kana: _Kana
    birth_date: date
    address: Annotated[_Line, msgspec.Meta(min_length=1)]
    municipality_code: MunicipalityCode
    postal_code: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{3}-?[0-9]{4})?$(?!\n)")] = ""
    sex: Literal["", "female", "male", "other"] = ""


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the proofing rests on. `level` may not exceed what `method` can give."""

    level: ProofingLevel
    method: Annotated[str, msgspec.Meta(max_length=40)]
    document_class: Annotated[str, msgspec.Meta(max_length=40)]


class Proofing(msgspec.Struct, frozen=True):
    """One recorded proofing."""

    level: int
    method: str
    document_class: str
    verifier: str
    verified_at: datetime


class Resident(msgspec.Struct, frozen=True):
    """A resident as other rooms see one: no name."""

    resident_key: int
    resident_id: str
    municipality_code: str
    ial: int
    state: str
    enrolled_at: datetime
    desk_key: int | None
    protected: bool = False


class Enrolled(msgspec.Struct, frozen=True):
    """What the desk sees of one resident."""

    resident: Resident
    person: Person
    login: str | None
    proofings: tuple[Proofing, ...] = ()


class Desk(msgspec.Struct, frozen=True):
    """Whose desk acts, and for which municipalities. `everywhere` is the operating organisation.

    `staff_key` is the person who acts; None for a program, which counts for nobody where two persons are needed.
    """

    actor: str
    organization_id: str
    organization_key: int
    municipality_codes: frozenset[str]
    everywhere: bool = False
    staff_key: int | None = None

    def looks_after(self, resident: Resident) -> bool:
        return (
            self.everywhere
            or resident.municipality_code in self.municipality_codes
            or resident.desk_key == self.organization_key
        )


class IssuedLogin(msgspec.Struct, frozen=True):
    """Shown once, to be handed over: the secrets are not readable afterwards."""

    login: str
    password: str
    totp_secret: str
    totp_uri: str


class Factor(msgspec.Struct, frozen=True):
    """A factor that was shown, by its name of RFC 8176, and when."""

    name: str
    at: datetime


class Session(msgspec.Struct, frozen=True):
    """A browser session: whose, by which method, with which factors when, and the level that they give.

    `session_id` names it in records and opens nothing; the cookie is never stored. `generation` is the person's when
    the first factor was shown: once that is counted up, the session has ended. `initial`: every factor was shown, but
    they are those that were handed over, and their owner has yet to choose others (`first_login`).
    """

    session_hash: bytes
    login: str
    resident_key: int | None
    staff_key: int | None
    amr: tuple[str, ...]
    aal: int
    authenticated_at: datetime | None
    factors: tuple[Factor, ...] = ()
    generation: int = 0
    device: str = ""
    method: str = OWN_METHOD
    initial: bool = False

    @property
    def session_id(self) -> str:
        return self.session_hash.hex()[:32]

    @property
    def second_factor_at(self) -> datetime | None:
        """When something that only the person has was last shown."""
        return max((f.at for f in self.factors if is_possession(f.name)), default=None)

    @property
    def complete(self) -> bool:
        """Whether every factor that this login has was shown."""
        return self.authenticated_at is not None


class Grant(msgspec.Struct, frozen=True):
    """A finished authorisation of one client for one resident; access and refresh tokens hang on it."""

    grant_id: UUID
    client_id: str
    resident_key: int
    scope: str
    jkt: str
    aal: int
    amr: tuple[str, ...]
    authenticated_at: datetime

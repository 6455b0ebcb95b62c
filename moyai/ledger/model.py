"""What the ledger records, and the exact bytes of it. Pure.

An **entry** is one act. Its **leaf** is public: kind, time, id and a commitment. Its **content** (who, which
parties, which code) is what the commitment opens to, and is the only part that erasure deletes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

LEAF_VERSION = 1
LEAF_BYTES = 58
SALT_BYTES = 16
COMMITMENT_PREFIX = b"moyai-commitment-v1\n"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(IntEnum):
    """What was done, and nothing that the platform does not record. Numbers are in leaves and never change; names are in
    contents. A number that is left out (13, 32, 35) stands in no leaf of any release."""

    EXCHANGE = 1, "データ連携", "Exchange"
    REFUSAL = 2, "データ連携の拒否", "Refusal"
    ITEMS_STORED = 3, "データの登録", "Items stored"
    ITEMS_DELETED = 4, "データの削除", "Items deleted"
    SHARED_VIEW = 5, "共有相手による閲覧", "Shared view"
    IMPORTED = 6, "オープンデータの取込み", "Import of city data"
    EXCHANGE_REPEATED = 7, "データ連携の再送", "Exchange answered again"
    LOCATIONS_READ = 8, "データの所在の確認", "Locations looked up"
    ITEMS_READ = 9, "提供元によるデータの確認", "Own items read"

    CONSENT_GIVEN = 10, "同意", "Consent given"
    CONSENT_REFUSED = 11, "不同意", "Consent refused"
    CONSENT_WITHDRAWN = 12, "同意の撤回", "Consent withdrawn"
    SHARING_GIVEN = 14, "共有の開始", "Sharing offered"
    SHARING_ACCEPTED = 15, "共有の受諾", "Sharing accepted"
    SHARING_ENDED = 16, "共有の終了", "Sharing ended"
    TERMS_ACCEPTED = 17, "規約への同意", "Terms accepted"
    SERVICE_LEFT = 18, "サービスの利用終了", "Service left"

    RESIDENT_ENROLLED = 30, "住民の登録", "Resident enrolled"
    RESIDENT_MOVED = 31, "転居", "Resident moved"
    RESIDENT_ERASED = 33, "住民の情報の消去", "Resident erased"
    SUBJECT_TIED = 34, "サービスの利用者との結び付け", "Account tied"
    AUTHENTICATOR_ISSUED = 36, "認証手段の発行", "Authenticator issued"
    AUTHENTICATOR_RECOVERED = 37, "認証手段の再発行", "Authenticator recovered"
    STAFF_ACCESS = 38, "職員による閲覧", "Staff access"
    STAFF_REGISTERED = 39, "職員の登録", "Staff registered"
    IDENTITY_PROOFED = 40, "身元確認", "Identity proofed"

    LOGGED_IN = 41, "ログイン", "Logged in"
    LOGIN_LOCKED = 42, "ログインの一時停止", "Log-in locked for a while"
    PASSWORD_CHANGED = 43, "パスワードの変更", "Password changed"
    AUTHORIZATION_GIVEN = 44, "アプリの許可", "Authorisation given"
    AUTHORIZATION_ENDED = 45, "アプリの許可の終了", "Authorisation ended"
    REFRESH_REUSED = 46, "許可の二重使用", "Authorisation used twice"
    LOGGED_OUT = 47, "ログアウト", "Logged out"
    ACCESS_ENDED = 48, "ほかの機器のログアウト", "Other devices logged out"

    ENROLMENT_MET = 50, "登録の申込みとの一致", "Met by an enrolment"
    TRANSFER_ASKED = 51, "転入の申出", "Transfer asked for"
    TRANSFER_COMPLETED = 52, "転入の確定", "Transfer completed"
    TRANSFER_ENDED = 53, "転入の取りやめ", "Transfer declined"
    PROTECTION_CHANGED = 54, "支援措置の変更", "Protection changed"
    SECOND_PERSON_ASKED = 55, "二人目の確認待ち", "Second person asked for"
    STAFF_DISABLED = 56, "職員の停止", "Staff account disabled"
    STAFF_ENABLED = 57, "職員の停止解除", "Staff account enabled"
    STAFF_ACCESS_REFUSED = 58, "職員による閲覧の拒否", "Staff access refused"
    INITIAL_PASSWORD_CHANGED = 59, "初期パスワードの変更", "Initial password changed"

    ORGANIZATION_REGISTERED = 60, "組織の登録", "Organisation registered"
    ORGANIZATION_CERTIFIED = 61, "組織の認定", "Organisation certified"
    ORGANIZATION_SUSPENDED = 62, "組織の停止", "Organisation suspended"
    ORGANIZATION_REINSTATED = 63, "組織の停止解除", "Organisation reinstated"
    COMPONENT_REGISTERED = 64, "部品の登録", "Component registered"
    SERVICE_REGISTERED = 65, "サービスの登録", "Service registered"
    SERVICE_CERTIFIED = 66, "サービスの認定", "Service certified"
    SERVICE_SUSPENDED = 67, "サービスの停止", "Service suspended"
    DATASET_REGISTERED = 68, "連携対象データの登録", "Dataset registered"
    LINK_REGISTERED = 69, "連携の登録", "Link registered"
    LINK_ENDED = 70, "連携の終了", "Link ended"
    TERMS_PUBLISHED = 71, "規約の公表", "Terms published"
    CLIENT_REGISTERED = 72, "クライアントの登録", "Client registered"
    CLIENT_DISABLED = 73, "クライアントの停止", "Client disabled"
    PURPOSE_REGISTERED = 74, "利用目的の登録", "Purpose registered"
    WITNESS_REGISTERED = 75, "証人の登録", "Witness registered"
    STORE_REGISTERED = 76, "データ保管先の登録", "Store registered"
    AUTHENTICATION_SERVICE_REGISTERED = 77, "個人認証サービスの登録", "Authentication service registered"
    SERVICE_REINSTATED = 78, "サービスの停止解除", "Service reinstated"
    REGISTRY_CHANGED = 79, "登録内容の変更", "Registration changed"
    KEY_ROTATED = 80, "署名鍵の更新", "Signing key rotated"
    STAFF_RECOVERED = 81, "職員のログインの取消し", "Login of a member of staff ended"
    STAFF_LOGIN_ISSUED = 82, "職員のログインの発行", "Login of a member of staff issued"
    STAFF_UNLOCKED = 83, "職員のログインの待ち時間の解除", "Login of a member of staff unlocked"
    ACT_ASKED = 84, "二人目の確認を待つ手続", "Act waits for a second person"
    ACT_CONFIRMED = 85, "手続の確認", "Act confirmed by a member of staff"
    ACT_DONE = 86, "確認された手続の実行", "Act took effect"
    ACT_ENDED = 87, "手続の取下げ", "Act ended without effect"
    WITNESS_ENDED = 88, "証人の終了", "Witness ended"
    STAFF_IN_FORCE = 89, "職員本人の確認", "Staff account put into force"
    CLIENT_ENABLED = 96, "クライアントの停止解除", "Client enabled"

    PLATFORM_RESTORED = 100, "控えからの復元", "Restored from a backup"
    STORE_RESTORED = 101, "データ保管先の控えからの復元", "A store restored from a backup"
    KEY_REVOKED = 102, "署名鍵の失効", "Signing key revoked"

    SUCCESSION_RECORDED = 110, "合併・承継・改称", "Succession recorded"

    ja: str
    en: str

    def __new__(cls, number: int, ja: str, en: str) -> Kind:
        member = int.__new__(cls, number)
        member._value_ = number
        member.ja, member.en = ja, en
        return member

    @property
    def code(self) -> str:
        """The name in contents and over HTTP, e.g. `consent_given`."""
        return self.name.lower()


class Nothing(msgspec.Struct, frozen=True):
    """No content. No kind is recorded with it (`contents.check`)."""


class Act(msgspec.Struct, frozen=True):
    """One act to record.

    `actor` names who did it (`resident:…`, `staff:…`, `component:…`, `organization:…`, `system`).
    `resident_key` is whom it concerns, 0 for nobody. `detail` is the kind's content (`ledger.contents`); the daily counts read from it
    `provider`, `consumer` (component ids), `code` and `items`, and for an answer from several providers
    `sources`: [{"provider", "items", "code"}]. `at` is left out except where the act was at another time.
    """

    kind: Kind
    actor: str
    resident_key: int = 0
    detail: msgspec.Struct = Nothing()
    at: datetime | None = None


class Recorded(msgspec.Struct, frozen=True):
    """The entry that an earlier request under the same `Idempotency-Key` made."""

    entry_id: UUID
    at: datetime
    request_hash: bytes
    answer_digest: bytes


class Leaf(msgspec.Struct, frozen=True):
    """A leaf read back. `at_ms` is Unix time in milliseconds."""

    kind: int
    at_ms: int
    entry_id: UUID
    commitment: bytes


class _Committed(msgspec.Struct, frozen=True):
    """What a body says of itself, as far as it stands in columns, too."""

    kind: str
    resident: int = 0


class Event(msgspec.Struct, frozen=True):
    """An entry with its content: all that is needed to show it, and to prove it to anybody.

    `index` is None until the entry is integrated (about a second).
    """

    entry_id: UUID
    kind: Kind
    at: datetime
    resident_key: int
    actor: str
    detail: dict[str, Any]
    body: str
    salt: bytes
    leaf: bytes
    index: int | None

    def opens(self) -> bool:
        """Whether the leaf's commitment opens to exactly this content, and all that is shown beside it is in it."""
        leaf, said = parse_leaf(self.leaf), msgspec.json.decode(self.body, type=_Committed)
        shown = (self.entry_id, self.kind, milliseconds(self.at), self.kind.code, self.resident_key)
        return leaf.commitment == commit(self.salt, self.body) and shown == (
            leaf.entry_id,
            leaf.kind,
            leaf.at_ms,
            said.kind,
            said.resident,
        )


class Sealed(msgspec.Struct, frozen=True):
    """An entry whose content was erased: what is left is what was public all along."""

    entry_id: UUID
    leaf: bytes
    index: int | None


class Daily(msgspec.Struct, frozen=True):
    """Entries of one day (Asia/Tokyo). `provider` is '' in the rows that count every entry exactly once."""

    day: date
    kind: Kind
    provider: str
    consumer: str
    code: str
    entries: int
    items: int


class Status(msgspec.Struct, frozen=True):
    """How far integration is: `waiting_seconds` is the age of the oldest entry without an index, or 0."""

    origin: str | None
    size: int
    signed_at: datetime | None
    waiting_seconds: float
    closed_reason: str | None


_encoder = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces, non-ASCII characters as they are. Keys must be strings."""
    return _encoder.encode(value).decode()


def commit(salt: bytes, text: str) -> bytes:
    """SHA-256 over `moyai-commitment-v1`, newline, 16 random bytes and the body: hides it, binds to it."""
    return sha256(COMMITMENT_PREFIX + salt + text.encode()).digest()


def leaf_bytes(kind: int, at_ms: int, entry_id_bytes: bytes, commitment: bytes) -> bytes:
    """58 bytes: version, kind, milliseconds since 1970 (8, big-endian), entry id (16), commitment (32)."""
    return bytes((LEAF_VERSION, kind)) + at_ms.to_bytes(8, "big") + entry_id_bytes + commitment


def parse_leaf(leaf: bytes) -> Leaf:
    """Raises ValueError if the bytes are no leaf of version 1."""
    if len(leaf) != LEAF_BYTES or leaf[0] != LEAF_VERSION:
        raise ValueError("not a leaf of version 1")
    return Leaf(leaf[1], int.from_bytes(leaf[2:10], "big"), UUID(bytes=leaf[10:26]), leaf[26:])


def milliseconds(at: datetime) -> int:
    """Unix time in milliseconds, rounded down as RFC 3339 texts of ours are."""
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


def instant(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)

"""What the ledger records, and the exact bytes of it. Pure.

An **entry** is one act. Its **leaf** is public: kind, time, id and a commitment. Its **content** (who, which
parties, which code) is what the commitment opens to, and is the only part that erasure deletes.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import IntEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from moyai.base.clock import rfc3339
from moyai.base.ids import entry_id

LEAF_VERSION = 1
LEAF_BYTES = 58
SALT_BYTES = 16
COMMITMENT_PREFIX = b"moyai-commitment-v1\n"


class Kind(IntEnum):
    """What was done. Numbers are in leaves and never change; names are in contents."""

    exchange = 1, "データ連携", "Exchange"
    refusal = 2, "データ連携の拒否", "Refusal"
    items_stored = 3, "データの登録", "Items stored"
    items_deleted = 4, "データの削除", "Items deleted"
    shared_view = 5, "共有相手による閲覧", "Shared view"
    imported = 6, "オープンデータの取込み", "Import of city data"

    consent_given = 10, "同意", "Consent given"
    consent_refused = 11, "不同意", "Consent refused"
    consent_withdrawn = 12, "同意の撤回", "Consent withdrawn"
    consent_erased = 13, "同意記録の消去", "Consent records erased"
    sharing_given = 14, "共有の開始", "Sharing offered"
    sharing_accepted = 15, "共有の受諾", "Sharing accepted"
    sharing_ended = 16, "共有の終了", "Sharing ended"
    terms_accepted = 17, "規約への同意", "Terms accepted"
    service_left = 18, "サービスの利用終了", "Service left"

    resident_enrolled = 30, "住民の登録", "Resident enrolled"
    resident_moved = 31, "転居", "Resident moved"
    resident_closed = 32, "利用の終了", "Resident closed"
    resident_erased = 33, "住民の情報の消去", "Resident erased"
    subject_tied = 34, "サービスの利用者との結び付け", "Account tied"
    subject_rotated = 35, "利用者識別子の切替え", "Subject rotated"
    authenticator_issued = 36, "認証手段の発行", "Authenticator issued"
    authenticator_recovered = 37, "認証手段の再発行", "Authenticator recovered"
    staff_access = 38, "職員による閲覧", "Staff access"
    staff_registered = 39, "職員の登録", "Staff registered"
    identity_proofed = 40, "身元確認", "Identity proofed"

    organization_registered = 60, "組織の登録", "Organisation registered"
    organization_certified = 61, "組織の認定", "Organisation certified"
    organization_suspended = 62, "組織の停止", "Organisation suspended"
    organization_reinstated = 63, "組織の停止解除", "Organisation reinstated"
    component_registered = 64, "部品の登録", "Component registered"
    service_registered = 65, "サービスの登録", "Service registered"
    service_certified = 66, "サービスの認定", "Service certified"
    service_suspended = 67, "サービスの停止", "Service suspended"
    dataset_registered = 68, "連携対象データの登録", "Dataset registered"
    link_registered = 69, "連携の登録", "Link registered"
    link_ended = 70, "連携の終了", "Link ended"
    terms_published = 71, "規約の公表", "Terms published"
    client_registered = 72, "クライアントの登録", "Client registered"
    client_disabled = 73, "クライアントの停止", "Client disabled"
    purpose_registered = 74, "利用目的の登録", "Purpose registered"
    witness_registered = 75, "証人の登録", "Witness registered"
    store_registered = 76, "データ保管先の登録", "Store registered"
    authentication_service_registered = 77, "個人認証サービスの登録", "Authentication service registered"
    service_reinstated = 78, "サービスの停止解除", "Service reinstated"
    registry_changed = 79, "登録内容の変更", "Registration changed"
    key_rotated = 80, "署名鍵の更新", "Signing key rotated"

    ja: str
    en: str

    def __new__(cls, number: int, ja: str, en: str) -> Kind:
        member = int.__new__(cls, number)
        member._value_ = number
        member.ja, member.en = ja, en
        return member


class Act(msgspec.Struct, frozen=True):
    """One act to record.

    `actor` names who did it (`resident:…`, `staff:…`, `component:…`, `organization:…`, `system`).
    `resident_key` is whom it concerns, 0 for nobody. `detail` is JSON; the daily counts read from it
    `provider`, `consumer` (component ids), `code` and `items`, and for an answer from several providers
    `sources`: [{"provider", "items", "code"}]. `at` is left out except where the act was at another time.
    """

    kind: Kind
    actor: str
    resident_key: int = 0
    detail: dict[str, Any] = {}
    at: datetime | None = None


class Prepared(msgspec.Struct, frozen=True):
    """An entry whose bytes are made: what `actions.record_many` writes."""

    leaf: bytes
    salt: bytes
    resident_key: int
    body: str

    @property
    def entry_id(self) -> UUID:
        return UUID(bytes=self.leaf[10:26])


class Leaf(msgspec.Struct, frozen=True):
    """A leaf read back. `at_ms` is Unix time in milliseconds."""

    kind: int
    at_ms: int
    entry_id: UUID
    commitment: bytes


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
        """Whether the leaf's commitment opens to exactly this content."""
        return self.leaf[26:] == commit(self.salt, self.body)


class Daily(msgspec.Struct, frozen=True):
    """Entries of one day (Asia/Tokyo). `provider` is '' in the rows that count every entry exactly once."""

    day: str
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


def body(kind: Kind, at: datetime, actor: str, resident_key: int, detail: dict[str, Any]) -> str:
    """The text that a commitment opens to; `resident` is left out where there is none."""
    fields: dict[str, Any] = {"actor": actor, "at": rfc3339(at), "detail": detail, "kind": kind.name}
    if resident_key:
        fields["resident"] = resident_key
    return canonical(fields)


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


def prepare(
    kind: Kind,
    at: datetime,
    actor: str,
    resident_key: int,
    detail: dict[str, Any],
    id_: UUID | None = None,
) -> Prepared:
    """The bytes of one entry, at a time of the database's clock.

    An `id_` made from a proof (`moyai.base.ids.entry_id`) has the ledger's key refuse the proof's second use.
    """
    at_ms = milliseconds(at)
    text = body(kind, at, actor, resident_key, detail)
    salt = secrets.token_bytes(SALT_BYTES)
    leaf = leaf_bytes(kind, at_ms, (id_ or entry_id(at_ms)).bytes, commit(salt, text))
    return Prepared(leaf, salt, resident_key, text)

"""`moyai introspect`: the attribute table (guidebook 1.2) of platforms, computed from registry and settings.

Names and values are as the guidebook's type tables (2.1–2.4) print them, without spaces and with half-width
parentheses. Several platforms under one operating organisation are merged, as types 2.5–2.8 are described.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence

import msgspec
from rich.table import Table

from moyai import registry
from moyai.base.config import Brokers, Home, StorageMode
from moyai.base.db import connect
from moyai.base.roles import SERVE
from moyai.base.tables import print_whole
from moyai.registry import Registered, TermsVersion
from moyai.registry.model import PUBLIC_KINDS

STORAGE: dict[StorageMode, str] = {
    "internal_shared": "内部(接続組織単位でのデータベース分離なし)",
    "internal_segregated": "内部(接続組織単位でのデータベース分離あり)",
    "external": "外部",
}
IAL = {1: "レベル1(自己申告)", 2: "レベル2(郵送orオンライン、公的書類)", 3: "レベル3(対面)"}
AAL = {1: "レベル1(単一要素)", 2: "レベル2(複数要素)", 3: "レベル3(複数要素、耐タンパ性)"}
SCOPE = {"municipality": "自治体内", "prefecture": "都道府県内"}


class Introspection(msgspec.Struct, frozen=True):
    """The state and performance attributes, each with its values in the order 値1, 値2, 値3."""

    state: dict[str, list[str]]
    performance: dict[str, list[str]]


class Observed(msgspec.Struct, frozen=True):
    """One platform, as found."""

    brokers: Brokers
    registered: Registered


async def observe(home: Home) -> Observed:
    """Read one platform. Raises ConfigError, or OSError if its database does not answer."""
    conn = await connect(home.dsn(SERVE))
    try:
        async with conn.transaction():
            return Observed(home.config().brokers, await registry.registered(conn))
    finally:
        await conn.close()


async def introspect(homes: Sequence[Home]) -> Introspection:
    return compute(await asyncio.gather(*(observe(home) for home in homes)))


def compute(platforms: Sequence[Observed]) -> Introspection:
    """The merged attribute table."""
    services = [s for one in platforms for s in one.registered.services if s.state != "registered"]
    authentication = [s for one in platforms for s in one.registered.authentication_services]
    non_personal: list[StorageMode] = [one.brokers.non_personal for one in platforms]
    personal: list[StorageMode] = [one.brokers.personal for one in platforms]
    return Introspection(
        state={
            "サービス提供スキーム": _provision_scheme(platforms),
            "サービス利用者の範囲": _in_order(SCOPE, {service.user_scope for service in services}),
            "基盤提供スキーム": _platform_scheme(platforms),
            "個人認証サービスの数": [_count(len(authentication))],
            "非パーソナルデータ連携基盤の数": [_count(sum(mode != "none" for mode in non_personal))],
            "パーソナルデータ連携基盤の数": [_count(sum(mode != "none" for mode in personal))],
        },
        performance={
            "非パーソナルブローカー(データ管理方式)": _storage(non_personal),
            "パーソナルブローカー(データ管理方式)": _storage(personal),
            "身元確認レベル": [IAL[level] for level in _descending(s.ial for s in authentication)],
            "当人認証レベル": [AAL[level] for level in _descending(s.aal for s in authentication)],
            # Platforms are joined only by entries that a federation makes; none is registered here.
            "基盤間連携(データ連携)": ["なし"],
            "基盤間連携(認証連携)": ["なし"],
            "住民向け規約": _terms([terms for one in platforms for terms in one.registered.terms]),
        },
    )


def _provision_scheme(platforms: Sequence[Observed]) -> list[str]:
    """Who provides the connected services and their components. A contractor does not count: the public
    organisation it works for does (1.2.1)."""
    kinds = {kind for one in platforms for kind in _provider_kinds(one.registered)}
    public, private = bool(kinds & PUBLIC_KINDS), "company" in kinds
    values = ["自治体と民間"] if public and private else ["自治体のみ"] * public + ["民間のみ"] * private
    return values + ["運営組織"] * ("operating_organization" in kinds) or ["なし"]


def _provider_kinds(known: Registered) -> set[str]:
    kind_of = {one.organization_id: one.kind for one in known.organizations}
    owner_of = {one.component_id: one.organization_id for one in known.components}
    connected = [service for service in known.services if service.state != "registered"]
    owners = {service.organization_id for service in connected}
    owners |= {owner_of[component] for service in connected for component in service.components}
    return {kind_of[owner] for owner in owners}


def _platform_scheme(platforms: Sequence[Observed]) -> list[str]:
    return ["運営組織"] if any(one.registered.operator for one in platforms) else ["なし"]


def _count(number: int) -> str:
    return str(number) if number < 2 else "2つ以上"


def _storage(modes: Sequence[StorageMode]) -> list[str]:
    return _in_order(STORAGE, set(modes)) or ["なし"]


def _in_order(labels: dict[str, str] | dict[StorageMode, str], found: Iterable[str]) -> list[str]:
    present = set(found)
    return [label for name, label in labels.items() if name in present]


def _descending(levels: Iterable[int]) -> list[int]:
    return sorted(set(levels), reverse=True)


def _terms(terms: Sequence[TermsVersion]) -> list[str]:
    """住民向け規約 as its three axes (1.2.6), from the texts in force: an axis is reached if all texts reach it."""
    if not terms:
        return ["なし"]
    axes = [one.content["axes"] for one in terms]
    components = [one["components_stated"] for one in axes if "components_stated" in one]
    stated = bool(components) and all(components)
    distinguished = all(one["platform_distinguished"] for one in axes)
    audited = all(one["certification_and_audit_stated"] for one in axes)
    return [
        "部品毎の責任範囲を記載" if stated else "部品毎の責任範囲は未記載",
        "基盤の責任範囲を区別して記載" if distinguished else "基盤の責任範囲を区別していない",
        f"サービス提供組織の認定と監査に関する記載{'あり' if audited else 'なし'}",
    ]


def print_table(found: Introspection, *, as_json: bool) -> None:
    """Attribute and values, as the type tables print them; as JSON, alone on the standard output."""
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
        return
    table = Table("属性", "値1", "値2", "値3")
    for attribute, values in (found.state | found.performance).items():
        table.add_row(attribute, *(values + ["-"] * 3)[:3])
    print_whole(table)

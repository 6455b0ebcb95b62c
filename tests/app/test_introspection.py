"""`moyai introspect`: the attribute table is computed; the demo's equals the column of type 2.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moyai import registry
from moyai.applying import Surroundings, apply_file
from moyai.base.config import Brokers
from moyai.base.db import Connection
from moyai.registry.model import (
    Bilingual,
)
from moyai.upkeep.introspection import Introspection, Observed, compute, introspect
from tests.conftest import Platform
from tests.registry.samples import (
    ACTOR,
    ADVICE,
    COMPANY,
    CRITERIA,
    PLATFORM_TERMS,
    SERVICE,
    SERVICE_TERMS,
    but,
    certified_service,
)

SCENARIO = Path(__file__).parents[2] / "scenarios" / "type-2.1.toml"

# Guidebook 2.4.1, 型(2.1)の状態 and 型(2.1)の性能.
TYPE_2_1 = Introspection(
    state={
        "サービス提供スキーム": ["自治体のみ"],
        "サービス利用者の範囲": ["自治体内"],
        "基盤提供スキーム": ["運営組織"],
        "個人認証サービスの数": ["1"],
        "非パーソナルデータ連携基盤の数": ["1"],
        "パーソナルデータ連携基盤の数": ["1"],
    },
    performance={
        "非パーソナルブローカー(データ管理方式)": ["内部(接続組織単位でのデータベース分離なし)"],
        "パーソナルブローカー(データ管理方式)": ["内部(接続組織単位でのデータベース分離あり)"],
        "身元確認レベル": ["レベル2(郵送orオンライン、公的書類)"],
        "当人認証レベル": ["レベル2(複数要素)"],
        "基盤間連携(データ連携)": ["なし"],
        "基盤間連携(認証連携)": ["なし"],
        "住民向け規約": [
            "部品毎の責任範囲を記載",
            "基盤の責任範囲を区別して記載",
            "サービス提供組織の認定と監査に関する記載なし",
        ],
    },
)


async def state_of(conn: Connection, **brokers: Any) -> Introspection:
    return compute([Observed(Brokers(**brokers), await registry.registered(conn))])


@pytest.mark.requirement("R-046", part="introspection", of=["introspection", "reach"])
async def test_the_scenario_of_type_2_1_has_the_column_of_type_2_1(fresh_platform: Platform):
    await apply_file(fresh_platform.home, SCENARIO, Surroundings())
    assert await introspect([fresh_platform.home]) == TYPE_2_1


async def test_an_empty_platform_has_nothing(control: Connection):
    found = await state_of(control, personal="none", non_personal="none")
    assert found.state == {
        "サービス提供スキーム": ["なし"],
        "サービス利用者の範囲": [],
        "基盤提供スキーム": ["なし"],
        "個人認証サービスの数": ["0"],
        "非パーソナルデータ連携基盤の数": ["0"],
        "パーソナルデータ連携基盤の数": ["0"],
    }
    assert found.performance["住民向け規約"] == ["なし"]
    assert found.performance["パーソナルブローカー(データ管理方式)"] == ["なし"]


@pytest.mark.requirement("R-015")
async def test_a_contractor_is_no_private_provider_and_a_direct_contract_makes_it_one(control: Connection):
    await certified_service(control)
    await registry.register_organization(control, COMPANY, ACTOR)
    contracted = but(ADVICE, component_id="maps", engagement="outsourced", contractor="株式会社あゆみ")
    await registry.register_component(control, contracted, ACTOR)
    await registry.register_service(control, but(SERVICE, components=["walking", "advice", "maps"]), ACTOR)
    assert (await state_of(control)).state["サービス提供スキーム"] == ["自治体のみ"]
    direct = but(contracted, engagement="direct", contractor=None, organization="company")
    await registry.register_component(control, direct, ACTOR)
    assert (await state_of(control)).state["サービス提供スキーム"] == ["自治体と民間"]


async def test_a_service_that_is_not_connected_does_not_count(control: Connection):
    await certified_service(control)
    await registry.register_organization(control, COMPANY, ACTOR)
    await registry.register_component(
        control, but(ADVICE, component_id="maps", organization="company"), ACTOR
    )
    other = but(SERVICE, service_id="other", organization="company", components=["maps"])
    await registry.register_service(control, other, ACTOR)
    assert (await state_of(control)).state["サービス提供スキーム"] == ["自治体のみ"]


async def test_prefecture_scope_is_seen(control: Connection):
    await certified_service(control)
    wide = but(SERVICE, user_scope="prefecture", municipality_codes=[], prefecture_code="37")
    await registry.register_service(control, wide, ACTOR)
    assert (await state_of(control)).state["サービス利用者の範囲"] == ["都道府県内"]


async def test_terms_are_three_axes(control: Connection):
    await certified_service(control)
    yearly = but(CRITERIA, criteria_version="2027-1", audit_schedule=Bilingual("毎年", "Yearly"))
    await registry.publish_criteria(control, yearly, ACTOR)
    stated = Bilingual("認定し、監査します。", "Certified and audited.")
    plain = but(SERVICE_TERMS, components_stated=False, distinction=None, certification_and_audit=stated)
    await registry.publish_service_terms(control, plain, ACTOR)
    await registry.publish_platform_terms(control, but(PLATFORM_TERMS, certification_and_audit=stated), ACTOR)
    assert (await state_of(control)).performance["住民向け規約"] == [
        "部品毎の責任範囲は未記載",
        "基盤の責任範囲を区別していない",
        "サービス提供組織の認定と監査に関する記載あり",
    ]


async def test_platforms_of_one_operator_are_merged(control: Connection):
    await certified_service(control)
    known = await registry.registered(control)
    merged = compute(
        [
            Observed(Brokers(personal="external", non_personal="none"), known),
            Observed(Brokers(personal="internal_segregated", non_personal="external"), known),
            Observed(Brokers(personal="internal_segregated", non_personal="external"), known),
        ]
    )
    assert merged.state["パーソナルデータ連携基盤の数"] == ["2つ以上"]
    assert merged.performance["パーソナルブローカー(データ管理方式)"] == [
        "内部(接続組織単位でのデータベース分離あり)",
        "外部",
    ]
    assert merged.performance["非パーソナルブローカー(データ管理方式)"] == ["外部"]

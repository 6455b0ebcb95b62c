"""Components and services: levels by kind, scope by code, certified in order, offered only then."""

from __future__ import annotations

from typing import Any

import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.stops import ServiceSuspended
from moyai.ledger import Kind
from tests.registry.samples import (
    ACTOR,
    ADVICE,
    COMPANY,
    PLATFORM_TERMS,
    SERVICE,
    SERVICE_TERMS,
    TOWN,
    WALKING,
    but,
    certified_parties,
    certified_service,
    recorded,
    registered_service,
)
from tests.stops import stopped


async def refused_code(awaitable: Any) -> str:
    with pytest.raises(Problem) as refused:
        await awaitable
    return refused.value.code


@pytest.mark.requirement("R-002", part="offer", of=["offer", "trail"])
async def test_a_service_is_offered_only_once_it_is_certified(control: Connection):
    await registered_service(control)
    assert await registry.offered_services(control) == []
    with pytest.raises(Problem) as refused:
        await registry.offered_service(control, "kenko")
    assert (refused.value.code, refused.value.extra["reason"]) == (
        "service_not_offered",
        "service_not_certified",
    )
    await registry.publish_platform_terms(control, PLATFORM_TERMS, ACTOR)
    await registry.publish_service_terms(control, SERVICE_TERMS, ACTOR)
    await registry.certify_service(control, "kenko", ACTOR)
    assert [service.service_id for service in await registry.offered_services(control)] == ["kenko"]
    assert (await registry.offered_service(control, "kenko")).certified_at is not None


async def test_l8_a_suspended_service_says_that_it_is_suspended(control: Connection, journal: Journal):
    await certified_service(control)
    await registry.suspend_service(control, "kenko", "点検", ACTOR, journal)
    with pytest.raises(Problem) as refused:
        await registry.offered_service(control, "kenko")
    assert (refused.value.code, refused.value.extra["reason"]) == ("service_not_offered", "service_suspended")
    await registry.reinstate_service(control, "kenko", "点検の終了", ACTOR)
    assert (await registry.offered_service(control, "kenko")).state == "certified"


async def test_the_order_platform_then_service_is_on_record_with_actor_and_time(control: Connection):
    await certified_service(control)
    acts = await recorded(control)
    platform = [a for a in acts if a.kind == Kind.ORGANIZATION_CERTIFIED and a.detail["id"] == "unei"]
    service = [a for a in acts if a.kind == Kind.SERVICE_CERTIFIED and a.detail["id"] == "kenko"]
    assert platform[0].at <= service[0].at
    assert {platform[0].actor, service[0].actor} == {ACTOR}


async def test_a_service_waits_for_terms_and_for_every_organisation_behind_it(control: Connection):
    await registered_service(control)
    assert await refused_code(registry.certify_service(control, "kenko", ACTOR)) == "terms_not_published"
    await registry.publish_platform_terms(control, PLATFORM_TERMS, ACTOR)
    await registry.publish_service_terms(control, SERVICE_TERMS, ACTOR)
    await registry.register_organization(control, TOWN, ACTOR)
    await registry.register_component(control, but(ADVICE, component_id="other", organization="town"), ACTOR)
    await registry.register_service(control, but(SERVICE, components=["walking", "advice", "other"]), ACTOR)
    with pytest.raises(Problem) as refused:
        await registry.certify_service(control, "kenko", ACTOR)
    assert refused.value.extra["organizations"] == ["town"]


async def test_a_suspended_owner_takes_its_service_off_offer(control: Connection, journal):
    await certified_service(control)
    await registry.suspend_organization(control, "city", "調査", ACTOR, journal)
    assert await registry.offered_services(control) == []
    with pytest.raises(Problem) as refused:
        await registry.offered_service(control, "kenko")
    assert refused.value.extra["reason"] == "organization_suspended"


async def test_h4_certifying_does_not_lift_a_suspension(control: Connection, journal):
    await certified_service(control)
    await registry.suspend_service(control, "kenko", "点検", ACTOR, journal)
    assert await stopped(control, journal) == [ServiceSuspended(service_id="kenko")]
    assert (await registry.service(control, "kenko")).state == "suspended"
    assert await registry.offered_services(control) == []
    assert (await registry.certify_service(control, "kenko", ACTOR)).outcome == "unchanged"
    assert (await registry.service(control, "kenko")).state == "suspended"
    await registry.reinstate_service(control, "kenko", "点検の終了", ACTOR)
    assert Kind.SERVICE_REINSTATED in {act.kind for act in await recorded(control)}
    assert len(await registry.offered_services(control)) == 1


@pytest.mark.requirement("R-029", part="levels", of=["levels", "auditors"])
@pytest.mark.parametrize(
    ("kind", "levels"),
    [
        ("points", (1, 1)),
        ("local_currency", (2, 2)),
        ("vouchers", (2, 2)),
        ("facility_booking", (2, 2)),
        ("portal", (2, 2)),
        ("community", (2, 2)),
        ("administrative", (2, 2)),
        ("finance", (2, 2)),
        ("health_insurance", (3, 3)),
        ("healthcare", (3, 3)),
        ("electronic_application", (3, 3)),
    ],
)
async def test_each_kind_proposes_its_levels(control: Connection, kind: str, levels: tuple[int, int]):
    await registered_service(control)
    await registry.register_service(control, but(SERVICE, kind=kind), ACTOR)
    service = await registry.service(control, "kenko")
    assert (service.required_ial, service.required_aal, service.level_reason) == (*levels, None)


@pytest.mark.requirement("R-029", part="levels", of=["levels", "auditors"])
async def test_other_levels_need_a_written_reason(control: Connection):
    await registered_service(control)
    lower = but(SERVICE, kind="healthcare", required_ial=2, required_aal=2)
    with pytest.raises(Problem) as refused:
        await registry.register_service(control, lower, ACTOR)
    assert refused.value.code == "level_reason_missing"
    assert refused.value.extra["proposed"] == {"ial": 3, "aal": 3}
    await registry.register_service(control, but(lower, level_reason="診療の記録を扱わないため"), ACTOR)
    assert (await registry.service(control, "kenko")).level_reason == "診療の記録を扱わないため"


async def test_an_unknown_kind_is_refused(control: Connection):
    await registered_service(control)
    code = await refused_code(registry.register_service(control, but(SERVICE, kind="magic"), ACTOR))
    assert code == "service_kind_unknown"


async def test_prefecture_scope_covers_every_municipality_of_it(control: Connection):
    await registered_service(control)
    wide = but(SERVICE, user_scope="prefecture", municipality_codes=[], prefecture_code="37")
    await registry.register_service(control, wide, ACTOR)
    scope = (await registry.service(control, "kenko")).municipality_codes
    assert len(scope) == 17
    assert registry.in_scope(scope, "373419")
    assert not registry.in_scope(scope, "331007"), "岡山市 lies outside"


@pytest.mark.parametrize(
    "members",
    [
        {"municipality_codes": []},
        {"municipality_codes": ["123456"]},
        {"prefecture_code": "37"},
        {"user_scope": "prefecture"},
        {"user_scope": "prefecture", "municipality_codes": [], "prefecture_code": "99"},
    ],
)
async def test_scope_and_codes_agree(control: Connection, members: dict[str, Any]):
    await registered_service(control)
    code = await refused_code(registry.register_service(control, but(SERVICE, **members), ACTOR))
    assert code == "invalid_request"


async def test_an_outsourced_component_names_its_contractor_and_a_public_organisation(control: Connection):
    await certified_parties(control, COMPANY)
    for members in (
        {"engagement": "outsourced"},
        {"engagement": "outsourced", "contractor": "株式会社あゆみ", "organization": "company"},
        {"contractor": "株式会社あゆみ"},
    ):
        declared = but(ADVICE, **members)
        assert (
            await refused_code(registry.register_component(control, declared, ACTOR))
            == "contractor_not_named"
        )
    outsourced = but(ADVICE, engagement="outsourced", contractor="株式会社あゆみ")
    assert (await registry.register_component(control, outsourced, ACTOR)).outcome == "created"


async def test_what_links_rest_on_cannot_be_taken_away(control: Connection):
    await registered_service(control)
    await registry.register_organization(control, TOWN, ACTOR)
    for declared in (but(WALKING, organization="town"), but(WALKING, datasets=[])):
        assert (
            await refused_code(registry.register_component(control, declared, ACTOR)) == "change_not_allowed"
        )
    fewer = but(SERVICE, components=["advice"])
    assert await refused_code(registry.register_service(control, fewer, ACTOR)) == "change_not_allowed"

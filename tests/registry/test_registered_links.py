"""Links: possible only between a service's components, explained in both languages, fixed in what they join."""

from __future__ import annotations

from typing import Any

import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.stops import LinkEnded
from tests.registry.samples import (
    ACTOR,
    ADVICE,
    HEALTH,
    LINK,
    TOWN,
    but,
    certified_service,
    registered_service,
)
from tests.stops import stopped


async def code_of(awaitable: Any) -> str:
    with pytest.raises(Problem) as refused:
        await awaitable
    return refused.value.code


@pytest.mark.requirement("R-037")
@pytest.mark.parametrize("name", ["purpose_ja", "purpose_en", "benefit_ja", "benefit_en"])
async def test_a_link_without_purpose_or_benefit_is_not_published(control: Connection, name: str):
    await registered_service(control)
    with pytest.raises(Problem) as refused:
        await registry.register_link(control, but(LINK, link_id="other", **{name: " 　"}), ACTOR)
    assert (refused.value.code, refused.value.extra["missing"]) == ("link_text_missing", [name])
    links = await registry.links_of_service(control, (await registry.service(control, "kenko")).service_key)
    assert all(link.purpose_ja and link.benefit_ja for link in links)


async def test_a_link_joins_components_of_its_service(control: Connection):
    await registered_service(control)
    await registry.register_component(control, but(ADVICE, component_id="stranger"), ACTOR)
    for members in ({"consumer": "stranger"}, {"provider": "advice"}, {"consumer": "walking"}):
        declared = but(LINK, link_id="other", **members)
        assert await code_of(registry.register_link(control, declared, ACTOR)) == "link_not_possible"
    declared = but(LINK, link_id="other", dataset="unknown")
    assert await code_of(registry.register_link(control, declared, ACTOR)) == "does_not_exist"


async def test_what_a_link_joins_never_changes(control: Connection):
    await registered_service(control)
    await registry.register_purpose(control, but(HEALTH, purpose_id="advertising"), ACTOR)
    declared = but(LINK, purpose="advertising")
    assert await code_of(registry.register_link(control, declared, ACTOR)) == "change_not_allowed"
    assert (await registry.link(control, "kenko-steps")).purpose_id == "health"


async def test_its_texts_may_change(control: Connection):
    await registered_service(control)
    change = await registry.register_link(control, but(LINK, benefit_ja="早く気づけます。"), ACTOR)
    assert change.fields == ("benefit_ja",)


async def test_the_same_link_under_another_id_is_refused(control: Connection):
    await registered_service(control)
    assert (
        await code_of(registry.register_link(control, but(LINK, link_id="twin"), ACTOR)) == "already_exists"
    )
    assert (await registry.link(control, "kenko-steps")).state == "registered", "the transaction goes on"


async def test_an_ended_link_is_no_longer_among_the_services_links(control: Connection, journal):
    await registered_service(control)
    key = (await registry.service(control, "kenko")).service_key
    assert (await registry.end_link(control, "kenko-steps", "見直し", ACTOR, journal)).outcome == "created"
    assert await stopped(control, journal) == [LinkEnded(link_id="kenko-steps")]
    assert await registry.links_of_service(control, key) == []
    assert (await registry.link(control, "kenko-steps")).state == "ended"
    assert (await registry.register_link(control, LINK, ACTOR)).outcome == "unchanged"
    assert (await registry.link(control, "kenko-steps")).state == "ended"
    assert await code_of(registry.register_link(control, but(LINK, consent_days=30), ACTOR)) == "link_ended"
    assert (await registry.register_link(control, but(LINK, link_id="anew"), ACTOR)).outcome == "created"


@pytest.mark.requirement("R-023", part="registry", of=["registry", "page", "api"])
async def test_a_link_names_the_three_responsible_organisations(control: Connection):
    await certified_service(control)
    link = await registry.link(control, "kenko-steps")
    operator = await registry.operating_organization(control)
    who = registry.responsibility(link, operator)
    assert (who.source.organization_id, who.source.duty_ja) == ("city", "データの生成と蓄積")
    assert (who.consumer.organization_id, who.consumer.duty_ja) == ("city", "利用目的での利用")
    assert (who.platform.organization_id, who.platform.duty_ja) == ("unei", "データの管理と利用の許可")
    outside = registry.responsibility(link, operator, authorises_only=True)
    assert outside.platform.duty_ja == "利用の許可"


async def test_a_link_tells_everything_a_decision_needs(control: Connection):
    await certified_service(control)
    key = (await registry.service(control, "kenko")).service_key
    (link,) = await registry.links_of_service(control, key)
    assert [item.ja for item in link.items] == ["日付", "歩いた数"]
    assert (link.provider.component_id, link.consumer.component_id) == ("walking", "advice")
    assert (link.required_ial, link.required_aal, link.consent_days) == (2, 2, 365)


async def test_the_catalogue_says_which_links_are_open(control: Connection, journal):
    await certified_service(control)
    (link,) = (await registry.catalogue(control, "internal_segregated")).links
    assert link.open
    await registry.register_organization(control, TOWN, ACTOR)
    await registry.suspend_organization(control, "city", "調査", ACTOR, journal)
    (link,) = (await registry.catalogue(control, "internal_segregated")).links
    assert not link.open

"""Organisations: registered, certified by others than themselves, suspended with a reason, reinstated."""

from __future__ import annotations

import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.ledger import Kind
from tests.registry.samples import (
    ACTOR,
    BY_CITY,
    BY_UNEI,
    CITY,
    COMPANY,
    CRITERIA,
    TOWN,
    UNEI,
    but,
    certified_parties,
    recorded,
)


async def test_registering_twice_changes_nothing(control: Connection):
    first = await registry.register_organization(control, CITY, ACTOR)
    second = await registry.register_organization(control, CITY, ACTOR)
    assert (first.outcome, second.outcome) == ("created", "unchanged")
    acts = [act for act in await recorded(control) if act.detail.get("id") == "city"]
    assert [act.kind for act in acts] == [Kind.ORGANIZATION_REGISTERED]


async def test_a_new_organisation_is_not_certified(control: Connection):
    await registry.register_organization(control, CITY, ACTOR)
    assert (await registry.organization(control, "city")).state == "registered"


@pytest.mark.parametrize("codes", [["372014"], ["999999"], [], ["372013", "373419"]])
async def test_a_municipality_has_one_code_that_exists(control: Connection, codes: list[str]):
    with pytest.raises(Problem) as refused:
        await registry.register_organization(control, but(CITY, municipality_codes=codes), ACTOR)
    assert refused.value.code == "invalid_request"


async def test_there_is_one_operating_organisation(control: Connection):
    await registry.register_organization(control, UNEI, ACTOR)
    with pytest.raises(Problem) as refused:
        await registry.register_organization(control, but(UNEI, organization_id="other"), ACTOR)
    assert refused.value.code == "operating_organization_exists"


@pytest.mark.requirement("R-088", part="certification", of=["certification", "calls"])
async def test_nobody_reviews_their_own_organisation(control: Connection):
    await certified_parties(control)
    await registry.register_organization(control, TOWN, ACTOR)
    for organization_id, request in (("unei", BY_UNEI), ("city", BY_CITY), ("town", BY_CITY)):
        with pytest.raises(Problem) as refused:
            await registry.certify_organization(control, organization_id, request, ACTOR)
        assert refused.value.code == "reviewer_not_independent", organization_id
    assert (await registry.organization(control, "town")).state == "registered"


async def test_an_uncertified_operator_certifies_nobody(control: Connection):
    await registry.register_organization(control, UNEI, ACTOR)
    await registry.register_organization(control, TOWN, ACTOR)
    await registry.publish_criteria(control, CRITERIA, ACTOR)
    with pytest.raises(Problem) as refused:
        await registry.certify_organization(control, "town", BY_UNEI, ACTOR)
    assert refused.value.code == "reviewer_not_independent"


async def test_certification_needs_published_criteria(control: Connection):
    await certified_parties(control)
    await registry.register_organization(control, COMPANY, ACTOR)
    with pytest.raises(Problem) as refused:
        await registry.certify_organization(
            control, "company", but(BY_UNEI, criteria_version="2031-9"), ACTOR
        )
    assert refused.value.code == "criteria_not_published"


async def test_published_criteria_never_change(control: Connection):
    await registry.publish_criteria(control, CRITERIA, ACTOR)
    assert (await registry.publish_criteria(control, CRITERIA, ACTOR)).outcome == "unchanged"
    with pytest.raises(Problem) as refused:
        await registry.publish_criteria(control, but(CRITERIA, requirements=CRITERIA.requirements * 2), ACTOR)
    assert refused.value.code == "change_not_allowed"


async def test_certifying_under_newer_criteria_renews(control: Connection):
    await certified_parties(control)
    await registry.publish_criteria(control, but(CRITERIA, criteria_version="2027-1"), ACTOR)
    request = but(BY_UNEI, criteria_version="2027-1")
    assert (await registry.certify_organization(control, "city", request, ACTOR)).outcome == "changed"
    assert (await registry.certify_organization(control, "city", request, ACTOR)).outcome == "unchanged"
    assert (await registry.organization(control, "city")).criteria_version == "2027-1"


@pytest.mark.requirement("R-088", part="certification", of=["certification", "calls"])
async def test_suspension_and_reinstatement_are_on_record(control: Connection, journal):
    await certified_parties(control)
    await registry.suspend_organization(control, "city", "漏えいの調査", ACTOR, journal)
    suspended = await registry.organization(control, "city")
    assert (suspended.state, suspended.suspension_reason) == ("suspended", "漏えいの調査")
    assert suspended.suspended_at is not None
    assert (await registry.certify_organization(control, "city", BY_UNEI, ACTOR)).outcome == "unchanged"
    await registry.publish_criteria(control, but(CRITERIA, criteria_version="2027-1"), ACTOR)
    with pytest.raises(Problem) as refused:
        await registry.certify_organization(control, "city", but(BY_UNEI, criteria_version="2027-1"), ACTOR)
    assert refused.value.code == "organization_suspended"
    with pytest.raises(Problem):
        await registry.reinstate_organization(control, "city", " ", ACTOR)
    assert (await registry.organization(control, "city")).state == "suspended"
    await registry.reinstate_organization(control, "city", "改善を確認", ACTOR)
    assert (await registry.organization(control, "city")).state == "certified"
    acts = {act.kind: act.detail for act in await recorded(control)}
    assert acts[Kind.ORGANIZATION_SUSPENDED]["reason"] == "漏えいの調査"
    assert acts[Kind.ORGANIZATION_REINSTATED]["id"] == "city"


async def test_a_suspension_needs_a_reason(control: Connection, journal):
    await certified_parties(control)
    with pytest.raises(Problem) as refused:
        await registry.suspend_organization(control, "city", "  ", ACTOR, journal)
    assert refused.value.code == "invalid_request"

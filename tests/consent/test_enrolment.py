"""The five steps of guidebook 3.2.3 in their order, leaving, and declining without a trace."""

from __future__ import annotations

import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.consent import enrolment, facts_of, store
from moyai.ledger import history
from tests.consent.conftest import Walk, calls
from tests.factories import Town, make_service, make_terms

R108 = ["rules", "api", "portal"]


async def do(walk: Walk, step: str) -> None:
    """One step, whether or not it is its turn."""
    conn, caller, service_id = walk.conn, walk.caller, walk.service_id
    facts = await facts_of(conn, service_id)
    if step == "choose":
        await enrolment.choose(conn, caller, service_id)
    elif step == "service-terms":
        await enrolment.accept_service_terms(conn, caller, service_id, facts.terms.sha256)
    elif step == "platform":
        await enrolment.recognize_platform(conn, caller, service_id, "test", "test")
    elif step == "platform-terms":
        await enrolment.accept_platform_terms(conn, caller, service_id, facts.platform_terms.sha256)
    else:
        await walk.decide("0" * 64)


@pytest.mark.requirement("R-108", part="rules", of=R108)
@pytest.mark.parametrize("done", range(5))
async def test_no_step_can_be_skipped(hanako: Walk, done: int) -> None:
    """After any number of steps, only the next one is accepted; a later one names the step that is expected."""
    await hanako.steps(done)
    for step in enrolment.STEPS[done + 1 :]:
        with pytest.raises(Problem) as refused:
            await do(hanako, step)
        assert refused.value.code == "step_skipped"
        assert refused.value.extra["expected_step"] == enrolment.STEPS[done]
    if done < 4:
        await do(hanako, enrolment.STEPS[done])


@pytest.mark.requirement("R-108", part="rules", of=R108)
async def test_acceptance_keeps_both_terms_versions_with_the_time(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    facts = await facts_of(control, town.kenko.id)
    member = (await store.memberships(control, town.hanako.key))[town.kenko.key]
    assert (member.service_terms_key, member.platform_terms_key) == facts.terms_keys
    assert abs((await store.now(control) - member.accepted_at).total_seconds()) < 10


@pytest.mark.requirement("R-108", part="rules", of=R108)
@pytest.mark.parametrize("done", range(1, 6))
async def test_declining_at_any_step_leaves_no_data(
    control: Connection, town: Town, hanako: Walk, done: int
) -> None:
    await hanako.steps(min(done, 4))
    if done == 5:
        await hanako.present()
    await enrolment.leave(control, hanako.caller, town.kenko.id)
    counts = await control.fetchrow(
        "select (select count(*) from consent.enrolment) + (select count(*) from consent.presentation)"
        " + (select count(*) from consent.membership) + (select count(*) from consent.act)"
        " + (select count(*) from consent.state) + (select count(*) from consent.history) as rows"
    )
    assert counts is not None
    assert counts["rows"] == 0
    assert await history(control, town.hanako.key) == []


async def test_leaving_is_no_error_when_there_is_nothing_to_leave(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await enrolment.leave(control, hanako.caller, town.kenko.id)


async def test_leaving_a_change_of_mind_keeps_the_earlier_consent(
    control: Connection, town: Town, hanako: Walk
) -> None:
    decided = await hanako.join()
    await hanako.present()
    await enrolment.leave(control, hanako.caller, town.kenko.id)
    act = await store.act(control, town.hanako.key, decided.act_id)
    assert act is not None
    kept = await control.fetchval("select presentation_id from consent.presentation")
    assert kept == act.presentation_id


async def test_choosing_again_goes_on_where_it_was(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.steps(3)
    walk = await enrolment.choose(control, hanako.caller, town.kenko.id)
    assert walk.step == 3


async def test_two_touch_points_walk_apart(
    control: Connection, town: Town, hanako: Walk, box: SecretBox
) -> None:
    await hanako.steps(3)
    elsewhere = Walk(control, box, calls(town.hanako, session="app"), town.kenko.id)
    assert await enrolment.state(control, elsewhere.caller, town.kenko.id) is None
    with pytest.raises(Problem, match="step_skipped"):
        await do(elsewhere, "platform-terms")


async def test_a_walk_is_forgotten_after_two_hours(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.steps(3)
    await control.execute("update consent.enrolment set expires_at = clock_timestamp() - interval '1 second'")
    assert await enrolment.state(control, hanako.caller, town.kenko.id) is None
    assert (await enrolment.choose(control, hanako.caller, town.kenko.id)).step == 1


async def test_only_the_terms_in_force_are_accepted(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.steps(1)
    old = (await facts_of(control, town.kenko.id)).terms.sha256
    await make_terms(control, town.kenko, version=2)
    with pytest.raises(Problem) as refused:
        await enrolment.accept_service_terms(control, hanako.caller, town.kenko.id, old)
    new = (await facts_of(control, town.kenko.id)).terms.sha256
    assert (refused.value.code, refused.value.extra["in_force"]) == ("terms_not_in_force", new)


async def test_terms_published_on_the_way_are_read_before_deciding(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.steps()
    await make_terms(control, town.kenko, version=2)
    with pytest.raises(Problem) as refused:
        await hanako.present()
    assert refused.value.extra["expected_step"] == "service-terms"
    facts = await facts_of(control, town.kenko.id)
    again = await enrolment.accept_service_terms(control, hanako.caller, town.kenko.id, facts.terms.sha256)
    assert again.step == 2


async def test_the_platform_must_be_the_one_that_was_shown(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.steps(2)
    with pytest.raises(Problem, match="invalid_request"):
        await enrolment.recognize_platform(control, hanako.caller, town.kenko.id, "another", "test")


@pytest.mark.requirement("R-016", part="choosing", of=["choosing", "gate"])
async def test_scope_is_by_municipality_or_by_prefecture(
    control: Connection, town: Town, box: SecretBox
) -> None:
    """A C2 resident: refused by C1's service, accepted by one for the prefecture; outside it, refused by both."""
    wide = await make_service(
        control, town.koiki, user_scope="prefecture", municipality_codes=("372013", "373419")
    )
    midori = calls(town.midori)
    with pytest.raises(Problem) as refused:
        await enrolment.choose(control, midori, town.kenko.id)
    assert (refused.value.code, refused.value.extra["user_scope"]) == ("outside_user_scope", ["372013"])
    assert (await enrolment.choose(control, midori, wide.id)).step == 1
    await control.execute(
        "update identity.resident set municipality_code = '131016' where resident_key = $1", town.midori.key
    )
    for service in (town.kenko, wide):
        with pytest.raises(Problem, match="outside_user_scope"):
            await enrolment.choose(control, midori, service.id)


@pytest.mark.requirement("R-002", part="offer", of=["offer", "trail"])
@pytest.mark.parametrize("state", ["registered", "suspended"])
async def test_an_uncertified_service_cannot_be_chosen(
    control: Connection, town: Town, hanako: Walk, state: str
) -> None:
    new = await make_service(control, town.c1, state=state)
    with pytest.raises(Problem) as refused:
        await enrolment.choose(control, hanako.caller, new.id)
    assert refused.value.code == "service_not_offered"


async def test_a_service_without_terms_cannot_be_chosen(
    control: Connection, town: Town, hanako: Walk
) -> None:
    new = await make_service(control, town.c1, terms=False)
    with pytest.raises(Problem, match="service_not_offered"):
        await enrolment.choose(control, hanako.caller, new.id)


async def test_a_service_in_use_is_not_chosen_twice(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.join()
    with pytest.raises(Problem, match="service_in_use"):
        await enrolment.choose(control, hanako.caller, town.kenko.id)


@pytest.mark.parametrize("service_id", ["no-such-service", "../etc", "", "x" * 200, "あ"])
async def test_an_unknown_service_does_not_exist(hanako: Walk, control: Connection, service_id: str) -> None:
    with pytest.raises(Problem, match="does_not_exist"):
        await enrolment.choose(control, hanako.caller, service_id)

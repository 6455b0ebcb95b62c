"""Stopping: some links or all, always possible, at once, and never undone by a restored backup."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from moyai.base.clock import utc_now
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.base.stops import ConsentWithdrawn
from moyai.consent import gate, receipts, store, withdrawal
from moyai.consent.model import State
from moyai.consent.withdrawal import Withdrawn
from moyai.ledger import Kind, history
from tests.conftest import RolledBack
from tests.consent.conftest import HERE, Walk, calls
from tests.factories import Town, make_client, tie
from tests.stops import stopped as stopped_so_far


class Stopping:
    def __init__(self, walk: Walk) -> None:
        self.walk = walk

    async def __call__(self, *links: str) -> Withdrawn:
        return await withdrawal.withdraw(
            self.walk.conn,
            self.walk.caller,
            HERE,
            self.walk.box,
            self.walk.service_id,
            list(links) or None,
        )


@pytest.fixture
def stop(hanako: Walk) -> Stopping:
    return Stopping(hanako)


async def words(conn: Connection, town: Town) -> dict[str, str]:
    found = await store.states_of(conn, town.hanako.key)
    return {name: found[link.key].state.word for name, link in town.links.items() if link.key in found}


@pytest.mark.requirement("R-096", part="withdraw", of=["give", "withdraw"])
async def test_one_act_stops_all_links_and_ends_the_use(
    control: Connection, town: Town, hanako: Walk, stop: Stopping
) -> None:
    await hanako.join()
    stopped = await stop()
    assert set(stopped.links) == {"kenko-steps", "kenko-vitals", "kenko-presence"}
    assert stopped.left
    assert set((await words(control, town)).values()) == {"withdrawn"}
    assert await store.memberships(control, town.hanako.key) == {}


async def test_some_links_stop_and_the_use_goes_on(
    control: Connection, town: Town, hanako: Walk, stop: Stopping
) -> None:
    await hanako.join()
    stopped = await stop("kenko-vitals")
    assert (stopped.links, stopped.left) == ({"kenko-vitals": "withdrawn"}, False)
    assert await words(control, town) == {"steps": "given", "vitals": "withdrawn", "presence": "given"}
    assert town.kenko.key in await store.memberships(control, town.hanako.key)


async def test_it_bites_on_the_next_question_to_the_gate(
    control: Connection, town: Town, hanako: Walk, stop: Stopping
) -> None:
    subject = str(await tie(control, town.hanako, town.mimamori))
    await tie(control, town.hanako, town.undo_app)
    client = await make_client(control, town.mimamori)
    steps, health = town.datasets["steps"].key, town.purposes["health-support"].key
    question = gate.Question(client.key, town.mimamori.key, subject, steps, health)
    await hanako.join()
    assert (await gate.ask(control, [question]))[0].permits
    await stop("kenko-steps")
    assert [r.code for r in (await gate.ask(control, [question]))[0].refusals] == ["consent_withdrawn"]


async def test_sent_twice_it_is_one_act(control: Connection, hanako: Walk, stop: Stopping) -> None:
    await hanako.join()
    first, second = await stop(), await stop()
    assert (second.act_id, second.links, second.left, second.repeated) == (
        first.act_id,
        first.links,
        True,
        True,
    )
    assert await control.fetchval("select count(*) from consent.act where kind = 'withdraw'") == 1


@pytest.mark.parametrize(
    "links", [("kenko-vitals",), ("kenko-steps", "kenko-vitals")], ids=["refused", "two acts"]
)
async def test_m5_what_is_not_given_has_no_act_and_no_receipt(
    control: Connection, hanako: Walk, stop: Stopping, links: tuple[str, ...]
) -> None:
    """A receipt that says “given” or belongs to another act never comes as proof of a withdrawal."""
    await hanako.join({"kenko-steps": "given", "kenko-vitals": "refused", "kenko-presence": "given"})
    await stop("kenko-steps")
    acts = await control.fetchval("select count(*) from consent.act")
    with pytest.raises(Problem, match="nothing_to_stop"):
        await stop(*links)
    assert await control.fetchval("select count(*) from consent.act") == acts


async def test_m5_repeated_it_answers_with_its_own_act_whatever_came_between(
    hanako: Walk, stop: Stopping
) -> None:
    await hanako.join()
    steps = await stop("kenko-steps")
    await stop("kenko-vitals")
    again = await stop("kenko-steps")
    assert (again.act_id, again.links, again.repeated) == (steps.act_id, {"kenko-steps": "withdrawn"}, True)
    with pytest.raises(Problem, match="nothing_to_stop"):
        await stop("kenko-steps", "kenko-vitals")


async def test_what_was_never_used_cannot_be_stopped(stop: Stopping) -> None:
    with pytest.raises(Problem, match="service_not_in_use"):
        await stop()


@pytest.mark.parametrize("link", ["gyosei-status", "no-such-link"])
async def test_a_link_of_another_service_does_not_exist_here(hanako: Walk, stop: Stopping, link: str) -> None:
    await hanako.join()
    with pytest.raises(Problem, match="does_not_exist"):
        await stop("kenko-steps", link)


@pytest.mark.parametrize(
    "change",
    [
        "update registry.service set state = 'suspended'",
        "update registry.organization set state = 'suspended'",
        "update registry.link set state = 'ended'",
        "update identity.resident set municipality_code = '131016'",
    ],
)
async def test_stopping_is_possible_whatever_became_of_the_service(
    control: Connection, town: Town, hanako: Walk, stop: Stopping, change: str
) -> None:
    await hanako.join()
    await control.raw.execute(change)
    assert len((await stop()).links) == 3
    assert set((await words(control, town)).values()) == {"withdrawn"}


async def test_stopping_asks_for_no_second_factor(
    control: Connection, town: Town, hanako: Walk, box: SecretBox
) -> None:
    await hanako.join()
    weak = Walk(control, box, calls(town.hanako, aal=1), town.kenko.id)
    assert (await Stopping(weak)()).left


async def test_a_refused_link_stays_refused(
    control: Connection, town: Town, hanako: Walk, stop: Stopping
) -> None:
    await hanako.join({"kenko-steps": "given", "kenko-vitals": "refused", "kenko-presence": "given"})
    assert set((await stop()).links) == {"kenko-steps", "kenko-presence"}
    assert (await words(control, town))["vitals"] == "refused"


async def test_leaving_a_service_without_any_consent_is_on_record(
    control: Connection, town: Town, hanako: Walk, stop: Stopping
) -> None:
    await hanako.join("refused")
    assert (await stop()).left
    newest = (await history(control, town.hanako.key))[0]
    assert newest.kind == Kind.SERVICE_LEFT


async def test_after_leaving_all_five_steps_come_again(
    control: Connection, town: Town, hanako: Walk, stop: Stopping
) -> None:
    await hanako.join()
    await stop()
    with pytest.raises(Problem) as refused:
        await hanako.present()
    assert refused.value.extra["expected_step"] == "choose"
    await hanako.join()
    assert set((await words(control, town)).values()) == {"given"}


async def test_it_is_on_record_and_in_the_journal_before_it_is_acknowledged(
    control: Connection, town: Town, hanako: Walk, stop: Stopping, journal: Journal
) -> None:
    await hanako.join()
    stopped = await stop("kenko-steps", "kenko-vitals")
    newest = (await history(control, town.hanako.key))[0]
    assert (newest.kind, newest.detail["links"]) == (Kind.CONSENT_WITHDRAWN, stopped.links)
    (named,) = await stopped_so_far(control, journal)
    assert named == ConsentWithdrawn(
        resident_id=hanako.caller.resident_id,
        service_id="kenko-mimamori",
        links=["kenko-steps", "kenko-vitals"],
    )
    (line,) = journal.lines()
    states = await store.states_of(control, town.hanako.key)
    assert {line.at} == {state.since for state in states.values() if state.state is State.WITHDRAWN}


async def test_all_links_and_the_use_are_one_line(
    control: Connection, hanako: Walk, stop: Stopping, journal: Journal
) -> None:
    made = await hanako.join()
    await stop()
    assert await stopped_so_far(control, journal) == [
        ConsentWithdrawn(
            resident_id=hanako.caller.resident_id,
            service_id="kenko-mimamori",
            links=sorted(made.links),
            left=True,
        )
    ]


async def test_b3_a_refusal_of_what_was_given_is_in_the_journal(
    control: Connection, hanako: Walk, journal: Journal
) -> None:
    await hanako.join()
    links = {"kenko-steps": "refused", "kenko-vitals": "given", "kenko-presence": "refused"}
    await hanako.decide((await hanako.present()).sha256, links)  # type: ignore[arg-type]
    assert await stopped_so_far(control, journal) == [
        ConsentWithdrawn(
            resident_id=hanako.caller.resident_id,
            service_id="kenko-mimamori",
            links=["kenko-presence", "kenko-steps"],
        )
    ]


async def test_b3_what_was_never_given_is_no_stop(
    control: Connection, hanako: Walk, journal: Journal
) -> None:
    await hanako.join("refused")
    await hanako.decide((await hanako.present()).sha256, {"kenko-steps": "given"})
    assert await stopped_so_far(control, journal) == []


async def test_a_journal_that_cannot_be_written_stops_the_acknowledgement(
    control: Connection, town: Town, hanako: Walk, stop: Stopping, tmp_path: Path
) -> None:
    await hanako.join()
    nowhere = Journal(tmp_path / "missing" / "journal.jsonl")
    with pytest.raises(FileNotFoundError):
        async with RolledBack(control, nowhere).transaction():
            await stop()
    assert set((await words(control, town)).values()) == {"given"}


async def test_a_withdrawal_has_a_receipt(control: Connection, hanako: Walk, stop: Stopping) -> None:
    await hanako.join()
    stopped = await stop("kenko-steps")
    payload = receipts.read(stopped.receipt, await receipts.public_keys(control))
    assert payload["record_id"] == str(stopped.act_id)
    assert [(e["moyai_link_id"], e["event_state"]) for e in payload["events"]] == [
        ("kenko-steps", "withdrawn")
    ]


async def test_h1_a_decision_sent_again_after_a_stop_revives_nothing(
    control: Connection, hanako: Walk, stop: Stopping
) -> None:
    """A retry, and a page from before the stop. Who reads the text again may decide again."""
    await hanako.steps()
    text = await hanako.present()
    made = await hanako.decide(text.sha256)
    assert (await hanako.decide(text.sha256)).act_id == made.act_id
    (link, *_) = made.links
    await stop(link)
    for choices in ("given", {link: "given"}):
        with pytest.raises(Problem) as refused:
            await hanako.decide(text.sha256, choices)  # type: ignore[arg-type]
        assert refused.value.code in ("text_not_served", "decision_contradictory")
    state = await control.fetchval(
        "select s.state from consent.state s join registry.link l using (link_key) where l.link_id = $1", link
    )
    assert state == State.WITHDRAWN
    again = await hanako.decide((await hanako.present()).sha256, {link: "given"})
    assert again.links == {link: "given"}


@pytest.mark.parametrize(
    ("client", "fresh", "taken"),
    [("portal-app", False, False), ("portal-app", True, True), ("portal", False, True)],
)
async def test_a4_an_app_overturns_a_stop_only_with_a_second_factor_shown_just_now(
    hanako: Walk, stop: Stopping, client: str, fresh: bool, taken: bool
) -> None:
    """What was never refused is given without; what was stopped is not given again by whoever holds the phone."""
    at = utc_now() if fresh else utc_now() - timedelta(hours=1)
    hanako.caller = msgspec.structs.replace(hanako.caller, client_id=client, second_factor_at=at)
    await hanako.steps()
    made = await hanako.decide((await hanako.present()).sha256)
    (link, *_) = made.links
    await stop(link)
    again = hanako.decide((await hanako.present()).sha256, {link: "given"})
    if taken:
        assert (await again).links == {link: "given"}
        return
    with pytest.raises(Problem, match="insufficient_user_authentication"):
        await again

"""B5: what waits is read to its end, what takes effect soonest first; nobody floods it so that something is overlooked."""

from __future__ import annotations

import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import staff
from moyai.registry import acting, pending, successions, two_persons, waiting
from moyai.registry.declarations import ClientDeclaration
from moyai.registry.model import Change
from moyai.registry.pending import Asker
from moyai.registry.persons import Person
from tests.registry.samples import CLIENT_KEY, employed
from tests.registry.test_two_persons import PROGRAM, A, B, keys_asked

KNOWN = (staff, successions, two_persons)
BY_A = Asker(A.actor, "unei", A)


def desk(number: int) -> ClientDeclaration:
    return ClientDeclaration(
        f"flood-{number}",
        "desk",
        "窓口",
        "Desk",
        ["identity:enrol"],
        organization="city",
        jwks={"keys": [CLIENT_KEY]},
    )


async def asked(control: Connection, number: int, asker: Asker) -> str:
    change: Change = await two_persons.put_client(control, desk(number), asker)
    assert change.outcome == "pending"
    return str(change.pending)


async def pages(control: Connection, limit: int) -> list[list[str]]:
    found: list[list[str]] = []
    cursor = None
    while True:
        page = await waiting.waiting(control, limit, cursor)
        found.append([one.pending_id for one in page.pending])
        cursor = page.next
        if cursor is None:
            return found


async def test_b5_what_takes_effect_soonest_comes_first_however_much_is_asked_for(control: Connection):
    """A person's act, then a flood by a program, then another person's: the flood has no time, so it comes last."""
    first = await keys_asked(control, BY_A)
    flood = [await asked(control, number, PROGRAM) for number in range(7)]
    last = await asked(control, 7, Asker(B.actor, "unei", B))
    assert await pages(control, 100) == [[first, last, *flood]]
    await acting.confirm(control, flood[3], B)  # now a person stands for it: it has a time, and comes up
    found = await pages(control, 100)
    assert set(found[0][:3]) == {first, last, flood[3]}


async def test_b5_the_list_is_read_to_its_end(control: Connection):
    first = await keys_asked(control, BY_A)
    made = [await asked(control, number, BY_A if number % 2 else PROGRAM) for number in range(6)]
    found = await pages(control, 2)
    assert [len(page) for page in found] == [2, 2, 2, 1]
    assert sorted(one for page in found for one in page) == sorted([first, *made])
    assert [one.pending_id for one in await waiting.everything(control)] == [
        one for page in found for one in page
    ]
    counted = await waiting.counts(control)
    assert (counted.waiting, counted.gives_power, counted.takes_effect) == (7, 7, 4)


async def test_b5_what_ended_is_read_to_its_end_newest_first(control: Connection):
    await keys_asked(control, BY_A)
    made = [await asked(control, number, PROGRAM) for number in range(3)]
    for one in made:
        await acting.revoke(control, one, A.actor)
    one = await waiting.ended(control, 2)
    two = await waiting.ended(control, 2, one.next)
    assert [each.pending_id for each in (*one.pending, *two.pending)] == made[::-1]
    assert (two.next, (await waiting.counts(control)).waiting) == (None, 1)


@pytest.mark.parametrize("asker", [PROGRAM, BY_A], ids=["a program", "a person"])
async def test_b5_one_asker_has_so_many_waiting_and_no_more(
    control: Connection, asker: Asker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(acting, "MOST_WAITING", 3)
    first = await keys_asked(control, asker)
    for number in range(2):
        await asked(control, number, asker)
    with pytest.raises(Problem, match="too_many_pending"):
        await two_persons.put_client(control, desk(2), asker)
    assert (await two_persons.put_client(control, desk(1), asker)).outcome == "pending", "it waits already"
    await asked(control, 3, Asker(B.actor, "unei", B))
    await acting.revoke(control, first, B.actor)
    await asked(control, 2, asker)


async def test_b5_one_person_stands_for_so_many_and_no_more(
    control: Connection, monkeypatch: pytest.MonkeyPatch
):
    """Who confirms what programs asked for gives each a time: that, too, is bounded."""
    await keys_asked(control, PROGRAM)
    made = [await asked(control, number, PROGRAM) for number in range(3)]
    monkeypatch.setattr(acting, "MOST_WAITING", 2)
    for one in made[:2]:
        await acting.confirm(control, one, A)
    with pytest.raises(Problem, match="too_many_pending"):
        await acting.confirm(control, made[2], A)
    assert (await acting.confirm(control, made[2], B)).state == "waiting"
    await employed(control, "unei", "operator", ("c", "1003"))
    third = Person("c", "1003", "unei", frozenset({"operator"}))
    assert (await acting.confirm(control, made[0], third)).state == "done", (
        "the second word is never too many"
    )


def test_b5_what_gives_somebody_power_is_marked():
    """Each act is decided here: a new one cannot be forgotten."""
    assert {act.name for act in pending.every_act() if not act.gives_power} == {
        "organization_contact",
        "service_stop_end",
        "witness_key",
        "witness_end",
    }
    assert pending.act_named("of a later release").gives_power


@pytest.mark.parametrize("cursor", ["!", "bm90aGluZw", "WyIyMDI2IiwiMjAyNiIsIngiXQ", "a"])
async def test_b5_a_cursor_that_is_none_is_refused(control: Connection, cursor: str):
    for read in (waiting.waiting, waiting.ended):
        with pytest.raises(Problem, match="invalid_request"):
            await read(control, 10, cursor)

"""Sharing with a related person: a code that is good once, chosen links only, ended by either side."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.base.stops import SharingEnded
from moyai.consent import gate, sharing, sharing_in_force, store_sharing, withdrawal
from moyai.consent.sharing import Offer
from moyai.identity import guessing
from moyai.identity.model import ResidentCaller
from moyai.ledger import Kind, history
from tests.admin import as_admin
from tests.conftest import Platform
from tests.consent.conftest import HERE, Walk, as_shared_now, calls
from tests.factories import Town, make_resident, make_town, tie
from tests.stops import stopped as stopped_so_far


@pytest.fixture
async def daughter(control: Connection, town: Town) -> ResidentCaller:
    """She lives in Tokyo: outside every service's scope, enrolled like everyone."""
    return calls(await make_resident(control, "131016", name=("讃岐", "恵", "サヌキ", "メグミ")))


async def offer(walk: Walk, *links: str, days: int = 30) -> Offer:
    return await sharing.share(
        walk.conn,
        walk.caller,
        walk.service_id,
        links or ("kenko-steps",),
        relation="娘",
        viewer_name="恵",
        shown_as="母",
        days=days,
    )


async def test_the_code_opens_exactly_the_chosen_links(
    control: Connection, town: Town, hanako: Walk, daughter: ResidentCaller
) -> None:
    await hanako.join()
    offered = await offer(hanako, "kenko-steps", "kenko-presence")
    taken = await sharing.accept(control, daughter, offered.code)
    assert taken is not None
    assert taken.state == "in_force"
    found = await sharing_in_force(control, taken.sharing_id, daughter.resident_key)
    assert found is not None
    assert set(found.link_keys) == {town.links["steps"].key, town.links["presence"].key}
    assert found.resident_key == town.hanako.key


async def test_the_gate_permits_the_chosen_links_while_the_resident_consents(
    control: Connection, town: Town, hanako: Walk
) -> None:
    for component in (town.undo_app, town.sensor):
        await tie(control, town.hanako, component)
    keys = await as_shared_now(control, town.links["steps"].key, town.links["presence"].key)
    await hanako.join()
    permits, refusals = await gate.permit_shared(control, resident_key=town.hanako.key, **keys)
    assert {permit.dataset_id for permit in permits} == {"steps", "presence"}
    assert refusals == []
    await withdrawal.withdraw(control, hanako.caller, HERE, hanako.box, town.kenko.id, ["kenko-steps"])
    permits, refusals = await gate.permit_shared(control, resident_key=town.hanako.key, **keys)
    assert {permit.dataset_id for permit in permits} == {"presence"}
    assert [refusal.code for refusal in refusals] == ["consent_withdrawn"]


async def test_nobody_else_may_look(
    control: Connection, town: Town, hanako: Walk, daughter: ResidentCaller
) -> None:
    await hanako.join()
    offered = await offer(hanako)
    assert await sharing_in_force(control, offered.sharing.sharing_id, daughter.resident_key) is None
    await sharing.accept(control, daughter, offered.code)
    assert await sharing_in_force(control, offered.sharing.sharing_id, town.ichiro.key) is None
    assert await sharing_in_force(control, offered.sharing.sharing_id, town.hanako.key) is None


async def test_a_code_is_good_once(
    control: Connection, town: Town, hanako: Walk, daughter: ResidentCaller
) -> None:
    await hanako.join()
    code = (await offer(hanako)).code
    assert await sharing.accept(control, daughter, code) is not None
    assert await sharing.accept(control, calls(town.ichiro), code) is None


async def test_m5_a_code_taken_again_by_the_same_viewer_is_the_same_sharing(
    control: Connection, hanako: Walk, daughter: ResidentCaller
) -> None:
    """The answer was lost and the code is sent again: no second act, and no wrong code."""
    await hanako.join()
    code = (await offer(hanako)).code
    first, second = (
        await sharing.accept(control, daughter, code),
        await sharing.accept(control, daughter, code),
    )
    assert first is not None
    assert second is not None
    assert first.sharing_id == second.sharing_id
    accepted = await history(control, hanako.caller.resident_key, kinds=[Kind.SHARING_ACCEPTED])
    assert len(accepted) == 1


async def test_a_code_runs_out_after_a_day(
    control: Connection, hanako: Walk, daughter: ResidentCaller
) -> None:
    await hanako.join()
    offered = await offer(hanako)
    assert offered.sharing.code_expires_at is not None
    assert (offered.sharing.code_expires_at - offered.sharing.created_at).total_seconds() == pytest.approx(
        86_400
    )
    await control.execute(
        "update consent.sharing set code_expires_at = clock_timestamp() - interval '1 second'"
    )
    assert await sharing.accept(control, daughter, offered.code) is None
    assert (await sharing.sharings(control, hanako.caller))[0].state == "lapsed"


@pytest.mark.parametrize(
    "spoken", ["{0}", "{1}", " {2} ", "{3}"], ids=["as shown", "small, no hyphen", "spaces", "full width"]
)
async def test_a_code_is_taken_as_people_type_it(
    control: Connection, hanako: Walk, daughter: ResidentCaller, spoken: str
) -> None:
    await hanako.join()
    code = (await offer(hanako)).code
    wide = "".join(chr(ord(c) + 0xFEE0) if c != " " else "　" for c in code)
    typed = spoken.format(code, code.replace("-", "").lower(), code.replace("-", " "), wide)
    assert await sharing.accept(control, daughter, typed) is not None


async def test_letters_that_look_like_digits_are_digits() -> None:
    assert sharing.normal_form("oil0-1QqZ") == "01101QQZ"


async def test_ten_wrong_codes_are_enough(
    control: Connection, hanako: Walk, daughter: ResidentCaller
) -> None:
    await hanako.join()
    code = (await offer(hanako)).code
    for _ in range(guessing.SHARING.free):
        assert await sharing.accept(control, daughter, "0000-0000") is None
    with pytest.raises(Problem, match="too_many_requests"):
        await sharing.accept(control, daughter, code)
    async with as_admin(control):
        await control.execute(
            "update identity.guess set closed_until = clock_timestamp() - interval '1 second'"
        )
    assert await sharing.accept(control, daughter, code) is not None


async def test_nobody_shares_with_themselves(control: Connection, hanako: Walk) -> None:
    await hanako.join()
    with pytest.raises(Problem, match="sharing_with_oneself"):
        await sharing.accept(control, hanako.caller, (await offer(hanako)).code)


@pytest.mark.parametrize(
    ("choices", "links", "code"),
    [
        ("refused", ("kenko-steps",), "link_not_shared"),
        ("given", ("kenko-steps", "gyosei-status"), "does_not_exist"),
        ("given", ("no-such-link",), "does_not_exist"),
    ],
)
async def test_only_consented_links_of_the_service_can_be_shared(
    hanako: Walk, choices: str, links: tuple[str, ...], code: str
) -> None:
    await hanako.join(choices)  # type: ignore[arg-type]
    with pytest.raises(Problem) as refused:
        await offer(hanako, *links)
    assert refused.value.code == code


async def test_sharing_asks_for_the_same_levels_as_consenting(
    control: Connection, town: Town, hanako: Walk, box: SecretBox
) -> None:
    await hanako.join()
    weak = Walk(control, box, calls(town.hanako, aal=1), town.kenko.id)
    with pytest.raises(Problem, match="assurance_insufficient"):
        await offer(weak)


@pytest.mark.parametrize("side", ["sharer", "viewer"])
async def test_either_side_ends_it_at_once(
    control: Connection, hanako: Walk, daughter: ResidentCaller, journal: Journal, side: str
) -> None:
    await hanako.join()
    offered = await offer(hanako)
    await sharing.accept(control, daughter, offered.code)
    sharing_id = offered.sharing.sharing_id
    await sharing.end(control, hanako.caller if side == "sharer" else daughter, sharing_id)
    assert await sharing_in_force(control, sharing_id, daughter.resident_key) is None
    assert await stopped_so_far(control, journal) == [SharingEnded(sharing_id=str(sharing_id))]
    newest = (await history(control, hanako.caller.resident_key, kinds=[Kind.SHARING_ENDED]))[0]
    assert (newest.kind, newest.detail["by"]) == (Kind.SHARING_ENDED, side)


async def test_ending_twice_is_no_error_and_one_act(
    control: Connection, hanako: Walk, journal: Journal
) -> None:
    await hanako.join()
    sharing_id = (await offer(hanako)).sharing.sharing_id
    await sharing.end(control, hanako.caller, sharing_id)
    await sharing.end(control, hanako.caller, sharing_id)
    assert len(await stopped_so_far(control, journal)) == 1


async def test_a_stranger_cannot_end_it(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.join()
    sharing_id = (await offer(hanako)).sharing.sharing_id
    with pytest.raises(Problem, match="does_not_exist"):
        await sharing.end(control, calls(town.ichiro), sharing_id)


async def test_an_offer_that_was_ended_cannot_be_taken(
    control: Connection, hanako: Walk, daughter: ResidentCaller
) -> None:
    await hanako.join()
    offered = await offer(hanako)
    await sharing.end(control, hanako.caller, offered.sharing.sharing_id)
    assert await sharing.accept(control, daughter, offered.code) is None


async def test_it_lives_as_long_as_was_said(
    control: Connection, hanako: Walk, daughter: ResidentCaller
) -> None:
    await hanako.join()
    offered = await offer(hanako, days=7)
    await sharing.accept(control, daughter, offered.code)
    assert (offered.sharing.expires_at - offered.sharing.created_at).days == 7
    await control.execute("update consent.sharing set expires_at = clock_timestamp()")
    assert await sharing_in_force(control, offered.sharing.sharing_id, daughter.resident_key) is None
    assert (await sharing.sharings(control, daughter))[0].state == "expired"


@pytest.mark.parametrize(
    ("stopped", "state"),
    [(None, "ended"), (["kenko-steps"], "ended"), (["kenko-vitals"], "in_force")],
    ids=["the service", "all that was shared", "something else"],
)
async def test_a_withdrawal_ends_a_sharing_that_has_nothing_left(
    control: Connection,
    hanako: Walk,
    daughter: ResidentCaller,
    stopped: list[str] | None,
    state: str,
) -> None:
    await hanako.join()
    await sharing.accept(control, daughter, (await offer(hanako)).code)
    await withdrawal.withdraw(control, hanako.caller, HERE, hanako.box, hanako.service_id, stopped)
    assert (await sharing.sharings(control, daughter))[0].state == state


async def test_offer_acceptance_and_end_are_on_the_residents_record(
    control: Connection, hanako: Walk, daughter: ResidentCaller
) -> None:
    await hanako.join()
    offered = await offer(hanako)
    await sharing.accept(control, daughter, offered.code)
    await sharing.end(control, daughter, offered.sharing.sharing_id)
    kinds = [event.kind for event in await history(control, hanako.caller.resident_key)]
    # acts of one millisecond have no order among themselves
    assert set(kinds[:3]) == {Kind.SHARING_ENDED, Kind.SHARING_ACCEPTED, Kind.SHARING_GIVEN}
    assert await history(control, daughter.resident_key) == []


async def test_the_code_itself_is_nowhere_in_the_database(
    control: Connection, hanako: Walk, box: SecretBox
) -> None:
    await hanako.join()
    code = sharing.normal_form((await offer(hanako)).code)
    for table in ("consent.sharing", "consent.act", "ledger.content"):
        rows = await control.raw.fetch(f"select t::text as row from {table} t")
        assert not any(code in row["row"].replace("-", "").upper() for row in rows)


async def test_low_the_sharers_record_never_names_the_viewer(
    control: Connection, town: Town, hanako: Walk, daughter: ResidentCaller
) -> None:
    """Nor after the viewer's erasure does anything of them stay on the other side."""
    await hanako.join()
    taken = await sharing.accept(control, daughter, (await offer(hanako)).code)
    assert taken is not None
    await store_sharing.end_as_viewer(control, daughter.resident_key)
    bodies = await control.fetch("select body from ledger.content where resident_key = $1", town.hanako.key)
    assert all(daughter.resident_id not in row["body"] for row in bodies)
    row = await control.fetchrow("select viewer_key, viewer_name from consent.sharing")
    assert row is not None
    assert tuple(row) == (None, "")


async def test_m11_codes_sent_side_by_side_are_judged_no_more_than_the_limit(
    fresh_platform: Platform,
) -> None:
    """Forty at once had 22 judged."""
    pool = await fresh_platform.pool()
    async with pool.transaction() as conn:
        viewer = calls((await make_town(conn)).midori)

    async def one(number: int) -> str:
        try:
            async with pool.transaction() as conn:
                return str(await sharing.accept(conn, viewer, f"0000-{number:04}"))
        except Problem as problem:
            return problem.code

    answers = Counter(await asyncio.gather(*(one(number) for number in range(40))))
    assert answers == {"None": guessing.SHARING.free, "too_many_requests": 40 - guessing.SHARING.free}

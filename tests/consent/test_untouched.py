"""A decision changes what was chosen. What was not keeps its version, its end and its level, and is no part of the act."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.consent import history, overview, receipts, store, withdrawal
from moyai.consent.model import LinkState
from moyai.ledger import Kind
from moyai.ledger import history as ledger_history
from tests.consent.conftest import HERE, Walk, calls
from tests.consent.test_changed_texts import NEW_ITEM, NEW_PURPOSE
from tests.factories import Town

GIVEN = {"kenko-steps": "given", "kenko-vitals": "given", "kenko-presence": "given"}
LONGER = "update registry.link set consent_days = 3000"
NEW_ITEM_OF_PRESENCE = NEW_ITEM.replace("'vitals'", "'presence'")


async def standing(conn: Connection, town: Town) -> dict[str, LinkState]:
    found = await store.states_of(conn, town.hanako.key)
    return {f"kenko-{name}": found[link.key] for name, link in town.links.items() if link.key in found}


async def until_day(conn: Connection, days: int) -> None:
    """Let what was given so far end `days` from now, as if it had been given long ago."""
    await conn.execute(
        "update consent.state set expires_at = date_trunc('day', clock_timestamp()) + make_interval(days => $1)"
        " where state = 1",
        days,
    )


async def act_of(conn: Connection, walk: Walk, **choices: Any) -> Any:
    """Decide as chosen, on the text of now."""
    links = {f"kenko-{name}": choice for name, choice in choices.items()}
    return await walk.decide((await walk.present()).sha256, links)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [None, LONGER], ids=["the registry as it was", "a longer duration"])
@pytest.mark.parametrize(
    "others",
    [{"vitals": "given", "presence": "given"}, {"vitals": "kept", "presence": "kept"}, {}],
    ids=["said to be given", "said to be kept", "not named"],
)
async def test_p_h1_to_refuse_one_prolongs_no_other(
    control: Connection, town: Town, hanako: Walk, change: str | None, others: dict[str, str]
) -> None:
    await hanako.join()
    await until_day(control, 30)
    if change:
        await control.raw.execute(change)
    before = await standing(control, town)
    decided = await act_of(control, hanako, steps="refused", **others)
    after = await standing(control, town)
    assert decided.links == {"kenko-steps": "refused"}
    for untouched in ("kenko-vitals", "kenko-presence"):
        assert after[untouched] == before[untouched]
    assert after["kenko-steps"].state.word == "refused"


async def test_p_h1_an_untouched_link_is_in_no_record(control: Connection, town: Town, hanako: Walk) -> None:
    """Not in the act, not in the ledger, not in the receipt, and not in the words of the history."""
    await hanako.join()
    decided = await act_of(control, hanako, steps="refused", vitals="given", presence="given")
    act = await store.act(control, town.hanako.key, decided.act_id)
    assert act is not None
    assert act.links == {"kenko-steps": "refused"}
    event = (await ledger_history(control, town.hanako.key))[0]
    assert (event.kind, event.detail["links"]) == (Kind.CONSENT_REFUSED, {"kenko-steps": "refused"})
    payload = receipts.read(decided.receipt, await receipts.public_keys(control))
    assert [one["moyai_link_id"] for one in payload["pii_processing"]] == ["kenko-steps"]
    assert [one["moyai_link_id"] for one in payload["events"]] == ["kenko-steps"]
    row = (await history.page(control, town.hanako.key, limit=1)).rows[0]
    assert row.text_ja == "あなたが、「健康見守り」に「歩数」を使わせることを断りました。"
    assert (
        await control.fetchval("select count(*) from consent.history where act_id = $1", decided.act_id) == 1
    )


async def test_p_h1_an_untouched_link_keeps_the_level_it_was_given_at(
    control: Connection, town: Town, hanako: Walk, box: SecretBox
) -> None:
    strong = Walk(control, box, calls(town.hanako, aal=3), town.kenko.id)
    await strong.join()
    await act_of(control, hanako, steps="refused", vitals="given", presence="given")
    levels = await control.fetch("select link_key, aal from consent.state order by aal")
    assert sorted(row["aal"] for row in levels) == [2, 3, 3]


async def test_p_h1_an_untouched_link_keeps_its_version(
    control: Connection, town: Town, hanako: Walk
) -> None:
    """Items that come back are those that were read: the text without them was not agreed to instead."""
    await hanako.join()
    gone = "update registry.dataset set items = items - 1 where dataset_id = 'vitals'"
    await control.raw.execute(gone)
    await act_of(control, hanako, steps="refused", vitals="given", presence="given")
    assert (await standing(control, town))["kenko-vitals"].version == 1


async def test_p_h1_to_prolong_is_a_choice_of_its_own(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.join()
    await until_day(control, 30)
    await control.raw.execute(LONGER)
    before = await standing(control, town)
    shown = await hanako.present()
    decided = await hanako.decide(shown.sha256, {"kenko-presence": "prolonged"})
    after = await standing(control, town)
    said = next(link for link in shown.text.links if link.link_id == "kenko-presence")
    assert decided.links == {"kenko-presence": "prolonged"}
    assert after["kenko-presence"].expires_at == datetime.fromisoformat(said.until)
    assert after["kenko-presence"].version == 2
    assert (after["kenko-steps"], after["kenko-vitals"]) == (before["kenko-steps"], before["kenko-vitals"])
    payload = receipts.read(decided.receipt, await receipts.public_keys(control))
    assert payload["events"][0]["event_state"] == "prolonged"
    assert payload["pii_processing"][0]["retention_period"] == {"until": said.until}
    row = (await history.page(control, town.hanako.key, limit=1)).rows[0]
    assert (
        row.text_ja == f"あなたが、「健康見守り」への「在宅のようす」の同意を、{said.until_ja}延ばしました。"
    )


async def test_p_h1_what_ends_no_sooner_than_the_text_says_is_not_prolonged(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    await control.raw.execute("update registry.link set consent_days = 5")
    with pytest.raises(Problem) as refused:
        await act_of(control, hanako, presence="prolonged")
    assert refused.value.code == "nothing_to_change"


@pytest.mark.parametrize("choice", ["kept", "prolonged"])
async def test_p_h1_what_was_stopped_since_the_page_was_read_stays_stopped(
    control: Connection, town: Town, hanako: Walk, choice: str
) -> None:
    """“As it stands” and “prolong” mean the consent that the resident saw: neither gives one."""
    await hanako.join()
    await until_day(control, 30)
    sha256 = (await hanako.present()).sha256
    stop = (HERE, hanako.box, hanako.service_id, ["kenko-presence"])
    await withdrawal.withdraw(control, hanako.caller, *stop)
    chosen: dict[str, Any] = {"kenko-steps": "refused", "kenko-presence": choice}
    if choice == "kept":
        await hanako.decide(sha256, chosen)
    else:
        with pytest.raises(Problem, match="decision_contradictory"):
            await hanako.decide(sha256, chosen)
    assert (await standing(control, town))["kenko-presence"].state.word == "withdrawn"


@pytest.mark.parametrize(
    "choices", [GIVEN, dict.fromkeys(GIVEN, "kept"), {}], ids=["given again", "kept", "nothing"]
)
async def test_p_h1_a_decision_that_changes_nothing_is_no_act(
    control: Connection, town: Town, hanako: Walk, choices: dict[str, str]
) -> None:
    await hanako.join()
    sha256 = (await hanako.present()).sha256
    with pytest.raises(Problem) as refused:
        await hanako.decide(sha256, choices)  # type: ignore[arg-type]
    assert refused.value.code == "nothing_to_change"
    assert await control.fetchval("select count(*) from consent.act") == 1
    assert len(await ledger_history(control, town.hanako.key)) == 2


async def test_p_h1_the_same_change_sent_twice_is_one_act(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    sha256 = (await hanako.present()).sha256
    change: dict[str, Any] = {"kenko-steps": "refused", "kenko-vitals": "given"}
    first, second = await hanako.decide(sha256, change), await hanako.decide(sha256, change)
    assert (second.act_id, second.links, second.repeated) == (first.act_id, {"kenko-steps": "refused"}, True)


@pytest.mark.parametrize("choice", ["kept", "prolonged"])
async def test_p_h1_the_first_decision_gives_or_refuses_each_link(
    control: Connection, town: Town, hanako: Walk, choice: str
) -> None:
    await hanako.steps()
    sha256 = (await hanako.present()).sha256
    with pytest.raises(Problem, match="invalid_request"):
        await hanako.decide(sha256, GIVEN | {"kenko-steps": choice})  # type: ignore[arg-type]


async def test_p_h1_a_text_that_says_something_else_is_decided_with_its_own_end(
    control: Connection, town: Town, hanako: Walk
) -> None:
    """What is outdated can be given anew, alone; the others stand as they did."""
    await hanako.join()
    await until_day(control, 30)
    before = await standing(control, town)
    await control.raw.execute(NEW_PURPOSE)
    shown = await hanako.present()
    decided = await hanako.decide(shown.sha256, {"kenko-vitals": "given"})
    after = await standing(control, town)
    said = next(link for link in shown.text.links if link.link_id == "kenko-vitals")
    assert decided.links == {"kenko-vitals": "given"}
    assert after["kenko-vitals"].expires_at == datetime.fromisoformat(said.until)
    assert after["kenko-steps"] == before["kenko-steps"]


# --- items that were added (M1) ---------------------------------------------------------------------------------


async def vitals_and(conn: Connection, walk: Walk) -> dict[str, overview.LinkStanding]:
    service = await overview.consents_of_service(conn, walk.caller, walk.service_id)
    return {link.dataset_id: link for link in service.links}


async def test_p_m1_only_what_was_allowed_before_is_an_answer_of_its_own(
    control: Connection, town: Town, hanako: Walk
) -> None:
    """The old version stays in force with its end, and what was added is not asked about again."""
    await hanako.join()
    await until_day(control, 30)
    before = (await standing(control, town))["kenko-vitals"]
    await control.raw.execute(NEW_ITEM)
    decided = await act_of(control, hanako, vitals="kept")
    after = (await standing(control, town))["kenko-vitals"]
    assert decided.links == {"kenko-vitals": "kept"}
    assert (after.version, after.expires_at, after.items) == (1, before.expires_at, before.items)
    link = (await vitals_and(control, hanako))["vitals"]
    assert (link.standing, link.waiting, link.declined, link.to_decide) == (
        "given",
        ("illness",),
        ("illness",),
        False,
    )
    payload = receipts.read(decided.receipt, await receipts.public_keys(control))
    said = payload["pii_processing"][0]
    assert {one["pii_attribute_id"] for one in said["pii_information"]} == set(before.items)
    assert said["retention_period"]["until"].startswith(f"{before.expires_at:%Y-%m-%d}")
    row = (await history.page(control, town.hanako.key, limit=1)).rows[0]
    assert row.text_ja == (
        "あなたが、「健康見守り」に、「体重と血圧」のうち前からのデータだけを使ってよいと決めました。"
    )


async def test_p_m1_to_refuse_another_set_forces_no_decision_on_what_was_added(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    await control.raw.execute(NEW_ITEM)
    before = await standing(control, town)
    decided = await act_of(control, hanako, steps="refused")
    assert decided.links == {"kenko-steps": "refused"}
    assert (await standing(control, town))["kenko-vitals"] == before["kenko-vitals"]
    assert (await vitals_and(control, hanako))["vitals"].to_decide


async def test_p_m1_it_is_asked_again_only_when_something_else_is_added(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    await control.raw.execute(NEW_ITEM)
    await act_of(control, hanako, vitals="kept")
    await control.raw.execute(LONGER)
    assert not (await vitals_and(control, hanako))["vitals"].to_decide, "another duration adds nothing"
    with pytest.raises(Problem, match="nothing_to_change"):
        await act_of(control, hanako, vitals="kept")
    more = NEW_ITEM.replace("illness", "pulse").replace("病名", "脈拍").replace("Illness", "Pulse")
    await control.raw.execute(more)
    link = (await vitals_and(control, hanako))["vitals"]
    assert (link.waiting, link.declined, link.to_decide) == (("illness", "pulse"), ("illness",), True)


async def test_p_m1_what_was_declined_can_be_allowed_later_and_not_by_one_word_for_all(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    await control.raw.execute(NEW_ITEM)
    await act_of(control, hanako, vitals="kept")
    with pytest.raises(Problem, match="decision_contradictory"):
        await hanako.decide((await hanako.present()).sha256, "given")
    await act_of(control, hanako, vitals="given")
    after = (await standing(control, town))["kenko-vitals"]
    assert (after.version, "illness" in after.items) == (2, True)
    assert (await vitals_and(control, hanako))["vitals"].waiting == ()


async def test_p_m1_what_waits_is_not_prolonged_unseen(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.join()
    await until_day(control, 30)
    await control.raw.execute(NEW_ITEM)
    with pytest.raises(Problem, match="decision_contradictory"):
        await act_of(control, hanako, vitals="prolonged")


async def test_p_m1_keeping_what_is_refused_or_has_ended_gives_nothing(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join({**GIVEN, "kenko-steps": "refused"})  # type: ignore[arg-type]
    await control.execute(
        "update consent.state set expires_at = clock_timestamp() - interval '1 day' where link_key = $1",
        town.links["presence"].key,
    )
    before = await standing(control, town)
    assert not before["kenko-presence"].in_force
    with pytest.raises(Problem, match="nothing_to_change"):
        await act_of(control, hanako, steps="kept", presence="kept")
    assert await standing(control, town) == before

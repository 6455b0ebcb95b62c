"""The decision: nothing without the text that was served, every link decided, in force at once."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import asyncpg
import msgspec
import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.consent import gate, receipts, store, store_enrolment
from moyai.consent.model import PresentationText, canonical
from moyai.ledger import Kind, history
from tests.admin import as_admin
from tests.consent.conftest import Walk, calls
from tests.factories import Town, make_client, make_link, make_terms, tie

GIVEN = {"kenko-steps": "given", "kenko-vitals": "given", "kenko-presence": "given"}


async def states(conn: Connection, town: Town) -> dict[str, str]:
    found = await store.states_of(conn, town.hanako.key)
    return {name: found[link.key].state.word for name, link in town.links.items() if link.key in found}


async def test_one_word_gives_all_links(control: Connection, town: Town, hanako: Walk) -> None:
    decided = await hanako.join("given")
    assert decided.links == GIVEN
    assert await states(control, town) == {"steps": "given", "vitals": "given", "presence": "given"}


@pytest.mark.requirement("R-097", part="links", of=["links", "service"])
async def test_each_link_can_be_refused_alone(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.join({**GIVEN, "kenko-vitals": "refused"})
    assert await states(control, town) == {"steps": "given", "vitals": "refused", "presence": "given"}


async def test_refusing_everything_is_a_decision_too(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.join("refused")
    assert set((await states(control, town)).values()) == {"refused"}
    assert town.kenko.key in await store.memberships(control, town.hanako.key)


async def test_a_consent_ends_on_the_day_that_was_shown(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.steps()
    shown = await hanako.present()
    await hanako.decide(shown.sha256)
    found = (await store.states_of(control, town.hanako.key))[town.links["steps"].key]
    text = next(link for link in shown.text.links if link.link_id == "kenko-steps")
    assert found.expires_at == datetime.fromisoformat(text.until)
    assert found.expires_at > shown.served_at + timedelta(days=365)


async def test_a_refused_link_has_no_end(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.join("refused")
    found = await store.states_of(control, town.hanako.key)
    assert {state.expires_at for state in found.values()} == {None}


# --- nothing without the text ------------------------------------------------------------------------


@pytest.mark.requirement("R-112", part="stored_only_if_shown", of=["text", "stored_only_if_shown", "page"])
async def test_a_decision_without_the_text_is_impossible(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.steps()
    for invented in ("0" * 64, hashlib.sha256(b"something").hexdigest(), "", "x" * 64, "ab", "A" * 64):
        with pytest.raises(Problem) as refused:
            await hanako.decide(invented)
        assert refused.value.code == "text_not_served"
    assert await states(control, town) == {}


async def test_even_the_right_hash_counts_only_once_it_was_served(
    control: Connection, town: Town, hanako: Walk, box: SecretBox
) -> None:
    """The same text served to somebody else's session, or to this resident's other session, is not enough."""
    other = Walk(control, box, calls(town.hanako, session="session-2"), town.kenko.id)
    await other.steps()
    await hanako.steps()
    sha256 = (await other.present()).sha256
    with pytest.raises(Problem) as refused:
        await hanako.decide(sha256)
    assert refused.value.code == "text_not_served"
    assert (await hanako.present()).sha256 == sha256
    assert (await hanako.decide(sha256)).links == GIVEN


async def test_a_text_of_another_resident_does_not_count(
    control: Connection, town: Town, hanako: Walk, box: SecretBox
) -> None:
    ichiro = Walk(control, box, calls(town.ichiro, session=hanako.caller.session_id), town.kenko.id)
    await ichiro.steps()
    await hanako.steps()
    sha256 = (await ichiro.present()).sha256
    with pytest.raises(Problem, match="text_not_served"):
        await hanako.decide(sha256)


async def test_a_text_runs_out_after_an_hour(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.steps()
    shown = await hanako.present()
    assert shown.expires_at - shown.served_at == timedelta(hours=1)
    async with as_admin(control):
        await control.execute(
            "update consent.presentation set expires_at = clock_timestamp() - interval '1 second'"
        )
    with pytest.raises(Problem, match="text_not_served"):
        await hanako.decide(shown.sha256)


@pytest.mark.parametrize(
    "change",
    [
        "update registry.link set purpose_ja = '広告に使います。' where link_id = 'kenko-steps'",
        "update registry.link set consent_days = 3650 where link_id = 'kenko-steps'",
        "update registry.link set state = 'ended' where link_id = 'kenko-steps'",
        "update registry.organization set state = 'suspended' where organization_id = 'koiki'",
        'update registry.dataset set items = \'[{"name": "all", "ja": "全部", "en": "All"}]\''
        " where dataset_id = 'vitals'",
    ],
    ids=["purpose", "duration", "ended", "suspended", "items"],
)
async def test_a_text_that_no_longer_says_what_is_so_must_be_read_anew(
    control: Connection, town: Town, hanako: Walk, change: str
) -> None:
    await hanako.steps()
    sha256 = (await hanako.present()).sha256
    await control.raw.execute(change)
    with pytest.raises(Problem, match="text_not_served"):
        await hanako.decide(sha256)
    assert await states(control, town) == {}


async def test_a_link_registered_since_is_not_consented_to_unseen(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.steps()
    sha256 = (await hanako.present()).sha256
    await make_link(
        control, town.kenko, town.undo_app, town.mimamori, town.datasets["steps"], town.purposes["watch-over"]
    )
    with pytest.raises(Problem, match="text_not_served"):
        await hanako.decide(sha256)


# --- every link, and no other ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"kenko-steps": "given"},
        {**GIVEN, "gyosei-status": "given"},
        {**GIVEN, "kenko-steps-2": "refused"},
    ],
    ids=["none", "some", "another service's", "unknown"],
)
async def test_silence_about_a_link_decides_nothing(
    control: Connection, town: Town, hanako: Walk, choices: dict[str, str]
) -> None:
    await hanako.steps()
    sha256 = (await hanako.present()).sha256
    with pytest.raises(Problem) as refused:
        await hanako.decide(sha256, choices)  # type: ignore[arg-type]
    assert refused.value.code == "invalid_request"
    assert set(refused.value.extra["links"]) == set(GIVEN)
    assert await states(control, town) == {}


# --- who may decide -------------------------------------------------------------------------------------


async def test_levels_are_compared_with_what_service_and_data_ask_for(
    control: Connection, town: Town, box: SecretBox
) -> None:
    weak = Walk(control, box, calls(town.hanako, aal=1), town.kenko.id)
    with pytest.raises(Problem) as refused:
        await weak.steps(1)
    assert refused.value.code == "assurance_insufficient"
    assert refused.value.extra == {"required": {"ial": 2, "aal": 2}, "actual": {"ial": 2, "aal": 1}}


async def test_sensitive_data_asks_for_more_than_its_service(
    control: Connection, town: Town, hanako: Walk
) -> None:
    """A dataset at level 3: its link cannot be given at level 2, but may be refused, and the others given."""
    await hanako.steps()
    await control.execute("update registry.dataset set required_ial = 3 where dataset_id = 'vitals'")
    sha256 = (await hanako.present()).sha256
    with pytest.raises(Problem) as refused:
        await hanako.decide(sha256, "given")
    assert refused.value.code == "assurance_insufficient"
    assert refused.value.extra["required"] == {"ial": 3, "aal": 2}
    await hanako.decide(sha256, {**GIVEN, "kenko-vitals": "refused"})
    assert (await states(control, town))["vitals"] == "refused"


async def test_scope_is_judged_again_at_the_decision(control: Connection, town: Town, hanako: Walk) -> None:
    """Somebody who moves away between reading and deciding is outside."""
    await hanako.steps()
    sha256 = (await hanako.present()).sha256
    await control.execute(
        "update identity.resident set municipality_code = '373419' where resident_key = $1", town.hanako.key
    )
    with pytest.raises(Problem, match="outside_user_scope"):
        await hanako.decide(sha256)


async def test_a_closed_resident_decides_nothing(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.steps()
    sha256 = (await hanako.present()).sha256
    await control.execute(
        "update identity.resident set state = 'closed' where resident_key = $1", town.hanako.key
    )
    with pytest.raises(Problem, match="resident_inactive"):
        await hanako.decide(sha256)


@pytest.mark.parametrize("table", ["service", "organization"])
async def test_a_service_suspended_meanwhile_takes_no_consent(
    control: Connection, town: Town, hanako: Walk, table: str
) -> None:
    await hanako.steps()
    sha256 = (await hanako.present()).sha256
    if table == "service":
        await control.execute(
            "update registry.service set state = 'suspended' where service_id = 'kenko-mimamori'"
        )
    else:
        await control.execute(
            "update registry.organization set state = 'suspended' where organization_id = 'c1'"
        )
    with pytest.raises(Problem, match="service_not_offered"):
        await hanako.decide(sha256)


# --- changing one's mind, and sending twice -------------------------------------------------------------------


async def test_a_decision_can_be_changed_without_the_first_four_steps(
    control: Connection, town: Town, hanako: Walk
) -> None:
    first = await hanako.join("given")
    second = await hanako.decide((await hanako.present()).sha256, {**GIVEN, "kenko-steps": "refused"})
    assert second.act_id != first.act_id
    assert (await states(control, town))["steps"] == "refused"
    steps_of_history = await control.fetch(
        "select state from consent.history where resident_key = $1 and link_key = $2 order by since",
        town.hanako.key,
        town.links["steps"].key,
    )
    assert [row["state"] for row in steps_of_history] == [1, 2]


async def test_the_same_decision_sent_twice_is_one_act(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.steps()
    sha256 = (await hanako.present()).sha256
    first, second = await hanako.decide(sha256), await hanako.decide(sha256)
    assert (second.act_id, second.receipt, second.repeated) == (first.act_id, first.receipt, True)
    assert await control.fetchval("select count(*) from consent.act") == 1


async def test_sent_twice_with_another_choice_it_is_another_act(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.steps()
    sha256 = (await hanako.present()).sha256
    await hanako.decide(sha256, "given")
    assert not (await hanako.decide(sha256, "refused")).repeated
    assert set((await states(control, town)).values()) == {"refused"}


async def test_p_h8_no_decision_waits_for_other_terms(control: Connection, town: Town, hanako: Walk) -> None:
    """To refuse, or to decide on a text that changed, is one thing; to accept terms is another."""
    await hanako.join()
    before = (await store.memberships(control, town.hanako.key))[town.kenko.key]
    await make_terms(control, town.kenko, version=2)
    decided = await hanako.decide((await hanako.present()).sha256, {"kenko-steps": "refused"})
    assert (await states(control, town))["steps"] == "refused"
    assert (await store.memberships(control, town.hanako.key))[town.kenko.key] == before
    payload = receipts.read(decided.receipt, await receipts.public_keys(control))
    assert payload["notice"]["service_terms"]["version"] == 1, "which were accepted"
    detail = (await history(control, town.hanako.key))[0].detail
    assert (detail["service_terms"], detail["platform_terms"]) == (1, 1)
    with pytest.raises(Problem, match="service_in_use"):
        await hanako.steps()


# --- what is written ----------------------------------------------------------------------------------------


async def test_one_leaf_holds_the_whole_decision(control: Connection, town: Town, hanako: Walk) -> None:
    decided = await hanako.join({**GIVEN, "kenko-vitals": "refused"})
    events = await history(control, town.hanako.key)
    assert [event.kind for event in events] == [Kind.CONSENT_GIVEN, Kind.TERMS_ACCEPTED]
    detail = events[0].detail
    assert detail["links"] == {**GIVEN, "kenko-vitals": "refused"}
    assert detail["versions"] == dict.fromkeys(detail["links"], 1)
    assert (detail["act_id"], detail["service"], detail["aal"]) == (str(decided.act_id), "kenko-mimamori", 2)
    assert events[0].actor == f"resident:{town.hanako.id}"
    assert all(event.opens() for event in events)


async def test_the_act_keeps_the_text_it_was_made_on(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.steps()
    shown = await hanako.present()
    decided = await hanako.decide(shown.sha256)
    row = await control.fetchrow(
        "select p.content, a.sha256 from consent.act a join consent.presentation p using (presentation_id)"
        " where a.act_id = $1",
        decided.act_id,
    )
    assert row is not None
    assert hashlib.sha256(canonical(row["content"])).digest() == row["sha256"]
    assert msgspec.convert(row["content"], PresentationText) == shown.text


async def test_texts_that_led_to_nothing_are_not_kept(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.steps()
    for _ in range(3):
        shown = await hanako.present()
    await hanako.decide(shown.sha256)
    assert await control.fetchval("select count(*) from consent.presentation") == 1
    assert await control.fetchval("select count(*) from consent.enrolment") == 0


async def test_the_gate_opens_with_the_decision(control: Connection, town: Town, hanako: Walk) -> None:
    """From nothing to a permit for exactly the given link: other purpose and refused link stay closed."""
    subject = str(await tie(control, town.hanako, town.mimamori))
    for component in (town.undo_app, town.kenko_app, town.sensor):
        await tie(control, town.hanako, component)
    client = await make_client(control, town.mimamori)

    async def ask(dataset: str, purpose: str) -> str:
        question = gate.Question(
            client.key, town.mimamori.key, subject, town.datasets[dataset].key, town.purposes[purpose].key
        )
        verdict = (await gate.ask(control, [question]))[0]
        return "permitted" if verdict.permits else verdict.refusals[0].code

    assert await ask("steps", "health-support") == "consent_missing"
    await hanako.join({**GIVEN, "kenko-vitals": "refused"})
    assert await ask("steps", "health-support") == "permitted"
    assert await ask("vitals", "health-support") == "consent_refused"
    assert await ask("steps", "watch-over") == "purpose_not_registered"


async def test_walks_and_texts_that_ran_out_are_swept(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.steps()
    await hanako.present()
    await control.execute("update consent.enrolment set expires_at = clock_timestamp() - interval '1 second'")
    async with as_admin(control):
        await control.execute(
            "update consent.presentation set expires_at = clock_timestamp() - interval '1 second'"
        )
    assert await store_enrolment.sweep(control) == 2
    assert await control.fetchval("select count(*) from consent.presentation") == 0


@pytest.mark.requirement("R-139", part="history", of=["history", "as_of", "audit"])
@pytest.mark.parametrize("table", ["history", "act", "presentation"])
async def test_what_was_decided_cannot_be_rewritten(
    control: Connection, town: Town, hanako: Walk, table: str
) -> None:
    """`serve` may add to the history and erase it with the resident; nobody's past is edited."""
    await hanako.join()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with control.transaction():
            await control.raw.execute(f"update consent.{table} set resident_key = resident_key")

"""What the resident sees: who may use what, what happened, and that it proves itself; what an audit and an
erasure see."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import timedelta
from typing import get_origin

import msgspec
import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.consent import erase, history, overview, sharing, state_as_of, store, withdrawal
from moyai.ledger import Act, Kind, erase_contents, record
from moyai.ledger.contents import CONTENTS
from tests.consent.conftest import HERE, Walk, calls
from tests.factories import Town, make_consent, make_service

_TOO_OLD = "0001-01-01T00:00:00+23:59~019ab000-0000-7000-8000-000000000000"
CHOICES = {"kenko-steps": "given", "kenko-vitals": "refused", "kenko-presence": "given"}


async def exchange(conn: Connection, town: Town, *, code: str | None = None) -> None:
    """One exchange (or its refusal) as the road records it."""
    source = {"dataset": "vitals", "provider": "kenko-app", "provider_organization": "koiki"}
    outcome = {"status": "refused", "code": code} if code else {"status": "ok", "items": 3}
    kind = Kind.REFUSAL if code else Kind.EXCHANGE
    said = {"consumer": "mimamori", "consumer_organization": "c1", "purpose": "health-support", "digest": ""}
    detail = msgspec.convert({**said, "v": 1, "sources": [{**source, **outcome}]}, CONTENTS[kind])
    await asyncio.sleep(0.002)  # the record keeps milliseconds: what follows must be later
    await record(conn, Act(kind=kind, actor="client", resident_key=town.hanako.key, detail=detail))


# --- who may use my data, how do I stop it ---------------------------------------------------------------


@pytest.mark.requirement("R-096", part="give", of=["give", "withdraw"])
async def test_after_one_act_the_result_is_visible_per_link(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join("given")
    found = await overview.consents(control, hanako.caller)
    assert [service.service_id for service in found] == ["kenko-mimamori"]
    assert {link.link_id: link.standing for link in found[0].links} == {
        "kenko-steps": "given",
        "kenko-vitals": "given",
        "kenko-presence": "given",
    }


async def test_each_link_stands_for_itself(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.join(CHOICES)  # type: ignore[arg-type]
    await withdrawal.withdraw(control, hanako.caller, HERE, hanako.box, town.kenko.id, ["kenko-steps"])
    service = await overview.consents_of_service(control, hanako.caller, town.kenko.id)
    assert {link.link_id: link.standing for link in service.links} == {
        "kenko-steps": "withdrawn",
        "kenko-vitals": "refused",
        "kenko-presence": "given",
    }
    assert service.in_use


async def test_an_expired_consent_says_so(control: Connection, town: Town, hanako: Walk) -> None:
    now = await store.now(control)
    await make_consent(control, town.hanako, town.links["steps"], expires_at=now - timedelta(seconds=1))
    service = (await overview.consents(control, hanako.caller))[0]
    assert {link.standing for link in service.links if link.link_id == "kenko-steps"} == {"expired"}


async def test_services_on_offer_say_why_somebody_cannot_use_them(
    control: Connection, town: Town, hanako: Walk
) -> None:
    hidden = await make_service(control, town.c1, state="registered")
    offered = {s.service_id: s for s in await overview.offered(control, hanako.caller)}
    assert offered["kenko-mimamori"].reason is None
    assert offered["c2-gyosei"].reason == "outside_user_scope"
    assert hidden.id not in offered
    weak = await overview.offered(control, calls(town.hanako, aal=1))
    assert {s.service_id: s.reason for s in weak}["kenko-mimamori"] == "assurance_insufficient"


async def test_a_consent_to_a_suspended_service_can_still_be_seen(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    await control.execute("update registry.organization set state = 'suspended' where organization_id = 'c1'")
    service = (await overview.consents(control, hanako.caller))[0]
    assert not service.on_offer
    assert {link.closed for link in service.links} == {"organization_suspended"}


# --- history ------------------------------------------------------------------------------------------------


async def test_history_is_newest_first_in_plain_words(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.join(CHOICES)  # type: ignore[arg-type]
    await exchange(control, town)
    await exchange(control, town, code="consent_refused")
    rows = (await history.page(control, town.hanako.key)).rows
    assert [row.category for row in rows] == ["refusal", "exchange", "act", "act"]
    refusal, movement = rows[0], rows[1]
    assert refusal.text_ja == (
        "「健康見守りアプリ」（高松市）が「体重と血圧」を求めましたが、渡しませんでした。あなたが断ったので、渡していません。"
    )
    assert refusal.movements[0].code == "consent_refused"
    assert movement.text_ja == "「健康見守りアプリ」（高松市）が、「体重と血圧」を受け取りました。"
    assert movement.movements[0].items == 3
    assert movement.movements[0].source is not None
    assert movement.movements[0].source.organization_ja == "さぬき東部広域連合"
    assert movement.purpose_ja == "健康づくりの支援"
    assert {rows[2].text_ja, rows[3].text_ja} == {
        "あなたが、「健康見守り」に「在宅のようす」「歩数」を使ってよいと決めました。「体重と血圧」は断りました。",
        "あなたが、「健康見守り」とデータ連携基盤の規約に同意しました。",
    }


def _least(kind: Kind) -> msgspec.Struct:
    """The smallest content that the kind may have."""
    wanted = CONTENTS[kind]
    made = {
        field.name: (get_origin(field.type) or field.type)()
        for field in msgspec.structs.fields(wanted)
        if field.required
    }
    return wanted(**made)


async def test_every_kind_of_row_reads_as_a_sentence(control: Connection, town: Town) -> None:
    for kind in Kind:
        await record(
            control, Act(kind=kind, actor="system", resident_key=town.hanako.key, detail=_least(kind))
        )
    for row in (await history.page(control, town.hanako.key, limit=200)).rows:
        assert row.text_ja.endswith("。")
        assert row.text_en.endswith(".")


async def test_pages_follow_each_other_without_gap_or_repeat(control: Connection, town: Town) -> None:
    for _ in range(7):
        await exchange(control, town)
    seen: list[str] = []
    before: str | None = None
    for size in (3, 3, 1):
        page = await history.page(control, town.hanako.key, before=before, limit=3)
        assert len(page.rows) == size
        seen += [row.entry_id for row in page.rows]
        before = page.next
    assert before is None
    assert len(set(seen)) == 7


@pytest.mark.parametrize("before", ["", "x", "2026-11-24T00:00:00~", "2026-11-24T00:00:00Z~x", "~", _TOO_OLD])
async def test_a_cursor_that_is_not_ours_is_refused(control: Connection, town: Town, before: str) -> None:
    with pytest.raises(Problem, match="invalid_request"):
        await history.page(control, town.hanako.key, before=before)


async def test_each_row_carries_what_proves_it(control: Connection, town: Town, hanako: Walk) -> None:
    """By hand: the commitment of salt and text is in the leaf, which also has the entry's id."""
    await hanako.join()
    for row in (await history.page(control, town.hanako.key)).rows:
        leaf, salt = bytes.fromhex(row.proof.leaf), bytes.fromhex(row.proof.salt)
        committed = hashlib.sha256(b"moyai-commitment-v1\n" + salt + row.proof.body.encode()).digest()
        assert leaf[26:] == committed
        assert leaf[10:26].hex() == row.entry_id.replace("-", "")
        assert json.loads(row.proof.body)["resident"] == town.hanako.key
        assert row.proof.inclusion.endswith(row.entry_id)


async def test_nobody_sees_somebody_elses_history(control: Connection, town: Town) -> None:
    await exchange(control, town)
    assert (await history.page(control, town.ichiro.key)).rows == []


# --- as of a past moment ---------------------------------------------------------------------------------------


@pytest.mark.requirement("R-139", part="as_of", of=["history", "as_of", "audit"])
async def test_any_past_state_can_be_asked_for(control: Connection, town: Town, hanako: Walk) -> None:
    key, steps = town.hanako.key, town.links["steps"].key
    before = await store.now(control)
    await hanako.join()
    while_given = await store.now(control)
    await withdrawal.withdraw(control, hanako.caller, HERE, hanako.box, town.kenko.id)
    after = await store.now(control)
    assert await state_as_of(control, key, steps, before) is None
    given, withdrawn = (
        await state_as_of(control, key, steps, while_given),
        await state_as_of(control, key, steps, after),
    )
    assert given is not None
    assert withdrawn is not None
    assert (given.state.word, given.in_force) == ("given", True)
    assert (withdrawn.state.word, withdrawn.in_force) == ("withdrawn", False)
    assert given.expires_at is not None
    late = await state_as_of(control, key, steps, given.expires_at + timedelta(days=1))
    assert late is not None
    assert late.state.word == "withdrawn"


async def test_a_consent_that_had_run_out_was_not_in_force(control: Connection, town: Town) -> None:
    now = await store.now(control)
    await make_consent(
        control,
        town.hanako,
        town.links["steps"],
        since=now - timedelta(days=2),
        expires_at=now - timedelta(days=1),
    )
    found = await state_as_of(control, town.hanako.key, town.links["steps"].key, now)
    assert found is not None
    assert (found.state.word, found.in_force) == ("given", False)


# --- erasure ------------------------------------------------------------------------------------------------------


async def test_erasure_leaves_no_row_about_the_resident(
    control: Connection, town: Town, hanako: Walk, box: SecretBox
) -> None:
    await hanako.join()
    await sharing.share(
        control, hanako.caller, town.kenko.id, ["kenko-steps"], relation="娘", viewer_name="恵", days=30
    )
    ichiro = Walk(control, box, calls(town.ichiro, session="session-2"), town.kenko.id)
    await ichiro.join()
    gone = await erase.erase(control, town.hanako.key)
    assert (gone["act"], gone["state"], gone["history"], gone["membership"], gone["sharing"]) == (
        2,
        3,
        3,
        1,
        1,
    )
    for table in ("presentation", "enrolment", "membership", "act", "state", "history", "sharing"):
        left = await control.raw.fetchval(
            f"select count(*) from consent.{table} where resident_key = $1", town.hanako.key
        )
        assert left == 0, table
    assert len(await store.states_of(control, town.ichiro.key)) == 3


async def test_erasing_a_viewer_ends_what_was_shared_with_them(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    offer = await sharing.share(
        control, hanako.caller, town.kenko.id, ["kenko-steps"], relation="友人", viewer_name="一郎", days=30
    )
    await sharing.accept(control, calls(town.ichiro), offer.code)
    await erase.erase(control, town.ichiro.key)
    left = (await sharing.sharings(control, hanako.caller))[0]
    assert (left.state, left.viewer_key) == ("ended", None)


async def test_after_erasure_the_history_is_empty_and_the_leaves_stay(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    leaves = await control.fetchval("select count(*) from ledger.entry")
    await erase.erase(control, town.hanako.key)
    await erase_contents(control, town.hanako.key)
    assert (await history.page(control, town.hanako.key)).rows == []
    assert await control.fetchval("select count(*) from ledger.entry") == leaves

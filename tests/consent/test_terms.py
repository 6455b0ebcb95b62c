"""Terms have their own acceptance: by a stated date, until which consents flow; after it the service pauses."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

import msgspec
import pytest

from moyai.base.clock import tokyo, utc_now
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import gate, overview, store, terms, withdrawal
from moyai.consent.gate import Question, Verdict
from moyai.ledger import Kind, history
from moyai.ledger.contents import TermsAccepted, read
from tests.consent.conftest import HERE, Walk, as_shared_now
from tests.factories import Made, Town, make_client, make_consent, make_terms, tie


def day(days: int) -> date:
    """So many days from today (Asia/Tokyo)."""
    return tokyo(utc_now()).date() + timedelta(days=days)


async def publish(conn: Connection, service: Made | None, version: int, accept_by: date | None) -> None:
    """A version of terms whose words are others, with the day by which it asks for acceptance."""
    what = service.id if service else "platform"
    body = {"ja": f"第{version}版の役割。", "en": f"Role, version {version}."}
    content = {
        "title": {"ja": f"{what} 利用規約", "en": f"Terms of {what}"},
        "sections": [{"id": "role", "title": {"ja": "役割", "en": "Role"}, "body": body, "entries": []}],
        "version": version,
    }
    await conn.execute(
        "insert into registry.terms_version (kind, service_key, version, content, sha256, accept_by)"
        " values ($1, $2, $3, $4, $5, $6)",
        "service" if service else "platform",
        service.key if service else None,
        version,
        content,
        hashlib.sha256(msgspec.json.encode(content, order="deterministic")).digest(),
        accept_by,
    )


class Using:
    """Hanako uses the composite service and lets it have her steps; its client asks."""

    def __init__(self, conn: Connection, town: Town, walk: Walk, question: Question) -> None:
        self.conn, self.town, self.walk, self.question = conn, town, walk, question

    async def ask(self) -> Verdict:
        return (await gate.ask(self.conn, [self.question]))[0]

    async def code(self) -> str | None:
        verdict = await self.ask()
        return verdict.refusals[0].code if verdict.refusals else None

    async def standing(self) -> terms.TermsStanding:
        return await terms.standing(self.conn, self.walk.caller, self.walk.service_id)

    async def accept(self) -> terms.Accepted:
        known = await self.standing()
        return await terms.accept(
            self.conn,
            self.walk.caller,
            self.walk.service_id,
            known.service_terms.in_force.sha256,
            known.platform_terms.in_force.sha256,
        )


@pytest.fixture
async def using(control: Connection, town: Town, hanako: Walk) -> Using:
    await hanako.join()
    client = await make_client(control, town.mimamori)
    subject = await tie(control, town.hanako, town.mimamori)
    for provider in (town.kenko_app, town.sensor):
        await tie(control, town.hanako, provider)
    question = Question(
        client.key,
        town.mimamori.key,
        str(subject),
        town.datasets["vitals"].key,
        town.purposes["health-support"].key,
    )
    return Using(control, town, hanako, question)


OWNERS = pytest.mark.parametrize("of_service", [True, False], ids=["service", "platform"])


@OWNERS
async def test_c1_until_the_stated_day_consents_flow(using: Using, of_service: bool) -> None:
    await publish(using.conn, using.town.kenko if of_service else None, 2, day(0))
    assert await using.code() is None
    known = await using.standing()
    assert (known.current, known.paused, known.accept_by) == (False, False, day(0))


@OWNERS
async def test_c1_after_it_the_service_pauses_with_the_way_to_accept_and_nothing_is_withdrawn(
    using: Using, of_service: bool
) -> None:
    before = await store.states_of(using.conn, using.town.hanako.key)
    await publish(using.conn, using.town.kenko if of_service else None, 2, day(-1))
    verdict = await using.ask()
    assert [(one.code, one.extra) for one in verdict.refusals] == [
        ("terms_outdated", {"accept_at": "/portal/services/kenko-mimamori/terms"})
    ]
    assert await store.states_of(using.conn, using.town.hanako.key) == before
    service = await overview.consents_of_service(using.conn, using.walk.caller, using.walk.service_id)
    assert (service.terms_changed, service.paused, service.accept_by) == (True, True, day(-1))
    assert {(link.standing, link.closed) for link in service.links} == {("given", "terms_outdated")}


@OWNERS
async def test_c1_accepting_lets_it_flow_again_without_a_new_decision(using: Using, of_service: bool) -> None:
    await publish(using.conn, using.town.kenko if of_service else None, 2, day(-1))
    before = await store.states_of(using.conn, using.town.hanako.key)
    made = await using.accept()
    assert not made.repeated
    assert await using.code() is None
    assert await store.states_of(using.conn, using.town.hanako.key) == before
    known = await using.standing()
    assert (known.current, known.paused, known.accept_by) == (True, False, None)


async def test_c1_a_permit_ends_with_the_day_by_which_to_accept(using: Using) -> None:
    await publish(using.conn, using.town.kenko, 2, day(3))
    permit = (await using.ask()).permits[0]
    end = await using.conn.fetchval(
        "select terms_until[1] from registry.service where service_id = 'kenko-mimamori'"
    )
    assert permit.ends_ms == int(end.timestamp() * 1000)
    assert tokyo(end).isoformat() == f"{day(4)}T00:00:00+09:00"


async def test_c1_terms_without_a_day_ask_nobody(using: Using) -> None:
    """As those were published that a platform brings along from before."""
    await make_terms(using.conn, using.town.kenko, version=2)
    assert await using.code() is None
    known = await using.standing()
    assert (known.current, known.paused, known.accept_by) == (False, False, None)


async def test_c1_the_first_of_several_days_counts_until_its_version_is_accepted(using: Using) -> None:
    await publish(using.conn, using.town.kenko, 2, day(-1))
    await publish(using.conn, using.town.kenko, 3, day(20))
    assert await using.code() == "terms_outdated"
    await using.accept()
    assert await using.code() is None
    await publish(using.conn, using.town.kenko, 4, day(9))
    assert (await using.standing()).accept_by == day(9)


async def test_c1_who_accepted_the_second_has_until_the_day_of_the_third(using: Using) -> None:
    await publish(using.conn, using.town.kenko, 2, day(-5))
    await using.accept()
    await publish(using.conn, using.town.kenko, 3, day(20))
    assert await using.code() is None
    assert (await using.standing()).accept_by == day(20)


async def test_c1_a_consent_whose_acceptance_is_not_on_record_counts_as_to_the_first_version(
    using: Using, control: Connection
) -> None:
    await control.execute("delete from consent.membership")
    await make_consent(control, using.town.hanako, using.town.links["vitals"])
    assert await using.code() is None
    await publish(using.conn, using.town.kenko, 2, day(-1))
    assert await using.code() == "terms_outdated"


async def test_c1_a_service_that_appears_later_knows_the_platforms_day(
    using: Using, control: Connection
) -> None:
    await publish(using.conn, None, 2, day(-1))
    await control.execute(
        "insert into registry.service (service_id, organization_key, name_ja, name_en, summary_ja, summary_en, kind,"
        " user_scope, municipality_codes, required_ial, required_aal) select 'later', organization_key, name_ja,"
        " name_en, summary_ja, summary_en, kind, user_scope, municipality_codes, 2, 2 from registry.service limit 1"
    )
    found = await control.fetchval(
        "select platform_terms_until[1] <= clock_timestamp() from registry.service where service_id = 'later'"
    )
    assert found is True


async def test_c1_what_changed_is_told_section_by_section(using: Using) -> None:
    await publish(using.conn, using.town.kenko, 2, day(9))
    await using.accept()
    await publish(using.conn, using.town.kenko, 3, day(9))
    known = await using.standing()
    assert [(one.id, one.title_ja, one.old_ja, one.new_ja) for one in known.service_terms.changes] == [
        ("role", "役割", "第2版の役割。", "第3版の役割。")
    ]
    assert known.platform_terms.changes == ()
    assert (known.service_terms.accepted.version, known.service_terms.in_force.version) == (2, 3)


async def test_only_what_is_in_force_is_accepted_and_twice_is_once(using: Using) -> None:
    old = await using.standing()
    await publish(using.conn, using.town.kenko, 2, day(9))
    with pytest.raises(Problem) as refused:
        await terms.accept(
            using.conn,
            using.walk.caller,
            using.walk.service_id,
            old.service_terms.in_force.sha256,
            old.platform_terms.in_force.sha256,
        )
    assert refused.value.code == "terms_not_in_force"
    first, second = await using.accept(), await using.accept()
    assert (first.repeated, second.repeated, first.accepted_at) == (False, True, second.accepted_at)
    events = [
        one for one in await history(using.conn, using.town.hanako.key) if one.kind == Kind.TERMS_ACCEPTED
    ]
    assert len(events) == 2, "on joining, and this one"
    content = read(Kind.TERMS_ACCEPTED, events[0].detail)
    assert isinstance(content, TermsAccepted)
    assert (content.service_id, content.service_terms, content.platform_terms) == ("kenko-mimamori", 2, 1)
    assert content.service_sha256 == (await using.standing()).service_terms.in_force.sha256


async def test_the_platforms_terms_are_accepted_once_for_all_services(
    using: Using, control: Connection
) -> None:
    await control.execute(
        "insert into consent.membership select resident_key, $1, service_terms_key, platform_terms_key, accepted_at"
        " from consent.membership",
        using.town.gyosei.key,
    )
    await publish(using.conn, None, 2, day(-1))
    await using.accept()
    assert await control.fetchval("select count(distinct platform_terms_key) from consent.membership") == 1


async def test_who_does_not_use_the_service_has_nothing_to_accept(using: Using, control: Connection) -> None:
    await publish(using.conn, using.town.kenko, 2, day(-1))
    await withdrawal.withdraw(control, using.walk.caller, HERE, using.walk.box, using.walk.service_id, None)
    with pytest.raises(Problem) as refused:
        await using.accept()
    assert refused.value.code == "service_not_in_use"


async def test_c1_a_service_that_pauses_shows_nothing_to_a_viewer(using: Using, control: Connection) -> None:
    links = await as_shared_now(control, using.town.links["vitals"].key)
    permits, _ = await gate.permit_shared(control, resident_key=using.town.hanako.key, **links)
    assert len(permits) == 1
    await publish(using.conn, None, 2, day(-1))
    permits, refusals = await gate.permit_shared(control, resident_key=using.town.hanako.key, **links)
    assert (permits, [one.code for one in refusals]) == ([], ["terms_outdated"])

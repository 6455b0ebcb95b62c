"""The gate: every way in which a link can be closed has its own code, and only the one open way gives a Permit."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from moyai.base.clock import utc_now
from moyai.base.db import Connection
from moyai.base.errors import CODES, Refused
from moyai.consent import gate
from moyai.consent.gate import Question, Verdict
from moyai.identity import residents
from tests.admin import as_admin
from tests.consent.conftest import as_shared_now
from tests.factories import C2, Made, MadeResident, Town, make_client, make_consent, tie


class Door:
    """Hanako's open door: she lets `mimamori` have her steps for health support. Tests close it in one way each."""

    def __init__(
        self, conn: Connection, town: Town, client: Made, subject: uuid.UUID, provider: uuid.UUID
    ) -> None:
        self.conn, self.town, self.client = conn, town, client
        self.subject, self.provider_subject = subject, provider

    def question(self, **changes: Any) -> Question:
        town = self.town
        facts = {
            "client_key": self.client.key,
            "component_key": town.mimamori.key,
            "subject": str(self.subject),
            "dataset_key": town.datasets["steps"].key,
            "purpose_key": town.purposes["health-support"].key,
        }
        return Question(**{**facts, **changes})

    async def ask(self, **changes: Any) -> Verdict:
        (verdict,) = await gate.ask(self.conn, [self.question(**changes)])
        return verdict

    async def code(self, **changes: Any) -> str:
        """The code of the one refusal. A refusal never comes with a permit."""
        verdict = await self.ask(**changes)
        assert verdict.permits == []
        (refusal,) = verdict.refusals
        assert refusal.code in CODES
        assert isinstance(refusal.raised(), Refused)
        return refusal.code


@pytest.fixture
async def door(control: Connection, town: Town) -> Door:
    client = await make_client(control, town.mimamori)
    subject = await tie(control, town.hanako, town.mimamori)
    provider = await tie(control, town.hanako, town.undo_app)
    await make_consent(control, town.hanako, town.links["steps"])
    return Door(control, town, client, subject, provider)


async def test_open_door_gives_a_permit_for_the_provider(door: Door) -> None:
    verdict = await door.ask()
    (permit,) = verdict.permits
    assert verdict.refusals == []
    assert permit.resident_key == verdict.resident_key == door.town.hanako.key
    assert (permit.component_id, permit.organization_id) == ("undo-app", "c1")
    assert (permit.dataset_id, permit.link_id) == ("steps", "kenko-steps")


async def test_permit_names_the_person_as_the_provider_knows_them(door: Door) -> None:
    (permit,) = (await door.ask()).permits
    assert permit.provider_subject == str(door.provider_subject)
    assert permit.provider_subject != str(door.subject)


async def test_without_consent(door: Door) -> None:
    await door.conn.execute("delete from consent.state where resident_key = $1", door.town.hanako.key)
    assert await door.code() == "consent_missing"


@pytest.mark.parametrize("state", ["refused", "withdrawn"])
async def test_refused_or_withdrawn_consent(door: Door, state: str) -> None:
    await make_consent(door.conn, door.town.hanako, door.town.links["steps"], state)
    assert await door.code() == f"consent_{state}"


async def test_withdrawal_bites_on_the_very_next_question(door: Door) -> None:
    assert (await door.ask()).permits
    await make_consent(door.conn, door.town.hanako, door.town.links["steps"], "withdrawn")
    assert await door.code() == "consent_withdrawn"


async def test_expired_consent(door: Door) -> None:
    now = utc_now()
    await make_consent(
        door.conn,
        door.town.hanako,
        door.town.links["steps"],
        since=now - timedelta(days=366),
        expires_at=now - timedelta(seconds=1),
    )
    assert await door.code() == "consent_expired"


async def test_consent_of_another_link_opens_nothing(door: Door) -> None:
    await tie(door.conn, door.town.hanako, door.town.kenko_app)
    assert await door.code(dataset_key=door.town.datasets["vitals"].key) == "consent_missing"


async def test_consent_of_another_resident_opens_nothing(door: Door) -> None:
    subject = await tie(door.conn, door.town.ichiro, door.town.mimamori)
    await tie(door.conn, door.town.ichiro, door.town.undo_app)
    assert await door.code(subject=str(subject)) == "consent_missing"


async def test_another_purpose(door: Door) -> None:
    purpose = door.town.purposes["watch-over"].key
    assert await door.code(purpose_key=purpose) == "purpose_not_registered"


async def test_another_consumer(door: Door) -> None:
    town = door.town
    client = await make_client(door.conn, town.kenko_app)
    subject = await tie(door.conn, town.hanako, town.kenko_app)
    code = await door.code(client_key=client.key, component_key=town.kenko_app.key, subject=str(subject))
    assert code == "consumer_not_linked"


async def test_ended_link(door: Door) -> None:
    await door.conn.execute(
        "update registry.link set state = 'ended' where link_key = $1", door.town.links["steps"].key
    )
    assert await door.code() in ("consumer_not_linked", "purpose_not_registered")


async def suspend(conn: Connection, organization: Made) -> None:
    await conn.execute(
        "update registry.organization set state = 'suspended', suspended_at = clock_timestamp(),"
        " suspension_reason = 'audit' where organization_key = $1",
        organization.key,
    )


async def test_suspended_consumer_organisation(door: Door) -> None:
    await suspend(door.conn, door.town.c1)
    assert await door.code() == "organization_suspended"


async def test_suspended_provider_organisation(door: Door) -> None:
    town = door.town
    await tie(door.conn, town.hanako, town.kenko_app)
    await make_consent(door.conn, town.hanako, town.links["vitals"])
    assert (await door.ask(dataset_key=town.datasets["vitals"].key)).permits
    await suspend(door.conn, town.koiki)
    assert await door.code(dataset_key=town.datasets["vitals"].key) == "organization_suspended"


@pytest.mark.parametrize(
    ("state", "code"),
    [("suspended", "organization_suspended"), ("registered", "organization_not_certified")],
)
async def test_a_service_whose_own_organisation_is_not_in_force(door: Door, state: str, code: str) -> None:
    """Neither end of the link is that organisation's: it answers for the service all the same."""
    town = door.town
    await door.conn.raw.execute(
        "update registry.service set organization_key = $1 where service_key = $2",
        town.koiki.key,
        town.kenko.key,
    )
    await make_consent(door.conn, town.hanako, town.links["steps"])
    assert (await door.ask()).permits
    await suspend(door.conn, town.koiki)
    if state == "registered":
        await door.conn.execute(
            "update registry.organization set state = 'registered' where organization_key = $1",
            town.koiki.key,
        )
    assert await door.code() == code
    closed = await gate.why_closed(door.conn, await residents.by_id(door.conn, town.hanako.id))
    assert closed[town.links["steps"].key] == code
    assert await shared(door, town.hanako, "steps") == ([], [code])


async def test_organisation_or_service_that_is_not_certified(door: Door) -> None:
    await door.conn.execute("update registry.service set state = 'registered'")
    assert await door.code() == "service_not_certified"
    await door.conn.execute("update registry.organization set state = 'registered'")
    assert await door.code() == "organization_not_certified"


async def test_disabled_client(door: Door) -> None:
    await door.conn.execute("update registry.client set state = 'disabled'")
    assert await door.code() == "forbidden"


@pytest.mark.requirement("R-016", part="gate", of=["choosing", "gate"])
async def test_resident_of_another_municipality(door: Door) -> None:
    await door.conn.execute(
        "update identity.resident set municipality_code = $2 where resident_key = $1",
        door.town.hanako.key,
        C2,
    )
    assert await door.code() == "outside_user_scope"
    await door.conn.execute(
        "update registry.service set user_scope = 'prefecture', municipality_codes = $1", ["372013", C2]
    )
    assert (await door.ask()).permits
    await door.conn.execute("update identity.resident set municipality_code = '131016'")
    assert await door.code() == "outside_user_scope"


async def test_proofing_level_too_low(door: Door) -> None:
    await door.conn.execute("update identity.resident set ial = 1")
    verdict = await door.ask()
    (refusal,) = verdict.refusals
    assert (verdict.permits, refusal.code) == ([], "assurance_insufficient")
    assert refusal.extra == {"required": {"ial": 2, "aal": 2}, "actual": {"ial": 1, "aal": 2}}


async def test_consent_given_in_a_session_of_too_low_a_level(door: Door) -> None:
    await make_consent(door.conn, door.town.hanako, door.town.links["steps"], aal=1)
    assert await door.code() == "assurance_insufficient"


@pytest.mark.parametrize("column", ["required_ial", "required_aal"])
async def test_dataset_may_demand_more_than_the_service(door: Door, column: str) -> None:
    statements = {
        "required_ial": "update registry.dataset set required_ial = 3",
        "required_aal": "update registry.dataset set required_aal = 3",
    }
    await door.conn.raw.execute(statements[column])
    assert await door.code() == "assurance_insufficient"


async def test_subject_of_another_component_is_unknown(door: Door) -> None:
    assert await door.code(subject=str(door.provider_subject)) == "subject_unknown"
    assert await door.code(subject=str(uuid.uuid4())) == "subject_unknown"


async def test_rotated_subject_works_until_its_overlap_ends(door: Door) -> None:
    end = "update identity.pairwise set ends_at = $2 where subject = $1"
    async with as_admin(door.conn):
        await door.conn.execute(end, door.subject, utc_now() + timedelta(minutes=5))
    assert (await door.ask()).permits
    async with as_admin(door.conn):
        await door.conn.execute(end, door.subject, utc_now() - timedelta(seconds=1))
    assert await door.code() == "subject_unknown"


async def test_closed_resident(door: Door) -> None:
    await door.conn.execute("update identity.resident set state = 'closed'")
    assert await door.code() == "resident_inactive"


async def test_person_the_provider_does_not_know(door: Door) -> None:
    await door.conn.execute("delete from identity.pairwise where subject = $1", door.provider_subject)
    assert await door.code() == "subject_unknown"


async def test_questions_that_share_a_statement_are_judged_alone(door: Door) -> None:
    town = door.town
    ichiro = await tie(door.conn, town.ichiro, town.mimamori)
    await tie(door.conn, town.ichiro, town.undo_app)
    await make_consent(door.conn, town.ichiro, town.links["steps"], "withdrawn")
    strangers = [door.question(subject=str(uuid.uuid4())) for _ in range(3)]
    verdicts = await gate.ask(
        door.conn,
        [strangers[0], door.question(), strangers[1], door.question(subject=str(ichiro)), strangers[2]],
    )
    assert [len(verdict.permits) for verdict in verdicts] == [0, 1, 0, 0, 0]
    codes = [verdict.refusals[0].code if verdict.refusals else None for verdict in verdicts]
    assert codes == ["subject_unknown", None, "subject_unknown", "consent_withdrawn", "subject_unknown"]
    assert verdicts[1].permits[0].resident_key == town.hanako.key


async def own(door: Door, client: Made, component: Made, subject: uuid.UUID, dataset: str) -> Any:
    verdict = await gate.permit_own(
        door.conn,
        client_key=client.key,
        component_key=component.key,
        component_id=component.id,
        organization_id="c1",
        subject=str(subject),
        dataset_key=door.town.datasets[dataset].key,
        dataset_id=dataset,
    )
    if verdict.permit is None:
        raise Refused(verdict.code or "")
    return verdict.permit


async def test_provider_keeps_its_own_items(door: Door) -> None:
    client = await make_client(door.conn, door.town.undo_app)
    permit = await own(door, client, door.town.undo_app, door.provider_subject, "steps")
    assert permit.provider_subject == str(door.provider_subject)
    assert permit.link_id is None


@pytest.mark.parametrize(("subject", "dataset"), [("consumer", "steps"), ("provider", "vitals")])
async def test_provider_keeps_nothing_of_others(door: Door, subject: str, dataset: str) -> None:
    client = await make_client(door.conn, door.town.undo_app)
    known_as = door.subject if subject == "consumer" else door.provider_subject
    with pytest.raises(Refused) as refused:
        await own(door, client, door.town.undo_app, known_as, dataset)
    assert refused.value.code == ("subject_unknown" if subject == "consumer" else "provider_not_registered")


async def test_suspended_organisation_keeps_nothing(door: Door) -> None:
    client = await make_client(door.conn, door.town.undo_app)
    await suspend(door.conn, door.town.c1)
    with pytest.raises(Refused, match="organization_suspended"):
        await own(door, client, door.town.undo_app, door.provider_subject, "steps")


async def shared(door: Door, resident: MadeResident, *datasets: str) -> tuple[list[str], list[str]]:
    """(link ids that are open, codes of those that are closed) of what the resident chose to share."""
    keys = [door.town.links[dataset].key for dataset in datasets]
    permits, refusals = await gate.permit_shared(
        door.conn, resident_key=resident.key, **await as_shared_now(door.conn, *keys)
    )
    return [str(permit.link_id) for permit in permits], [refusal.code for refusal in refusals]


async def test_relative_sees_only_what_is_open_for_the_resident(door: Door) -> None:
    await tie(door.conn, door.town.hanako, door.town.kenko_app)
    assert await shared(door, door.town.hanako, "steps", "vitals") == (["kenko-steps"], ["consent_missing"])
    await make_consent(door.conn, door.town.hanako, door.town.links["steps"], "withdrawn")
    assert await shared(door, door.town.hanako, "steps") == ([], ["consent_withdrawn"])


async def test_ended_link_is_not_shared_and_has_a_listed_code(door: Door) -> None:
    await door.conn.execute("update registry.link set state = 'ended'")
    permits, codes = await shared(door, door.town.hanako, "steps")
    assert permits == []
    assert set(codes) <= set(CODES)


async def test_m1_taking_the_scope_away_bites_on_the_next_exchange(door: Door) -> None:
    assert (await door.ask()).permits
    await door.conn.execute(
        "update registry.client set scopes = '{openid,personal:store}' where client_key = $1", door.client.key
    )
    assert await door.code() == "forbidden"


async def test_m1_a_client_asks_for_its_own_component_only(door: Door) -> None:
    other = await make_client(door.conn, door.town.kyufu)
    assert await door.code(client_key=other.key) == "forbidden"

"""From an empty platform to a consent, through the rooms' own actions: platform, service, resident, in that order."""

from __future__ import annotations

from datetime import date

import pytest

from moyai import ledger, registry
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.consent import enrolment, gate
from moyai.identity import desk, residents
from moyai.identity.model import Evidence, Person, Resident
from moyai.ledger import Kind
from tests.consent.conftest import Walk, calls
from tests.factories import MadeResident, Town, make_client, make_link, make_service, tie
from tests.registry import samples

HANAKO = Person(
    family_name="讃岐",
    given_name="花子",
    family_kana="サヌキ",
    given_kana="ハナコ",
    birth_date=date(1948, 3, 14),
    address="香川県高松市番町1-8-15",
    municipality_code="372013",
)


async def enrol(conn: Connection) -> Resident:
    city = (await registry.organization(conn, "city")).organization_key
    at = await desk.desk_of(conn, city, "staff:desk")
    return await residents.enrol(conn, at, HANAKO, Evidence(2, "desk_document", "my_number_card"))


def walk_of(conn: Connection, box: SecretBox, resident: Resident) -> Walk:
    made = MadeResident(resident.resident_key, resident.resident_id, resident.municipality_code, resident.ial)
    return Walk(conn, box, calls(made), "kenko")


@pytest.mark.requirement("R-002", part="offer", of=["offer", "trail"])
async def test_nobody_joins_a_service_before_it_is_certified(control: Connection, box: SecretBox) -> None:
    await samples.registered_service(control)
    hanako = walk_of(control, box, await enrol(control))
    with pytest.raises(Problem) as refused:
        await enrolment.choose(control, hanako.caller, "kenko")
    assert (refused.value.code, refused.value.extra["reason"]) == (
        "service_not_offered",
        "service_not_certified",
    )


@pytest.mark.requirement("R-002", part="trail", of=["offer", "trail"])
async def test_platform_service_and_resident_are_on_record_in_order(
    control: Connection, box: SecretBox
) -> None:
    await samples.certified_service(control)
    resident = await enrol(control)
    decided = await walk_of(control, box, resident).join()
    assert decided.links == {"kenko-steps": "given"}
    acts = await ledger.history(control, 0) + await ledger.history(control, resident.resident_key)

    def only(kind: Kind, **detail: str) -> ledger.Event:
        found = [a for a in acts if a.kind == kind and detail.items() <= a.detail.items()]
        assert len(found) == 1, kind
        return found[0]

    trail = [
        only(Kind.ORGANIZATION_CERTIFIED, id="unei"),
        only(Kind.SERVICE_CERTIFIED, id="kenko"),
        only(Kind.RESIDENT_ENROLLED),
        only(Kind.CONSENT_GIVEN, service="kenko"),
    ]
    assert [act.at for act in trail] == sorted(act.at for act in trail)
    assert all(act.actor and act.opens() for act in trail)


@pytest.mark.requirement("R-016", part="gate", of=["choosing", "gate"])
async def test_the_gate_holds_the_scope_of_municipality_and_prefecture(
    control: Connection, town: Town, box: SecretBox
) -> None:
    """Midori of C2 with a service for C1 and one for the prefecture, then after moving away from it."""
    wide = await make_service(
        control, town.koiki, user_scope="prefecture", municipality_codes=("372013", "373419")
    )
    vitals, watch = town.datasets["vitals"], town.purposes["watch-over"]
    link = await make_link(control, wide, town.kenko_app, town.mimamori, vitals, watch)
    for component in (town.kenko_app, town.undo_app):
        await tie(control, town.midori, component)
    subject = str(await tie(control, town.midori, town.mimamori))
    client = await make_client(control, town.mimamori)
    await Walk(control, box, calls(town.midori), wide.id).join({link.id: "given"})
    narrow = gate.Question(
        client.key,
        town.mimamori.key,
        subject,
        town.datasets["steps"].key,
        town.purposes["health-support"].key,
    )
    broad = gate.Question(client.key, town.mimamori.key, subject, vitals.key, watch.key)

    async def codes() -> list[str]:
        verdicts = await gate.ask(control, [narrow, broad])
        return ["permitted" if v.permits else v.refusals[0].code for v in verdicts]

    assert await codes() == ["outside_user_scope", "permitted"]
    await control.execute(
        "update identity.resident set municipality_code = '131016' where resident_key = $1", town.midori.key
    )
    assert await codes() == ["outside_user_scope", "outside_user_scope"]

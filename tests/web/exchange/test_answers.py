"""`POST /personal/v1/exchange`: one answer from separate databases of separate organisations, recorded once."""

from __future__ import annotations

import asyncio

import pytest

from tests.web.exchange.conftest import PRESENCE, STEPS, VITALS, Road, contents, problem


async def test_answer_has_one_shape_and_names_its_sources(road: Road) -> None:
    person = await road.resident("steps", "vitals", items={"steps": STEPS, "vitals": VITALS})
    answer = await person.ask("steps", "vitals")
    document = answer.json()
    assert set(document) == {"exchange_id", "recorded_at", "subject", "purpose", "results"}
    assert (document["subject"], document["purpose"]) == (str(person.subjects["mimamori"]), "health-support")
    steps, vitals = document["results"]
    assert steps["source"] == {"organization_id": "c1", "component_id": "undo-app"}
    assert vitals["source"] == {"organization_id": "koiki", "component_id": "kenko-app"}
    (item,) = steps["items"]
    assert item == {"item_id": "item-1", "version": 1, "observed_at": None, "content": STEPS}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["ratelimit-policy"] == '"client";q=10000;w=10'
    assert answer.headers["ratelimit"].startswith('"client";r=')


@pytest.mark.requirement("R-003")
async def test_composite_service_reads_three_providers_after_consent_and_none_before(road: Road) -> None:
    person = await road.resident(items={"steps": STEPS, "vitals": VITALS, "presence": PRESENCE})
    assert problem(await person.ask("steps", "vitals")) == (403, "consent_missing")
    assert problem(await person.ask("presence", purpose="watch-over")) == (403, "consent_missing")
    for dataset in ("steps", "vitals", "presence"):
        await person.consent(dataset)
    assert contents(await person.ask("steps", "vitals")) == {"steps": [STEPS], "vitals": [VITALS]}
    assert contents(await person.ask("presence", purpose="watch-over")) == {"presence": [PRESENCE]}


@pytest.mark.requirement("R-005")
async def test_value_written_at_one_organisation_is_read_at_another_and_logged_once(road: Road) -> None:
    """`kenko-app` belongs to the union, `mimamori` to C1."""
    person = await road.resident("vitals", items={"vitals": VITALS})
    answer = await person.ask("vitals")
    assert contents(answer) == {"vitals": [VITALS]}
    (entry,) = await person.recorded()
    assert entry["entry_id"] == answer.json()["exchange_id"]
    assert (entry["kind"], entry["actor"]) == ("exchange", "component:mimamori")
    detail = entry["detail"]
    assert (detail["consumer"], detail["consumer_organization"]) == ("mimamori", "c1")
    (source,) = detail["sources"]
    assert (source["provider"], source["provider_organization"]) == ("kenko-app", "koiki")
    assert (source["items"], detail["purpose"]) == (1, "health-support")
    (result,) = answer.json()["results"]
    assert source["link_id"].endswith("vitals")
    assert source["version"] == result["version"]


async def test_record_holds_no_content_and_no_subject(road: Road) -> None:
    person = await road.resident("vitals", items={"vitals": {"weight_kg": 7070.7171}})
    await person.ask("vitals")
    text = str(await person.recorded("exchange", "items_stored"))
    assert "7070" not in text
    assert not any(str(subject) in text for subject in person.subjects.values())


async def test_closed_source_is_named_with_its_reason_beside_the_open_one(road: Road) -> None:
    person = await road.resident("steps", items={"steps": STEPS, "vitals": VITALS})
    await person.consent("vitals", "refused")
    answer = await person.ask("steps", "vitals")
    assert contents(answer) == {"steps": [STEPS]}
    closed = answer.json()["results"][1]
    assert closed == {
        "dataset": "vitals",
        "status": "refused",
        "source": {"organization_id": "koiki", "component_id": "kenko-app"},
        "code": "consent_refused",
    }


async def test_dataset_asked_for_twice_is_answered_once(road: Road) -> None:
    person = await road.resident("steps", items={"steps": STEPS})
    assert len((await person.ask("steps", "steps")).json()["results"]) == 1


async def test_newest_items_first_and_no_more_than_asked_for(road: Road) -> None:
    person = await road.resident("steps")
    for day in (2, 1, 3):
        path = f"{person.items('steps')}/day-{day}"
        body = {"content": {"steps": day}, "observed_at": f"2026-11-0{day}T09:00:00+09:00"}
        assert (await road.call("undo-app", "PUT", path, json=body)).status_code == 201
    answer = await road.call(
        "mimamori", "POST", "/personal/v1/exchange", json={**person.body("steps"), "limit": 2}
    )
    assert contents(answer) == {"steps": [{"steps": 3}, {"steps": 2}]}
    assert answer.json()["results"][0]["items"][0]["observed_at"] == "2026-11-03T00:00:00Z"


async def test_no_answer_without_the_record(road: Road) -> None:
    """The ledger's statement fails while everything else works: the items stay where they are."""
    person = await road.resident("steps", items={"steps": STEPS})
    admin = await road.platform.connect("moyai_owner")
    await admin.execute("alter table ledger.entry rename to entry_away")
    try:
        answer = await person.ask("steps")
    finally:
        await admin.execute("alter table ledger.entry_away rename to entry")
    assert answer.status_code >= 500
    assert "180123" not in answer.text
    assert contents(await person.ask("steps")) == {"steps": [STEPS]}
    assert len(await person.recorded()) == 1


async def test_withdrawal_bites_on_the_next_request_at_every_process(road: Road) -> None:
    person = await road.resident("steps", items={"steps": STEPS})
    for process in (road.here, road.there):
        assert contents(await person.ask("steps", at=process)) == {"steps": [STEPS]}
    await person.consent("steps", "withdrawn")
    for process in (road.here, road.there):
        assert problem(await person.ask("steps", at=process)) == (403, "consent_withdrawn")


async def test_requests_at_the_same_moment_get_their_own_answers(road: Road) -> None:
    people = [await road.resident("steps", items={"steps": {"steps": n}}) for n in range(12)]
    for person in people[::4]:
        await person.consent("steps", "withdrawn")
    answers = await asyncio.gather(*(person.ask("steps") for person in people))
    for n, answer in enumerate(answers):
        if n % 4 == 0:
            assert problem(answer) == (403, "consent_withdrawn")
        else:
            assert contents(answer) == {"steps": [{"steps": n}]}

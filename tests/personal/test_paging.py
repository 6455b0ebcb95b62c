"""M13: no answer is larger than the setting says, and yet everything can be read to the end, page by page."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode as b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem, Refused
from moyai.personal.model import ExchangeAnswer, ExchangeRequest
from moyai.personal.paging import cursor_of, positions
from moyai.personal.stores import Read, read_items
from tests.bench.statements import recorded
from tests.bench.test_growth import executed, pages, scanned
from tests.personal.conftest import Person, Process, World, proof
from tests.personal.test_exchange import codes, contents
from tests.personal.test_items import store_of

DAY = datetime(2026, 11, 1, tzinfo=UTC)
HOLDERS = {"steps": "c1", "vitals": "koiki"}
PROVIDERS = {"steps": "undo-app", "vitals": "kenko-app"}

Row = tuple[str, datetime | None, datetime, dict[str, Any]]
"""Item id, observed, stored, content."""


async def keep(person: Person, dataset: str, rows: Sequence[Row]) -> None:
    """Items as they would lie in the store had they been stored at these times."""
    conn = await store_of(person.world, HOLDERS[dataset])
    subject = person.subjects[PROVIDERS[dataset]]
    await conn.executemany(
        "insert into store.item (subject, dataset_id, item_id, observed_at, created_at, content)"
        " values ($1, $2, $3, $4, $5, $6::text::json)",
        [(subject, dataset, one[0], one[1], one[2], msgspec.json.encode(one[3]).decode()) for one in rows],
    )
    await conn.close()


def days(count: int, size: int = 0) -> list[Row]:
    """An item a day, every third without a time of observation; `size` bytes of text in each."""
    return [
        (
            f"day-{n}",
            None if n % 3 == 0 else DAY + timedelta(days=n),
            DAY + timedelta(days=n),
            {"steps": "x" * size or n},
        )
        for n in range(count)
    ]


async def page(
    person: Person, *datasets: str, at: Process | None = None, key: str | None = None, **more: Any
) -> ExchangeAnswer:
    town, process = person.world.town, at or person.world.process
    request = ExchangeRequest(str(person.subjects["mimamori"]), "health-support", list(datasets), **more)
    return await process.exchange.run(person.world.caller(town.mimamori, town.c1), request, proof(), key)


async def to_the_end(person: Person, *datasets: str, **more: Any) -> list[ExchangeAnswer]:
    answers = [await page(person, *datasets, **more)]
    while answers[-1].next is not None:
        answers.append(await page(person, *datasets, cursor=answers[-1].next, **more))
        assert len(answers) < 100, "it never ends"
    return answers


def ids(answers: Sequence[ExchangeAnswer], dataset: str = "steps") -> list[str]:
    return [
        item.item_id
        for answer in answers
        for result in answer.results
        if result.dataset == dataset
        for item in result.items or ()
    ]


async def test_m13_every_item_is_read_once_newest_first_to_the_end(world: World) -> None:
    person = await world.resident("steps")
    rows = [*days(20), ("null", DAY + timedelta(days=4), DAY, {"steps": 1})]
    await keep(person, "steps", rows)
    answers = await to_the_end(person, "steps", limit=4)
    newest_first = sorted(rows, key=lambda one: (one[1] or one[2], one[0]), reverse=True)
    assert ids(answers) == [one[0] for one in newest_first]
    assert [len(ids([answer])) for answer in answers] == [4, 4, 4, 4, 4, 1]


async def test_m13_pages_stay_in_place_while_others_write(world: World) -> None:
    person = await world.resident("steps")
    await keep(person, "steps", days(9))
    first = await page(person, "steps", limit=3)
    assert ids([first]) == ["day-8", "day-7", "day-6"]
    await keep(person, "steps", [("later", DAY + timedelta(days=30), DAY, {"steps": 1})])
    await person.delete("steps", "day-6")
    await person.put("steps", "day-3", {"steps": 4})
    rest = await page(person, "steps", cursor=first.next, limit=100)
    assert ids([rest]) == ["day-5", "day-4", "day-3", "day-2", "day-1", "day-0"]
    assert rest.next is None


async def test_m13_since_is_inclusive_and_until_is_not(world: World) -> None:
    person = await world.resident("steps")
    await keep(person, "steps", days(9))
    bounds = {"since": DAY + timedelta(days=2), "until": DAY + timedelta(days=6)}
    assert ids(await to_the_end(person, "steps", limit=3, **bounds)) == ["day-5", "day-4", "day-3", "day-2"]
    assert ids([await page(person, "steps", since=DAY + timedelta(days=8))]) == ["day-8"]
    assert ids([await page(person, "steps", until=DAY)]) == []


async def test_m13_no_answer_is_larger_than_the_setting_over_all_its_sources(world: World) -> None:
    person = await world.resident("steps", "vitals")
    await keep(person, "steps", days(12, 9_000))
    await keep(person, "vitals", [(one[0], one[1], one[2], {"weight_kg": "y" * 20_000}) for one in days(7)])
    async with world.another_process() as process:
        process.stores.answer_bytes = 65_536
        answers = await to_the_end(person, "steps", "vitals", at=process)
    sizes = [len(msgspec.json.encode(answer)) for answer in answers]
    assert max(sizes) <= 65_536
    assert len(ids(answers)) == len(set(ids(answers))) == 12
    assert len(ids(answers, "vitals")) == len(set(ids(answers, "vitals"))) == 7


async def test_m13_what_does_not_fit_is_not_even_loaded(world: World) -> None:
    person = await world.resident("steps")
    await keep(person, "steps", days(10, 10_000))
    conn = await store_of(world, "c1")
    subject = str(person.subjects["undo-app"])
    most = Read(subject, "steps", 1000, 35_000)
    sent: list[int] = []
    fetch = conn.fetch

    async def counted(query: str, *args: Any) -> Any:
        rows = await fetch(query, *args)
        sent.append(sum(len(row["content"] or "") for row in rows))
        return rows

    conn.fetch = counted  # type: ignore[method-assign]
    (found,) = await read_items(conn, [most])
    await conn.close()
    assert [one.item.item_id for one in found.items] == ["day-9", "day-8", "day-7"]
    assert found.beyond is not None
    assert found.beyond.item_id == "day-6"
    assert sent[0] <= 35_000


async def test_m13_an_item_larger_than_its_share_has_its_turn(world: World) -> None:
    person = await world.resident("steps", "vitals")
    large = {"steps": "x" * 45_000}
    await keep(person, "steps", [("a", DAY, DAY, large), ("b", DAY - timedelta(1), DAY, {"steps": 2})])
    await keep(person, "vitals", [("c", DAY, DAY, {"weight_kg": "y" * 45_000})])
    async with world.another_process() as process:
        process.stores.answer_bytes = 65_536
        first = await page(person, "steps", "vitals", at=process)
        assert (ids([first]), codes(first)) == (["a"], {"vitals": "answer_full"})
        second = await page(person, "steps", "vitals", at=process, cursor=first.next)
        assert (ids([second]), ids([second], "vitals")) == (["b"], ["c"])
        assert second.next is None


async def test_m13_an_item_that_never_fits_is_told_and_holds_up_nothing(world: World) -> None:
    person = await world.resident("steps")
    large = {"steps": "x" * 70_000}
    await keep(
        person, "steps", [("large", DAY, DAY, large), ("small", DAY - timedelta(1), DAY, {"steps": 2})]
    )
    async with world.another_process() as process:
        process.stores.answer_bytes = 65_536
        first = await page(person, "steps", at=process)
        assert codes(first) == {"steps": "item_too_large"}
        assert contents(await page(person, "steps", at=process, cursor=first.next)) == {
            "steps": [{"steps": 2}]
        }


async def test_m13_each_page_is_judged_and_on_record(world: World) -> None:
    person = await world.resident("steps")
    await keep(person, "steps", days(6))
    first = await page(person, "steps", limit=2)
    await page(person, "steps", limit=2, cursor=first.next)
    assert [one["detail"]["sources"][0]["items"] for one in await person.recorded()] == [2, 2]
    await person.withdraw("steps")
    with pytest.raises(Refused, match="consent_withdrawn"):
        await page(person, "steps", limit=2, cursor=first.next)
    assert [one["kind"] for one in await person.recorded()] == ["exchange", "exchange", "refusal"]


async def test_m13_a_cursor_carries_no_right(world: World) -> None:
    one, other = await world.resident("steps", "vitals"), await world.resident("steps")
    for person in (one, other):
        await keep(person, "steps", days(6))
        await keep(person, "vitals", days(6))
    theirs = (await page(one, "steps", "vitals", limit=2)).next
    answer = await page(other, "steps", "vitals", limit=100, cursor=theirs)
    assert codes(answer) == {"vitals": "consent_missing"}
    assert ids([answer]) == ["day-3", "day-2", "day-1", "day-0"]
    (entry,) = await other.recorded()
    assert entry["resident"] == other.made.key
    with pytest.raises(Refused, match="consent_missing"):
        await page(other, "vitals", cursor=theirs)
    invented = cursor_of(dict.fromkeys(("kenko-steps", "kenko-vitals", "any-link")))
    assert ids([await page(other, "steps", "vitals", cursor=invented)], "vitals") == []


@pytest.mark.parametrize(
    "cursor", ["x", "bnVsbA", "W10", "eyJhIjpbXX0", cursor_of({"a": None})[:-3], "eyJhIjpbMSwyXX0"]
)
async def test_m13_what_is_no_cursor_is_refused(world: World, cursor: str) -> None:
    person = await world.resident("steps")
    with pytest.raises(Problem, match="invalid_request"):
        await page(person, "steps", cursor=cursor)
    assert await person.recorded() == []


@pytest.mark.parametrize("item_id", ["a{b", 'a"', "a,b", "", "a\\b", "é", "a b"])
def test_m13_no_cursor_names_what_is_no_item(item_id: str) -> None:
    """An id travels inside an array literal."""
    forged = b64encode(msgspec.json.encode({"kenko-steps": [DAY, item_id]})).decode()
    with pytest.raises(Problem, match="invalid_request"):
        positions(forged)


async def test_m13_a_source_that_did_not_answer_goes_on_with_the_others(world: World) -> None:
    person = await world.resident("steps", "vitals")
    await keep(person, "steps", days(4))
    await keep(person, "vitals", days(2))
    async with world.another_process() as process:
        stores, away = process.stores, [True]
        locate = stores._locate

        async def locate_if_there(key: int) -> Any:
            if away and key == world.town.koiki.key:
                raise Problem("source_unavailable")
            return await locate(key)

        stores._locate = locate_if_there
        first = await page(person, "steps", "vitals", at=process, limit=2)
        assert (ids([first]), codes(first)) == (["day-3", "day-2"], {"vitals": "source_unavailable"})
        away.clear()
        second = await page(person, "steps", "vitals", at=process, limit=2, cursor=first.next)
    assert (ids([second]), ids([second], "vitals")) == (["day-1", "day-0"], ["day-1", "day-0"])
    assert second.next is None


async def test_m13_a_page_under_an_idempotency_key_is_one_exchange_and_another_page_is_not(
    world: World,
) -> None:
    person, key = await world.resident("steps"), secrets.token_hex(8)
    await keep(person, "steps", days(6))
    first = await page(person, "steps", limit=2, key=key)
    assert (await page(person, "steps", limit=2, key=key)).exchange_id == first.exchange_id
    with pytest.raises(Problem, match="idempotency_key_reused"):
        await page(person, "steps", limit=2, cursor=first.next, key=key)
    second = await page(person, "steps", limit=2, cursor=first.next, key=key + "-2")
    again = await page(person, "steps", limit=2, cursor=first.next, key=key + "-2")
    assert again.exchange_id == second.exchange_id != first.exchange_id
    assert ids([again]) == ids([second])


async def test_m13_one_item_by_its_id_is_cut_like_all_else(world: World) -> None:
    person = await world.resident("steps", "vitals")
    await keep(
        person, "steps", [("a", DAY, DAY, {"steps": 1, "note": "SECRET"}), ("b", DAY, DAY, {"steps": 2})]
    )
    answer = await page(person, "steps", "vitals", item_id="a")
    assert contents(answer) == {"steps": [{"steps": 1}], "vitals": []}
    assert answer.next is None
    with pytest.raises(ValueError, match="item_id"):
        await page(person, "steps", item_id="a", since=DAY)


async def test_m13_a_page_costs_the_same_however_deep_it_is(world: World) -> None:
    """By the index, and without sorting: at the newest item, in the middle and at the end."""
    person = await world.resident("steps")
    many = 4000
    await keep(person, "steps", days(many))
    conn = await store_of(world, "c1")
    await conn.execute("analyze store.item")
    costs = []
    for at in (None, many // 2, 50):
        before = None if at is None else DAY + timedelta(days=at)
        asked: list[tuple[str, Any]] = []
        subject = str(person.subjects["undo-app"])
        async with recorded(conn, asked):
            (found,) = await read_items(conn, [Read(subject, "steps", 20, 1_000_000, before=before)])
            await conn.ping()  # the driver tells of a statement a moment later
        assert [one.item.item_id for one in found.items][:1] == [f"day-{(at or many) - 1}"]
        plan = await executed(conn, *next(one for one in asked if one[1]))
        assert "item_page" in used(plan)
        assert scanned(plan) == set()
        costs.append(pages(plan))
    await conn.close()
    assert max(costs) < 60


def used(plan: dict[str, Any]) -> set[str]:
    """The indexes of a plan; a sort of the items would be a node of its own."""
    assert plan["Node Type"] not in ("Sort", "Incremental Sort")
    return {plan.get("Index Name", "")}.union(*(used(child) for child in plan.get("Plans", ())))


async def test_m13_a_store_of_the_version_before_can_be_read_in_pages(world: World) -> None:
    """What is weighed is weighed by the store itself, whoever stored it."""
    conn: Connection = await store_of(world, "c1")
    assert await conn.fetchval(
        "select is_generated = 'ALWAYS' from information_schema.columns"
        " where table_schema = 'store' and table_name = 'item' and column_name = 'bytes'"
    )
    await conn.close()

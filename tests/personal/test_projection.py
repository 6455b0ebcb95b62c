"""C1, second form: an answer holds nothing but the items that the consented version names, at every depth."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.personal.model import Item
from moyai.personal.projection import projected
from tests.factories import make_consent
from tests.personal.conftest import World

READING = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"value": {"type": "number"}, "unit": {"type": "string"}},
}
SCHEMAS = {"date": {"type": "string"}, "readings": {"type": "array", "items": READING}}


def cut(content: str, schemas: dict[str, Any] = SCHEMAS) -> str:
    item = projected(Item("a", 1, None, msgspec.Raw(content.encode())), schemas)
    return bytes(item.content).decode()


@pytest.mark.parametrize(
    ("stored", "given"),
    [
        ('{"date":"2027-01-01","note":"SECRET"}', '{"date":"2027-01-01"}'),
        (
            '{"readings":[{"value":1.10,"unit":"kg","note":"SECRET"},"SECRET"]}',
            '{"readings":[{"value":1.10,"unit":"kg"}]}',
        ),
        ('{"date":{"note":"SECRET"}}', "{}"),
        ('{"date":["SECRET"]}', "{}"),
        ('{"date":"SECRET","date":"2027-01-01"}', '{"date":"2027-01-01"}'),
        ('{"other":1}', "{}"),
        ('["SECRET"]', "{}"),
    ],
)
def test_c1_only_what_was_read_leaves_at_every_depth(stored: str, given: str) -> None:
    assert cut(stored) == given


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"type": ["string", "object", "array"]}])
@pytest.mark.parametrize("value", ['{"note":"SECRET"}', '[["SECRET"]]', '[{"note":"SECRET"}]'])
def test_b7_what_a_schema_lets_in_and_does_not_name_is_refused(schema: dict[str, Any], value: str) -> None:
    wanted = {"data": schema} if value[0] == "{" else {"data": {"type": "array", "items": schema}}
    if value == '[["SECRET"]]' and schema == {"type": "object"}:
        assert cut(f'{{"data":{value}}}', wanted) == '{"data":[]}'
        return
    with pytest.raises(Problem, match="schema_open"):
        cut(f'{{"data":{value}}}', wanted)


def test_numbers_keep_their_digits() -> None:
    assert cut('{"n":1.10,"big":12345678901234567890123}', {"n": {}, "big": {}}) == (
        '{"n":1.10,"big":12345678901234567890123}'
    )


async def test_c1_what_an_open_schema_once_let_in_does_not_leave(world: World) -> None:
    person = await world.resident("steps", items={"steps": {"steps": 8123, "my_number": "SECRET"}})
    answer = await person.ask("steps")
    assert [bytes(item.content) for item in answer.results[0].items or []] == [b'{"steps":8123}']


async def test_c1_an_item_added_after_the_decision_waits(world: World) -> None:
    person = await world.resident("vitals", items={"vitals": {"weight_kg": 61.5, "systolic": 128}})
    before = await _items(world)
    async with world.control.transaction() as conn:
        await _declare(conn, [*before, {"name": "note", "ja": "病歴", "en": "Illness"}])
    await person.put("vitals", "item-1", {"weight_kg": 61.5, "note": "SECRET"})
    try:
        answer = await person.ask("vitals")
        assert b"SECRET" not in msgspec.json.encode(answer)
        assert answer.results[0].version == 1
    finally:
        async with world.control.transaction() as conn:
            await _declare(conn, before)


async def test_b7_a_source_with_an_open_schema_is_refused_until_it_is_closed(world: World) -> None:
    person = await world.resident("steps", items={"steps": {"steps": {"note": "SECRET"}}})
    async with world.control.transaction() as conn:
        before = await conn.fetchval("select schema from registry.dataset where dataset_id = 'steps'")
        await _schema(conn, {**before, "properties": {**before["properties"], "steps": {}}})
    try:
        async with world.control.transaction() as conn:
            await make_consent(conn, person.made, world.town.links["steps"])
        (result,) = (await person.ask("steps")).results
        assert (result.status, result.code, result.items) == ("unavailable", "schema_open", None)
    finally:
        async with world.control.transaction() as conn:
            await _schema(conn, before)


async def _schema(conn: Connection, schema: dict[str, Any]) -> None:
    await conn.execute("update registry.dataset set schema = $1 where dataset_id = 'steps'", schema)


async def _items(world: World) -> list[dict[str, str]]:
    async with world.control.connection() as conn:
        return await conn.fetchval("select items from registry.dataset where dataset_id = 'vitals'")


async def _declare(conn: Connection, items: list[dict[str, str]]) -> None:
    await conn.execute("update registry.dataset set items = $1 where dataset_id = 'vitals'", items)

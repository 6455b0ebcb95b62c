"""Datasets: schemas are compiled, items are in plain words, contents are judged without being repeated."""

from __future__ import annotations

from typing import Any

import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.registry.model import (
    DataItem,
)
from tests.registry.samples import ACTOR, STEPS, but


def with_schema(**members: Any) -> Any:
    return but(STEPS, schema={**STEPS.schema, **members})


@pytest.mark.parametrize(
    "declared",
    [
        with_schema(properties={"date": {"type": "nonsense"}, "steps": {}}),
        with_schema(type="array"),
        with_schema(properties=None),
        with_schema(properties={"date": {}, "steps": {"$ref": "https://example.org/schema"}}),
        with_schema(properties={"date": {}, "steps": {"$ref": "#/$defs/missing"}}),
        with_schema(properties={"date": {"pattern": "("}, "steps": {}}),
        but(STEPS, items=[DataItem("date", "日付", "Day")]),
        but(STEPS, items=[*STEPS.items, DataItem("weather", "天気", "Weather")]),
        but(STEPS, items=[*STEPS.items, STEPS.items[0]]),
    ],
)
async def test_a_dataset_that_cannot_be_checked_or_explained_is_refused(control: Connection, declared: Any):
    with pytest.raises(Problem) as refused:
        await registry.register_dataset(control, declared, ACTOR)
    assert refused.value.code == "dataset_schema_invalid"


async def test_a_dataset_is_registered_with_its_plain_words(control: Connection):
    await registry.register_dataset(control, STEPS, ACTOR)
    stored = await registry.dataset(control, "steps")
    assert [item.ja for item in stored.items] == ["日付", "歩いた数"]
    assert (await registry.register_dataset(control, STEPS, ACTOR)).outcome == "unchanged"


async def test_content_is_judged_by_the_schema_in_force(control: Connection):
    await registry.register_dataset(control, STEPS, ACTOR)
    before = await registry.dataset(control, "steps")
    registry.check_content(before, {"date": "2026-11-24", "steps": 5120})
    limited = with_schema(
        properties={"date": {"type": "string"}, "steps": {"type": "integer", "maximum": 100}}
    )
    await registry.register_dataset(control, limited, ACTOR)
    with pytest.raises(Problem):
        registry.check_content(await registry.dataset(control, "steps"), {"date": "x", "steps": 5120})


async def test_a_refusal_names_places_and_rules_but_no_values(control: Connection):
    await registry.register_dataset(control, STEPS, ACTOR)
    dataset = await registry.dataset(control, "steps")
    with pytest.raises(Problem) as refused:
        registry.check_content(dataset, {"date": "canary-7731", "steps": "canary-7732", "canary_7733": 1})
    problem = refused.value
    assert problem.code == "content_invalid"
    assert {"path": "$.steps", "rule": "type"} in problem.extra["errors"]
    assert {"path": "$.date", "rule": "format"} in problem.extra["errors"]
    assert "canary" not in f"{problem} {problem.detail} {problem.extra}"


@pytest.mark.parametrize("content", [None, [], 3, "text", {}, {"date": "2026-02-30", "steps": 1}])
async def test_other_shapes_are_refused(control: Connection, content: Any):
    await registry.register_dataset(control, STEPS, ACTOR)
    with pytest.raises(Problem) as refused:
        registry.check_content(await registry.dataset(control, "steps"), content)
    assert refused.value.code == "content_invalid"


async def test_a_hostile_pattern_costs_linear_time(control: Connection):
    slow = with_schema(
        properties={"date": {"type": "string", "pattern": "^(a+)+$"}, "steps": {"type": "integer"}}
    )
    await registry.register_dataset(control, slow, ACTOR)
    with pytest.raises(Problem):
        registry.check_content(
            await registry.dataset(control, "steps"), {"date": "a" * 5000 + "!", "steps": 1}
        )


async def test_a_text_with_a_nul_character_is_refused(control: Connection):
    for declared in (but(STEPS, name_ja="歩\x00数"), with_schema(title="a\x00b")):
        with pytest.raises(Problem) as refused:
            await registry.register_dataset(control, declared, ACTOR)
        assert refused.value.code == "invalid_request"

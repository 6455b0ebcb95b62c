"""C1: a schema that lets in what no text names is refused (dataset_schema_invalid)."""

from __future__ import annotations

from typing import Any

import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.registry.schema_profile import check_profile
from tests.registry.samples import ACTOR, STEPS, but


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


@pytest.mark.parametrize(
    "schema",
    [
        closed(),
        closed(
            a={"type": "string", "maxLength": 3, "pattern": "^a"},
            b={"type": ["number", "null"], "minimum": 0},
        ),
        closed(a={"type": "array", "items": closed(b={"type": "integer", "enum": [1, 2]}), "maxItems": 3}),
        closed(a={"enum": ["x", "y"]}, b={"const": 1})
        | {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        closed(a=closed(b=closed(c={"type": "boolean"})))
        | {"$schema": "https://json-schema.org/draft/2020-12/schema"},
    ],
)
def test_closed_schemas_are_taken(schema: dict[str, Any]) -> None:
    check_profile(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
        {"type": "object", "additionalProperties": False},
        closed(a={}),
        closed(a=True),
        closed(a={"type": "object"}),
        closed(a={"type": "object", "properties": {}}),
        closed(a={"type": ["string", "object"]}),
        closed(a={"type": "array"}),
        closed(a={"type": "array", "items": True}),
        closed(a={"type": "array", "items": {"type": "object"}}),
        closed(a={"type": "array", "prefixItems": [], "items": {"type": "string"}}),
        closed(a={"$ref": "#/$defs/b"}),
        closed(a={"anyOf": [{"type": "string"}]}),
        closed(a={"type": "string", "enum": [{"my_number": 1}]}),
        closed(a={"type": "string", "const": ["x"]}),
        closed() | {"patternProperties": {".*": {}}},
        closed() | {"anyOf": [{"properties": {"b": {}}}]},
        closed() | {"unevaluatedProperties": True},
        closed() | {"$defs": {}},
        closed(a={"type": "string", "properties": {}}),
        closed(a={"type": "text"}),
    ],
)
def test_c1_what_could_let_more_in_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        check_profile(schema)
    assert refused.value.code == "dataset_schema_invalid"


async def test_an_open_schema_from_before_may_be_declared_again_but_not_changed(control: Connection) -> None:
    open_schema = {**STEPS.schema, "additionalProperties": True}
    await registry.register_dataset(control, STEPS, ACTOR)
    await control.execute("update registry.dataset set schema = $1", open_schema)
    again = await registry.register_dataset(control, but(STEPS, schema=open_schema), ACTOR)
    assert again.outcome == "unchanged"
    with pytest.raises(Problem):
        await registry.register_dataset(control, but(STEPS, schema={**open_schema, "title": "x"}), ACTOR)

"""The part of JSON Schema that datasets may use: what a schema lets in, its text can name (docs/how-to).

Every object is closed and lists its members, every array says what is in it, and no keyword makes what is allowed
depend on anything else. So a schema lets in nothing that residents did not read about, at any depth.
"""

from __future__ import annotations

from typing import Any, cast

from moyai.base.errors import Problem

_TYPES = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
_ANYWHERE = frozenset(
    {"type", "title", "description", "examples", "default", "deprecated", "$comment", "enum", "const"}
)
_OF_TYPE = {
    "object": frozenset(
        {
            "properties",
            "required",
            "additionalProperties",
            "minProperties",
            "maxProperties",
            "anyOf",
            "oneOf",
            "dependentRequired",
        }
    ),
    "array": frozenset({"items", "minItems", "maxItems", "uniqueItems"}),
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
}
_OF_TYPE["integer"] = _OF_TYPE["number"]
_ROOT = frozenset({"$schema", "$id"})


def check_profile(schema: dict[str, Any]) -> None:
    """Raises Problem("dataset_schema_invalid") naming the place and the keyword.

    A stack of our own: how deep a stranger's schema nests is not ours to trust.
    """
    waiting: list[tuple[str, Any]] = [("$", {k: v for k, v in schema.items() if k not in _ROOT})]
    while waiting:
        place, node = waiting.pop()
        if not isinstance(node, dict):
            raise _invalid(place, "a schema is an object (true and false are not taken)")
        members = cast("dict[str, Any]", node)
        types = _types(place, members)
        allowed = _ANYWHERE.union(*(_OF_TYPE.get(one, frozenset()) for one in types))
        unknown = sorted(set(members) - allowed)
        if unknown:
            raise _invalid(place, f"{', '.join(unknown)} may not be used here")
        _check_values(place, members)
        if "object" in types:
            waiting.extend(_members_of(place, members))
        if "array" in types:
            if "items" not in members:
                raise _invalid(place, "an array says in `items` what is in it")
            waiting.append((f"{place}[]", members["items"]))


def is_closed(schema: dict[str, Any]) -> bool:
    """Whether this schema keeps the profile. One that was registered before there was a profile may not."""
    try:
        check_profile(schema)
    except Problem:
        return False
    return True


def _types(place: str, members: dict[str, Any]) -> list[str]:
    found: Any = members.get("type")
    if found is None and ("enum" in members or "const" in members):
        return []  # plain values, as `_check_values` sees to
    types: list[Any] = cast("list[Any]", found) if isinstance(found, list) else [found]
    if not types or any(not isinstance(one, str) or one not in _TYPES for one in types):
        raise _invalid(place, "`type` must be given, as one of JSON's types or a list of them")
    return cast("list[str]", types)


def _members_of(place: str, members: dict[str, Any]) -> list[tuple[str, Any]]:
    properties = members.get("properties")
    if not isinstance(properties, dict) or members.get("additionalProperties") is not False:
        raise _invalid(place, "an object lists its `properties` and has `additionalProperties: false`")
    return [(f"{place}.{name}", value) for name, value in cast("dict[str, Any]", properties).items()]


def _check_values(place: str, members: dict[str, Any]) -> None:
    """A listed value may not smuggle an object or array in, a case nothing that `properties` does not have."""
    listed: list[Any] = [*(members.get("enum") or []), members.get("const")]
    if any(isinstance(value, dict | list) for value in listed):
        raise _invalid(place, "`enum` and `const` hold plain values")
    cases: list[Any] = [*(members.get("anyOf") or []), *(members.get("oneOf") or [])]
    if any(not isinstance(case, dict) or set(cast("dict[str, Any]", case)) != {"required"} for case in cases):
        raise _invalid(place, "`anyOf` and `oneOf` hold `required` alone")


def _invalid(place: str, why: str) -> Problem:
    return Problem("dataset_schema_invalid", f"{place}: {why}")

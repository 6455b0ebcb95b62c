"""What an answer looks like: each member of its shape with a value of its kind, by name where names tell more."""

from __future__ import annotations

from typing import Any

import msgspec

from moyai.web.docs_facts import Facts

_DEEPEST = 8
_WORDS = {
    "date-time": "2026-04-01T09:00:00Z",
    "date": "2026-04-01",
    "uuid": "0190f1c2-7f3e-7a4b-8c5d-1e2f3a4b5c6d",
    "uri": "https://example.jp/",
}
_NAMES: dict[str, Any] = {
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "resident_id": "7Q2M-9XKD-4ZTA-B1WE",
    "token_type": "DPoP",
    "outcome": "created",
    "fields": [],
    "exchange_id": "0190f1c2-7f3e-7a4b-8c5d-1e2f3a4b5c6d",
    "subject": "3f0c5f4e-8f7e-4a51-9c1b-2f3f8f3c9f10",
    "sub": "3f0c5f4e-8f7e-4a51-9c1b-2f3f8f3c9f10",
    "scope": "personal:exchange",
    "expires_in": 600,
    "state": "active",
    "item_id": "2026-04-01",
}
_TIMES = ("_at", "_until", "at")


def sample(shape: Any, facts: Facts, about: dict[str, Any]) -> Any:
    """An answer of this shape, with ids that exist here; `about` names what the request is about."""
    schemas, components = msgspec.json.schema_components([shape])
    return _filled("", schemas[0], components, {**_known(facts), **about}, 0)


def _known(facts: Facts) -> dict[str, Any]:
    ids = {
        "service_id": facts.service,
        "dataset_id": facts.dataset,
        "dataset": facts.dataset,
        "purpose_id": facts.purpose,
        "purpose": facts.purpose,
        "component_id": facts.provider,
        "organization_id": facts.provider_organization,
        "link_id": facts.links[0],
        "municipality_code": facts.municipality,
        "content": facts.content,
        "entry_id": facts.entry,
        "platform_id": facts.platform_id,
    }
    return {**_NAMES, **ids}


def _filled(
    name: str, schema: dict[str, Any], components: dict[str, Any], known: dict[str, Any], depth: int
) -> Any:
    if name in known:
        return known[name]
    if "$ref" in schema:
        whole = components[schema["$ref"].rsplit("/", 1)[-1]]
        return {} if depth > _DEEPEST else _filled(name, whole, components, known, depth + 1)
    if "anyOf" in schema:
        return _filled(name, _first(schema["anyOf"]), components, known, depth + 1)
    if schema.get("type") == "object":
        members: dict[str, Any] = schema.get("properties", {})
        return {each: _filled(each, one, components, known, depth + 1) for each, one in members.items()}
    if schema.get("type") == "array":
        return [_filled(name, schema["items"], components, known, depth + 1)] if "items" in schema else []
    return _plain(name, schema)


def _first(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """What is there when it is there."""
    return next((one for one in choices if one.get("type") != "null"), choices[0])


def _plain(name: str, schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 1), 1)
    if kind == "boolean":
        return True
    if "format" in schema:
        return _WORDS.get(schema["format"], "…")
    return _WORDS["date-time"] if name.endswith(_TIMES) else "…"

"""Entities and attributes of NGSIv2: read from requests, written to answers.

The normalized form of an attribute, `{"type", "value", "metadata"}`, is also the stored form.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, TypedDict, cast

import msgspec

from moyai.base.clock import rfc3339
from moyai.context.datetimes import DATETIME_TYPES, normal_form
from moyai.context.errors import bad_request, not_implemented
from moyai.context.syntax import check_attribute_name, check_name, check_value

DEFAULT_ENTITY_TYPE: Final = "Thing"

_BUILTIN: Final = frozenset({"dateCreated", "dateModified"})

# Operators of Orion that change a value instead of giving one; refused by name rather than stored as text.
_OPERATORS: Final = frozenset(
    {"$inc", "$mul", "$min", "$max", "$push", "$addToSet", "$pull", "$pullAll", "$set", "$unset"}
)


class Metadata(TypedDict):
    type: str
    value: object


class Attribute(TypedDict):
    type: str
    value: object
    metadata: dict[str, Metadata]


Attributes = dict[str, Attribute]
"""Attributes by name, in the order in which the entity got them."""


class Change(msgspec.Struct, frozen=True):
    """An attribute as an update gives it. An explicit `"metadata": {}` clears what the attribute had."""

    attribute: Attribute
    clears_metadata: bool = False


Changes = dict[str, Change]


class Entity(msgspec.Struct, frozen=True):
    """An entity as a request gives it."""

    id: str
    type: str
    attrs: Attributes


class StoredEntity(msgspec.Struct, frozen=True):
    """An entity as it lies in the store, with the organisation that created it."""

    id: str
    type: str
    attrs: Attributes
    organization_id: str
    created_at: datetime
    modified_at: datetime


class Author(msgspec.Struct, frozen=True):
    """Who writes, and where: an organisation in good standing, in a tenant it may write to."""

    organization_id: str
    tenant: str = ""


def read_entity(body: object, *, key_values: bool = False) -> Entity:
    """An entity to create. Raises NgsiError (BadRequest) naming what is wrong."""
    members = _object(body, "entity")
    if "id" not in members:
        raise bad_request("entity id not specified")
    attrs = {name: value for name, value in members.items() if name not in ("id", "type")}
    return Entity(
        id=check_name(members["id"], "entity id"),
        type=check_name(members.get("type", DEFAULT_ENTITY_TYPE), "entity type"),
        attrs={name: _change(name, value, key_values).attribute for name, value in attrs.items()},
    )


def read_changes(body: object, *, key_values: bool = False) -> Changes:
    """Attributes to add or change. `id` and `type` are immutable and therefore refused."""
    members = _object(body, "attributes")
    for name in ("id", "type"):
        if name in members:
            raise bad_request(f"invalid payload: {name} is not allowed")
    return {name: _change(name, value, key_values) for name, value in members.items()}


def read_change(body: object, name: str) -> Change:
    """One attribute in normalized form, under a name that the URL gives."""
    return _change(check_attribute_name(name), body, key_values=False)


def with_value(attribute: Attribute, name: str, value: object) -> Attribute:
    """The attribute with another value; type and metadata stay."""
    return _attribute(name, value, attribute["type"], attribute["metadata"])


def merge(old: Attribute | None, change: Change, *, override_metadata: bool) -> Attribute:
    """What an update leaves: metadata that the request does not name is kept, unless it is to be overridden."""
    new = change.attribute
    if old is None or override_metadata or change.clears_metadata:
        return new
    return {**new, "metadata": {**old["metadata"], **new["metadata"]}}


def _object(body: object, what: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise bad_request(f"{what} must be a JSON object")
    return cast("dict[str, Any]", body)


def _change(name: str, body: object, key_values: bool) -> Change:
    check_attribute_name(name)
    if name == "dateExpires":
        raise not_implemented("attribute dateExpires (transient entities)")
    if key_values:
        return Change(_attribute(name, body, None, {}))
    members = _object(body, f"attribute {name}")
    unknown = members.keys() - {"type", "value", "metadata"}
    if unknown:
        raise bad_request(f"unrecognized property of attribute {name}: {min(unknown)}")
    metadata = _metadata(members.get("metadata", {}), name)
    attribute = _attribute(name, members.get("value"), members.get("type"), metadata)
    return Change(attribute, clears_metadata="metadata" in members and not metadata)


def _attribute(name: str, value: object, given_type: object, metadata: dict[str, Metadata]) -> Attribute:
    attribute_type = _default_type(value) if given_type is None else check_name(given_type, "attribute type")
    unrestricted = attribute_type == "TextUnrestricted" or _is_true(metadata.get("TextUnrestricted"))
    _refuse_operator(value, name)
    check_value(value, f"attribute value of {name}", unrestricted=unrestricted)
    if attribute_type in DATETIME_TYPES:
        value = normal_form(value, f"attribute {name}")
    return {"type": attribute_type, "value": value, "metadata": metadata}


def _refuse_operator(value: object, name: str) -> None:
    if isinstance(value, dict):
        used = _OPERATORS & cast("dict[str, object]", value).keys()
        if used:
            raise not_implemented(f"update operator {min(used)} in attribute {name}")


def _is_true(item: Metadata | None) -> bool:
    return item is not None and item["value"] is True


def _metadata(body: object, attribute: str) -> dict[str, Metadata]:
    metadata: dict[str, Metadata] = {}
    for name, item in _object(body, f"metadata of {attribute}").items():
        check_name(name, "metadata name")
        if name == "*":
            raise bad_request("invalid metadata name: *")
        metadata[name] = _metadata_item(_object(item, f"metadata {name}"), name)
    return metadata


def _metadata_item(members: dict[str, Any], name: str) -> Metadata:
    unknown = members.keys() - {"type", "value"}
    if unknown:
        raise bad_request(f"unrecognized property of metadata {name}: {min(unknown)}")
    value = members.get("value")
    given = members.get("type")
    metadata_type = _default_type(value) if given is None else check_name(given, "metadata type")
    check_value(value, f"metadata value of {name}", unrestricted=metadata_type == "TextUnrestricted")
    if metadata_type in DATETIME_TYPES:
        value = normal_form(value, f"metadata {name}")
    return {"type": metadata_type, "value": value}


def _default_type(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int | float):
        return "Number"
    return "Text" if isinstance(value, str) else "StructuredValue"


def render_entity(
    entity: StoredEntity, attrs: tuple[str, ...] = (), *, key_values: bool = False
) -> dict[str, object]:
    """An entity as an answer shows it. `attrs` selects and orders; without it all of the entity's own are shown."""
    return {"id": entity.id, "type": entity.type, **render_attributes(entity, attrs, key_values=key_values)}


def render_attributes(
    entity: StoredEntity, attrs: tuple[str, ...] = (), *, key_values: bool = False
) -> dict[str, object]:
    """The attributes alone, as `GET …/attrs` shows them."""
    shown = {name: attribute for name in _shown(entity, attrs) if (attribute := _find(entity, name))}
    if key_values:
        return {name: attribute["value"] for name, attribute in shown.items()}
    return dict(shown)


def _shown(entity: StoredEntity, attrs: tuple[str, ...]) -> Iterable[str]:
    """`*` stands for all of the entity's own; builtins appear only when named."""
    if not attrs:
        return entity.attrs
    names: list[str] = []
    for name in attrs:
        names.extend(entity.attrs if name == "*" else (name,))
    return names


def _find(entity: StoredEntity, name: str) -> Attribute | None:
    own = entity.attrs.get(name)
    if own is not None or name not in _BUILTIN:
        return own
    at = entity.created_at if name == "dateCreated" else entity.modified_at
    return {"type": "DateTime", "value": rfc3339(at), "metadata": {}}

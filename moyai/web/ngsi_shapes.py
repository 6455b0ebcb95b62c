"""Shapes and working examples of the NGSI operations, for the generated documentation.

The examples fit together: the first creates (or updates) a bench in a park, the others read and change it. The
broker itself reads requests with `moyai.context.model`, whose rules are finer than a schema can say.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

EntityShape = dict[str, Any]
"""`{"id", "type", NAME: attribute, …}`; with `options=keyValues` an attribute is its value alone."""


class MetadataShape(msgspec.Struct, frozen=True):
    value: Any
    type: str = "Text"


class AttributeShape(msgspec.Struct, frozen=True):
    value: Any
    type: str = "Text"
    metadata: dict[str, MetadataShape] = {}


class ListQuery(msgspec.Struct, frozen=True):
    """Lists are comma-separated. `options`: `count` (total in `Fiware-Total-Count`), `keyValues`."""

    id: str = ""
    type: str = ""
    attrs: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0
    options: str = ""


class EntityQueryShape(msgspec.Struct, frozen=True):
    """`type` is needed where several entities share the id. `options`: `keyValues`."""

    type: str = ""
    attrs: str = ""
    options: str = ""


class CreateQuery(msgspec.Struct, frozen=True):
    """`options`: `keyValues`, `upsert`, `overrideMetadata`."""

    options: str = ""


class ChangeQuery(msgspec.Struct, frozen=True):
    """`options`: `keyValues`, `append` (POST only: leave existing attributes), `overrideMetadata`."""

    type: str = ""
    options: str = ""


class TypesQuery(msgspec.Struct, frozen=True):
    """`options`: `values` (names alone) or `noAttrDetail`, and `count`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0
    options: str = "noAttrDetail"


ENTITY: Final = {"entity_id": "urn:ngsi-ld:Bench:372013-1"}
ATTRIBUTE: Final = {**ENTITY, "attribute": "seats"}
BENCH: Final[EntityShape] = {
    "id": ENTITY["entity_id"],
    "type": "Bench",
    "name": {"type": "Text", "value": "中央公園のベンチ"},
    "seats": {"type": "Number", "value": 3},
    "material": {"type": "StructuredValue", "value": ["wood", "steel"]},
    "location": {"type": "geo:json", "value": {"type": "Point", "coordinates": [134.0513, 34.3401]}},
}

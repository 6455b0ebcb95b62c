"""What a version of a link says, as the database keeps it (`registry.link_text`), read back with its names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from moyai.base.db import Connection
from moyai.registry import store_links


class Words(msgspec.Struct, frozen=True):
    ja: str
    en: str


class Named(msgspec.Struct, frozen=True):
    """A party as it was named. Who manages, and who is responsible for a service, has no component."""

    organization_id: str
    organization_ja: str
    organization_en: str
    component_id: str = ""
    component_ja: str = ""
    component_en: str = ""


class PurposeWords(msgspec.Struct, frozen=True):
    """The purpose: what it is called in general, and what the link says of it."""

    id: str
    name_ja: str
    name_en: str
    ja: str
    en: str


class ServiceWords(msgspec.Struct, frozen=True):
    """The service, as the head of every text names and describes it."""

    id: str
    ja: str
    en: str
    summary_ja: str
    summary_en: str


class DatasetWords(msgspec.Struct, frozen=True):
    id: str
    ja: str
    en: str


class ItemWords(msgspec.Struct, frozen=True):
    """An item in plain words, with the part of the schema that says what its values are."""

    ja: str
    en: str
    schema: Any = None


class VersionText(msgspec.Struct, frozen=True):
    """One version of a link, whole. `days` is how long a consent lasts from the day the text was served."""

    service: ServiceWords
    responsible: Named
    provider: Named
    consumer: Named
    dataset: DatasetWords
    purpose: PurposeWords
    benefit: Words
    days: int
    items: dict[str, ItemWords]
    manager: Named | None = None


async def version_texts(conn: Connection, version_keys: Collection[int]) -> dict[int, VersionText]:
    """What the named versions say. Versions never change."""
    contents = await store_links.version_contents(conn, version_keys)
    return {key: _read(content) for key, content in contents.items()}


def _read(content: dict[str, Any]) -> VersionText:
    return msgspec.convert(content | {"items": content["items"] or {}}, VersionText)

"""Datasets and purposes; what an item's content must look like (JSON Schema 2020-12)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jsonschema_rs
import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.ledger import Kind
from moyai.registry import store_links as store
from moyai.registry.declarations import (
    DatasetDeclaration,
    PurposeDeclaration,
)
from moyai.registry.hashing import canonical
from moyai.registry.model import (
    Change,
    Dataset,
)
from moyai.registry.recording import builtins, require_clean, settle
from moyai.registry.schema_profile import check_profile
from moyai.registry.store import lock_for_writing


async def register_dataset(conn: Connection, declared: DatasetDeclaration, actor: str) -> Change:
    """Register a dataset or change it.

    Raises Problem("dataset_schema_invalid"): not a JSON Schema, not of an object, outside the profile
    (`schema_profile`: closed at every depth, listed keywords only), or properties and plain-word items that do not
    name the same things.
    """
    require_clean(declared)
    await lock_for_writing(conn)
    stored = await store.dataset(conn, declared.dataset_id)
    # what is registered from before the profile may be declared again as it is: answers are cut to what was read
    if stored is None or stored.schema != declared.schema or stored.items != declared.items:
        check_schema(declared)
    return await settle(
        conn,
        "dataset",
        declared.dataset_id,
        Kind.DATASET_REGISTERED,
        actor,
        builtins(declared),
        builtins(stored) if stored else None,
        lambda: store.put_dataset(conn, declared),
    )


async def register_purpose(conn: Connection, declared: PurposeDeclaration, actor: str) -> Change:
    require_clean(declared)
    await lock_for_writing(conn)
    stored = await store.purpose(conn, declared.purpose_id)
    return await settle(
        conn,
        "purpose",
        declared.purpose_id,
        Kind.PURPOSE_REGISTERED,
        actor,
        builtins(declared),
        builtins(stored) if stored else None,
        lambda: store.put_purpose(conn, declared),
    )


def check_schema(declared: DatasetDeclaration) -> None:
    schema = declared.schema
    properties: dict[str, Any] = schema.get("properties") or {}
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        raise Problem("dataset_schema_invalid", "the schema must be of an object with properties")
    names, words = set(properties), {item.name for item in declared.items}
    if names != words or len(words) != len(declared.items):
        odd = sorted(names ^ words) or ["an item is named twice"]
        raise Problem("dataset_schema_invalid", f"items and properties differ: {', '.join(odd)}")
    check_profile(schema)
    _compiled(canonical(schema))


@lru_cache(maxsize=512)
def _compiled(schema: bytes) -> jsonschema_rs.Draft202012Validator:
    """One validator per text of a schema, so that a changed schema is never judged by the old one.

    Patterns run on an engine that takes linear time: a schema is written by a provider, content by a stranger.
    """
    try:
        return jsonschema_rs.Draft202012Validator(
            msgspec.json.decode(schema), validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError) as error:
        raise Problem("dataset_schema_invalid", str(error)[:500]) from error


def check_content(dataset: Dataset, content: Any) -> None:
    """Check one item's content against the dataset's schema.

    Raises Problem("content_invalid") naming paths and rules, never values: contents are personal.
    """
    errors = list(_compiled(canonical(dataset.schema)).iter_errors(content))
    if errors:
        places = [{"path": _path(e.instance_path), "rule": str(e.schema_path[-1])} for e in errors[:20]]
        raise Problem("content_invalid", f"dataset {dataset.dataset_id}", errors=places)


def _path(parts: list[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)

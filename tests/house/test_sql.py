"""SQL stands in `store*.py` (and in base), as literals, and each store names only its own schema."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, SQL, product_modules, relative, strings

SCHEMA_OF_ROOM = {
    "base": {"platform"},
    "ledger": {"ledger"},
    "registry": {"registry"},
    "identity": {"identity"},
    "consent": {"consent"},
    "personal": {"personal", "store"},
    "context": {"context"},
}

# Views that lower rooms publish, and the rooms that may read them: whatever can close a link must be read
# together with the consent, at the moment of the question (design, section 3).
PUBLISHED_VIEWS = {
    "registry.link_standing": {"consent"},
    "registry.version_standing": {"consent"},
    "registry.terms_standing": {"consent"},
    "ledger.registry_epoch_now": {"consent"},
    "ledger.resident_epoch_now": {"consent"},
    "registry.client_standing": {"consent", "context"},
    "identity.subject_standing": {"consent"},
}


def migrations() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(PACKAGE.glob("migrations/*/*.sql")))


SCHEMAS = set(re.findall(r"create schema (?:if not exists )?(\w+)", migrations()))
NAMED = re.compile(rf"(?<![\w.'])({'|'.join(sorted(SCHEMAS))})\.(\w+)")


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def holds_sql(path: Path) -> bool:
    return path.name.startswith("store") or room(path) == "base"


def statements(path: Path) -> list[tuple[int, str]]:
    return [(line, text) for line, text in strings(path) if SQL.match(text)]


STORES = [path for path in product_modules() if holds_sql(path) and statements(path)]


@pytest.mark.parametrize(
    ("text", "is_sql"),
    [
        ("select 1", True),
        ("\n   insert into a.b values ($1)", True),
        ("with x as (select 1) select * from x", True),
        ("update a.b set c = 1", True),
        ("create table x ()", True),
        ("update the page", False),
        ("with your consent", False),
        ("delete", False),
        ("create a key", False),
    ],
)
def test_how_sql_is_recognised(text: str, is_sql: bool) -> None:
    assert bool(SQL.match(text)) is is_sql


def test_no_sql_outside_stores() -> None:
    found = [
        f"{relative(path)}:{line}  {text.strip().splitlines()[0][:80]}"
        for path in product_modules()
        if not holds_sql(path)
        for line, text in statements(path)
    ]
    assert not found, "\n".join(found)


def test_every_schema_has_a_room() -> None:
    assert set().union(*SCHEMA_OF_ROOM.values()) >= SCHEMAS


@pytest.mark.parametrize("path", STORES, ids=relative)
def test_store_names_only_its_own_schema(path: Path) -> None:
    own = SCHEMA_OF_ROOM.get(room(path), set())
    foreign = [
        f"{relative(path)}:{line}  {schema}.{name}"
        for line, text in statements(path)
        for schema, name in NAMED.findall(text)
        if schema not in own and room(path) not in PUBLISHED_VIEWS.get(f"{schema}.{name}", set())
    ]
    assert not foreign, "\n".join(foreign)


def test_published_views_exist() -> None:
    text = migrations()
    for view in PUBLISHED_VIEWS:
        assert f"create view {view} " in text or f"create or replace view {view} " in text

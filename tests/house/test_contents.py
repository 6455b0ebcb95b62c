"""Every act commits to a typed content."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest

from moyai.ledger import Kind
from moyai.ledger.contents import CONTENTS, Content, Part
from tests.house.source import product_modules, relative, tree


def _recorders(module: Path) -> set[str]:
    """By what names a module calls the ledger's act, and what prepares one."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("moyai.ledger")
        for alias in node.names
        if alias.name in ("Act", "prepare")
    }


def test_every_kind_has_its_content() -> None:
    assert set(CONTENTS) == set(Kind)
    assert all(issubclass(wanted, Content) for wanted in CONTENTS.values())


def test_no_act_is_recorded_with_free_members() -> None:
    free = [
        f"{relative(module)}:{call.lineno}"
        for module in product_modules()
        for names in [_recorders(module)]
        for call in ast.walk(tree(module))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in names
        and any(_free(each) for each in [*call.args, *[one.value for one in call.keywords]])
    ]
    assert free == []


def _free(value: ast.expr) -> bool:
    made = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict"
    return made or isinstance(value, ast.Dict)


@pytest.mark.parametrize("content", sorted({*CONTENTS.values(), Part}, key=lambda one: one.__name__))
def test_contents_name_things_by_ids_that_people_use(content: type[msgspec.Struct]) -> None:
    names = [field.name for field in msgspec.structs.fields(content)]
    internal = [name for name in names if name.endswith(("_key", "_keys"))]
    assert set(internal) <= {"verifier_key"}  # the public key of a witness


def test_where_a_link_is_meant_its_text_is_named() -> None:
    for kind in (Kind.CONSENT_GIVEN, Kind.CONSENT_REFUSED, Kind.CONSENT_WITHDRAWN, Kind.SHARING_GIVEN):
        assert "versions" in CONTENTS[kind].__struct_fields__
    for kind in (Kind.EXCHANGE, Kind.EXCHANGE_REPEATED, Kind.REFUSAL, Kind.SHARED_VIEW):
        sources = {field.name: field.type for field in msgspec.structs.fields(CONTENTS[kind])}["sources"]
        assert sources == list[Part]
    assert {"link_id", "version"} <= set(Part.__struct_fields__)

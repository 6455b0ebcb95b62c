"""Whatever touches personal content takes a Permit: the gate's yes, which nothing else can make.

Content is the table `store.item`. Statements on it stand in one file; the functions that use those statements, or
ask a store's lane (`Read`), are the doors, and each door takes a permit.
"""

from __future__ import annotations

import ast
import re

import pytest

from moyai.consent.permit import Permit
from tests.house.source import PACKAGE, functions, imported, product_modules, relative, strings

CONTENT = re.compile(r"(?<![\w.])store\.item\b")
STATEMENTS = PACKAGE / "personal" / "store_items.py"

# The lane's own statements: they are only reached by asking with a `Read`, and who makes a `Read` has a permit.
LANE = {("moyai/personal/stores.py", name) for name in ("_read_newest", "_read_pages", "_read_single")}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def content_statements() -> set[str]:
    return {
        function.name
        for function in functions(STATEMENTS)
        if any(CONTENT.search(text) for _, text in strings(STATEMENTS, function))
    }


def is_door(function: Function, statements: set[str]) -> bool:
    doors = {f"store_items.{name}" for name in statements} | {"Read"}
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) in doors for node in ast.walk(function))


def takes_permit(function: Function) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return any("Permit" in ast.unparse(each.annotation) for each in arguments if each.annotation is not None)


DOORS = [
    pytest.param(function, id=f"{relative(path)}:{function.name}")
    for path in product_modules()
    for function in functions(path)
    if is_door(function, content_statements()) and (relative(path), function.name) not in LANE
]


@pytest.mark.parametrize("function", DOORS)
def test_door_to_content_takes_a_permit(function: Function) -> None:
    assert takes_permit(function)


def test_reading_writing_and_deleting_have_doors() -> None:
    assert {"read_newest", "read_many", "put", "delete", "delete_subject"} <= content_statements()
    assert len(DOORS) >= 4


def test_content_is_named_in_one_file_only() -> None:
    named = {
        relative(path) for path in product_modules() for _, text in strings(path) if CONTENT.search(text)
    }
    assert named == {relative(STATEMENTS)}


def test_no_other_room_reaches_past_the_doors() -> None:
    hidden = ("moyai.personal.store_items", "moyai.personal.stores.Read", "moyai.personal.stores.read_items")
    reached = [
        f"{relative(path)}:{line} {name}"
        for path in product_modules()
        if not path.is_relative_to(PACKAGE / "personal")
        for line, name in imported(path)
        if name in hidden
    ]
    assert not reached


def test_permit_cannot_be_made_by_hand() -> None:
    facts = dict.fromkeys(Permit.__slots__, None)
    with pytest.raises(TypeError, match="gate"):
        Permit(object(), **facts)  # type: ignore[arg-type]


def files_that_import(name: str) -> set[str]:
    return {relative(path) for path in product_modules() for _, found in imported(path) if found == name}


def test_only_the_gate_makes_permits() -> None:
    assert files_that_import("moyai.consent.permit.gate_seal") <= {"moyai/consent/gate.py"}

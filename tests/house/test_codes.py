"""The list of error codes: every code that the source uses is in it with both texts, and every one in it is used."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from moyai.base.errors import CODES
from tests.house.source import PACKAGE, modules, relative, strings, tree

JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")


def raised_codes(path: Path) -> list[tuple[int, str]]:
    """(line, code) of each `Problem("…")` and `Refused("…")` with a literal code."""
    return [
        (node.lineno, node.args[0].value)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in ("Problem", "Refused")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]


def used_words() -> set[str]:
    """Every string constant of the package, and every quoted word of its templates."""
    words = {text for path in modules() for _, text in strings(path)}
    for template in PACKAGE.rglob("*.html"):
        words.update(re.findall(r"['\"](\w+)['\"]", template.read_text(encoding="utf-8")))
    return words


def test_every_code_that_is_raised_is_listed() -> None:
    unlisted = [
        f"{relative(path)}:{line} {code}"
        for path in modules()
        for line, code in raised_codes(path)
        if code not in CODES
    ]
    assert unlisted == []


def test_every_listed_code_is_used() -> None:
    unused = sorted(set(CODES) - used_words())
    assert unused == []


@pytest.mark.parametrize("name", CODES)
def test_code_has_a_text_and_a_next_step_in_both_languages(name: str) -> None:
    code = CODES[name]
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert 400 <= code.status <= 599
    for text in (code.ja, code.next_ja, code.resident_ja or "。あ。", code.next_resident_ja or "。あ。"):
        assert JAPANESE.search(text)
        assert text.endswith("。")
    for text in (code.en, code.next_en, code.resident_en or ".", code.next_resident_en or "."):
        assert text.isascii()
        assert text.endswith(".")


def test_no_text_is_told_for_two_codes() -> None:
    texts = [code.ja for code in CODES.values()]
    assert len(set(texts)) == len(texts)

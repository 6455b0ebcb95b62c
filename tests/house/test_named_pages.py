"""What a text for people names in 「」 is there under that name: a page, a button, a choice."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.house.source import PACKAGE, ROOT

QUOTED = re.compile(r"「([^「」%{]+)」")
SAID = re.compile(r'\bt\(\s*"([^"]*)",\s*"([^"]*)"')
NAV = re.compile(r'\bt\("([^"]*)", "([^"]*)"\)\)')
TERMS = ("platform_terms", "service_terms")


def said_on_pages() -> dict[str, str]:
    """Every text of every template: Japanese, and its English."""
    found: dict[str, str] = {}
    for path in sorted((PACKAGE / "web" / "templates").rglob("*.html")):
        found.update(SAID.findall(path.read_text(encoding="utf-8")))
    return found


def on_a_page(name: str, known: dict[str, str]) -> bool:
    """As a label, or as what one begins with (「二人目の確認を待つもの: %d 件」)."""
    return any(text.startswith(name) for text in known)


def doors() -> dict[str, str]:
    """The names in the navigation of the portal."""
    frame = (PACKAGE / "web" / "templates" / "portal" / "frame.html").read_text(encoding="utf-8")
    return dict(NAV.findall(frame))


def texts(thing: Any) -> Iterator[dict[str, str]]:
    """Every pair of texts `{ja, en}` at any depth."""
    if isinstance(thing, list):
        for one in thing:
            yield from texts(one)
    elif isinstance(thing, dict):
        if {"ja", "en"} <= thing.keys():
            yield thing
        for one in thing.values():
            yield from texts(one)


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.toml")), ids=lambda path: path.name)
def test_people_terms_name_doors_of_the_portal(path: Any) -> None:
    """In the published terms, residents look for what they read there."""
    scenario = tomllib.loads(path.read_text(encoding="utf-8"))
    known, named = doors(), 0
    assert "同意" in known
    for one in texts([scenario.get(name, []) for name in TERMS]):
        for door in QUOTED.findall(one["ja"]):
            assert door in known, one["ja"]
            assert f"“{known[door]}”" in one["en"], one["en"]
            named += 1
    assert named >= 2


def test_people_codes_name_what_is_on_a_page() -> None:
    codes = tomllib.loads((PACKAGE / "base" / "codes.toml").read_text(encoding="utf-8"))
    known = said_on_pages()
    named = {
        (code, name)
        for code, texts_ in codes.items()
        for text in texts_.values()
        if isinstance(text, str)
        for name in QUOTED.findall(text)
    }
    assert {one for one in named if not on_a_page(one[1], known)} == set()


def test_people_pages_name_what_is_on_a_page() -> None:
    known = said_on_pages()
    named = {name for text in known for name in QUOTED.findall(text)}
    assert {name for name in named if not on_a_page(name, known)} == set()

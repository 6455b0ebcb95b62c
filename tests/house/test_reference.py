"""Every setting, command, code, kind of act and route is in `docs/reference/`, as the code has it now."""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from moyai.base.config import Config
from moyai.base.errors import CODES
from tools import reference

PAGES = [name for name, (module, _) in reference.PAGES.items() if reference.exists(module)]


class Shape(msgspec.Struct):
    good: Annotated[int, Meta(description="A number.")]
    bad: int


def text_of(name: str) -> str:
    return (reference.TARGET / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_page_is_not_stale(name: str) -> None:
    assert name not in reference.stale(), "run `make reference`"


def test_every_setting_is_documented() -> None:
    text = text_of("settings.md")
    for path, *_ in reference.settings(Config):
        assert f"`{path}`" in text


def test_every_code_is_documented() -> None:
    text = text_of("codes.md")
    for code in CODES:
        assert f"| `{code}` |" in text


def test_every_command_is_documented() -> None:
    text = text_of("commands.md")
    app: Any = importlib.import_module("moyai.cli").app
    commands = [name for name in app if not name.startswith("-")]
    assert commands
    for name in commands:
        assert f"moyai {name}" in text
        assert app[name].help or app[name].default_command.__doc__


def test_setting_without_a_meaning_is_refused() -> None:
    with pytest.raises(reference.NotDocumented, match="bad"):
        list(reference.settings(Shape))

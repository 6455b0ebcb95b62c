"""The list of acts says what is recorded: each kind is written by something, and not only read."""

from __future__ import annotations

import re
from pathlib import Path

import moyai
from moyai.ledger import Kind

SOURCE = Path(moyai.__file__).parent
READS = ("ledger/", "consent/history", "consent/sentences")
"""Where kinds are listed, described and shown."""


def test_every_kind_of_act_is_recorded_somewhere() -> None:
    files = [file for file in SOURCE.rglob("*.py") if not str(file.relative_to(SOURCE)).startswith(READS)]
    named = {name for file in files for name in re.findall(r"\bKind\.([A-Z_]+)\b", file.read_text("utf-8"))}
    assert [kind.name for kind in Kind if kind.name not in named] == []

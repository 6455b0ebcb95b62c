"""Stranger 10: what a table says is copied from it, so nothing of it is cut off at a narrow terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from moyai.base.ids import random_uuid
from moyai.base.tables import print_whole
from moyai.upkeep.tables import show


def test_no_id_is_cut_at_80_columns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("COLUMNS", "80")
    ids = [str(random_uuid()) for _ in range(6)]
    table = Table(*"abcdef")
    table.add_row(*ids)
    print_whole(table)
    shown = capsys.readouterr().out
    assert all(one in shown for one in ids)
    elsewhere = io.StringIO()
    print_whole(table, Console(file=elsewhere))
    assert ids[5] in elsewhere.getvalue()


def test_commands_show_rows_whole(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("COLUMNS", "40")
    show([_Row("x" * 120, "高松市" * 30)], as_json=False, columns=("left", "right"))
    shown = capsys.readouterr().out
    assert ("x" * 120 in shown, "高松市" * 30 in shown) == (True, True)


class _Row:
    def __init__(self, left: str, right: str) -> None:
        self.left, self.right = left, right

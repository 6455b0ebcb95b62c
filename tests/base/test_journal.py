"""The journal outside PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from moyai.base.journal import Journal

_WRITER = """
import asyncio, sys
from pathlib import Path
from moyai.base.journal import Journal

async def main():
    journal = Journal(Path(sys.argv[1]))
    for n in range(50):
        await journal.append("consent_withdrawn", resident_key=int(sys.argv[2]), links=["x" * 500], n=n)

asyncio.run(main())
"""


async def test_lines_come_back_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    await journal.append("resident_erased", resident_key=7)
    await journal.append("sharing_ended", sharing_id="s")
    lines = list(journal.lines())
    assert [(line.kind, line.ids) for line in lines] == [
        ("resident_erased", {"resident_key": 7}),
        ("sharing_ended", {"sharing_id": "s"}),
    ]
    assert lines[0].at <= lines[1].at


def test_a_platform_without_a_journal_has_stopped_nothing(tmp_path: Path) -> None:
    assert list(Journal(tmp_path / "journal.jsonl").lines()) == []


async def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    await Journal(path).append("resident_erased", resident_key=7)
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    await journal.append("resident_erased", resident_key=7)
    with path.open("ab") as file:
        file.write(b'{"kind":"resident_erased","at":"2026-')
    assert [line.ids for line in journal.lines()] == [{"resident_key": 7}]


def test_several_processes_do_not_tear_each_others_lines(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(path), str(n)], env={**os.environ})
        for n in (1, 2)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = [(line.ids["resident_key"], line.ids["n"]) for line in Journal(path).lines()]
    assert sorted(found) == [(process, n) for process in (1, 2) for n in range(50)]
    assert len(path.read_bytes().splitlines()) == 100

"""The journal outside PostgreSQL (security H5)."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from moyai.base.db import Connection
from moyai.base.journal import Journal, JournalError
from moyai.base.stops import EarlierLine, Line, ResidentErased, SharingEnded

AT = datetime(2026, 11, 26, 9, 30, 0, 123456, UTC)

_WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from moyai.base.journal import Journal
from moyai.base.stops import ConsentWithdrawn, Line

async def main():
    journal = Journal(Path(sys.argv[1]))
    for n in range(50):
        stop = ConsentWithdrawn(resident_id=sys.argv[2], service_id=str(n), links=["x" * 500])
        await journal.write(Line(datetime.now(UTC), stop))

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


async def erased(path: Path, *residents: str) -> Journal:
    journal = Journal(path)
    for resident in residents:
        await journal.write(Line(AT, ResidentErased(resident_id=resident)))
    return journal


def changed(path: Path, old: bytes, new: bytes) -> None:
    path.write_bytes(path.read_bytes().replace(old, new))


def torn(path: Path, rest: bytes) -> None:
    with path.open("ab") as file:
        file.write(rest)


def flipped(path: Path, place: int) -> int:
    """Change one bit; returns the length of the file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    return len(data)


@contextmanager
def full_disk(path: Path, free: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def residents(journal: Journal) -> list[str]:
    return [cast("Any", line).stop.resident_id for line in journal.lines()]


async def test_lines_come_back_in_order_with_their_times(path: Path) -> None:
    journal = await erased(path, "7")
    await journal.write(Line(AT, SharingEnded(sharing_id="s")))
    assert list(journal.lines()) == [
        Line(AT, ResidentErased(resident_id="7")),
        Line(AT, SharingEnded(sharing_id="s")),
    ]


async def test_a_line_without_a_time_of_its_own_has_the_databases(control: Connection, path: Path) -> None:
    await Journal(path).append(control, ResidentErased(resident_id="7"))
    assert list(Journal(path).lines()) == [], "it is no stop before the transaction commits"
    await Journal(path).write_due(control)
    [line] = Journal(path).lines()
    assert line.at <= await control.fetchval("select clock_timestamp()")


def test_a_platform_without_a_journal_has_stopped_nothing(path: Path) -> None:
    assert list(Journal(path).lines()) == []


async def test_only_its_owner_can_read_it(path: Path) -> None:
    await erased(path, "7")
    assert mode(path) == 0o600


async def test_h5_a_torn_end_is_cut_off_and_never_glued_to_the_next_line(path: Path) -> None:
    journal = await erased(path, "7")
    torn(path, b'[61,"0123456789abcdef",{"at":"2026-')
    assert residents(journal) == ["7"]
    await erased(path, "8")
    assert residents(journal) == ["7", "8"]


@pytest.mark.parametrize("place", [10, -10])
async def test_h5_damage_stops_everything_and_names_the_place(path: Path, place: int) -> None:
    journal = await erased(path, "7", "8", "9")
    size = flipped(path, place)
    offset = 0 if place > 0 else size * 2 // 3
    with pytest.raises(JournalError, match=f"byte {offset}:"):
        journal.check()


async def test_h5_a_line_whose_text_was_changed_has_another_checksum(path: Path) -> None:
    journal = await erased(path, "1000", "1001")
    changed(path, b"1000", b"2000")
    with pytest.raises(JournalError):
        journal.check()


async def test_h5_nothing_is_appended_behind_damage(path: Path) -> None:
    await erased(path, "7")
    changed(path, b'"7"', b'"8"')
    with pytest.raises(JournalError):
        await erased(path, "9")


async def test_h5_a_full_disk_refuses_the_act_and_leaves_nothing_of_it(path: Path) -> None:
    journal = await erased(path, "first")
    with full_disk(path, 30), pytest.raises(OSError, match="part of a line"):
        await erased(path, "refused")
    await erased(path, "third")
    assert residents(journal) == ["first", "third"]


def test_several_processes_do_not_tear_each_others_lines(path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(path), str(n)], env={**os.environ})
        for n in (1, 2)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    stops = [cast("Any", line).stop for line in Journal(path).lines()]
    found = sorted((stop.resident_id, int(stop.service_id)) for stop in stops)
    assert found == [(process, n) for process in ("1", "2") for n in range(50)]


async def test_lines_after_a_position_are_those_of_the_same_journal(tmp_path: Path, path: Path) -> None:
    journal = await erased(path, "7", "8")
    position = journal.end()
    await erased(path, "9")
    assert [cast("Any", line).stop.resident_id for line in journal.lines(position)] == ["9"]
    other = await erased(tmp_path / "other.jsonl", "7", "6", "9")
    with pytest.raises(JournalError, match="not the journal"):
        list(other.lines(position))


async def test_lines_of_the_version_before_are_read_also_where_one_was_glued_to_a_torn_one(
    path: Path,
) -> None:
    line = '{"kind":"resident_erased","at":"2026-11-24T09:30:00.123Z","ids":{"resident_key":%d}}'
    torn(path, (f"{line % 7}\n" + (line % 8)[:30] + f"{line % 9}\n").encode())
    journal = await erased(path, "10")
    earlier = [one for one in journal.lines() if isinstance(one, EarlierLine)]
    assert [one.ids for one in earlier] == [{"resident_key": 7}, {"resident_key": 9}]
    assert len(list(journal.lines())) == 3

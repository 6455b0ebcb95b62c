"""F1 of the field review: a log line that cannot be written never ends its writer; it is counted, and said later."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moyai.base import logging as moyai_logging
from moyai.base.log_file import LogFile, bound, lines_lost


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """Files of this process cannot grow beyond `size`, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_f1_lines_that_found_no_space_are_counted_and_said_before_the_next_one(tmp_path: Path) -> None:
    path, lost = tmp_path / "serve-1.jsonl", lines_lost()
    file = LogFile(path)
    file.write(b'{"event":"first"}\n')
    with full_after(path.stat().st_size + 5):
        file.write(b'{"event":"half"}\n')
        file.write(b'{"event":"none"}\n{"event":"none"}\n')
    file.write(b'{"event":"last"}\n')
    assert lines_lost() - lost == 3
    first, half, said, last = path.read_text().splitlines()
    assert (json.loads(first)["event"], json.loads(last)["event"]) == ("first", "last")
    assert half == '{"eve'
    assert (json.loads(said)["event"], json.loads(said)["count"]) == ("log lines lost", 3)


def test_f1_a_log_that_cannot_even_be_opened_ends_nobody(tmp_path: Path) -> None:
    file, lost = LogFile(tmp_path / "missing" / "serve-1.jsonl"), lines_lost()
    file.write(b"{}\n")
    assert lines_lost() == lost + 1


def test_f1_a_device_that_is_always_full_takes_every_call() -> None:
    file, lost = LogFile(Path("/dev/full")), lines_lost()
    for _ in range(3):
        file.write(b"{}\n")
    assert lines_lost() == lost + 3


def test_a_line_that_cannot_be_encoded_is_still_a_line() -> None:
    encoded = moyai_logging._line(None, "info", {"event": "x", "path": "\udcff", "level": "info"})
    assert json.loads(encoded)["event"] == "a log line could not be encoded"


def test_logs_stay_within_their_bound_and_lose_nothing_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "serve-1.jsonl"
    path.touch(mode=0o600)
    file = LogFile(path)
    file._looked_at = float("-inf")
    for number in range(40):
        file.write(b'{"number":%d}\n' % number)
        file._looked_at = float("-inf")  # a second has passed
        bound(tmp_path, 300)
    kept = [json.loads(line)["number"] for name in ("serve-1.jsonl.1", "serve-1.jsonl")
            for line in (tmp_path / name).read_text().splitlines()]  # fmt: skip
    assert kept == list(range(kept[0], 40))
    assert all(one.stat().st_size < 400 for one in tmp_path.iterdir())
    assert path.stat().st_mode & 0o777 == 0o600


def test_output_that_a_program_holds_open_is_emptied_in_place(tmp_path: Path) -> None:
    path = tmp_path / "postgres.log"
    with path.open("ab", buffering=0) as held:
        held.write(b"a line of the server\n" * 30)
        bound(tmp_path, 100)
        held.write(b"next\n")
    assert path.read_bytes() == b"next\n"
    assert (tmp_path / "postgres.log.1").stat().st_size == 630

"""Modes are what we say, whatever the umask is (F8 of the field review); files are whole or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from moyai.base import files
from moyai.base.engine import Engine
from tests.conftest import write_home


@pytest.fixture(params=[0o027, 0o077])
def narrow_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("narrow_umask")
def test_f8_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    files.make_directory(tmp_path / "a" / "b", 0o750)
    files.replace(tmp_path / "a" / "b" / "open", b"x", 0o644)
    files.create(tmp_path / "a" / "b" / "closed", b"x")
    modes = [one.stat().st_mode & 0o777 for one in sorted((tmp_path / "a").rglob("*"))]
    assert modes == [0o750, 0o600, 0o644]


@pytest.mark.usefixtures("narrow_umask")
def test_f8_a_first_start_under_a_narrow_umask(scratch: Path) -> None:
    directory = Path(tempfile.mkdtemp(dir=scratch))
    directory.chmod(0o755)
    home = write_home(directory)
    engine = Engine(home, durable=False)
    try:
        engine.start()
    finally:
        engine.stop()


def test_a_file_that_is_there_is_not_created_again(tmp_path: Path) -> None:
    files.create(tmp_path / "kek", b"first")
    with pytest.raises(FileExistsError):
        files.create(tmp_path / "kek", b"second")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("kek", b"first")]

"""How much space is left is asked of the file system, for each place that is written to."""

from __future__ import annotations

from pathlib import Path

from moyai.base.config import Home
from moyai.base.storage import Space, is_full
from tests.small_disk import SETTINGS, fill, small_disk

LIMITS = """
[journal]
path = "{journal}"
[storage]
refuse_below_megabytes = 2
warn_below_megabytes = 4
"""


def test_space_goes_from_enough_over_low_to_full_and_back(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with small_disk(tmp_path / "disk", 8) as disk:
        (tmp_path / "moyai.toml").write_text((SETTINGS + LIMITS).format(journal=disk / "journal"))
        space = Space(Home(tmp_path))
        assert space.look() == "enough"
        ballast = fill(disk, leave=3 << 20)
        assert space.look() == "low"
        fill(disk, leave=1 << 20)
        assert space.look() == "full"
        assert space.least() == 1 << 20
        ballast.unlink()
        assert space.look() == "enough"


def test_a_full_place_of_logs_refuses_nobody(tmp_path: Path) -> None:
    with small_disk(tmp_path / "logs", 8) as disk:
        (tmp_path / "moyai.toml").write_text((SETTINGS + LIMITS).format(journal="journal"))
        fill(disk)
        assert Space(Home(tmp_path)).look() == "low"


def test_no_space_is_told_from_other_errors() -> None:
    assert is_full(OSError(28, "No space left on device"))
    assert not is_full(OSError(5, "Input/output error"))
    assert not is_full(ValueError())

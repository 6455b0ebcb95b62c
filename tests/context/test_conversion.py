"""The demonstration's data is what the conversion makes of the published files, where these are at hand."""

from __future__ import annotations

import csv
import importlib.util
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
RAW = ROOT.parent / "shared" / "data"
DATA = ROOT / "scenarios" / "data"

needs_raw_files = pytest.mark.skipif(not RAW.is_dir(), reason="the published files are not here")


def _tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_raw_files
def test_takamatsus_files_are_converted_as_committed(tmp_path: Path) -> None:
    takamatsu = _tool("convert_takamatsu")
    for raw, (name, *_) in takamatsu.FILES.items():
        rows = takamatsu.convert(RAW / "takamatsu" / raw, tmp_path)
        assert rows == sum(1 for _ in takamatsu.read(RAW / "takamatsu" / raw))
        assert (tmp_path / name).read_bytes() == (DATA / "takamatsu" / name).read_bytes()


@needs_raw_files
def test_outlines_are_converted_as_committed(tmp_path: Path) -> None:
    boundaries = _tool("convert_boundaries")
    boundaries.main(RAW / "kagawa" / "municipalities_2021.geojson", tmp_path / "outlines.json")
    assert (tmp_path / "outlines.json").read_bytes() == (DATA / "kagawa_boundaries.json").read_bytes()


def test_neighbours_share_their_border_exactly() -> None:
    boundaries = _tool("convert_boundaries")
    left = [(0, 0), (0, 40), (11, 41), (20, 40), (20, 31), (19, 20), (21, 10), (20, 0), (0, 0)]
    right = [(20, 0), (21, 10), (19, 20), (20, 31), (20, 40), (40, 40), (40, 0), (20, 0)]
    fixed = boundaries.junctions([left, right])
    assert fixed == {(20, 0), (20, 40)}
    border = {
        frozenset(pair) for ring in (left, right) for pair in pairwise(boundaries.simplified(ring, fixed))
    }
    assert frozenset({(20, 0), (20, 40)}) in border
    assert len(border) == 7


def test_marks_that_are_not_a_plain_yes_are_quoted() -> None:
    with (DATA / "takamatsu" / "evacuation_site.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["名称"]: row for row in csv.DictReader(file)}
    site = rows["日新小学校跡施設"]
    assert site["災害種別_地震"] == "1"
    assert site["災害種別_津波"] == site["災害種別_洪水"] == site["災害種別_高潮"] == ""
    assert "津波△" in site["備考"]
    assert "洪水(計画規模)○" in site["備考"]


@pytest.mark.parametrize(
    ("cell", "hours"),
    [
        ("9:00", ("09:00", "")),
        ("0.375", ("09:00", "")),
        ("08：30（受付）", ("08:30", "08:30は受付")),
        ("", ("", "")),
    ],
)
def test_hours_are_hours_again(cell: str, hours: tuple[str, str]) -> None:
    assert _tool("convert_takamatsu")._time(cell) == hours

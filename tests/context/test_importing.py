"""Import of standard CSV files: encodings, values, rejected rows, importing again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.context import actions, boundaries, importing
from moyai.context.datasets import DATASETS
from moyai.context.model import Author, read_entity
from moyai.context.query import EntityQuery

FILES = Path(__file__).parents[2] / "scenarios" / "data" / "takamatsu"
OPERATOR = Author("unei")
HEADER = (
    "全国地方公共団体コード,ID,名称,所在地_連結表記,緯度,経度,災害種別_洪水,災害種別_津波,想定収容人数\r\n"
)


def _parse(*lines: str, encoding: str = "utf-8", kind: str = "evacuation-site") -> importing.Parsed:
    return importing.parse(
        (HEADER + "\r\n".join(lines)).encode(encoding), DATASETS[kind], "高松市オープンデータ"
    )


async def _import(
    conn: Connection, parsed: importing.Parsed, author: Author = OPERATOR
) -> importing.Imported:
    return await importing.import_parsed(conn, author, "evacuation-site", parsed)


@pytest.mark.parametrize(
    ("encoding", "named"), [("utf-8-sig", "UTF-8 (BOM)"), ("utf-8", "UTF-8"), ("cp932", "Shift_JIS")]
)
def test_encodings(encoding: str, named: str) -> None:
    parsed = _parse("372013,1,髙松小学校①,香川県高松市１,34.3,134.0,1,,100", encoding=encoding)
    assert parsed.encoding == named
    assert parsed.entities[0][1].attrs["name"]["value"] == "髙松小学校①"


def test_bytes_of_no_encoding_are_refused() -> None:
    for content in (b"\xff\xfe\x00", "名称".encode("utf-16")):
        with pytest.raises(Problem) as refused:
            importing.decode(content)
        assert refused.value.code == "file_not_readable"


def test_a_row_becomes_an_entity() -> None:
    ((line, entity),) = _parse('372013,A-1,(旧)小学校,香川県高松市1,34.3475,134.0300,1,,"1,200"').entities
    assert line == 2
    assert entity.id == "urn:ngsi-ld:EvacuationSite:372013-A-1"
    assert entity.type == "EvacuationSite"
    assert entity.attrs["name"] == {"type": "TextUnrestricted", "value": "(旧)小学校", "metadata": {}}
    assert entity.attrs["address"]["type"] == "Text"
    assert entity.attrs["location"]["value"] == {"type": "Point", "coordinates": [134.03, 34.3475]}
    assert entity.attrs["disasterTypes"]["value"] == ["flood"]
    assert entity.attrs["capacity"]["value"] == 1200
    assert entity.attrs["source"]["value"] == "高松市オープンデータ"


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [
        ("37201X,1,名,所,34.3,134.0,1,,1", "全国地方公共団体コード", "code"),
        ("372014,1,名,所,34.3,134.0,1,,1", "全国地方公共団体コード", "code"),
        (",1,名,所,34.3,134.0,1,,1", "全国地方公共団体コード", "required"),
        ("372013,,名,所,34.3,134.0,1,,1", "ID", "required"),
        ("372013,番号,名,所,34.3,134.0,1,,1", "ID", "id"),
        ("372013,1,,所,34.3,134.0,1,,1", "名称", "required"),
        ("372013,1,名,所,134.0,34.3,1,,1", "緯度", "latitude"),
        ("372013,1,名,所,34.3,east,1,,1", "経度", "longitude"),
        ("372013,1,名,所,34.3,,1,,1", "経度", "both"),
        ("372013,1,名,所,34.3,134.0,たぶん,,1", "災害種別_洪水", "flag"),
        ("372013,1,名,所,34.3,134.0,1,,約100人", "想定収容人数", "integer"),
        ("372013,1,名,所,34.3,134.0,1,,1,余分", "", "columns"),
    ],
)
def test_a_row_that_cannot_be_says_why(row: str, column: str, expected: str) -> None:
    parsed = _parse("372013,9,よい行,所,34.3,134.0,1,1,1", row, "372013,10,よい行,所,,,,,")
    (rejection,) = parsed.rejections
    assert (rejection.line, rejection.column, rejection.expected) == (3, column, expected)
    assert rejection.ja
    assert rejection.en
    assert [entity.id[-2:] for _, entity in parsed.entities] == ["-9", "10"]


def test_the_second_row_of_an_id_is_rejected_and_lines_are_counted() -> None:
    parsed = _parse('372013,1,"二行の\r\n名前",所,,,1,,', "", "372013,2,名,所,,,1,,", "372013,１,名,所,,,1,,")
    assert [line for line, _ in parsed.entities] == [2, 5]
    assert [(r.line, r.expected) for r in parsed.rejections] == [(6, "unique")]


@pytest.mark.parametrize(
    ("cell", "code"), [("372013", "372013"), ("37201", "372013"), ("12025", "012025"), ("011002", "011002")]
)
def test_codes_are_completed(cell: str, code: str) -> None:
    ((_, entity),) = _parse(f"{cell},1,名,所,,,1,,").entities
    assert entity.attrs["municipalityCode"]["value"] == code


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        ("ID,名称,緯度\r\n1,x,1", ["全国地方公共団体コード", "災害種別_…"]),
        ("", ["全国地方公共団体コード", "ID", "名称", "災害種別_…"]),
    ],
)
def test_missing_columns_are_named(content: str, missing: list[str]) -> None:
    with pytest.raises(Problem) as refused:
        importing.parse(content.encode(), DATASETS["evacuation-site"])
    assert refused.value.code == "columns_missing"
    assert refused.value.extra["missing"] == missing


async def test_importing_again_changes_nothing(context: Connection) -> None:
    rows = ["372013,1,名,所,34.3,134.0,1,,10", "372013,2,名,所,34.3,134.0,1,,10"]
    first = await _import(context, _parse(*rows))
    assert (first.rows, first.created, first.updated, first.unchanged) == (2, 2, 0, 0)
    again = await _import(context, _parse(*rows))
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)
    changed = await _import(context, _parse(rows[0], "372013,2,新しい名,所,34.3,134.0,1,,"))
    assert (changed.created, changed.updated, changed.unchanged) == (0, 1, 1)
    entity = await actions.get(context, "", "urn:ngsi-ld:EvacuationSite:372013-2", None)
    assert entity.attrs["name"]["value"] == "新しい名"
    assert "capacity" not in entity.attrs
    assert await actions.count(context, EntityQuery()) == 2


async def test_another_organisations_entity_is_left_alone(context: Connection) -> None:
    await _import(context, _parse("372013,1,名,所,,,1,,"), Author("c1"))
    report = await _import(context, _parse("372013,1,別名,所,,,1,,", "372013,2,名,所,,,1,,"))
    assert (report.created, report.updated, report.unchanged) == (1, 0, 0)
    assert [(r.line, r.expected) for r in report.rejected] == [(2, "own")]
    kept = await actions.get(context, "", "urn:ngsi-ld:EvacuationSite:372013-1", None)
    assert (kept.organization_id, kept.attrs["name"]["value"]) == ("c1", "名")


async def test_outlines_become_municipalities(context: Connection) -> None:
    content = (FILES.parent / "kagawa_boundaries.json").read_bytes()
    parsed = importing.parse_file(content, boundaries.KIND)
    report = await importing.import_parsed(context, OPERATOR, boundaries.KIND, parsed)
    assert (report.rows, report.created) == (17, 17)
    takamatsu = await actions.get(context, "", "urn:ngsi-ld:Municipality:372013", None)
    assert takamatsu.attrs["name"]["value"] == "高松市"
    assert "国土数値情報" in str(takamatsu.attrs["source"]["value"])
    location: Any = takamatsu.attrs["location"]["value"]
    assert location["type"] == "MultiPolygon"
    longitude, latitude = location["coordinates"][0][0][0]
    assert 133.8 < longitude < 134.3
    assert 34.1 < latitude < 34.5


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": "other"}', b"\xff"])
def test_other_json_is_no_outline(content: bytes) -> None:
    with pytest.raises(Problem) as refused:
        importing.parse_file(content, boundaries.KIND)
    assert refused.value.code == "file_not_readable"


@pytest.mark.parametrize(
    ("file", "kind", "rows"),
    [
        ("evacuation_site.csv", "evacuation-site", 193),
        ("tsunami_evacuation_building.csv", "tsunami-evacuation-building", 113),
        ("aed.csv", "aed", 514),
        ("hospital.csv", "hospital", 635),
        ("care_service.csv", "care-service", 47),
        ("public_toilet.csv", "public-toilet", 169),
    ],
)
async def test_the_demonstrations_files_are_imported_whole(
    context: Connection, file: str, kind: str, rows: int
) -> None:
    parsed = importing.parse_file((FILES / file).read_bytes(), kind)
    assert parsed.rejections == []
    assert parsed.encoding == "UTF-8 (BOM)"
    report = await importing.import_parsed(context, OPERATOR, kind, parsed)
    assert (report.rows, report.created) == (rows, rows)
    assert all("location" in entity.attrs and "name" in entity.attrs for _, entity in parsed.entities)


CELL = st.one_of(
    st.text(max_size=12), st.sampled_from(["372013", "1", "34.3", "134.0", "○", '"', "\r\n", "\ue000"])
)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.lists(CELL, min_size=8, max_size=10).map(",".join), max_size=4))
def test_any_rows_are_imported_or_rejected(rows: list[str]) -> None:
    try:
        parsed = importing.parse((HEADER + "\r\n".join(rows)).encode(), DATASETS["evacuation-site"])
    except Problem:
        return  # a quotation mark that nothing closes
    assert parsed.rows == len(parsed.entities) + len(parsed.rejections)
    for _, entity in parsed.entities:
        assert read_entity({"id": entity.id, "type": entity.type, **entity.attrs}) == entity


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused(content: bytes) -> None:
    for kind in ("aed", boundaries.KIND):
        with pytest.raises(Problem):
            importing.parse_file(content, kind)

"""`moyai import` from end to end: as the operating organisation, on record, with a report."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.context import actions
from moyai.context.command import import_file, run, show
from moyai.ledger import Kind, history
from tests.factories import make_organization

ROWS = (
    "全国地方公共団体コード,ID,名称,緯度,経度\r\n"
    "372013,1,市役所,34.3,134.0\r\n372013,2,,34.3,134.0\r\n372013,3,駅,134.0,34.3\r\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "aed.csv"
    path.write_text(ROWS, encoding="cp932")
    return path


async def test_the_operating_organisation_imports_on_record(
    control: Connection, control_db: Any, context: Connection, context_db: Any, file: Path
) -> None:
    operator = await make_organization(control, kind="operating_organization")
    told: list[int] = []

    def begin(total: int) -> Any:
        told.append(total)
        return told.append

    report = await import_file(
        control_db, context_db, file, "aed", source="高松市オープンデータ", begin=begin
    )
    assert (report.rows, report.created, report.encoding) == (3, 1, "Shift_JIS")
    assert [(r.line, r.column, r.expected) for r in report.rejected] == [
        (3, "名称", "required"),
        (4, "緯度", "latitude"),
    ]
    assert told == [1, 1]
    entity = await actions.get(context, "", "urn:ngsi-ld:AED:372013-1", None)
    assert entity.organization_id == operator.id
    (event,) = await history(control, 0, kinds=[Kind.IMPORTED])
    assert event.detail["created"] == 1
    assert event.detail["rejected"] == 2


async def test_a_suspended_operator_imports_nothing(
    control: Connection, control_db: Any, context: Connection, context_db: Any, file: Path
) -> None:
    await make_organization(control, kind="operating_organization", state="suspended")
    with pytest.raises(Problem) as refused:
        await import_file(control_db, context_db, file, "aed")
    assert refused.value.code == "organization_suspended"
    assert await actions.types(context, "") == []


async def test_an_unknown_kind_names_the_known_ones(control_db: Any, context_db: Any, file: Path) -> None:
    with pytest.raises(Problem) as refused:
        await import_file(control_db, context_db, file, "aeds")
    assert refused.value.code == "dataset_kind_unknown"
    assert {"aed", "evacuation-site", "municipality-boundaries"} <= set(refused.value.extra["kinds"])


async def test_the_report_reads_in_both_languages(
    control: Connection, control_db: Any, context_db: Any, file: Path
) -> None:
    await make_organization(control, kind="operating_organization")
    report = await import_file(control_db, context_db, file, "aed")
    out = StringIO()
    show(report, Console(file=out, width=200))
    text = out.getvalue()
    assert "除外 rejected 2" in text
    assert "空欄です。必須の項目です" in text
    assert "is not a latitude in Japan" in text


async def test_the_command_prints_json_alone(
    fresh_platform: Any, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (await fresh_platform.pool()).transaction() as conn:
        await make_organization(conn, kind="operating_organization")
    for created, unchanged in ((1, 0), (0, 1)):
        await run(fresh_platform.home, file, "aed", as_json=True)
        out = capsys.readouterr()
        report = json.loads(out.out)
        assert (report["created"], report["unchanged"], len(report["rejected"])) == (created, unchanged, 2)
        assert out.err == ""


async def test_a_missing_file_is_said_to_be_missing(fresh_platform: Any, tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        await run(fresh_platform.home, tmp_path / "nowhere.csv", "aed")
    assert refused.value.code == "file_not_readable"

"""`moyai import`: a file of open data into the common tenant, by the operating organisation, on record."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from moyai.base.config import Home
from moyai.base.db import Connection, Database, Pool
from moyai.base.errors import Problem
from moyai.base.roles import SERVE, context_database
from moyai.base.tables import print_whole
from moyai.context import importing
from moyai.context.model import Author
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import Imported
from moyai.registry import operating_organization
from moyai.registry.standing import of_office


async def import_file(
    control: Database,
    context: Database,
    file: Path,
    kind: str,
    *,
    source: str | None = None,
    begin: Callable[[int], Callable[[int], None]] = lambda _: lambda _: None,
) -> importing.Imported:
    """Import one file. `begin` is told how many rows there are and gives what to tell the progress to.

    All rows of the file are written in one transaction, and the act is recorded in the ledger before the report
    is given. If recording fails the command fails: importing again changes nothing but records.
    Raises Problem: dataset_kind_unknown, file_not_readable, columns_missing, does_not_exist (no 運営組織
    yet), organization_suspended.
    """
    content = await asyncio.to_thread(_content, file)
    parsed = importing.parse_file(content, kind, source)
    async with control.connection() as conn:
        author = await _operator(conn)
    async with context.transaction() as conn:
        report = await importing.import_parsed(conn, author, kind, parsed, begin(len(parsed.entities)))
    async with control.transaction() as conn:
        await record(conn, _act(author, report, file.name, content))
    return report


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Problem("file_not_readable", f"{file}: {error.strerror}") from error


async def _operator(conn: Connection) -> Author:
    organization = await operating_organization(conn)
    if code := of_office(organization.state):
        raise Problem(code, organization.organization_id)
    return Author(organization.organization_id)


def _act(author: Author, report: importing.Imported, name: str, content: bytes) -> Act:
    return Act(
        kind=Kind.IMPORTED,
        actor=f"organization:{author.organization_id}",
        detail=Imported(
            dataset=report.dataset,
            file=name,
            sha256=hashlib.sha256(content).hexdigest(),
            rows=report.rows,
            created=report.created,
            updated=report.updated,
            unchanged=report.unchanged,
            rejected=len(report.rejected),
        ),
    )


async def run(
    home: Home, file: Path, kind: str, *, source: str | None = None, as_json: bool = False
) -> importing.Imported:
    """The command: import with progress, then the report on stdout, as a table or as JSON alone."""
    control = await Pool.open(home.dsn(SERVE), max_size=1)
    context = await Pool.open(home.dsn(SERVE, context_database(home)), max_size=1)
    bar = Progress(
        TextColumn(file.name),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        disable=as_json,
    )
    try:
        with bar:
            report = await import_file(control, context, file, kind, source=source, begin=_advancing(bar))
    finally:
        await context.close()
        await control.close()
    if as_json:
        print(msgspec.json.encode(report).decode())
    else:
        show(report, Console())
    return report


def _advancing(bar: Progress) -> Callable[[int], Callable[[int], None]]:
    def begin(total: int) -> Callable[[int], None]:
        task = bar.add_task("", total=total)
        return lambda done: bar.advance(task, done)

    return begin


def show(report: importing.Imported, console: Console) -> None:
    """The numbers, and every rejected row with its reason in both languages."""
    console.print(
        f"{report.dataset} ({report.encoding}): {report.rows} 行 / rows — "
        f"作成 created {report.created}, 更新 updated {report.updated}, "
        f"変更なし unchanged {report.unchanged}, 除外 rejected {len(report.rejected)}"
    )
    if not report.rejected:
        return
    table = Table("行 / line", "列 / column", "値 / value", "理由 / reason")
    for rejection in report.rejected:
        reason = f"{rejection.ja}\n{rejection.en}"
        table.add_row(str(rejection.line), rejection.column, rejection.value, reason)
    print_whole(table, console)

"""`moyai import`: city data."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from moyai.commands.arguments import DEFAULT_DIRECTORY, Directory, Json, home_of


def import_(
    file: Path,
    *,
    dataset: Annotated[
        str, Parameter(help="Kind of dataset, e.g. evacuation-site, aed, hospital, public-toilet.")
    ],
    source: Annotated[str | None, Parameter(help="The credit that every entity carries.")] = None,
    directory: Directory = DEFAULT_DIRECTORY,
    json: Json = False,
) -> None:
    """Put open data into the city data that all may read. Importing a file again changes nothing.

    Rows that cannot be imported are listed with the reason; the others are imported.

    Parameters
    ----------
    file
        A CSV in the columns of 自治体標準オープンデータセット (UTF-8 or Shift_JIS), or outlines of municipalities.
    """
    from moyai.context.command import run

    asyncio.run(run(home_of(directory), file, dataset, source=source, as_json=json))

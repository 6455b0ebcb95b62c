"""`make screens`: photograph every page of `tests/web/pages.toml` at 360 and 1280 pixels into `screens/`.

Starts a platform of its own, or uses a running one (`--dir DIR`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.browser import ROOT, launched
from tests.stack import NotStarted, Stack, platform_up
from tests.visits import Visit, Visitor, visits

WIDTHS = (360, 1280)
TARGET = ROOT / "screens"


@contextmanager
def running(directory: Path | None) -> Generator[Stack]:
    if directory is not None:
        yield Stack(directory, json.loads((directory / "run.json").read_text(encoding="utf-8")))
        return
    with tempfile.TemporaryDirectory(prefix="moyai-screens-") as scratch:
        Path(scratch).chmod(0o755)
        with platform_up(Path(scratch) / "platform") as stack:
            yield stack


async def photograph(stack: Stack, chosen: list[Visit]) -> list[str]:
    """Write one PNG per page, width and language; gives what could not be photographed, with the reason."""
    missed: list[str] = []
    async with launched() as browser:
        visitor = Visitor(browser, stack)
        for visit in chosen:
            for width, language in ((w, each) for w in WIDTHS for each in visit.languages):
                path = TARGET / f"{visit.name}.{language}.{width}.png"
                try:
                    page = await visitor.open(visit, width, language)
                    await page.screenshot(path=path, full_page=True)
                    await page.context.close()
                    print(path.relative_to(ROOT))
                except Exception as error:  # one page that fails must not hide the others
                    missed.append(f"{path.name}: {error}")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(prog="make screens", description=__doc__)
    parser.add_argument("--dir", type=Path, help="directory of a running platform")
    parser.add_argument("names", nargs="*", help="only pages whose name begins like this")
    arguments = parser.parse_args()
    chosen = [
        visit for visit in visits() if not arguments.names or visit.name.startswith(tuple(arguments.names))
    ]
    TARGET.mkdir(exist_ok=True)
    try:
        with running(arguments.dir) as stack:
            missed = asyncio.run(photograph(stack, chosen))
    except NotStarted as error:
        missed = [f"the platform did not start:\n{error}"]
    for line in missed:
        print(f"screens: {line}", file=sys.stderr)
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())

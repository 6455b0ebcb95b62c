"""Patterns of checked values: in Python `$` also matches before a line feed at the end, so ours go on to refuse one."""

from __future__ import annotations

import re

from tests.house.source import product_modules, relative

LOOSE = re.compile(r"""(?:pattern=|PATTERN = )r?["'][^"']*\$["']""")


def test_patterns_end_at_the_end() -> None:
    loose = [
        f"{relative(path)}:{number}"
        for path in product_modules()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if LOOSE.search(line)
    ]
    assert not loose


LOOKED_AT = {
    "moyai/base/tasks.py",
    "moyai/worker/platform_jobs.py",  # each witness's task is kept, and its outcome said
}


def test_no_task_ends_unseen() -> None:
    """Background work goes through `moyai.base.tasks`, which reports its end (F1 of the field review)."""
    bare = [
        relative(path)
        for path in product_modules()
        if relative(path) not in LOOKED_AT
        and re.search(r"\b(create_task|ensure_future)\(", path.read_text(encoding="utf-8"))
    ]
    assert not bare

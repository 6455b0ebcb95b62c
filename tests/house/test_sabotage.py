"""The sabotage tool: its definitions fit the source, and it counts only real failures."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tools import sabotage

ENTRIES = sabotage.safeguards()

SMALL = sabotage.Safeguard(
    name="small",
    what="a sum",
    file="moyai/clock_of_test.py",
    find="1 + 1",
    replace="1 + 2",
    tests=["tests/test_small.py"],
)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_definition_fits_the_source(entry: sabotage.Safeguard) -> None:
    sabotage.patched((sabotage.ROOT / entry.file).read_text(encoding="utf-8"), entry)
    for test in entry.tests:
        path, _, name = test.partition("::")
        text = (sabotage.ROOT / path).read_text(encoding="utf-8")
        assert not name or f"def {name.split('[')[0].split('::')[-1]}(" in text


def test_names_are_unique() -> None:
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny repository of one function and one test, in place of this one."""
    root = tmp_path / "source"
    (root / "moyai").mkdir(parents=True)
    (root / "tests" / "plugins").mkdir(parents=True)
    (root / "moyai" / "__init__.py").write_text("")
    (root / "moyai" / "clock_of_test.py").write_text("def two():\n    return 1 + 1\n")
    (root / "tests" / "test_small.py").write_text(
        "from moyai.clock_of_test import two\n\n\ndef test_two():\n    assert two() == 2\n"
    )
    plugin = sabotage.ROOT / "tests" / "plugins" / "outcomes.py"
    (root / "tests" / "plugins" / "outcomes.py").write_text(plugin.read_text())
    monkeypatch.setattr(sabotage, "ROOT", root)
    monkeypatch.setenv(
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"
    )  # a tiny test needs no plugins, and starts sooner
    return root


def test_held_safeguard_names_the_test_that_fails(source: Path) -> None:
    found, wrong = sabotage.sabotage([SMALL], 1)
    assert found == {"small": {"failed": ["tests/test_small.py::test_two"]}}
    assert wrong == []
    assert "1 + 1" in (source / SMALL.file).read_text()


def test_safeguard_that_no_test_holds_is_reported(source: Path) -> None:
    (source / "tests" / "test_small.py").write_text("def test_nothing():\n    pass\n")
    found, wrong = sabotage.sabotage([SMALL], 1)
    assert found == {"small": {"failed": []}}
    assert wrong == ["no test fails: small"]


def test_copy_that_cannot_be_imported_proves_nothing(source: Path) -> None:
    found, wrong = sabotage.sabotage(
        [msgspec.structs.replace(SMALL, replace="undefined_name\n\n\nraise OSError")], 1
    )
    assert found["small"]["failed"] == []
    assert "could not begin" in found["small"]["error"]
    assert wrong


def test_test_that_fails_anyway_is_reported(source: Path) -> None:
    (source / "moyai" / "clock_of_test.py").write_text("def two():\n    return 3  # 1 + 1\n")
    _, wrong = sabotage.sabotage([SMALL], 1)
    assert "fails without sabotage: tests/test_small.py::test_two" in wrong


NEEDS_COMPANY = """\
import sys

from moyai.clock_of_test import two


def test_two():
    assert "test_company" in str(sorted(sys.modules))
    assert two() == 2
"""


def test_i2_what_passes_only_beside_other_tests_holds_nothing(source: Path) -> None:
    (source / "tests" / "test_company.py").write_text("def test_it_is_there():\n    pass\n")
    (source / "tests" / "test_small.py").write_text(NEEDS_COMPANY)
    docstring = msgspec.structs.replace(SMALL, name="nothing", find="def two():", replace="def two():  # !")
    beside = msgspec.structs.replace(
        SMALL, name="beside", tests=["tests/test_company.py", "tests/test_small.py"]
    )
    found, wrong = sabotage.sabotage([docstring, beside], 2)
    assert (found["nothing"]["failed"], "run alone" in found["nothing"]["error"]) == ([], True)
    assert found["beside"] == {"failed": ["tests/test_small.py::test_two"]}, (
        "its set holds in a run of its own"
    )
    assert wrong == ["fails without sabotage: tests/test_small.py::test_two", "no test fails: nothing"]


def test_i2_entries_with_the_same_tests_share_the_run_on_the_untouched_source(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    run_tests = sabotage.run_tests
    monkeypatch.setattr(
        sabotage, "run_tests", lambda tree, tests: (ran.append(tree.name), run_tests(tree, tests))[1]
    )
    found, wrong = sabotage.sabotage([SMALL, msgspec.structs.replace(SMALL, name="again")], 2)
    assert all(one["failed"] for one in found.values())
    assert (sorted(ran), wrong) == (["again", "small", "untouched"], [])


@pytest.mark.parametrize(("text", "times"), [("nothing", 0), ("1 + 1\n1 + 1", 2)])
def test_text_must_occur_exactly_once(text: str, times: int) -> None:
    with pytest.raises(sabotage.CannotPatch, match=f"occurs {times} times"):
        sabotage.patched(text, SMALL)

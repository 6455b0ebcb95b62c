"""A scenario file: topology, seeds and story as data. What `moyai apply` registers is in `moyai.applying.registry_file`."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from moyai.base.config import Brokers, ConfigError
from moyai.base.config import Platform as PlatformSettings

_ROOT = Path(__file__).resolve().parents[2]
"""The checkout: scenarios and examples lie beside the package, not in it."""


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An example service: a program that knows only the public API, run as one client."""

    client: str
    program: str
    title: str
    component: str | None = None
    service: str | None = None
    arguments: list[str] = []
    live_seconds: float = 0


class WitnessProgram(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    witness: str
    program: str


class CityData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of open data in the standard columns, and which of the standard datasets it is."""

    file: str
    dataset: str
    source: str | None = None


class Cast(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the standing cast, by `key`. `story_ja` says who they are."""

    key: str
    family_name: str
    given_name: str
    family_kana: str
    given_kana: str
    birth_date: str
    sex: str
    postal_code: str
    address: str
    municipality_code: str
    story_ja: str
    story_en: str


class Residents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Residents who do not exist: the file, and how many of them use services from the start."""

    file: str
    active: int = 0


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a story: a verb of `moyai.up.verbs`, its arguments, and what must come back.

    TOML has no null: a `code` of "" means that there must be none.
    """

    name: str
    do: str
    expect: dict[str, Any]
    given: dict[str, Any] = {}

    @property
    def expected(self) -> dict[str, Any]:
        return {
            name: None if name == "code" and value == "" else value for name, value in self.expect.items()
        }


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `moyai up` reads of a scenario file; `path` goes to `moyai apply`."""

    path: Path
    title_ja: str
    title_en: str
    platform: PlatformSettings
    brokers: Brokers
    examples: list[Example]
    witnesses: list[WitnessProgram]
    city_data: list[CityData]
    cast: list[Cast]
    residents: Residents | None
    beginning: list[Step]
    story: list[Step]

    def file(self, name: str) -> Path:
        """A file that the scenario names, relative to it."""
        return self.path.parent / name


class _Title(msgspec.Struct, frozen=True):
    title_ja: str
    title_en: str


class _File(msgspec.Struct, frozen=True):
    scenario: _Title
    platform: PlatformSettings
    brokers: Brokers = Brokers()
    example: list[Example] = []
    witness_program: list[WitnessProgram] = []
    city_data: list[CityData] = []
    resident: list[Cast] = []
    residents: Residents | None = None
    beginning: list[Step] = []
    story: list[Step] = []


def find(name: str) -> Path:
    """A scenario by path or by name (`type-2.1`). Raises ConfigError."""
    for path in (Path(name), Path(f"scenarios/{name}.toml"), _ROOT / "scenarios" / f"{name}.toml"):
        if path.is_file():
            return path.resolve()
    known = ", ".join(sorted(path.stem for path in (_ROOT / "scenarios").glob("*.toml")))
    raise ConfigError(f"there is no scenario {name}; known: {known}")


def program(name: str) -> Path:
    """An example program, relative to the checkout. Raises ConfigError where it is missing."""
    path = _ROOT / name
    if not path.is_file():
        raise ConfigError(f"the scenario names {name}, which is not in {_ROOT}")
    return path


def read(path: Path) -> Scenario:
    """Raises ConfigError naming the place in the file."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return Scenario(
        path,
        found.scenario.title_ja,
        found.scenario.title_en,
        found.platform,
        found.brokers,
        found.example,
        found.witness_program,
        found.city_data,
        found.resident,
        found.residents,
        found.beginning,
        found.story,
    )


def people(path: Path) -> list[dict[str, str]]:
    """The rows of a file of residents: the members of a person of the identity API."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))

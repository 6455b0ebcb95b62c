"""Import of open data: a file in the standard columns becomes entities; rows that cannot are reported with reasons.

Importing the same file again changes nothing: an entity's id is made of the publisher's code and the row's ID.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.context import actions, boundaries, cells
from moyai.context.cells import CellError
from moyai.context.datasets import (
    CODE_COLUMN,
    DATASETS,
    ID_COLUMN,
    LATITUDE_COLUMN,
    LONGITUDE_COLUMN,
    VALUE_NAMES,
    Column,
    Dataset,
)
from moyai.context.errors import NgsiError
from moyai.context.model import Attribute, Attributes, Author, Entity, read_entity

BATCH: Final = 500
ENCODINGS: Final = (("utf-8-sig", "UTF-8"), ("cp932", "Shift_JIS"))

# What the codec lets pass although no Shift_JIS text has it: bytes of another encoding
_NOT_SHIFT_JIS = re.compile("[\x00\x80\xa0\uf8f0-\uf8f3]")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_SHOWN = 60


class Rejection(msgspec.Struct, frozen=True):
    """A row that was not imported. `line` is where it begins in the file, `expected` the kind of value."""

    line: int
    column: str
    value: str
    expected: str
    ja: str
    en: str


class Parsed(msgspec.Struct, frozen=True):
    """What a file holds: entities with the lines they come from, and the rows that are none."""

    encoding: str
    rows: int
    entities: list[tuple[int, Entity]]
    rejections: list[Rejection]


class Imported(msgspec.Struct, frozen=True):
    """The report of an import."""

    dataset: str
    encoding: str
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: list[Rejection]


class _Refused(Exception):
    """A row cannot become an entity."""

    def __init__(self, column: str, value: str, expected: str) -> None:
        super().__init__(column)
        self.column, self.value, self.expected = column, value, expected


def parse_file(content: bytes, kind: str, source: str | None = None) -> Parsed:
    """Read a file of one kind: a standard CSV, or outlines of municipalities.

    Raises Problem: dataset_kind_unknown (with the kinds there are), file_not_readable, columns_missing.
    """
    if kind == boundaries.KIND:
        entities = boundaries.read(content)
        return Parsed("UTF-8", len(entities), list(enumerate(entities, 2)), [])
    if kind not in DATASETS:
        raise Problem("dataset_kind_unknown", kind[:_SHOWN], kinds=[*sorted(DATASETS), boundaries.KIND])
    return parse(content, DATASETS[kind], source)


def decode(content: bytes) -> tuple[str, str]:
    """(encoding, text). UTF-8 is tried first, then Shift_JIS, both strictly: no character is ever guessed.

    Raises Problem("file_not_readable").
    """
    for codec, name in ENCODINGS:
        try:
            text = content.decode(codec)
        except UnicodeDecodeError:
            continue
        if codec == "cp932" and _NOT_SHIFT_JIS.search(text):
            break
        marked = " (BOM)" if codec == "utf-8-sig" and content.startswith(b"\xef\xbb\xbf") else ""
        return name + marked, text
    raise Problem("file_not_readable", "neither UTF-8 nor Shift_JIS")


def parse(content: bytes, dataset: Dataset, source: str | None = None) -> Parsed:
    """Read a whole file. `source` is the credit that every entity carries.

    Raises Problem: file_not_readable, columns_missing.
    """
    encoding, text = decode(content)
    lines = _lines(text)
    _, names = next(lines, (1, list[str]()))
    header = [unicodedata.normalize("NFC", name).strip() for name in names]
    reader = _RowReader(dataset, header, source)
    entities: list[tuple[int, Entity]] = []
    rejections: list[Rejection] = []
    for line, row in lines:
        try:
            entities.append((line, reader.entity(row)))
        except _Refused as refused:
            rejections.append(_rejection(line, refused.column, refused.value, refused.expected))
    return Parsed(encoding, len(entities) + len(rejections), entities, rejections)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Records with the line on which each begins; wholly empty ones are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begin = 1
    try:
        for record in reader:
            if any(cell.strip() for cell in record):
                yield begin, record
            begin = reader.line_num + 1
    except csv.Error as error:
        raise Problem("file_not_readable", f"line {begin}: {error}") from error


def _rejection(line: int, column: str, value: str, expected: str) -> Rejection:
    ja, en = _REASONS.get(expected) or (
        f"「{VALUE_NAMES[expected][0]}」ではありません",
        f"is not {VALUE_NAMES[expected][1]}",
    )
    return Rejection(line, column, value[:_SHOWN], expected, f"{column}: {ja}", f"{column}: {en}")


_REASONS: Final[dict[str, tuple[str, str]]] = {
    "required": ("空欄です。必須の項目です", "is empty, but required"),
    "unique": ("同じ ID の行がすでにあります", "an earlier row has the same id"),
    "columns": ("列の数が見出しと合いません", "the number of cells differs from the header's"),
    "both": ("緯度と経度の片方だけがあります", "only one of latitude and longitude is given"),
    "own": ("別の組織が登録したデータです", "another organisation created this entity"),
    "ngsi": ("データとして受け付けられない値です", "cannot be stored as an attribute"),
}


class _RowReader:
    """Turns rows under one header into entities."""

    def __init__(self, dataset: Dataset, header: Sequence[str], source: str | None) -> None:
        self._dataset = dataset
        self._header = header
        self._index = {name: i for i, name in reversed(list(enumerate(header))) if name}
        self._source = source
        self._seen: set[str] = set()
        self._columns = [(c, i) for c in dataset.columns if (i := self._find(c.names)) is not None]
        self._disasters = [(self._index[ja], ja, name) for ja, name in dataset.disasters if ja in self._index]
        self._code, self._id = self._find(CODE_COLUMN), self._find(ID_COLUMN)
        self._latitude, self._longitude = self._find(LATITUDE_COLUMN), self._find(LONGITUDE_COLUMN)
        self._require()

    def _find(self, names: Sequence[str]) -> int | None:
        return next((self._index[name] for name in names if name in self._index), None)

    def _require(self) -> None:
        required = [CODE_COLUMN, ID_COLUMN, *(c.names for c in self._dataset.columns if c.required)]
        missing = [names[0] for names in required if self._find(names) is None]
        if self._dataset.disasters and not self._disasters:
            missing.append("災害種別_…")
        if missing:
            raise Problem("columns_missing", ", ".join(missing), missing=missing)

    def entity(self, row: Sequence[str]) -> Entity:
        if len(row) != len(self._header):
            raise _Refused("", f"{len(row)}/{len(self._header)}", "columns")
        code, number = self._identity(row)
        attrs: Attributes = {"municipalityCode": cells.text(code), "identification": cells.text(number)}
        for column, index in self._columns:
            attribute = self._attribute(column, row[index].strip())
            if attribute is not None:
                attrs[column.attribute] = attribute
        if self._disasters:
            attrs["disasterTypes"] = {"type": "StructuredValue", "value": self._types(row), "metadata": {}}
        location = self._location(row)
        if location is not None:
            attrs["location"] = location
        if self._source:
            attrs["source"] = cells.text(self._source)
        return self._checked(f"urn:ngsi-ld:{self._dataset.entity_type}:{code}-{number}", attrs)

    def _identity(self, row: Sequence[str]) -> tuple[str, str]:
        assert self._code is not None
        assert self._id is not None
        code = self._read(row[self._code].strip(), self._header[self._code], "code")
        given = row[self._id].strip()
        number = unicodedata.normalize("NFKC", given)
        if not number:
            raise _Refused(self._header[self._id], "", "required")
        if not _ID.fullmatch(number):
            raise _Refused(self._header[self._id], given, "id")
        if (identity := f"{code['value']}-{number}") in self._seen:
            raise _Refused(self._header[self._id], given, "unique")
        self._seen.add(identity)
        return str(code["value"]), number

    def _attribute(self, column: Column, cell: str) -> Attribute | None:
        """None for an empty cell: what is unknown is left out. An empty flag says no."""
        if not cell and column.value == "flag":
            return {"type": "Boolean", "value": False, "metadata": {}}
        if not cell and not column.required:
            return None
        return self._read(cell, column.names[0], column.value)

    def _read(self, cell: str, name: str, value: str) -> Attribute:
        if not cell:
            raise _Refused(name, "", "required")
        try:
            return cells.READERS[value](cell)
        except CellError as error:
            raise _Refused(name, cell, value) from error

    def _types(self, row: Sequence[str]) -> list[str]:
        return [
            name
            for index, ja, name in self._disasters
            if row[index].strip() and self._read(row[index].strip(), ja, "flag")["value"]
        ]

    def _location(self, row: Sequence[str]) -> Attribute | None:
        latitude = self._degrees(row, self._latitude, latitude=True)
        longitude = self._degrees(row, self._longitude, latitude=False)
        if latitude is None and longitude is None:
            return None
        if latitude is None or longitude is None:
            raise _Refused("緯度" if latitude is None else "経度", "", "both")
        return cells.point(longitude, latitude)

    def _degrees(self, row: Sequence[str], index: int | None, *, latitude: bool) -> float | None:
        cell = row[index].strip() if index is not None else ""
        if not cell:
            return None
        try:
            return cells.degrees(cell, latitude=latitude)
        except CellError as error:
            name, expected = ("緯度", "latitude") if latitude else ("経度", "longitude")
            raise _Refused(name, cell, expected) from error

    def _checked(self, entity_id: str, attrs: Attributes) -> Entity:
        """The same rules as for an entity that comes over HTTP."""
        try:
            return read_entity({"id": entity_id, "type": self._dataset.entity_type, **attrs})
        except NgsiError as error:
            raise _Refused("", error.description, "ngsi") from error


async def import_parsed(
    conn: Connection,
    author: Author,
    kind: str,
    parsed: Parsed,
    progress: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Write the entities in the caller's transaction, `progress` being told how many are done."""
    created = updated = unchanged = 0
    rejections = list(parsed.rejections)
    for begin in range(0, len(parsed.entities), BATCH):
        batch = parsed.entities[begin : begin + BATCH]
        put = await actions.put_many(conn, author, [entity for _, entity in batch])
        created, updated, unchanged = created + put.created, updated + put.updated, unchanged + put.unchanged
        rejections += [_rejection(line, "ID", e.id, "own") for line, e in batch if e.id in put.foreign]
        progress(len(batch))
    rejections.sort(key=lambda rejection: rejection.line)
    return Imported(kind, parsed.encoding, parsed.rows, created, updated, unchanged, rejections)

"""The one list of error codes, and the exceptions that carry them.

Rooms raise; only `moyai.web.problems` (and `moyai.web.ngsi` for NGSI paths) turns an error into bytes.
The texts live in `codes.toml`, beside this file, in Japanese and English, each with what to do next.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any, Final

import msgspec


class Code(msgspec.Struct, frozen=True):
    """One stable code: HTTP status, and texts for people in both languages.

    `resident_…` and `next_resident_…` are the words for the resident whom it concerns, where they differ from those
    for the program that asked.
    """

    status: int
    ja: str
    en: str
    next_ja: str
    next_en: str
    resident_ja: str | None = None
    resident_en: str | None = None
    next_resident_ja: str | None = None
    next_resident_en: str | None = None


def _load() -> dict[str, Code]:
    text = resources.files("moyai.base").joinpath("codes.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Code])


CODES: Final[dict[str, Code]] = _load()


class Problem(Exception):
    """A request that cannot be answered, for a reason with a stable code.

    `detail` is for the engineer at the other end: it may name fields and ids of the request, never
    personal content. `extra` becomes members of the problem document (RFC 9457, section 3.2).
    """

    def __init__(self, code: str, detail: str | None = None, **extra: Any) -> None:
        if code not in CODES:
            raise AssertionError(f"error code {code!r} is not in codes.toml")
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.extra = extra

    @property
    def status(self) -> int:
        return CODES[self.code].status


class Refused(Problem):
    """The gate's no: the caller is known and the request well-formed, but the data may not flow.

    A refusal is recorded in the ledger before it is answered.
    """

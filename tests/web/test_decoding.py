"""A member that stands twice is refused whatever the shape, also where the walk through the text is spared."""

from __future__ import annotations

import json
from typing import Annotated

import msgspec
import pytest

from moyai.base.errors import Problem
from moyai.web.operation import decode


class Inner(msgspec.Struct, frozen=True):
    a: int = 0


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subject: str
    names: list[str]
    limit: Annotated[int, msgspec.Meta(ge=1)] = 100
    since: str | None = None
    more: list[str] = []
    inner: Inner | None = None


class Loose(msgspec.Struct, frozen=True):
    subject: str


@pytest.mark.parametrize(
    "body",
    [
        '{"subject": "a", "subject": "b", "names": []}',
        '{"subject": "a", "names": [], "names": ["x"]}',
        '{"subject": "a", "names": [], "limit": 100, "limit": 7}',
        '{"subject": "a", "names": [], "limit": 7, "limit": 100}',
        '{"subject": "a", "names": [], "since": "x", "since": null}',
        '{"subject": "a", "names": [], "since": null, "since": "x"}',
        '{"subject": "a", "names": [], "more": [], "more": ["x"]}',
        '{"subject": "a", "names": [], "inner": {"a": 1, "a": 2}}',
        '{"subject": "a", "names": [], "inner": {"a": 1}, "inner": null}',
        r'{"subject": "a", "s\u0075bject": "b", "names": []}',
    ],
)
def test_vendor_h5_a_member_that_stands_twice_is_refused(body: str) -> None:
    with pytest.raises(Problem) as refused:
        decode(body.encode(), Asked)
    assert refused.value.code == "invalid_request"
    assert "twice" in (refused.value.detail or "")


@pytest.mark.parametrize(
    "body", ['{"subject": "a", "other": 1, "other": 2}', '{"other": {"x": 1, "x": 1}, "subject": "a"}']
)
def test_vendor_h5_also_among_members_that_are_passed_over(body: str) -> None:
    with pytest.raises(Problem, match="invalid_request"):
        decode(body.encode(), Loose)


@pytest.mark.parametrize(
    "given",
    [
        {"subject": "a", "names": ["x"]},
        {"subject": "a:b", "names": ["x:y", '"z":'], "limit": 7, "since": "2026-01-01T00:00:00Z"},
        {"subject": "a", "names": [], "more": ["x"], "inner": {"a": 3}},
    ],
)
def test_what_stands_once_is_taken(given: dict[str, object]) -> None:
    assert msgspec.to_builtins(decode(json.dumps(given).encode(), Asked))["subject"] == given["subject"]

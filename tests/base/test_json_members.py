"""Duplicate members are refused at every depth (vendor H5)."""

from __future__ import annotations

import pytest

from moyai.base.json_members import DuplicateMember, refuse_duplicates


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', '[{"b":{"a":1,"c":2,"a":3}}]', '{"\\u0061":1,"a":2}', '{"a":{},"b":[{"x":1,"x":1}]}'],
)
def test_h5_a_member_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(DuplicateMember):
        refuse_duplicates(text)


@pytest.mark.parametrize("text", ['{"a":1,"b":{"a":2}}', "[]", '"a"', '[{"a":1},{"a":1}]', '{"n":1e400}'])
def test_others_are_taken(text: str) -> None:
    refuse_duplicates(text)

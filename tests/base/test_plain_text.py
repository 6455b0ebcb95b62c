"""What must stand in no text, and that no JSON hides it (stranger 7)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moyai.base.plain_text import NUL, UNFIT, may_be_unfit, unfit_in

BAD = ["\x00", "\x07", "\x08", "\x0c", "\x1b", "\x7f", "\x85", "\u202e", "\u2066"]
GOOD = ["高松市\r\n香川県", "a\tb", "👩‍👩‍👧", "العربية", "\\u0000", "ﾀｶﾏﾂ", "\u200f"]


@pytest.mark.parametrize("one", BAD)
def test_unfit_characters_are_found_with_their_place(one: str) -> None:
    told = f"U+{ord(one):04X}"
    assert unfit_in({"a": [{"b": f"x{one}"}]}) == f"$.a[0].b: {told}"
    assert unfit_in({f"x{one}": 1}) == "$: the name of a member"


@pytest.mark.parametrize("one", GOOD)
def test_what_people_write_is_text(one: str) -> None:
    assert unfit_in({"a": one}) is None


def test_of_stored_data_only_nul_is_refused() -> None:
    assert unfit_in({"a": "\u202e\x1b"}, NUL) is None
    assert unfit_in({"a": "\x00"}, NUL) == "$.a: U+0000"


@given(st.text(), st.booleans())
def test_no_json_hides_what_is_unfit(text: str, ascii_only: bool) -> None:
    if "\ud800" <= max(text, default="") <= "\udfff":
        return
    try:
        body = json.dumps({"a": text}, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return
    if UNFIT.search(text):
        assert may_be_unfit(body)
        assert may_be_unfit(body.replace(b"\\u00", b"\\U00").replace(b"\\U00", b"\\u00"))

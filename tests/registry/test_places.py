"""Municipality codes: all of them, with their check digits; what a prefecture covers."""

from __future__ import annotations

import pytest

from moyai import registry
from moyai.registry.places import PREFECTURES_EN, municipalities
from tools.municipalities import with_check_digit


def test_every_code_carries_its_check_digit():
    assert all(with_check_digit(code[:5]) == code for code in municipalities())


def test_all_47_prefectures_have_municipalities_and_names():
    codes = [f"{number:02}" for number in range(1, 48)]
    assert all(registry.codes_of_prefecture(code) for code in codes)
    assert len(PREFECTURES_EN) == 47
    assert registry.prefecture_name("37") == ("香川県", "Kagawa")
    assert registry.prefecture_name("01") == ("北海道", "Hokkaido")
    with pytest.raises(KeyError):
        registry.prefecture_name("48")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("372013", "高松市"),
        ("373419", "三木町"),
        ("011002", "札幌市"),
        ("131016", "千代田区"),
        ("014087", "余市町"),
        ("292036", "大和郡山市"),
        ("000000", "000000"),
    ],
)
def test_names_are_without_their_county(code: str, name: str):
    assert registry.municipality_name(code) == name


def test_scope_is_by_whole_codes():
    assert registry.in_scope(["372013"], "372013")
    assert not registry.in_scope(["372013"], "37201")
    assert not registry.in_scope([], "372013")

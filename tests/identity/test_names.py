"""Names are folded until the usual differences between two entries of one person vanish."""

from __future__ import annotations

import pytest

from moyai.identity.names import fold_kana, fold_kanji


@pytest.mark.parametrize(
    "same",
    [
        ("サトウ", "さとう", "ｻﾄｳ", "サトー", "サトオ", " サ トウ "),
        ("ショウコ", "シヨウコ", "しょうこ", "ショーコ"),
        ("タカダ", "タカタ"),
        ("ヴィクトル", "ビクトル"),
        ("カヅヒコ", "カズヒコ"),
        ("オオニシ", "オーニシ", "おおにし"),
    ],
)
def test_spellings_of_one_reading_are_one(same: tuple[str, ...]) -> None:
    assert len({fold_kana(kana) for kana in same}) == 1


@pytest.mark.parametrize(
    "different", [("サトウ", "カトウ"), ("ハナコ", "ハルコ"), ("イトウ", "エトウ"), ("ミキ", "ミカ")]
)
def test_different_readings_stay_different(different: tuple[str, str]) -> None:
    assert fold_kana(different[0]) != fold_kana(different[1])


@pytest.mark.parametrize(
    "same",
    [
        ("斉藤 一郎", "齋藤一郎", "斎藤　一郎"),
        ("髙﨑", "高崎"),
        ("渡邊", "渡邉", "渡辺"),
        ("ＳＭＩＴＨ", "Smith"),
    ],
)
def test_variant_characters_are_one(same: tuple[str, ...]) -> None:
    assert len({fold_kanji(name) for name in same}) == 1


def test_characters_that_only_look_alike_stay_different() -> None:
    assert fold_kanji("埼玉") != fold_kanji("崎玉")

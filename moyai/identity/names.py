"""Whether two entries of a name may be the same person's: names folded until usual differences vanish.

Desks write the same person as サイトウ or さいとう, ｻｲﾄｳ, サイトオ; 斉藤, 斎藤 or 齋藤. Folding is deliberately
coarse: it only ever proposes candidates with the same birth date, and the desk decides (`distinct_reason`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import jaconv

_NOT_KANA = re.compile(r"[^ァ-ヺ]")
_SAME_SOUND: Final = str.maketrans("ヅヂヲヰヱ", "ズジオイエ")
_FOREIGN: Final = (
    ("ヴァ", "バ"),
    ("ヴィ", "ビ"),
    ("ヴェ", "ベ"),
    ("ヴォ", "ボ"),
    ("ヴ", "ブ"),
)
_SMALL: Final = str.maketrans("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ")

# The vowel that each kana ends in, and the kana that only lengthens it: サトウ = サトオ = サトー = サト.
_ROWS: Final = {
    "ア": "アカサタナハマヤラワガザダバパ",
    "イ": "イキシチニヒミリギジビピ",
    "ウ": "ウクスツヌフムユルグズブプ",
    "エ": "エケセテネヘメレゲゼデベペ",
    "オ": "オコソトノホモヨロゴゾドボポ",
}
_VOWEL: Final = {kana: vowel for vowel, row in _ROWS.items() for kana in row}
_LENGTHENS: Final = {"ア": "ア", "イ": "イ", "ウ": "ウ", "エ": "エイ", "オ": "オウ"}

# Old and variant forms of characters that are common in names, folded onto one of them.
_VARIANTS: Final = str.maketrans(
    "髙﨑嵜濵濱邊邉澤齋齊斎廣嶋嶌冨櫻國眞惠榮德淸瀨藪龍瀧祗條靜壽曾會學實寶舘槇萬與禮彌眾圓假來黑邨畄栁桒渕",
    "高崎崎浜浜辺辺沢斉斉斉広島島富桜国真恵栄徳清瀬薮竜滝祇条静寿曽会学実宝館槙万与礼弥衆円仮来黒村留柳桑淵",
)


def fold_kana(kana: str) -> str:
    """A reading without width, script, size of kana, long vowels, voicing marks and spaces."""
    text = jaconv.hira2kata(unicodedata.normalize("NFKC", kana))
    for foreign, plain in _FOREIGN:
        text = text.replace(foreign, plain)
    text = _NOT_KANA.sub("", text.translate(_SAME_SOUND)).translate(_SMALL)
    return _unvoiced(_shortened(text))


def _shortened(text: str) -> str:
    kept: list[str] = []
    for kana in text:
        vowel = _VOWEL.get(kept[-1]) if kept else None
        if vowel is None or kana not in _LENGTHENS[vowel]:
            kept.append(kana)
    return "".join(kept)


def _unvoiced(text: str) -> str:
    """ガ as カ, パ as ハ: readings of one name often differ in voicing alone (タカダ, タカタ)."""
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def fold_kanji(name: str) -> str:
    """A written name without spaces, width and variant forms of characters."""
    text = unicodedata.normalize("NFKC", name)
    return "".join(text.split()).translate(_VARIANTS).casefold()

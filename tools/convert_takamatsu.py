"""Convert Takamatsu City's open data into the columns of 自治体標準オープンデータセット.

Run once, by hand, when the city's files are renewed; the platform itself never needs it:

    .venv/bin/python tools/convert_takamatsu.py FOLDER-OF-RAW-FILES scenarios/data/takamatsu

Facts are rearranged, not judged. Where a standard column cannot hold what the city says (a site that is marked △
for a disaster, opening hours with a remark), the city's own words go into 備考 or the column for remarks.
"""

from __future__ import annotations

import csv
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

Row = dict[str, str]

PUBLISHER = "372013"
PLACES = {
    "高松市": "372013",
    "綾歌郡綾川町": "373877",
    "木田郡三木町": "373419",
    "坂出市": "372030",
    "さぬき市": "372064",
}

_PLACE = [
    "全国地方公共団体コード",
    "ID",
    "地方公共団体名",
    "名称",
    "名称_カナ",
    "名称_英字",
    "所在地_全国地方公共団体コード",
    "町字ID",
    "所在地_連結表記",
    "所在地_都道府県",
    "所在地_市区町村",
    "所在地_町字",
    "所在地_番地以下",
    "建物名等(方書)",
    "緯度",
    "経度",
    "高度の種別",
    "高度の値",
    "電話番号",
    "内線番号",
    "連絡先メールアドレス",
    "連絡先FormURL",
    "連絡先備考（その他、SNSなど）",
    "郵便番号",
]
_PICTURE = ["画像", "画像_ライセンス"]

EVACUATION = [
    *_PLACE,
    "災害種別_洪水",
    "災害種別_崖崩れ、土石流及び地滑り",
    "災害種別_高潮",
    "災害種別_地震",
    "災害種別_津波",
    "災害種別_大規模な火事",
    "災害種別_内水氾濫",
    "災害種別_火山現象",
    "指定避難所との重複",
    "想定収容人数",
    "対象となる町会・自治会",
    "URL",
    *_PICTURE,
    "備考",
]
AED = [
    *_PLACE,
    "法人番号",
    "団体名",
    "利用可能曜日",
    "開始時間",
    "終了時間",
    "利用可能日時特記事項",
    "設置位置",
    "小児対応設備の有無",
    "URL",
    *_PICTURE,
    "備考",
]
HOSPITAL = [
    *_PLACE,
    "医療機関の種類",
    "FAX番号",
    "法人番号",
    "法人の名称",
    "医療機関コード",
    "診療曜日",
    "診療開始時間",
    "診療終了時間",
    "診療日時特記事項",
    "時間外における対応",
    "診療科目",
    "病床数",
    "URL",
    *_PICTURE,
    "備考",
]
CARE = [
    *(name.replace("名称", "介護サービス事業所名称") if name.startswith("名称") else name for name in _PLACE),
    "実施サービス",
    "FAX番号",
    "法人番号",
    "法人の名称",
    "事業所番号",
    "利用可能曜日",
    "開始時間",
    "終了時間",
    "利用可能日時特記事項",
    "定員",
    "URL",
    *_PICTURE,
    "備考",
]
TOILET = [
    *_PLACE,
    "設置位置",
    "男性トイレ総数",
    "男性トイレ数（小便器）",
    "男性トイレ数（和式）",
    "男性トイレ数（洋式）",
    "女性トイレ総数",
    "女性トイレ数（和式）",
    "女性トイレ数（洋式）",
    "男女共用トイレ総数",
    "男女共用トイレ数（和式）",
    "男女共用トイレ数（洋式）",
    "バリアフリートイレ数",
    "車椅子使用者用トイレ有無",
    "乳幼児用設備設置トイレ有無",
    "オストメイト設置トイレ有無",
    "利用開始時間",
    "利用終了時間",
    "利用可能時間特記事項",
    *_PICTURE,
    "備考",
]


def read(path: Path) -> Iterator[Row]:
    """Rows of either header style, values stripped, latitude and longitude always in cells of their own."""
    lines = list(csv.reader(path.open(encoding="utf-8-sig", newline="")))
    start = next(i for i, line in enumerate(lines) if line[0] == "#property")
    names = lines[start]
    for line in lines[start + 1 :]:
        if line[0].startswith("#"):
            continue
        row = {name: _clean(value) for name, value in zip(names, line, strict=True)}
        row["id"] = row["#property"].rsplit(".", 1)[-1]
        if "location" in row:
            row["latitude"], row["longitude"] = row["location"].split(",")
        yield row


def _clean(value: str) -> str:
    joined = value.replace("\r", "").replace("\n", "")
    return re.sub(r"[ \u3000]{2,}", "\u3000", joined).strip(" \u3000")


def place(row: Row) -> Row:
    """The columns that every facility has."""
    address = row["address"].removeprefix("香川県")
    town = next((name for name in PLACES if address.startswith(name)), "")
    return {
        "全国地方公共団体コード": PUBLISHER,
        "ID": row["id"],
        "地方公共団体名": "香川県高松市",
        "名称": row["name"],
        "所在地_全国地方公共団体コード": PLACES.get(town, ""),
        "所在地_連結表記": f"香川県{address}",
        "所在地_都道府県": "香川県",
        "所在地_市区町村": town,
        "緯度": _degrees(row["latitude"]),
        "経度": _degrees(row["longitude"]),
        "電話番号": row.get("telephoneNumber", ""),
    }


def _degrees(text: str) -> str:
    """Seven decimals (about a centimetre) at most."""
    return f"{float(text):.7f}".rstrip("0").rstrip(".")


def evacuation(row: Row) -> Row:
    marks = {
        "洪水(計画規模)": row["flood_L1"],
        "洪水(想定最大規模)": row["flood_L2"],
        "内水氾濫": row["inundation"],
        "土砂災害": row["sedimentDisaster"],
        "高潮": row["stormSurge"],
        "津波": row["tunami"],
        "大規模な火事": row["fire"],
        "地震": row["earthquake"],
    }
    remarks = [f"{name}{mark}" for name, mark in marks.items() if mark == "△"]
    if row["flood_L1"] == "○" and row["flood_L2"] != "○":
        remarks.append("洪水(計画規模)○")
    return {
        **place(row),
        "災害種別_洪水": _flag(row["flood_L1"] == row["flood_L2"] == "○"),
        "災害種別_崖崩れ、土石流及び地滑り": _flag(row["sedimentDisaster"] == "○"),
        "災害種別_高潮": _flag(row["stormSurge"] == "○"),
        "災害種別_地震": _flag(row["earthquake"] == "○"),
        "災害種別_津波": _flag(row["tunami"] == "○"),
        "災害種別_大規模な火事": _flag(row["fire"] == "○"),
        "災害種別_内水氾濫": _flag(row["inundation"] == "○"),
        "指定避難所との重複": _flag(row["evacuationSpace"] == "○"),
        "高度の種別": "標高" if row["elevation"] else "",
        "高度の値": row["elevation"],
        "想定収容人数": row["capacity"],
        "対象となる町会・自治会": row["residentsAssociation"],
        "備考": "高松市の表示：" + "、".join(remarks) if remarks else "",
    }


def tsunami_building(row: Row) -> Row:
    return {
        **place(row),
        "災害種別_津波": "1",
        "想定収容人数": row["capacity"],
        "対象となる町会・自治会": f"{row['district']}地区" if row["district"] else "",
        "備考": f"津波避難ビル。避難場所：{row['shelter']}" if row["shelter"] else "津波避難ビル",
    }


def _flag(held: bool) -> str:
    return "1" if held else ""


def aed(row: Row) -> Row:
    return {
        **place(row),
        "設置位置": row["installationPosition"],
        "利用可能曜日": row["availableDate"],
        "開始時間": row["startTime"],
        "終了時間": row["endTime"],
        "利用可能日時特記事項": row["availableDateNote"],
        "小児対応設備の有無": row["equipmentForChildren"],
    }


def hospital(row: Row) -> Row:
    start, start_remark = _time(row["medicalStartTime"])
    end, end_remark = _time(row["medicalEndTime"])
    beds = re.match(r"\d*", row["numberOfBeds"])
    number = beds[0] if beds else ""
    return {
        **place(row),
        "名称_カナ": row["fullNameInKana"],
        "建物名等(方書)": row["katagaki"],
        "医療機関の種類": row["alternativeName"],
        "FAX番号": row["faxNumber"],
        "法人の名称": row["corporateName"],
        "診療曜日": row["availableDate"],
        "診療開始時間": start,
        "診療終了時間": end,
        "診療日時特記事項": "　".join(filter(None, [row["availableDateNote"], start_remark, end_remark])),
        "診療科目": row["medicalSubjects"].replace("、", ";"),
        "病床数": number,
        "URL": row["referenceObject"],
        "備考": row["numberOfBeds"].removeprefix(number).strip("（）") + row["note"],
    }


def _time(text: str) -> tuple[str, str]:
    """HH:MM, and what else stood in the cell. Spreadsheets left some times as fractions of a day."""
    plain = unicodedata.normalize("NFKC", text)
    if re.fullmatch(r"0\.\d+", plain):
        minutes = round(float(plain) * 24 * 60)
        return f"{minutes // 60:02}:{minutes % 60:02}", ""
    match = re.match(r"(\d{1,2}):(\d\d)", plain)
    if match is None:
        return "", text
    rest = plain[match.end() :].strip("() ")
    return f"{int(match[1]):02}:{match[2]}", f"{match[0]}は{rest}" if rest else ""


def care(row: Row) -> Row:
    columns = place(row)
    columns["介護サービス事業所名称"] = columns.pop("名称")
    return {
        **columns,
        "実施サービス": row["service"],
        "利用可能曜日": row["availableDate"],
        "利用可能日時特記事項": row["availableDateNote"],
        "定員": row["capacity"],
        "URL": row["referenceObject"],
        "備考": row["note"],
    }


def toilet(row: Row) -> Row:
    return {
        **place(row),
        "名称_カナ": row["fullNameInKana"],
        "名称_英字": row["fullNameInRomaji"].replace("\u3000", " "),
        "設置位置": row["installationPosition"],
        "男性トイレ総数": row["totalMensRestroom"],
        "男性トイレ数（小便器）": row["smallMensRestroom"],
        "男性トイレ数（和式）": row["japaneseMensRestroom"],
        "男性トイレ数（洋式）": row["westernMensRestroom"],
        "女性トイレ総数": row["totalWomanRestroom"],
        "女性トイレ数（和式）": row["japaneseWomanRestroom"],
        "女性トイレ数（洋式）": row["westernWomanRestroom"],
        "男女共用トイレ総数": row["sharedRestroom"],
        "男女共用トイレ数（和式）": row["japaneseSharedRestroom"],
        "男女共用トイレ数（洋式）": row["westernSharedRestroom"],
        "バリアフリートイレ数": row["multifunctionalRestroom"],
        "車椅子使用者用トイレ有無": row["wheelchairRestroom"],
        "乳幼児用設備設置トイレ有無": row["anInfantRestroom"],
        "オストメイト設置トイレ有無": row["ostomateRestroom"],
        "利用開始時間": row["startTime"],
        "利用終了時間": row["endTime"],
        "利用可能時間特記事項": row["availableDateNote"].removeprefix("なし"),
        "備考": row["note"],
    }


FILES: dict[str, tuple[str, list[str], Callable[[Row], Row]]] = {
    "evacuation_space.csv": ("evacuation_site.csv", EVACUATION, evacuation),
    "tsunami_evacuation_building.csv": ("tsunami_evacuation_building.csv", EVACUATION, tsunami_building),
    "aed.csv": ("aed.csv", AED, aed),
    "hospital.csv": ("hospital.csv", HOSPITAL, hospital),
    "elderly_welfare_facility.csv": ("care_service.csv", CARE, care),
    "public_toilet.csv": ("public_toilet.csv", TOILET, toilet),
}


def convert(source: Path, target: Path) -> int:
    """Write one file in UTF-8 with a byte-order mark, as the standard asks. Returns the number of rows."""
    name, columns, convert_row = FILES[source.name]
    rows = [convert_row(row) for row in read(source)]
    with (target / name).open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def main(raw: str, target: str) -> None:
    for name in FILES:
        print(f"{name}: {convert(Path(raw) / name, Path(target))} rows")


if __name__ == "__main__":
    main(*sys.argv[1:])
